//! The role that migrates in truth, as a server of our own has to know it.

use crate::ident::{Identifier, RoleName};

/// The superuser of a throwaway server.
const BOOTSTRAP: &str = "postgres";

/// The role that migrates.
///
/// Source: `pg_roles` of the target, where it could be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrator {
    /// Its name.
    pub name: RoleName,
    /// `rolsuper`.
    pub superuser: bool,
    /// `rolcreaterole`.
    pub create_role: bool,
    /// `rolcreatedb`.
    pub create_database: bool,
    /// `rolbypassrls`.
    pub bypass_row_security: bool,
    /// The roles that the registry names and that it is a member of.
    pub member_of: Vec<Membership>,
    /// Where names without a schema are looked up; `None`: as the server does by itself.
    pub search_path: Option<Vec<Identifier>>,
    /// The time zone of a session whose client says none: literals of time are read in it;
    /// `None`: as the server has it.
    pub time_zone: Option<String>,
}

/// A membership of the role that migrates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The role that it is a member of.
    pub role: RoleName,
    /// Whether it may make others members too.
    pub admin: bool,
}

impl Migrator {
    /// Returns the superuser of a throwaway server.
    pub fn bootstrap() -> Self {
        Self { superuser: true, ..Self::assumed(RoleName::from_catalog(BOOTSTRAP), []) }
    }

    /// Returns what is assumed of a role of which nothing but the name is known: it is a
    /// member of the roles that the registry names, and has no other right.
    pub fn assumed(name: RoleName, named: impl IntoIterator<Item = RoleName>) -> Self {
        let superuser = name.as_str() == BOOTSTRAP;
        let others = named.into_iter().filter(|role| *role != name);
        Self {
            member_of: others.map(|role| Membership { role, admin: false }).collect(),
            name,
            superuser,
            create_role: false,
            create_database: false,
            bypass_row_security: false,
            search_path: None,
            time_zone: None,
        }
    }

    /// Tells whether it is the superuser that a throwaway server has from the start.
    pub fn is_bootstrap(&self) -> bool {
        self.name.as_str() == BOOTSTRAP
    }
}
