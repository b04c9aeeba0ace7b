//! What stands between a right and a write: triggers, rules, and relations of other kinds.

use super::{ALL, ROWS, Scene};

/// Returns scenes in which triggers of a table refuse.
pub(super) fn on_tables() -> Vec<Scene> {
    let mut scenes = vec![
        Scene::trigger("guarded", "{guard}"),
        Scene::allowed(
            "guarded_in_part",
            "GRANT ALL ON {s}.t TO {app};
             CREATE TRIGGER keep BEFORE INSERT OR UPDATE ON {s}.t
                 FOR EACH ROW EXECUTE FUNCTION {s}.refuse()",
            ALL,
        )
        .sidestep(&["no trigger refuses DELETE", "no trigger refuses TRUNCATE"]),
        Scene::allowed("disabled", "{guard} ALTER TABLE {s}.t DISABLE TRIGGER USER", ALL),
        Scene::allowed(
            "for_replicas",
            "GRANT INSERT ON {s}.t TO {app};
             CREATE TRIGGER keep BEFORE INSERT ON {s}.t
                 FOR EACH ROW EXECUTE FUNCTION {s}.refuse();
             ALTER TABLE {s}.t ENABLE REPLICA TRIGGER keep",
            "INSERT",
        ),
        Scene::trigger("guarded_owner", "{guard} ALTER TABLE {s}.t OWNER TO {app}")
            .via("owner")
            .sidestep(&["owns the table"]),
        Scene::trigger("guarded_member_of_owner", "{guard} GRANT {owner} TO {app}")
            .via("grant member:owner")
            .sidestep(&["owns the table"]),
        Scene::trigger(
            "guarded_set_role_to_owner",
            "{noinherit} {guard} GRANT {owner} TO {app}{without inherit}",
        )
        .via("grant set-role:owner")
        .sidestep(&["owns the table"]),
        Scene::trigger(
            "owner_of_the_function",
            "{guard} ALTER FUNCTION {s}.refuse() OWNER TO {app}",
        )
        .sidestep(&["the trigger keep", "the trigger keep_all"]),
        Scene::trigger(
            "replication_role",
            "{guard} GRANT SET ON PARAMETER session_replication_role TO {app}",
        )
        .sidestep(&["the trigger keep is not", "the trigger keep_all is not"])
        .since(15),
        Scene::trigger(
            "replication_role_by_set_role",
            "{noinherit} {guard} GRANT SET ON PARAMETER session_replication_role TO {group};
             GRANT {group} TO {app}{without inherit}",
        )
        .sidestep(&["the trigger keep is not", "the trigger keep_all is not"])
        .since(15),
        Scene::trigger(
            "always",
            "{guard} GRANT SET ON PARAMETER session_replication_role TO {app};
             ALTER TABLE {s}.t ENABLE ALWAYS TRIGGER keep;
             ALTER TABLE {s}.t ENABLE ALWAYS TRIGGER keep_all",
        )
        .since(15),
    ];
    scenes.extend(bodies());
    scenes
}

