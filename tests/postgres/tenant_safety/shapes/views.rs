//! Tables that a plain view names, and rows that another materialized view has lost.

use super::{Shape, clear, rls, setting};

pub(super) const SHAPES: &[Shape] = &[
    rls("view_of_bound_role", "SELECT * FROM v").with(
        "CREATE VIEW v AS SELECT * FROM base.secured;
         ALTER VIEW v OWNER TO {bound}",
    ),
    rls("view_of_bound_role_for_exempt", "SELECT * FROM v").owned_by("exempt").with(
        "CREATE VIEW v AS SELECT * FROM base.secured;
         ALTER VIEW v OWNER TO {bound}",
    ),
    clear("view_of_exempt_role", "SELECT * FROM v").with(
        "CREATE VIEW v AS SELECT * FROM base.forced;
         ALTER VIEW v OWNER TO {exempt}",
    ),
    clear("view_of_superuser", "SELECT * FROM v")
        .with("CREATE VIEW v AS SELECT * FROM base.forced"),
    clear("view_of_table_owner", "SELECT * FROM v").with(
        "CREATE VIEW v AS SELECT * FROM base.secured;
         ALTER VIEW v OWNER TO {table_owner}",
    ),
    clear("barrier_of_exempt_role", "SELECT * FROM v").with(
        "CREATE VIEW v WITH (security_barrier) AS SELECT * FROM base.secured;
         ALTER VIEW v OWNER TO {exempt}",
    ),
    rls("exempt_view_over_bound_view", "SELECT * FROM outer_view").with(
        "CREATE VIEW inner_view AS SELECT * FROM base.secured;
         CREATE VIEW outer_view AS SELECT * FROM inner_view;
         ALTER VIEW inner_view OWNER TO {bound};
         ALTER VIEW outer_view OWNER TO {exempt}",
    ),
    clear("bound_view_over_exempt_view", "SELECT * FROM outer_view").with(
        "CREATE VIEW inner_view AS SELECT * FROM base.secured;
         CREATE VIEW outer_view AS SELECT * FROM inner_view;
         ALTER VIEW inner_view OWNER TO {exempt};
         ALTER VIEW outer_view OWNER TO {bound}",
    ),
    rls("view_and_table", "SELECT s.* FROM v JOIN base.secured s USING (tenant_id)").with(
        "CREATE VIEW v AS SELECT * FROM base.secured;
         ALTER VIEW v OWNER TO {exempt}",
    ),
    rls("whole_row_of_a_view", "SELECT (v.row).tenant_id, v FROM v").with(
        "CREATE VIEW v AS SELECT s AS row FROM base.secured s;
         ALTER VIEW v OWNER TO {bound}",
    ),
    // Views that read with the rights of whoever asks.
    rls("invoker_view", "SELECT * FROM v").since(15).with(
        "CREATE VIEW v WITH (security_invoker) AS SELECT * FROM base.secured;
         ALTER VIEW v OWNER TO {exempt}",
    ),
    clear("invoker_view_switched_off", "SELECT * FROM v").since(15).with(
        "CREATE VIEW v WITH (security_invoker = off) AS SELECT * FROM base.secured;
         ALTER VIEW v OWNER TO {exempt}",
    ),
    clear("invoker_view_for_exempt", "SELECT * FROM v").since(15).owned_by("exempt").with(
        "CREATE VIEW v WITH (security_invoker = on) AS SELECT * FROM base.secured;
         ALTER VIEW v OWNER TO {bound}",
    ),
    rls("invoker_view_in_exempt_view", "SELECT * FROM outer_view").since(15).with(
        "CREATE VIEW inner_view WITH (security_invoker = 1) AS SELECT * FROM base.secured;
         CREATE VIEW outer_view AS SELECT * FROM inner_view;
         ALTER VIEW inner_view OWNER TO {exempt};
         ALTER VIEW outer_view OWNER TO {exempt}",
    ),
    clear("exempt_view_in_invoker_view", "SELECT * FROM outer_view").since(15).with(
        "CREATE VIEW inner_view AS SELECT * FROM base.secured;
         CREATE VIEW outer_view WITH (security_invoker = YES) AS SELECT * FROM inner_view;
         ALTER VIEW inner_view OWNER TO {exempt};
         ALTER VIEW outer_view OWNER TO {bound}",
    ),
    clear("invoker_in_bound_view_for_exempt", "SELECT * FROM outer_view")
        .since(15)
        .owned_by("exempt")
        .with(
            "CREATE VIEW inner_view WITH (security_invoker = t) AS SELECT * FROM base.secured;
             CREATE VIEW outer_view AS SELECT * FROM inner_view;
             ALTER VIEW inner_view OWNER TO {bound};
             ALTER VIEW outer_view OWNER TO {bound}",
        ),
    // A setting in a view.
    setting("view_with_a_setting", "SELECT * FROM v").owned_by("exempt").with(
        "CREATE VIEW v AS SELECT * FROM base.plain
           WHERE tenant_id = current_setting('app.tenant', true)",
    ),
    setting("setting_two_views_down", "SELECT * FROM outer_view").owned_by("root").with(
        "CREATE VIEW inner_view AS SELECT * FROM base.plain
           WHERE tenant_id = current_setting('app.tenant', true);
         CREATE VIEW outer_view AS SELECT * FROM inner_view",
    ),
    // What a materialized view has lost is lost downstream, whoever owns that.
    rls("upstream_reduced", "SELECT * FROM up").owned_by("exempt").after(&["up"]).with(
        "CREATE MATERIALIZED VIEW up AS SELECT * FROM base.secured;
         ALTER MATERIALIZED VIEW up OWNER TO {bound}",
    ),
    rls("upstream_two_levels_up", "SELECT * FROM next")
        .owned_by("root")
        .after(&["up", "next"])
        .with(
            "CREATE MATERIALIZED VIEW up AS SELECT * FROM base.secured;
             ALTER MATERIALIZED VIEW up OWNER TO {bound};
             CREATE VIEW v AS SELECT * FROM up;
             CREATE MATERIALIZED VIEW next AS SELECT * FROM v",
        ),
    setting("upstream_with_a_setting", "SELECT * FROM up").after(&["up"]).with(
        "CREATE MATERIALIZED VIEW up AS SELECT * FROM base.plain
           WHERE tenant_id = current_setting('app.tenant', true)",
    ),
    clear("upstream_exempt", "SELECT * FROM up").after(&["up"]).with(
        "CREATE MATERIALIZED VIEW up AS SELECT * FROM base.forced;
         ALTER MATERIALIZED VIEW up OWNER TO {exempt}",
    ),
    // A plain view that was replaced after the materialized view that reads it was made.
    clear("cycle", "SELECT tenant_id, n FROM v")
        .with("CREATE VIEW v AS SELECT tenant_id, n FROM base.plain")
        .finish(
            "REFRESH MATERIALIZED VIEW m;
             CREATE OR REPLACE VIEW v AS
               SELECT tenant_id, n FROM base.plain UNION SELECT tenant_id, n FROM m",
        ),
];
