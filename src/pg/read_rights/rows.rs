//! One row of the catalog as a part of [`Rights`](crate::rights::Rights), one function for
//! each result set.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::Row;
use sqlx::postgres::PgRow;
use sqlx::types::Json;

use crate::ident::{Identifier, QualifiedName, RoleName};
use crate::rights::body::{self, BodyFacts};
use crate::rights::{
    Function, Grant, Membership, Oid, Policy, Privilege, Relation, RelationKind, Role, Rule,
    Schema, Trigger,
};

/// A function or a support function of an aggregate.
pub(super) struct FunctionRow {
    pub(super) function: Function,
    pub(super) body: BodyFacts,
    /// It comes with the server, or is immutable and written in C.
    pub(super) is_harmless: bool,
}

/// A policy, and the functions in its condition.
pub(super) struct PolicyRow {
    pub(super) policy: Policy,
    pub(super) calls: Vec<Oid>,
}

/// A trigger, its function, and all functions that it calls.
pub(super) struct TriggerRow {
    pub(super) trigger: Trigger,
    pub(super) function: Oid,
    pub(super) calls: Vec<Oid>,
    pub(super) for_each_row: bool,
}

/// What a view's query shows, and the relations in it.
pub(super) struct RuleRow {
    pub(super) rule: Rule,
    pub(super) named: BTreeSet<Oid>,
    /// The built-in functions that run a query or read a table given as text.
    pub(super) runs_text: Vec<Oid>,
}

pub(super) fn role(row: &PgRow) -> Result<Role, sqlx::Error> {
    Ok(Role {
        name: RoleName::from_catalog(row.try_get::<String, _>("name")?),
        superuser: row.try_get("superuser")?,
        inherit: row.try_get("inherit")?,
        bypass_rls: row.try_get("bypass_rls")?,
        can_login: row.try_get("can_login")?,
        create_role: row.try_get("create_role")?,
    })
}

pub(super) fn membership(row: &PgRow) -> Result<Membership, sqlx::Error> {
    Ok(Membership {
        group: oid(row, "joined")?,
        member: oid(row, "member")?,
        inherit: row.try_get("inherit")?,
        set: row.try_get("set")?,
        admin: row.try_get("admin")?,
        grantor: oid(row, "grantor")?,
    })
}

pub(super) fn schema(row: &PgRow) -> Result<Schema, sqlx::Error> {
    Ok(Schema { name: identifier(row, "name")?, owner: oid(row, "owner")?, grants: grants(row)? })
}

pub(super) fn relation(row: &PgRow) -> Result<Relation, sqlx::Error> {
    let numbers: Option<Vec<i16>> = row.try_get("column_numbers")?;
    let names: Option<Json<Vec<String>>> = row.try_get("columns")?;
    let names = names.into_iter().flat_map(|names| names.0).map(Identifier::from_catalog);
    Ok(Relation {
        name: qualified_name(row)?,
        schema: oid(row, "schema")?,
        kind: match row.try_get::<&str, _>("kind")? {
            "v" => RelationKind::View,
            "m" => RelationKind::Matview,
            "f" => RelationKind::ForeignTable,
            _ => RelationKind::Table,
        },
        owner: oid(row, "owner")?,
        grants: grants(row)?,
        column_grants: BTreeMap::new(),
        columns: numbers.unwrap_or_default().into_iter().zip(names).collect(),
        row_security: row.try_get("row_security")?,
        force_row_security: row.try_get("forced")?,
        security_invoker: row.try_get("security_invoker")?,
        policies: Vec::new(),
        triggers: Vec::new(),
    })
}

/// Returns the listed tables of which a relation is a partition, child or parent.
pub(super) fn kin_of(row: &PgRow) -> Result<Vec<Oid>, sqlx::Error> {
    oids(row, "kin_of")
}

pub(super) fn function(row: &PgRow) -> Result<FunctionRow, sqlx::Error> {
    let language: String = row.try_get("language")?;
    let settings: Option<Vec<String>> = row.try_get("settings")?;
    let sets = |name: &str| {
        settings.iter().flatten().any(|setting| {
            setting.split_once('=').is_some_and(|(set, _)| set.eq_ignore_ascii_case(name))
        })
    };
    let text: Option<&str> = row.try_get("body")?;
    let mut body = text.map(|text| body::look_into(&language, text)).unwrap_or_default();
    let sets_setting: bool = row.try_get("tree_sets_setting")?;
    body.reads_setting |= sets_setting || row.try_get("tree_reads_setting")?;
    // The names of settings cannot be read in a tree.
    body.touches_row_security |= sets_setting || sets("row_security");
    // A function of a user's own in the language `internal` is another name for a built-in.
    let is_built_in = match language.as_str() {
        "internal" => row.try_get("of_the_system")? || row.try_get("immutable")?,
        "c" => row.try_get("immutable")?,
        _ => false,
    };
    let sets_search_path = sets("search_path");
    let unqualified = match sets_search_path {
        true => Vec::new(),
        false => body.unqualified.iter().cloned().collect(),
    };
    Ok(FunctionRow {
        function: Function {
            signature: row.try_get("signature")?,
            schema: identifier(row, "schema")?,
            owner: oid(row, "owner")?,
            grants: grants(row)?,
            security_definer: row.try_get("security_definer")?,
            language,
            reads_setting: body.depends_on_session(),
            touches_row_security: body.touches_row_security,
            sets_search_path,
            has_text_body: row.try_get("has_text_body")?,
            unqualified,
        },
        body,
        is_harmless: is_built_in && settings.is_none(),
    })
}

