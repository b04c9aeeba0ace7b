//! The shapes: materialized views whose owner may, or may not, do what a refresh needs.

use driftgate::registry::RefreshMode;

/// A materialized view, made once in every schema.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    /// Its name.
    pub(super) name: &'static str,
    /// The first major version that has what it needs.
    pub(super) since: i32,
    /// What is made before it, by a superuser.
    pub(super) setup: &'static str,
    /// Its query; the column `a` is unique.
    pub(super) query: &'static str,
    /// What is done to it when it is there in every schema; `{view}` is its name.
    pub(super) then: &'static str,
    /// Its owner, by the name that the role has in the tests.
    pub(super) owner: &'static str,
    /// Whether the rights of its owner, and of those of plain views, allow a concurrent
    /// refresh; `None` where the catalog does not tell.
    pub(super) concurrently: Option<bool>,
    /// Whether they allow a plain one.
    pub(super) plain: Option<bool>,
}

const fn fine(name: &'static str, query: &'static str) -> Shape {
    Shape {
        name,
        since: 13,
        setup: "",
        query,
        then: "",
        owner: "owner",
        concurrently: Some(true),
        plain: Some(true),
    }
}

const fn broken(name: &'static str, query: &'static str) -> Shape {
    fine(name, query).allows(Some(false), Some(false))
}

const fn untold(name: &'static str, query: &'static str) -> Shape {
    fine(name, query).allows(None, None)
}

impl Shape {
    const fn since(self, since: i32) -> Self {
        Self { since, ..self }
    }

    const fn with(self, setup: &'static str) -> Self {
        Self { setup, ..self }
    }

    const fn then(self, then: &'static str) -> Self {
        Self { then, ..self }
    }

    const fn owned_by(self, owner: &'static str) -> Self {
        Self { owner, ..self }
    }

    const fn allows(self, concurrently: Option<bool>, plain: Option<bool>) -> Self {
        Self { concurrently, plain, ..self }
    }

    /// Whether the rights behind it allow a refresh.
    pub(super) const fn allowed(&self, mode: RefreshMode) -> Option<bool> {
        match mode {
            RefreshMode::Concurrently => self.concurrently,
            RefreshMode::Plain => self.plain,
        }
    }
}

/// The usual view, which every kind of role tries in every schema.
pub(super) const USUAL: Shape = fine("usual", "SELECT a, b FROM base.readable");