/// Triggers that refuse in another way than always, or not at all.
fn bodies() -> Vec<Scene> {
    vec![
        Scene::trigger(
            "when",
            "GRANT INSERT ON {s}.t TO {app};
             CREATE TRIGGER keep BEFORE INSERT ON {s}.t
                 FOR EACH ROW WHEN (NEW.id > 5) EXECUTE FUNCTION {s}.refuse()",
        )
        .of("INSERT")
        .sidestep(&["some writes only"]),
        Scene::trigger(
            "update_of",
            "GRANT UPDATE ON {s}.t TO {app};
             CREATE TRIGGER keep BEFORE UPDATE OF id ON {s}.t
                 FOR EACH ROW EXECUTE FUNCTION {s}.refuse()",
        )
        .of("UPDATE")
        .sidestep(&["some writes only"]),
        Scene::trigger(
            "when_and_always",
            "GRANT UPDATE ON {s}.t TO {app};
             CREATE TRIGGER keep BEFORE UPDATE OF id ON {s}.t
                 FOR EACH ROW EXECUTE FUNCTION {s}.refuse();
             CREATE TRIGGER keep_all BEFORE UPDATE ON {s}.t
                 FOR EACH STATEMENT EXECUTE FUNCTION {s}.refuse()",
        )
        .of("UPDATE"),
        Scene::trigger(
            "escape_hatch",
            "CREATE OR REPLACE FUNCTION {s}.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN
                 IF current_setting('app.allowed', true) = 'on' THEN RETURN NEW; END IF;
                 RAISE EXCEPTION 'refused';
             END $$;
             GRANT INSERT ON {s}.t TO {app};
             CREATE TRIGGER keep BEFORE INSERT ON {s}.t
                 FOR EACH ROW EXECUTE FUNCTION {s}.refuse()",
        )
        .of("INSERT")
        .sidestep(&["reads a setting", "some writes only"]),
        Scene::trigger(
            "validating",
            "CREATE OR REPLACE FUNCTION {s}.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN
                 IF NEW.id < 0 THEN RAISE EXCEPTION 'negative'; END IF;
                 RETURN NEW;
             END $$;
             GRANT INSERT ON {s}.t TO {app};
             CREATE TRIGGER keep BEFORE INSERT ON {s}.t
                 FOR EACH ROW EXECUTE FUNCTION {s}.refuse()",
        )
        .of("INSERT")
        .sidestep(&["some writes only"]),
        Scene::trigger(
            "swallowed",
            "CREATE OR REPLACE FUNCTION {s}.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN
                 BEGIN
                     RAISE EXCEPTION 'refused';
                 EXCEPTION WHEN OTHERS THEN NULL;
                 END;
                 RETURN NEW;
             END $$;
             GRANT INSERT ON {s}.t TO {app};
             CREATE TRIGGER keep BEFORE INSERT ON {s}.t
                 FOR EACH ROW EXECUTE FUNCTION {s}.refuse()",
        )
        .of("INSERT")
        .sidestep(&["some writes only"]),
        Scene::trigger(
            "dropped_rows",
            "CREATE FUNCTION {s}.forget() RETURNS trigger LANGUAGE plpgsql
                 AS $$ BEGIN RETURN NULL; END $$;
             GRANT INSERT, UPDATE, DELETE ON {s}.t TO {app};
             CREATE TRIGGER keep BEFORE INSERT OR UPDATE OR DELETE ON {s}.t
                 FOR EACH ROW EXECUTE FUNCTION {s}.forget()",
        )
        .of(ROWS),
        Scene::allowed(
            "nothing_dropped",
            "CREATE FUNCTION {s}.forget() RETURNS trigger LANGUAGE plpgsql
                 AS $$ BEGIN RETURN NULL; END $$;
             GRANT DELETE, TRUNCATE ON {s}.t TO {app};
             CREATE TRIGGER keep BEFORE DELETE OR TRUNCATE ON {s}.t
                 FOR EACH STATEMENT EXECUTE FUNCTION {s}.forget()",
            "DELETE TRUNCATE",
        ),
        Scene::allowed(
            "noticed",
            "CREATE OR REPLACE FUNCTION {s}.refuse() RETURNS trigger LANGUAGE plpgsql
                 AS $$ BEGIN RAISE NOTICE 'noticed'; RETURN NEW; END $$;
             GRANT INSERT ON {s}.t TO {app};
             CREATE TRIGGER keep BEFORE INSERT ON {s}.t
                 FOR EACH ROW EXECUTE FUNCTION {s}.refuse()",
            "INSERT",
        ),
        Scene::allowed(
            "refused_afterwards",
            "GRANT INSERT ON {s}.t TO {app};
             CREATE TRIGGER keep AFTER INSERT ON {s}.t
                 FOR EACH ROW EXECUTE FUNCTION {s}.refuse()",
            "INSERT",
        )
        .never_works(),
    ]
}

/// Returns scenes with rewrite rules, views and a materialized view.
pub(super) fn on_others() -> Vec<Scene> {
    const VIEW: &str = "v";
    vec![
        Scene::allowed(
            "rule",
            "GRANT INSERT ON {s}.t TO {app};
             CREATE RULE keep AS ON INSERT TO {s}.t DO INSTEAD NOTHING",
            "INSERT",
        ),
        Scene::allowed(
            "rule_that_holds",
            "GRANT UPDATE ON {s}.t TO {app};
             CREATE RULE keep AS ON UPDATE TO {s}.t DO INSTEAD NOTHING",
            "UPDATE",
        )
        .never_works(),
        Scene::allowed(
            "view",
            "CREATE VIEW {s}.v AS SELECT * FROM {s}.t; ALTER VIEW {s}.v OWNER TO {owner};
             GRANT INSERT, TRUNCATE ON {s}.v TO {app}",
            "INSERT",
        )
        .on(VIEW),
        Scene::trigger(
            "instead_of",
            "CREATE VIEW {s}.v AS SELECT * FROM {s}.t; ALTER VIEW {s}.v OWNER TO {owner};
             GRANT ALL ON {s}.v TO {app};
             CREATE TRIGGER keep INSTEAD OF INSERT OR UPDATE OR DELETE ON {s}.v
                 FOR EACH ROW EXECUTE FUNCTION {s}.refuse()",
        )
        .on(VIEW)
        .of(ROWS),
        Scene::trigger(
            "instead_of_with_replication_role",
            "CREATE VIEW {s}.v AS SELECT * FROM {s}.t; ALTER VIEW {s}.v OWNER TO {owner};
             GRANT ALL ON {s}.v TO {app};
             GRANT SET ON PARAMETER session_replication_role TO {app};
             CREATE TRIGGER keep INSTEAD OF INSERT OR UPDATE OR DELETE ON {s}.v
                 FOR EACH ROW EXECUTE FUNCTION {s}.refuse()",
        )
        .on(VIEW)
        .of(ROWS)
        .since(15),
        Scene::trigger(
            "instead_of_for_the_owner",
            "CREATE VIEW {s}.v AS SELECT * FROM {s}.t; ALTER VIEW {s}.v OWNER TO {owner};
             GRANT {owner} TO {app};
             CREATE TRIGGER keep INSTEAD OF INSERT OR UPDATE OR DELETE ON {s}.v
                 FOR EACH ROW EXECUTE FUNCTION {s}.refuse()",
        )
        .on(VIEW)
        .of(ROWS)
        .via("member:owner")
        .sidestep(&["owns the table"]),
        Scene::denied(
            "matview",
            "CREATE MATERIALIZED VIEW {s}.m AS SELECT * FROM {s}.t; GRANT ALL ON {s}.m TO {app}",
        )
        .on("m"),
    ]
}