pub(super) fn policy(row: &PgRow) -> Result<PolicyRow, sqlx::Error> {
    Ok(PolicyRow {
        policy: Policy {
            name: identifier(row, "name")?,
            permissive: row.try_get("permissive")?,
            roles: oids(row, "roles")?,
            always_true: row.try_get("always_true")?,
            reads_setting: row.try_get("reads_setting")?,
        },
        calls: oids(row, "calls")?,
    })
}

pub(super) fn trigger(row: &PgRow) -> Result<TriggerRow, sqlx::Error> {
    // The bits of tgtype. Source: `catalog/pg_trigger.h`, the same in all versions.
    const FOR_EACH_ROW: i16 = 1;
    const EVENTS: [(i16, Privilege); 4] = [
        (4, Privilege::Insert),
        (8, Privilege::Delete),
        (16, Privilege::Update),
        (32, Privilege::Truncate),
    ];
    let bits: i16 = row.try_get("events")?;
    let events = EVENTS.into_iter().filter(|(bit, _)| bits & bit != 0);
    Ok(TriggerRow {
        trigger: Trigger {
            name: identifier(row, "name")?,
            events: events.map(|(_, event)| event).collect(),
            refuses: false,
            reads_setting: row.try_get("reads_setting")?,
            conditional: row.try_get("conditional")?,
            always: row.try_get::<&str, _>("enabled")? == "A",
            function_owner: oid(row, "function_owner")?,
        },
        function: oid(row, "function")?,
        calls: oids(row, "calls")?,
        for_each_row: bits & FOR_EACH_ROW != 0,
    })
}

pub(super) fn rule(row: &PgRow) -> Result<RuleRow, sqlx::Error> {
    let named: Vec<String> = row.try_get("named")?;
    Ok(RuleRow {
        rule: Rule {
            reads_setting: row.try_get("reads_setting")?,
            reads_user: row.try_get("reads_user")?,
            uses_whole_rows: row.try_get("uses_whole_rows")?,
            ..Rule::default()
        },
        named: named.iter().filter_map(|oid| oid.parse().ok()).collect(),
        runs_text: oids(row, "runs_text")?,
    })
}

pub(super) fn columns(row: &PgRow) -> Result<BTreeSet<i16>, sqlx::Error> {
    let columns: Option<Vec<i16>> = row.try_get("columns")?;
    Ok(columns.into_iter().flatten().collect())
}

/// Returns the grants of a row: three arrays in step; null where there are none.
///
/// Privileges that nothing depends on are left out.
pub(super) fn grants(row: &PgRow) -> Result<Vec<Grant>, sqlx::Error> {
    let privileges: Option<Vec<String>> = row.try_get("privileges")?;
    let parties = oids(row, "grantees")?.into_iter().zip(oids(row, "grantors")?);
    Ok(privileges
        .into_iter()
        .flatten()
        .zip(parties)
        .filter_map(|(word, (grantee, grantor))| {
            let privilege = Privilege::of_word(&word)?;
            Some(Grant { grantee, privilege, grantor })
        })
        .collect())
}

pub(super) fn qualified_name(row: &PgRow) -> Result<QualifiedName, sqlx::Error> {
    Ok(QualifiedName::from_catalog(
        row.try_get::<String, _>("schema_name")?,
        row.try_get::<String, _>("name")?,
    ))
}

pub(super) fn oid(row: &PgRow, column: &str) -> Result<Oid, sqlx::Error> {
    in_range(row.try_get(column)?)
}

fn oids(row: &PgRow, column: &str) -> Result<Vec<Oid>, sqlx::Error> {
    let oids: Option<Vec<i64>> = row.try_get(column)?;
    oids.into_iter().flatten().map(in_range).collect()
}

fn in_range(oid: i64) -> Result<Oid, sqlx::Error> {
    Oid::try_from(oid).map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

fn identifier(row: &PgRow, column: &str) -> Result<Identifier, sqlx::Error> {
    Ok(Identifier::from_catalog(row.try_get::<String, _>(column)?))
}