/// Views that name tables.
pub(super) const TABLES: &[Shape] = &[
    broken("hidden_table", "SELECT a, b FROM base.hidden"),
    fine("partitioned", "SELECT a, b FROM base.parted"),
    fine("for_everybody", "SELECT a, b FROM base.for_everybody"),
    fine("for_a_group", "SELECT a, b FROM base.for_group"),
    fine("by_column", "SELECT a, b FROM base.by_column"),
    broken("one_column_too_many", "SELECT a, b, c FROM base.by_column"),
    broken("one_column_in_a_condition", "SELECT a FROM base.by_column WHERE c <> ''"),
    fine("counted_by_column", "SELECT count(*) AS a FROM base.by_column"),
    broken("counted_hidden", "SELECT count(*) AS a FROM base.hidden"),
    broken("system_column", "SELECT a, tableoid::int AS b FROM base.by_column"),
    untold("whole_rows_by_column", "SELECT a, x::text AS b FROM base.by_column x"),
    fine("whole_rows_of_every_column", "SELECT a, x::text AS b FROM base.every_column x"),
    broken("whole_rows_hidden", "SELECT x::text AS a FROM base.hidden x"),
    broken("given_up_by_its_owner", "SELECT a, b FROM base.given_up"),
    fine("of_a_superuser", "SELECT a, base.guarded(b) AS b FROM base.hidden").owned_by("superuser"),
    fine("of_an_all_reader", "SELECT a, b FROM base.hidden")
        .owned_by("all_reader")
        .since(14)
        .with("GRANT pg_read_all_data TO {all_reader}"),
    broken("odd_names", r#"SELECT a, "Order" AS b FROM base."Odd ""Name""""#),
    broken("two_tables", "SELECT h.a, g.b FROM base.hidden h JOIN base.given_up g USING (a)"),
];

/// Views that read through others.
pub(super) const VIEWS: &[Shape] = &[
    fine("through_a_view", "SELECT a, b FROM base.over_hidden"),
    broken("whose_view_owner_lacks", "SELECT a, b FROM base.over_readable")
        .with("GRANT SELECT ON base.readable TO {view_owner}")
        .then("REVOKE SELECT ON base.readable FROM {view_owner}"),
    broken("view_kept_back", "SELECT a, b FROM base.kept_back"),
    fine("through_two_views", "SELECT a, b FROM base.outer_view"),
    broken("whose_outer_owner_lacks", "SELECT a, b FROM base.outer_without")
        .with("GRANT SELECT ON base.kept_back TO {outer_owner}")
        .then("REVOKE SELECT ON base.kept_back FROM {outer_owner}"),
    fine("invoker_view", "SELECT a, b FROM base.asking").since(15).with(
        "CREATE VIEW base.asking WITH (security_invoker) AS SELECT a, b FROM base.readable;
         ALTER VIEW base.asking OWNER TO {view_owner}; GRANT SELECT ON base.asking TO {owner}",
    ),
    broken("invoker_view_over_hidden", "SELECT a, b FROM base.asking_hidden").since(15).with(
        "CREATE VIEW base.asking_hidden WITH (security_invoker = yes)
           AS SELECT a, b FROM base.hidden;
         ALTER VIEW base.asking_hidden OWNER TO {view_owner};
         GRANT SELECT ON base.asking_hidden TO {owner}",
    ),
    broken("invoker_view_in_a_view", "SELECT a, b FROM base.telling").since(15).with(
        "CREATE VIEW base.asked WITH (security_invoker = 1) AS SELECT a, b FROM base.hidden;
         CREATE VIEW base.telling AS SELECT a, b FROM base.asked;
         ALTER VIEW base.asked OWNER TO {view_owner}; ALTER VIEW base.telling OWNER TO {view_owner};
         GRANT SELECT ON base.telling TO {owner}",
    ),
    fine("upstream", "SELECT a, b FROM base.upstream"),
    broken("upstream_hidden", "SELECT a, b FROM base.upstream_hidden"),
];

/// Views that call functions.
pub(super) const CALLS: &[Shape] = &[
    broken("function", "SELECT a, base.guarded(b) AS b FROM base.readable"),
    fine("function_allowed", "SELECT a, base.allowed(b) AS b FROM base.readable"),
    fine("function_of_another", "SELECT a, base.definer(b) AS b FROM base.readable"),
    broken("operator", "SELECT a FROM base.readable WHERE c OPERATOR(base.===) 'one'"),
    broken("aggregate", "SELECT base.total(a) AS a FROM base.readable"),
    broken("function_in_a_view", "SELECT a, b FROM base.calling"),
    fine("function_in_a_view_allowed", "SELECT a, b FROM base.calling_allowed"),
    untold("function_in_an_unused_column", "SELECT a FROM base.calling"),
    fine("function_in_an_index", "SELECT a FROM base.readable").allows(None, Some(false)).then(
        "GRANT EXECUTE ON FUNCTION base.fixed(int) TO {owner};
         CREATE INDEX ON {view} (base.fixed(a));
         REVOKE EXECUTE ON FUNCTION base.fixed(int) FROM {owner}",
    ),
];

/// A view that its owner may not touch: a concurrent refresh merges rows into it.
pub(super) const GIVEN_UP: Shape = fine("given_up", USUAL.query)
    .allows(Some(false), Some(true))
    .then("REVOKE ALL ON {view} FROM {owner}");

/// Views in a database where the owners may not make temporary tables.
pub(super) const WITHOUT_TEMPORARY: &[Shape] = &[
    USUAL.allows(Some(false), Some(true)),
    broken("hidden_table", "SELECT a, b FROM base.hidden"),
    fine("of_a_superuser", "SELECT a, b FROM base.hidden").owned_by("superuser"),
];
