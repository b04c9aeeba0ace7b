//! What comparing definitions knows before the first temporary view: which views are there,
//! and what the role may do.

use std::collections::HashMap;

use sqlx::Row;
use sqlx::postgres::PgRow;
use sqlx::types::Json;

use crate::definitions::{self, FoundView, Stored};
use crate::failure::Failure;
use crate::ident::{Identifier, QualifiedName, RoleName};
use crate::pg::session::ReadTransaction;
use crate::snapshot::ServerFacts;

/// A view that is there.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) oid: u32,
    pub(super) name: QualifiedName,
    owner: RoleName,
    options: Vec<String>,
    comment: Option<String>,
}

impl Known {
    /// Adds what the server prints of the view.
    pub(super) fn found(&self, stored: Result<Stored, String>) -> FoundView {
        FoundView {
            name: self.name.clone(),
            owner: self.owner.clone(),
            options: self.options.clone(),
            comment: self.comment.clone(),
            stored,
        }
    }
}

/// What holds for every view of a run.
#[derive(Debug)]
pub(super) struct Around {
    /// The time zones that a query may have been read in, the likeliest first.
    pub(super) zones: Vec<String>,
    role: RoleName,
    /// Why no temporary view can be made, for a reader.
    no_views: Option<String>,
    /// The schemas that the role may not use.
    closed: Vec<Identifier>,
}

/// How many time zones are tried beside UTC.
const MOST_ZONES: usize = 4;

impl Around {
    /// Returns why nothing can be compared of a view in a schema; `None`: it can.
    ///
    /// A schema that the role may not use is passed over where a name is looked up, so that
    /// the name would silently stand for something else.
    pub(super) fn why_not(&self, schema: &Identifier) -> Option<String> {
        if self.no_views.is_some() {
            return self.no_views.clone();
        }
        self.closed.contains(schema).then(|| {
            let role = &self.role;
            format!("{role} may not use the schema {schema}: {}", self.grant(schema))
        })
    }

    /// Returns the statements that open the schemas which a query names and the role may not
    /// use, to be put behind a sentence.
    pub(super) fn grants_for(&self, query: &str) -> String {
        let is_named = |schema: &&Identifier| definitions::names_schema(query, schema);
        let grants: Vec<_> =
            self.closed.iter().filter(is_named).map(|schema| self.grant(schema)).collect();
        if grants.is_empty() { String::new() } else { format!(": {}", grants.join("; ")) }
    }

    /// Says where names without a schema are looked up, to be put behind a sentence.
    pub(super) fn where_names_are_looked_up(&self, schema: &Identifier) -> String {
        let public = Identifier::from_catalog("public");
        let then = if *schema == public { "" } else { ", then in public" };
        let closed = match self.closed.contains(&public) {
            true => format!(", which {} may not use: {}", self.role, self.grant(&public)),
            false => String::new(),
        };
        format!("; names without a schema are looked up in {schema}{then}{closed}")
    }

    fn grant(&self, schema: &Identifier) -> String {
        format!("GRANT USAGE ON SCHEMA {schema} TO {}", self.role)
    }
}

/// Reads which of these views are there.
pub(super) async fn at_views(
    transaction: &mut ReadTransaction<'_>,
    names: &[&QualifiedName],
) -> Result<HashMap<QualifiedName, Known>, Failure> {
    let pairs: Vec<[&str; 2]> =
        names.iter().map(|name| [name.schema.as_str(), name.name.as_str()]).collect();
    let pairs = serde_json::to_string(&pairs)
        .map_err(|error| Failure::internal(format!("names are no JSON: {error}")))?;
    let mut found = HashMap::new();
    transaction
        .rows_for(
            include_str!("../sql/definitions_look.sql"),
            &[&pairs],
            "look at the views to be compared",
            |row| {
                let known = known(row)?;
                found.insert(known.name.clone(), known);
                Ok(())
            },
        )
        .await?;
    Ok(found)
}

fn known(row: &PgRow) -> Result<Known, sqlx::Error> {
    let oid: i64 = row.try_get("oid")?;
    Ok(Known {
        oid: u32::try_from(oid).map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
        name: QualifiedName::from_catalog(
            row.try_get::<String, _>("schema")?,
            row.try_get::<String, _>("name")?,
        ),
        owner: RoleName::from_catalog(row.try_get::<String, _>("owner")?),
        options: row.try_get::<Json<Vec<String>>, _>("options")?.0,
        comment: row.try_get("comment")?,
    })
}

/// Reads what holds for every view.
pub(super) async fn around(
    transaction: &mut ReadTransaction<'_>,
    server: &ServerFacts,
) -> Result<Around, Failure> {
    let (mut may_make, mut closed, mut zones) = (false, Vec::new(), vec!["UTC".to_owned()]);
    transaction
        .rows(
            include_str!("../sql/definitions_around.sql"),
            "see what is allowed for comparing definitions",
            |row| {
                may_make = row.try_get("may_make")?;
                let names: Json<Vec<String>> = row.try_get("closed")?;
                closed = names.0.into_iter().map(Identifier::from_catalog).collect();
                zones.extend(row.try_get::<Json<Vec<String>>, _>("zones")?.0);
                Ok(())
            },
        )
        .await?;
    let mut others = zones.split_off(1);
    others.retain(|zone| !UTC.iter().any(|name| zone.eq_ignore_ascii_case(name)));
    zones.extend(others.into_iter().take(MOST_ZONES));
    Ok(Around { zones, role: server.role.clone(), no_views: no_views(server, may_make), closed })
}

/// The names of UTC that a server's settings usually have.
const UTC: [&str; 4] = ["UTC", "Etc/UTC", "GMT", "Etc/GMT"];

fn no_views(server: &ServerFacts, may_make: bool) -> Option<String> {
    if server.in_recovery {
        return Some("definitions cannot be compared on a standby: ask the primary".to_owned());
    }
    if server.read_only {
        return Some(format!(
            "definitions cannot be compared in a read-only session: \
             default_transaction_read_only is on for {} or for this database",
            server.role
        ));
    }
    (!may_make).then(|| {
        let (role, database) = (&server.role, Identifier::from_catalog(server.database.as_str()));
        format!(
            "{role} may not make temporary views here: \
             GRANT TEMPORARY ON DATABASE {database} TO {role}"
        )
    })
}
