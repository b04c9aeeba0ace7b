CREATE SCHEMA {s};
GRANT USAGE ON SCHEMA {s} TO {app}, {owner}, {group}, {other};
CREATE TABLE {s}.t (id int, v text);
INSERT INTO {s}.t VALUES (1, 'a'), (2, 'b');
ALTER TABLE {s}.t OWNER TO {owner};
CREATE FUNCTION {s}.refuse() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION '% is refused', TG_OP; END $$;
