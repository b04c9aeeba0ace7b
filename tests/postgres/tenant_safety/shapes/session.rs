//! Queries that depend on the session: its settings, and who it is.

use super::{Shape, opaque, setting};

pub(super) const SHAPES: &[Shape] = &[
    setting(
        "setting",
        "SELECT * FROM base.plain WHERE tenant_id = current_setting('app.tenant', true)",
    ),
    setting(
        "setting_by_superuser",
        "SELECT * FROM base.forced WHERE tenant_id = current_setting('app.tenant', true)",
    )
    .owned_by("root"),
    setting(
        "setting_that_must_be_there",
        "SELECT * FROM base.plain WHERE tenant_id = current_setting('app.tenant')",
    ),
    setting(
        "setting_in_a_sub_select",
        "WITH t AS (SELECT current_setting('app.tenant', true) AS tenant_id)
         SELECT p.* FROM base.plain p JOIN t USING (tenant_id)",
    ),
    setting(
        "setting_shown_only",
        "SELECT tenant_id, current_setting('app.tenant', true) AS was FROM base.plain",
    )
    .too_cautious("a setting that is only shown filters nothing"),
    setting(
        "setting_of_a_setting",
        "SELECT * FROM base.plain WHERE tenant_id = set_config('app.tenant',
           coalesce(current_setting('app.tenant', true), 'B'), true)",
    ),
    // The catalog's view of the settings, and the function behind it.
    setting(
        "pg_settings",
        "SELECT p.* FROM base.plain p WHERE tenant_id =
           (SELECT s.setting FROM pg_settings s WHERE s.name = 'application_name')",
    ),
    setting(
        "pg_show_all_settings",
        "SELECT p.* FROM base.plain p WHERE tenant_id =
           (SELECT s.setting FROM pg_show_all_settings() s WHERE s.name = 'application_name')",
    ),
    setting("current_schema", "SELECT * FROM base.plain WHERE tenant_id = upper(current_schema())"),
    setting(
        "current_schemas",
        "SELECT * FROM base.plain WHERE tenant_id = ANY (current_schemas(false)::text[])",
    ),
    setting(
        "current_schema_without_parentheses",
        "SELECT * FROM base.plain WHERE tenant_id = upper(current_schema)",
    ),
    // Who refreshes.
    setting("session_user", "SELECT * FROM base.plain WHERE session_user = 'postgres'"),
    setting("session_user_in_a_view", "SELECT * FROM v")
        .with("CREATE VIEW v AS SELECT * FROM base.plain WHERE session_user = 'postgres'"),
    opaque("current_user", "SELECT *, current_user AS refreshed_as FROM base.plain"),
    opaque("own_process", "SELECT *, pg_backend_pid() AS refreshed_by FROM base.plain"),
    opaque(
        "own_activity",
        "SELECT p.* FROM base.plain p WHERE tenant_id =
           (SELECT application_name FROM pg_stat_activity WHERE pid = pg_backend_pid())",
    ),
];
