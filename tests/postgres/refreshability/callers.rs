//! The callers: every kind of role that may ask for a refresh, by how it relates to the
//! owner of the materialized views.

use driftgate::refreshability::Via;

/// A role that asks for a refresh.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caller {
    /// The name that the role has in the tests.
    pub(super) name: &'static str,
    /// The first major version that has what it needs.
    pub(super) since: i32,
    /// What makes it what it is; `{…}` is a role, `{database}` the database.
    pub(super) setup: &'static str,
    /// What lets it ask, where the owner has not given up its own right.
    pub(super) via: Via,
    /// The role to which it must `SET ROLE` first.
    pub(super) becomes: Option<&'static str>,
    /// No role may be a member of its own member, so there is no way to let it.
    pub(super) is_above: bool,
}

const fn caller(name: &'static str, via: Via, setup: &'static str) -> Caller {
    Caller { name, since: 13, setup, via, becomes: None, is_above: false }
}

impl Caller {
    const fn since(self, since: i32) -> Self {
        Self { since, ..self }
    }

    const fn becomes(self, role: &'static str) -> Self {
        Self { becomes: Some(role), ..self }
    }

    const fn above(self) -> Self {
        Self { is_above: true, ..self }
    }
}

/// Roles that never ask: they own what is read, or are joined by others.
pub(super) const OTHERS: [&str; 6] =
    ["view_owner", "outer_owner", "all_reader", "owners_group", "keepers", "spare"];

/// Every kind of caller.
pub(super) const CALLERS: [Caller; 22] = [
    caller("owner", Via::Owner, "GRANT {owners_group} TO {owner}"),
    caller("superuser", Via::Superuser, "ALTER ROLE {superuser} SUPERUSER"),
    caller("member", Via::Member, "GRANT {owner} TO {member}"),
    caller("deep_member", Via::Member, "GRANT {member} TO {deep_member}"),
    caller(
        "noinherit",
        Via::None_,
        "ALTER ROLE {noinherit} NOINHERIT; GRANT {owner} TO {noinherit}",
    )
    .becomes("owner"),
    caller(
        "member_of_noinherit",
        Via::None_,
        "ALTER ROLE {member_of_noinherit} INHERIT; GRANT {noinherit} TO {member_of_noinherit}",
    )
    .becomes("owner"),
    caller(
        "noinherit_deep",
        Via::None_,
        "ALTER ROLE {noinherit_deep} NOINHERIT; GRANT {noinherit} TO {noinherit_deep}",
    )
    .becomes("owner"),
    caller("noinherit_stranger", Via::None_, "ALTER ROLE {noinherit_stranger} NOINHERIT"),
    caller(
        "member_inherit_false",
        Via::None_,
        "GRANT {owner} TO {member_inherit_false} WITH INHERIT FALSE",
    )
    .since(16)
    .becomes("owner"),
    caller(
        "member_set_false",
        Via::Member,
        "GRANT {owner} TO {member_set_false} WITH INHERIT TRUE, SET FALSE",
    )
    .since(16),
    caller(
        "member_both_false",
        Via::None_,
        "GRANT {owner} TO {member_both_false} WITH INHERIT FALSE, SET FALSE",
    )
    .since(16),
    caller("keeper", Via::Maintain, "GRANT MAINTAIN ON {views} TO {keeper}").since(17),
    caller(
        "kept",
        Via::Maintain,
        "GRANT MAINTAIN ON {views} TO {keepers}; GRANT {keepers} TO {kept}",
    )
    .since(17),
    caller("kept_noinherit", Via::None_, "GRANT {keepers} TO {kept_noinherit} WITH INHERIT FALSE")
        .since(17)
        .becomes("keepers"),
    caller("maintainer", Via::Maintain, "GRANT pg_maintain TO {maintainer}").since(17),
    caller("reader", Via::None_, "GRANT SELECT ON {views} TO {reader}"),
    caller("table_owner", Via::None_, ""),
    caller("database_owner", Via::None_, "ALTER DATABASE {database} OWNER TO {database_owner}"),
    caller("nobody", Via::None_, ""),
    caller("above", Via::None_, "GRANT {above} TO {owner}").above(),
    caller("under_superuser", Via::None_, "GRANT {superuser} TO {under_superuser}")
        .becomes("superuser"),
    caller("all_reading", Via::None_, "GRANT pg_read_all_data TO {all_reading}").since(14),
];
