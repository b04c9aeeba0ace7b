//! Reads [`Rights`] in a constant number of round trips, from the catalog's own rows: with
//! no privilege beyond CONNECT, and without a lock on any view.

mod rows;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use sqlx::postgres::PgRow;
use sqlx::{Column, Row};

use self::rows::{FunctionRow, PolicyRow, RuleRow, TriggerRow};
use super::session::{Endpoint, ReadTransaction, SearchPath, Session};
use crate::failure::Failure;
use crate::ident::{Identifier, QualifiedName};
use crate::rights::body::{BodyFacts, End};
use crate::rights::{Function, Oid, PUBLIC, Policy, Privilege, Rights, Rule, Trigger};
use crate::snapshot::ServerFacts;

/// What every version is asked. Functions come before what calls them.
macro_rules! catalog {
    ($($more:expr)?) => {
        concat!(
            include_str!("sql/read_rights_roles.sql"),
            include_str!("sql/read_rights_relations.sql"),
            include_str!("sql/read_rights_functions.sql"),
            include_str!("sql/read_rights_guards.sql"),
            include_str!("sql/read_rights_rules.sql"),
            $($more)?
        )
    };
}

/// The first version with privileges on settings.
const PARAMETER_PRIVILEGES: i32 = 150_000;

/// How much of the rights is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope<'a> {
    /// All of it, with these tables besides what views read; one that does not exist is
    /// left out.
    Everything(&'a [QualifiedName]),
    /// What [`classify`](crate::tenant_safety::classify) needs: no grants and no columns of
    /// relations, which are most of the memory where there are many views.
    TenantSafety,
}

/// Reads the rights of every role on the views, and on what they read.
///
/// # Errors
///
/// When the server cannot be reached, refuses or does not answer; nothing partial is ever
/// returned.
pub async fn read_rights(
    endpoint: &Endpoint,
    scope: Scope<'_>,
) -> Result<(Rights, ServerFacts), Failure> {
    let mut session = Session::connect(endpoint).await?;
    let mut transaction = session.begin_read_only(SearchPath::Empty).await?;
    let server = transaction.server().clone();
    let mut reading = Reading { is_lean: scope == Scope::TenantSafety, ..Reading::default() };
    tell_scope(&mut transaction, scope).await?;
    let message = if server.version_num < PARAMETER_PRIVILEGES {
        catalog!()
    } else {
        catalog!(include_str!("sql/read_rights_parameters.sql"))
    };
    transaction.rows(message, "read the rights", |row| reading.take(row)).await?;
    reading.leave_out_what_is_built_in();
    reading.keep_unqualified(&mut transaction).await?;
    transaction.finish().await?;
    session.close().await;
    Ok((reading.into_rights(&server), server))
}

/// Tells the transaction what to read; a message of several statements takes no parameters.
async fn tell_scope(
    transaction: &mut ReadTransaction<'_>,
    scope: Scope<'_>,
) -> Result<(), Failure> {
    let (tables, lean) = match scope {
        Scope::Everything(tables) => (tables, "off"),
        Scope::TenantSafety => (&[][..], "on"),
    };
    let names = tables.iter().map(|table| json!([table.schema.as_str(), table.name.as_str()]));
    let names = serde_json::Value::from_iter(names).to_string();
    transaction
        .rows_for(
            "SELECT set_config('driftgate.tables', $1, true), \
             set_config('driftgate.lean', $2, true)",
            &[&names, lean],
            "say what to read",
            |_row| Ok(()),
        )
        .await?;
    Ok(())
}

/// What was read so far.
#[derive(Debug, Default)]
struct Reading {
    rights: Rights,
    /// Whether grants and columns of relations are left out.
    is_lean: bool,
    /// The relations in the query of each view; `pg_depend` names more.
    named: BTreeMap<Oid, BTreeSet<Oid>>,
    /// What the body of each function shows.
    bodies: BTreeMap<Oid, BodyFacts>,
    /// The functions that are not known to be harmless.
    notable: BTreeSet<Oid>,
    /// Who was granted to set `session_replication_role`.
    setters: BTreeSet<Oid>,
}

