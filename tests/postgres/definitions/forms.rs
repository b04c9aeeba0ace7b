//! Queries of every form that prints in its own way, each with the first major version that
//! takes it.

/// The queries.
pub(super) const FORMS: &[(i32, &str)] = &[
    // Names and columns
    (13, "SELECT id, note FROM orders"),
    (13, "SELECT * FROM orders"),
    (13, "TABLE lines"),
    (13, "VALUES (1, 'a'), (2, NULL)"),
    (13, "SELECT o.* FROM public.orders AS o"),
    (13, "SELECT o.id number, o.note AS \"Note\" FROM orders o"),
    (13, "SELECT orders FROM orders"),
    (13, "SELECT (o).id AS n, o AS whole FROM orders o"),
    (13, "SELECT t.a, t.b FROM orders AS t (a, b)"),
    (13, "SELECT id FROM app.orders UNION ALL SELECT id FROM public.orders"),
    (13, r#"SELECT g."Spalte Eins", "sel;ect", "select" FROM "Odd Schema"."Größe ""x""" g"#),
    (13, "SELECT id AS \"größer\", note AS \"a.b\", code AS \"\"\"\" FROM orders"),
    (13, "SELECT 'x' AS unknown, NULL AS nothing, 1 AS one, 1.0 AS num, 1e3 AS big"),
    (13, "SELECT id FROM ONLY parted UNION SELECT id FROM parted"),
    (13, "SELECT id FROM orders TABLESAMPLE BERNOULLI (10) REPEATABLE (1)"),
    (13, "SELECT tableoid::regclass AS place, ctid AS spot, xmin::text AS since FROM orders"),
    // Literals
    (13, "SELECT E'a\\nb\\'c' AS a, 'it''s' AS b, $x$do$llar$x$ AS c, U&'\\00e4' AS d"),
    (13, "SELECT B'101' AS a, X'1f' AS b, '\\x00ff'::bytea AS c, -1 AS d, - 2.50 AS e"),
    (13, "SELECT DATE '2024-02-29' AS a, INTERVAL '1 day -02:00' AS b, TIME '10:00' AS c"),
    (13, "SELECT 'line\nbreak' AS a, 'tab\tand ü' AS b"),
    (13, "SELECT '{1,2}'::int[] AS a, '(1,x)'::app.pair AS b, '[1,5)'::int4range AS c"),
    (13, "SELECT 'public.orders'::regclass AS a, 'now'::text AS b, true AS c, 'f'::bool AS d"),
    (13, "SELECT 9223372036854775807 AS a, -9223372036854775808 AS b, 1e400::numeric AS c"),
    (13, "SELECT 0.1::float8 AS a, 0.1::real AS b, 'NaN'::float8 AS c, 'infinity'::date AS d"),
    (13, "SELECT id FROM orders WHERE placed_at >= '2024-01-01 00:00:00+02'"),
    // Conditions
    (13, "SELECT id FROM orders WHERE status IN ('a', 'b')"),
    (13, "SELECT id FROM orders WHERE status NOT IN ('a', 'b') AND code IN ('x', 'y')"),
    (13, "SELECT id FROM orders WHERE status IN ('a')"),
    (13, "SELECT id FROM orders WHERE note IN ('a', 'b') OR id IN (1, 2, 3)"),
    (13, "SELECT id FROM orders WHERE status = ANY (ARRAY['a', 'b'])"),
    (13, "SELECT id FROM orders WHERE status = ANY ('{a,b}')"),
    (
        13,
        "SELECT id FROM orders WHERE status || 'x' IN ('ax', 'bx') AND lower(status) IN ('a', 'b')",
    ),
    (13, "SELECT id FROM orders WHERE (status, code) IN (('a', 'x'), ('b', 'y'))"),
    (13, "SELECT id FROM orders WHERE id IN (SELECT order_id FROM lines WHERE amount > 1)"),
    (13, "SELECT id FROM orders WHERE id <> ALL (SELECT order_id FROM lines)"),
    (13, "SELECT id FROM orders o WHERE EXISTS (SELECT 1 FROM lines l WHERE l.order_id = o.id)"),
    (13, "SELECT id FROM orders WHERE note LIKE 'x%' AND note NOT ILIKE '%y' ESCAPE '!'"),
    (13, "SELECT id FROM orders WHERE note SIMILAR TO 'a|b' OR note ~* 'x' OR note !~ 'y'"),
    (13, "SELECT id FROM orders WHERE id BETWEEN 1 AND 5 AND id NOT BETWEEN SYMMETRIC 9 AND 7"),
    (
        13,
        "SELECT id FROM orders WHERE note IS NULL OR is_open IS NOT TRUE OR code IS DISTINCT FROM 'a'",
    ),
    (13, "SELECT id FROM orders WHERE NOT (is_open AND spare > 1) AND (id > 1 OR id < 0)"),
    (13, "SELECT id FROM orders WHERE feeling IN ('sad', 'glad') AND pieces > 1"),
    (13, "SELECT id FROM orders WHERE (price, id) > (1, 2) AND ROW(id, spare) IS NOT NULL"),
    (13, "SELECT id FROM orders WHERE (day, day) OVERLAPS (DATE '2024-01-01', DATE '2024-02-01')"),
    (
        13,
        "SELECT id FROM orders WHERE extra ? 'a' AND extra @> '{\"b\": 1}' AND tags && ARRAY['x']",
    ),
    (13, "SELECT id FROM orders WHERE status = 'open' AND status <> 'x' AND code = 'abc'"),
    (13, "SELECT id FROM orders WHERE note OPERATOR(app.=~=) 'X'"),
    // Expressions
    (
        13,
        "SELECT CAST(price AS integer) AS a, price::float8 AS b, id::text AS c, note::varchar(5) AS d FROM orders",
    ),
    (13, "SELECT id::bigint::text::varchar AS a, '5'::int AS b, int4 '6' AS c FROM orders"),
    (
        13,
        "SELECT price::numeric(8,1) AS a, made_at::timestamp(0) AS b, code::char(2) AS c FROM orders",
    ),
    (13, "SELECT extract(epoch FROM placed_at) AS a, extract(year FROM day) AS b FROM orders"),
    (13, "SELECT date_part('hour', placed_at) AS a, date_trunc('day', placed_at) AS b FROM orders"),
    (
        13,
        "SELECT substring(note FROM 2 FOR 3) AS a, substring(note FROM 'x.y') AS b, substring(note, 2) AS c FROM orders",
    ),
    (
        13,
        "SELECT trim(note) AS a, trim(BOTH 'x' FROM note) AS b, trim(LEADING FROM note) AS c, btrim(note) AS d FROM orders",
    ),
    (
        13,
        "SELECT position('a' IN note) AS a, overlay(note PLACING 'x' FROM 2) AS b, normalize(note, NFC) AS c FROM orders",
    ),
    (
        13,
        "SELECT placed_at AT TIME ZONE 'UTC' AS a, timezone('UTC', made_at) AS b, note COLLATE \"C\" AS c FROM orders",
    ),
    (13, "SELECT note COLLATE app.plain AS a, max(note COLLATE \"C\") OVER () AS b FROM orders"),
    (
        13,
        "SELECT CASE WHEN id > 1 THEN 'a' ELSE status END AS a, CASE id WHEN 1 THEN 2 END AS b FROM orders",
    ),
    (
        13,
        "SELECT coalesce(note, status, 'x') AS a, nullif(id, 0) AS b, greatest(id, spare) AS c, least(1, id) AS d FROM orders",
    ),
    (
        13,
        "SELECT now() AS a, CURRENT_TIMESTAMP AS b, CURRENT_DATE AS c, LOCALTIME(2) AS d, CURRENT_USER AS e",
    ),
    (
        13,
        "SELECT tags[1] AS a, tags[1:2] AS b, ARRAY[id, spare] AS c, ARRAY(SELECT amount FROM lines) AS d FROM orders",
    ),
    (
        13,
        "SELECT extra->'a' AS a, extra->>'b' AS b, extra #>> '{c,d}' AS c, extra - 'x' AS d FROM orders",
    ),
    (
        13,
        "SELECT id + spare * 2 - (id - 1) / 3 % 2 AS a, -id AS b, @ id AS c, |/ id AS d, id ^ 2 AS e FROM orders",
    ),
    (13, "SELECT a || b || c AS joined FROM (VALUES ('a', 'b', 'c')) AS v (a, b, c)"),
    (13, "SELECT ROW(1, 'a')::app.pair AS a, (ROW(1, 'a')::app.pair).b AS b"),
    (
        13,
        "SELECT app.twice(id) AS a, twice(note) AS b, app.sum_of(1, id) AS c, app.sum_of(VARIADIC ARRAY[id]) AS d FROM orders",
    ),
    (13, "SELECT app.named(second => 'y', first => id) AS a, app.named(id) AS b FROM orders"),
    (
        13,
        "SELECT xmlelement(name foo, xmlattributes(1 AS bar), 'x')::text AS a, xmlforest(1 AS b)::text AS c",
    ),
    (
        13,
        "SELECT count(*) AS a, pg_typeof(1)::text AS b, format('%s', id) AS c FROM orders GROUP BY id",
    ),
    // Aggregates and windows
    (13, "SELECT count(DISTINCT status) AS a, sum(price) FILTER (WHERE is_open) AS b FROM orders"),
    (
        13,
        "SELECT string_agg(note, ',' ORDER BY id DESC, note COLLATE \"C\" NULLS FIRST) AS a FROM orders",
    ),
    (
        13,
        "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY price) AS a, app.longest(note) AS b FROM orders",
    ),
    (
        13,
        "SELECT status, code, sum(price) AS s, grouping(status) AS g FROM orders GROUP BY GROUPING SETS ((status, code), (status), ())",
    ),
    (
        13,
        "SELECT status, code, count(*) AS n FROM orders GROUP BY ROLLUP (status, code) HAVING count(*) > 1",
    ),
    (13, "SELECT status, code, day, count(*) AS n FROM orders GROUP BY day, CUBE (status, code)"),
    (
        13,
        "SELECT date_trunc('day', placed_at) AS d, count(*) AS n FROM orders GROUP BY 1 ORDER BY 1, 2 DESC",
    ),
    (
        13,
        "SELECT id, row_number() OVER (PARTITION BY status ORDER BY day DESC NULLS LAST) AS n FROM orders",
    ),
    (
        13,
        "SELECT sum(price) OVER w AS a, lag(price, 1, 0::numeric) OVER (w ORDER BY id) AS b FROM orders WINDOW w AS (PARTITION BY status)",
    ),
    (
        13,
        "SELECT sum(id) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND UNBOUNDED FOLLOWING EXCLUDE TIES) AS a, avg(id) OVER (ORDER BY day RANGE BETWEEN '1 day'::interval PRECEDING AND CURRENT ROW) AS b FROM orders",
    ),
    // Joins and sub-queries
    (13, "SELECT o.id, l.sku FROM orders o JOIN lines l ON l.order_id = o.id"),
    (
        13,
        "SELECT o.id FROM orders o LEFT OUTER JOIN lines l ON l.order_id = o.id AND l.amount > 1 WHERE l.order_id IS NULL",
    ),
    (13, "SELECT id, label, note FROM orders FULL JOIN only_public USING (id)"),
    (13, "SELECT * FROM only_public NATURAL JOIN nodes"),
    (
        13,
        "SELECT j.number FROM (orders o CROSS JOIN only_public p) AS j (number) RIGHT JOIN lines l ON true",
    ),
    (
        13,
        "SELECT o.id FROM orders o, lines l, only_public p WHERE o.id = l.order_id AND p.id = o.id",
    ),
    (
        13,
        "SELECT o.id, x.best FROM orders o CROSS JOIN LATERAL (SELECT max(price) AS best FROM lines l WHERE l.order_id = o.id) x",
    ),
    (13, "SELECT o.id, r.sku FROM orders o LEFT JOIN LATERAL rows_of(o.id) AS r ON true"),
    (
        13,
        "SELECT g AS day, o.n FROM generate_series(1, 3) AS g LEFT JOIN (SELECT count(*) AS n FROM orders) o ON o.n = g",
    ),
    (13, "SELECT u.tag, u.at FROM orders o, unnest(o.tags) WITH ORDINALITY AS u (tag, at)"),
    (13, "SELECT a, b FROM ROWS FROM (generate_series(1, 2), unnest(ARRAY['x'])) AS r (a, b)"),
    (13, "SELECT k, v FROM orders, jsonb_each_text(extra) AS e (k, v)"),
    (13, "SELECT x.a FROM jsonb_to_recordset('[]') AS x (a integer, b text)"),
    (13, "SELECT (SELECT max(sku) FROM lines l WHERE l.order_id = o.id) AS best FROM orders o"),
    (13, "SELECT s.id FROM (SELECT id FROM orders ORDER BY id LIMIT 10 OFFSET 5) s"),
    (13, "SELECT id FROM orders ORDER BY price DESC, id USING < FETCH FIRST 5 ROWS WITH TIES"),
    (13, "SELECT DISTINCT ON (status) status, id FROM orders ORDER BY status, id DESC"),
    (13, "SELECT DISTINCT status FROM orders"),
    // With and sets
    (
        13,
        "WITH a AS (SELECT id FROM orders), b (n) AS MATERIALIZED (SELECT id FROM a) SELECT a.id, b.n FROM a JOIN b ON b.n = a.id",
    ),
    (
        13,
        "WITH RECURSIVE tree AS (SELECT id, 1 AS depth FROM nodes WHERE parent IS NULL UNION ALL SELECT n.id, t.depth + 1 FROM nodes n JOIN tree t ON n.parent = t.id) SELECT * FROM tree",
    ),
    (
        13,
        "WITH x AS NOT MATERIALIZED (SELECT 1 AS a) SELECT (WITH y AS (SELECT a FROM x) SELECT a FROM y) AS b FROM x",
    ),
    (
        13,
        "SELECT id FROM orders UNION (SELECT order_id FROM lines EXCEPT SELECT id FROM nodes) INTERSECT SELECT 1 ORDER BY 1",
    ),
    (
        13,
        "(SELECT id FROM orders ORDER BY id LIMIT 1) UNION ALL (SELECT id FROM nodes ORDER BY id LIMIT 1)",
    ),
    (13, "SELECT NULL AS a UNION SELECT 1 UNION SELECT id FROM orders"),
    (13, "SELECT status FROM orders UNION SELECT note FROM orders UNION SELECT 'lit'"),
    (13, "(SELECT 1 AS a)"),
    // Over views
    (13, "SELECT id, status FROM app.recent"),
    (13, "SELECT r.number, t.total FROM recent_of_recent r CROSS JOIN app.totals t"),
    // Catalog
    (13, "SELECT relname, relkind FROM pg_class WHERE relnamespace = 'public'::regnamespace"),
    // Newer forms
    (14, "SELECT j.id FROM orders JOIN only_public USING (id) AS j"),
    (
        14,
        "SELECT status, count(*) AS n FROM orders GROUP BY DISTINCT ROLLUP (status), ROLLUP (status)",
    ),
    (
        14,
        "WITH RECURSIVE t AS (SELECT id, parent FROM nodes UNION ALL SELECT n.id, n.parent FROM nodes n JOIN t ON n.parent = t.id) SEARCH DEPTH FIRST BY id SET ord CYCLE id SET is_cycle USING path SELECT id, is_cycle FROM t ORDER BY ord",
    ),
    (
        14,
        "SELECT extra['a']['b'] AS a, range_agg(int4range(id, id + 1)) AS b FROM orders GROUP BY 1",
    ),
    (
        15,
        "SELECT regexp_count(note, 'x') AS a, unnest(string_to_array(note, ',')) AS b FROM orders",
    ),
    (
        16,
        "SELECT json_object('a': id, 'b': note NULL ON NULL) AS a, json_array(1, 2 RETURNING jsonb) AS b FROM orders",
    ),
    (
        16,
        "SELECT note IS JSON OBJECT AS a, 0x1F AS b, 1_000 AS c, any_value(note) OVER () AS d FROM orders",
    ),
    (
        17,
        "SELECT t.a FROM orders, JSON_TABLE(extra, '$[*]' COLUMNS (a integer PATH '$.a', n FOR ORDINALITY)) AS t",
    ),
    (
        17,
        "SELECT json_value(extra, '$.a' RETURNING integer DEFAULT 0 ON ERROR) AS a, json_exists(extra, '$.b') AS b FROM orders",
    ),
    (18, "SELECT casefold(note) AS a, array_sort(tags) AS b FROM orders"),
];
