-- What the queries of these tests read: names that stand in two schemas, names that must be
-- quoted, and types, functions and operators of the database's own.
CREATE SCHEMA app;
CREATE SCHEMA "Odd Schema";
CREATE TYPE public.mood AS ENUM ('sad', 'glad');
CREATE TYPE app.pair AS (a integer, b text);
CREATE DOMAIN public.positive AS integer CHECK (VALUE > 0);
CREATE COLLATION app.plain FROM "C";
CREATE TABLE public.orders (
    id integer PRIMARY KEY,
    tenant_id uuid,
    status varchar(20),
    code char(3),
    note text,
    price numeric(10, 2),
    placed_at timestamptz,
    made_at timestamp(3),
    day date,
    tags text[],
    extra jsonb,
    feeling public.mood,
    pieces public.positive,
    is_open boolean,
    spare integer
);
CREATE TABLE public.lines (order_id integer, sku text, amount integer, price double precision);
CREATE TABLE app.orders (id integer, label text);
CREATE TABLE app.only_here (id integer, label text COLLATE "C");
CREATE TABLE public.only_public (id integer, label text);
CREATE TABLE "Odd Schema"."Größe ""x""" ("Spalte Eins" integer, "sel;ect" text, "select" text);
CREATE TABLE public.nodes (id integer, parent integer, name text);
CREATE TABLE public.parted (id integer, region text) PARTITION BY LIST (region);
CREATE TABLE public.parted_n PARTITION OF public.parted FOR VALUES IN ('n');
CREATE FUNCTION app.twice(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2';
CREATE FUNCTION public.twice(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1 || $1';
CREATE FUNCTION public.rows_of(integer) RETURNS SETOF public.lines LANGUAGE sql STABLE
    AS 'SELECT * FROM public.lines WHERE order_id = $1';
CREATE FUNCTION app.sum_of(VARIADIC integer[]) RETURNS bigint LANGUAGE sql IMMUTABLE
    AS 'SELECT sum(x) FROM unnest($1) AS x';
CREATE FUNCTION app.named(first integer, second text DEFAULT 'x') RETURNS text
    LANGUAGE sql IMMUTABLE AS 'SELECT $2 || $1';
CREATE FUNCTION app.is_like(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE
    AS 'SELECT lower($1) = lower($2)';
CREATE OPERATOR app.=~= (LEFTARG = text, RIGHTARG = text, FUNCTION = app.is_like);
CREATE AGGREGATE app.longest(text) (SFUNC = textcat, STYPE = text);
CREATE VIEW app.recent AS SELECT id, status FROM public.orders WHERE day > '2020-01-01';
CREATE VIEW public.recent_of_recent AS SELECT r.id AS number FROM app.recent r;
CREATE MATERIALIZED VIEW app.totals AS SELECT day, sum(price) AS total FROM public.orders GROUP BY day;