impl Reading {
    /// Takes one row; the result sets are told apart by their first column.
    fn take(&mut self, row: &PgRow) -> Result<(), sqlx::Error> {
        let first = row.column(0).name();
        let key = || rows::oid(row, first);
        let rights = &mut self.rights;
        match first {
            "database_owner" => {
                rights.database_owner = key()?;
                rights.database_grants = rows::grants(row)?;
            }
            "role" => {
                rights.roles.insert(key()?, rows::role(row)?);
            }
            "joined" => rights.memberships.push(rows::membership(row)?),
            "schema" => {
                rights.schemas.insert(key()?, rows::schema(row)?);
            }
            "relation" => {
                for listed in rows::kin_of(row)? {
                    rights.kin.entry(listed).or_default().insert(key()?);
                }
                rights.relations.insert(key()?, rows::relation(row)?);
            }
            "of_relation" => {
                if let Some(relation) = rights.relations.get_mut(&key()?) {
                    relation.column_grants.insert(row.try_get("number")?, rows::grants(row)?);
                }
            }
            "parent_of" => {
                let parts = rights.foreign_parts.entry(key()?).or_default();
                parts.push(rows::qualified_name(row)?);
            }
            "function" => {
                let function = rows::function(row)?;
                self.take_function(key()?, function);
            }
            "of_policy" => self.take_policy(key()?, rows::policy(row)?),
            "of_trigger" => self.take_trigger(key()?, rows::trigger(row)?),
            _ => self.take_of_query(first, row)?,
        }
        Ok(())
    }

    /// Takes a row about what the query of a view, or an index, reads and calls.
    fn take_of_query(&mut self, first: &str, row: &PgRow) -> Result<(), sqlx::Error> {
        let key = || rows::oid(row, first);
        let rights = &mut self.rights;
        match first {
            "view" => {
                let RuleRow { mut rule, named, runs_text } = rows::rule(row)?;
                // As good as the user's own: nobody knows what it reads.
                self.notable.extend(&runs_text);
                rule.calls.extend(runs_text);
                rights.rules.insert(key()?, rule);
                self.named.insert(key()?, named);
            }
            "reader" => {
                let read = rows::oid(row, "read")?;
                let is_named = self.named.get(&key()?).is_some_and(|named| named.contains(&read));
                if let Some(rule) = rights.rules.get_mut(&key()?).filter(|_| is_named) {
                    let columns = if self.is_lean { BTreeSet::new() } else { rows::columns(row)? };
                    rule.reads.insert(read, columns);
                }
            }
            "caller" => {
                if let Some(rule) = rights.rules.get_mut(&key()?) {
                    rule.calls.insert(rows::oid(row, "called")?);
                }
            }
            "index_of" => {
                let calls = rights.index_calls.entry(key()?).or_default();
                calls.insert(rows::oid(row, "called")?);
            }
            "setter" => {
                self.setters.insert(key()?);
            }
            other => return Err(sqlx::Error::ColumnNotFound(other.to_owned())),
        }
        Ok(())
    }

    /// Takes a function, or one more support function of an aggregate.
    fn take_function(&mut self, oid: Oid, row: FunctionRow) {
        let FunctionRow { function, body, is_harmless } = row;
        let everybody_may = function
            .grants
            .iter()
            .any(|grant| grant.grantee == PUBLIC && grant.privilege == Privilege::Execute);
        if !is_harmless || !everybody_may {
            self.notable.insert(oid);
        }
        self.bodies.entry(oid).or_default().merge(&body);
        match self.rights.functions.get_mut(&oid) {
            Some(known) => merge(known, function),
            None => {
                self.rights.functions.insert(oid, function);
            }
        }
    }

    fn take_policy(&mut self, relation: Oid, row: PolicyRow) {
        let PolicyRow { mut policy, calls } = row;
        policy.reads_setting |= self.bodies_of(&calls).any(BodyFacts::depends_on_session);
        if let Some((policies, _)) = self.guard(relation) {
            policies.push(policy);
        }
    }

