//! Tables that the query names itself: every state of row-level security, and every place in
//! a query.

use super::{Shape, clear, opaque, rls};

pub(super) const SHAPES: &[Shape] = &[
    clear("without_row_security", "SELECT * FROM base.plain"),
    clear("policies_switched_off", "SELECT * FROM base.switched_off"),
    clear(
        "every_kind_of_query",
        "WITH t AS (SELECT * FROM base.plain)
         SELECT DISTINCT ON (a.tenant_id, b.n) a.tenant_id, b.n,
                count(*) OVER (PARTITION BY b.n), (SELECT max(n) FROM base.plain), c.*
           FROM t a JOIN base.plain b USING (tenant_id), LATERAL (SELECT b.n + 1 AS next) c
          WHERE a.tenant_id IN ('A', 'B', 'C') AND a.tenant_id LIKE '_' ORDER BY 1, 2",
    ),
    // Where in the query the table stands.
    rls("direct", "SELECT * FROM base.secured"),
    rls("common_table_expression", "WITH t AS (SELECT * FROM base.secured) SELECT * FROM t"),
    rls(
        "recursive",
        "WITH RECURSIVE t AS (SELECT tenant_id, 1 AS n FROM base.plain UNION
           SELECT s.tenant_id, t.n + 1 FROM t JOIN base.secured s ON s.n = t.n + 1)
         SELECT tenant_id FROM t GROUP BY tenant_id HAVING max(n) > 1",
    ),
    rls(
        "exists",
        "SELECT * FROM base.plain p
          WHERE EXISTS (SELECT FROM base.secured s WHERE s.tenant_id = p.tenant_id)",
    ),
    rls(
        "scalar_sub_select",
        "SELECT (SELECT max(s.tenant_id) FROM base.secured s WHERE s.tenant_id = p.tenant_id)
                AS tenant_id FROM base.plain p",
    ),
    rls(
        "lateral",
        "SELECT l.tenant_id FROM base.plain p, LATERAL (
           SELECT s.tenant_id FROM base.secured s WHERE s.tenant_id = p.tenant_id) l",
    ),
    rls("union", "SELECT * FROM base.secured UNION ALL SELECT * FROM base.forced"),
    rls("whole_row", "SELECT (s).tenant_id, s::text AS row FROM base.secured s"),
    rls("only", "SELECT * FROM ONLY base.secured"),
    rls("no_column", "SELECT p.* FROM base.plain p WHERE 3 < (SELECT count(*) FROM base.secured)"),
    rls("left_join", "SELECT s.* FROM base.plain p LEFT JOIN base.secured s USING (tenant_id, n)"),
    rls("table_sample", "SELECT * FROM base.secured TABLESAMPLE SYSTEM (100)"),
    // Who reads it.
    clear("by_exempt_role", "SELECT * FROM base.forced").owned_by("exempt"),
    clear("by_superuser", "SELECT * FROM base.forced").owned_by("root"),
    clear("by_table_owner", "SELECT * FROM base.secured").owned_by("table_owner"),
    rls("by_table_owner_when_forced", "SELECT * FROM base.forced").owned_by("table_owner"),
    clear("by_member_of_table_owner", "SELECT * FROM base.secured").owned_by("member"),
    rls("by_member_when_forced", "SELECT * FROM base.forced").owned_by("member"),
    rls("by_member_without_inherit", "SELECT * FROM base.secured").owned_by("set_only"),
    rls("by_member_of_exempt_role", "SELECT * FROM base.secured").owned_by("exempt_member"),
    rls("by_reader_of_all_data", "SELECT * FROM base.secured").owned_by("all_reader").since(14),
    clear("by_database_owner", "SELECT * FROM t").owned_by("database_owner").since(14).with(
        "CREATE TABLE t AS TABLE base.plain;
         ALTER TABLE t ENABLE ROW LEVEL SECURITY;
         ALTER TABLE t OWNER TO pg_database_owner",
    ),
    // What the policies say.
    rls("lenient_policy", "SELECT * FROM base.lenient"),
    rls("no_policy", "SELECT * FROM base.without_policy"),
    rls("policy_for_another_role", "SELECT * FROM base.for_others"),
    rls("policy_for_writers", "SELECT * FROM base.for_writers"),
    rls("only_a_restrictive_policy", "SELECT * FROM base.only_restricted"),
    rls("policy_that_is_never_true", "SELECT * FROM base.closed"),
    rls("policy_that_is_null", "SELECT * FROM base.null_policy"),
    rls("open_and_closed", "SELECT * FROM base.opened_and_closed"),
    rls("policy_that_holds_for_every_row", "SELECT * FROM base.not_null")
        .too_cautious("whether a condition holds for the rows of the moment is not looked at"),
    rls("policy_with_a_lookup", "SELECT * FROM base.by_lookup"),
    rls("policy_with_a_function", "SELECT * FROM base.by_function"),
    rls("policy_with_the_user", "SELECT * FROM base.by_user"),
    rls("open_but_restricted", "SELECT * FROM base.opened_then_restricted"),
    rls("open_to_others", "SELECT * FROM base.opened_to_others"),
    rls("open_to_a_group_set_only", "SELECT * FROM base.opened_to_group").owned_by("set_only"),
    opaque("open", "SELECT * FROM base.opened"),
    opaque("open_among_others", "SELECT * FROM base.opened_among_others"),
    opaque("open_to_a_group", "SELECT * FROM base.opened_to_group"),
    opaque("open_restricted_for_others", "SELECT * FROM base.opened_restricted_for_others"),
    clear("open_by_exempt_role", "SELECT * FROM base.opened").owned_by("exempt"),
    rls("open_and_secured", "SELECT s.* FROM base.opened JOIN base.secured s USING (tenant_id)"),
    // Parents and children.
    rls("partitioned", "SELECT * FROM base.parent"),
    clear("child_of_secured_parent", "SELECT * FROM base.parent_rest"),
    clear("parent_of_secured_child", "SELECT * FROM base.parted"),
    rls("secured_child", "SELECT * FROM base.part"),
    clear("parent_of_secured_heir", "SELECT * FROM base.ancestor"),
    rls("secured_heir", "SELECT * FROM base.heir"),
    // Named and not read.
    clear(
        "named_as_a_constant",
        "SELECT * FROM base.plain WHERE 'base.secured'::regclass::oid > 0",
    ),
    clear("type_of_a_row", "SELECT *, NULL::base.secured AS row FROM base.plain"),
];