    fn take_trigger(&mut self, relation: Oid, row: TriggerRow) {
        let TriggerRow { mut trigger, function, calls, for_each_row } = row;
        trigger.reads_setting |= self.bodies_of(&calls).any(|body| body.reads_setting);
        // Of a function in another language nothing is known: no write counts as stopped.
        trigger.refuses = self
            .bodies_of(&[function])
            .any(|body| body.raises || (for_each_row && body.returns_null));
        // A check of new values raises, too, and lets most writes pass.
        let refuses_all = self.bodies_of(&[function]).any(|body| match body.ends {
            Some(End::Raises) => true,
            Some(End::ReturnsNull) => for_each_row,
            None => false,
        });
        trigger.conditional |= trigger.refuses && !refuses_all;
        if let Some((_, triggers)) = self.guard(relation) {
            triggers.push(trigger);
        }
    }

    fn bodies_of<'a>(&'a self, calls: &'a [Oid]) -> impl Iterator<Item = &'a BodyFacts> {
        calls.iter().filter_map(|called| self.bodies.get(called))
    }

    fn guard(&mut self, relation: Oid) -> Option<(&mut Vec<Policy>, &mut Vec<Trigger>)> {
        let relation = self.rights.relations.get_mut(&relation)?;
        Some((&mut relation.policies, &mut relation.triggers))
    }

    /// Leaves out the functions that come with the server or an extension and that every
    /// role may call, and those that only policies and triggers call.
    fn leave_out_what_is_built_in(&mut self) {
        let Self { rights, notable, .. } = self;
        let mut called = BTreeSet::new();
        let of_rules = rights.rules.values_mut().map(|rule: &mut Rule| &mut rule.calls);
        for calls in of_rules.chain(rights.index_calls.values_mut()) {
            calls.retain(|function| notable.contains(function));
            called.extend(calls.iter().copied());
        }
        rights.index_calls.retain(|_, calls| !calls.is_empty());
        rights.functions.retain(|function, _| called.contains(function));
    }

    /// Keeps, of the names without a schema, those that only the search path can find.
    async fn keep_unqualified(
        &mut self,
        transaction: &mut ReadTransaction<'_>,
    ) -> Result<(), Failure> {
        let functions = &mut self.rights.functions;
        let names: BTreeSet<&String> =
            functions.values().flat_map(|function| &function.unqualified).collect();
        if names.is_empty() {
            return Ok(());
        }
        let mut found = BTreeSet::new();
        transaction
            .rows_for(
                include_str!("sql/read_rights_names.sql"),
                &[&json!(names).to_string()],
                "look up names without a schema",
                |row| {
                    found.insert(row.try_get::<String, _>("name")?);
                    Ok(())
                },
            )
            .await?;
        for function in functions.values_mut() {
            function.unqualified.retain(|name| found.contains(name));
        }
        Ok(())
    }

    fn into_rights(self, server: &ServerFacts) -> Rights {
        let mut rights = self.rights;
        rights.version_num = server.version_num;
        rights.in_recovery = server.in_recovery;
        rights.database = Some(Identifier::from_catalog(server.database.as_str()));
        let mut rights = rights.indexed();
        let may_set = |role: &Oid| {
            self.setters.iter().any(|setter| *setter == PUBLIC || rights.inherits(*role, *setter))
        };
        rights.may_set_replication_role = rights
            .roles
            .keys()
            .copied()
            .filter(|role| !rights.is_superuser(*role) && may_set(role))
            .collect();
        rights
    }
}

/// Adds a further support function to an aggregate: it is as good as the worst of them.
fn merge(known: &mut Function, other: Function) {
    if other.has_text_body {
        known.sets_search_path =
            other.sets_search_path && (known.sets_search_path || !known.has_text_body);
        known.language = other.language;
    }
    known.has_text_body |= other.has_text_body;
    known.security_definer |= other.security_definer;
    known.reads_setting |= other.reads_setting;
    known.touches_row_security |= other.touches_row_security;
    known.unqualified.extend(other.unqualified);
    known.unqualified.sort();
    known.unqualified.dedup();
}
