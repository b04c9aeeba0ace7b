//! Has the server tell what definitions are: a query becomes a temporary view in a
//! transaction that is rolled back, and its print is compared. No view need be owned, and
//! none is changed.

use std::collections::BTreeMap;

use super::session::Endpoint;
use crate::definitions::{
    self, Compared, Declared, Definition, Difference, End, FoundView, Meaning, Refused, Sides,
};
use crate::failure::Failure;
use crate::ident::QualifiedName;

mod desk;
mod look;
mod print;

use desk::{Desk, Tried};
use print::{Made, Printed, Viewing};

/// Compares the definitions that are declared with those of the views.
///
/// A view that is not there is left out. What cannot be told is undecided for its own
/// reason: a file that is no query, a right that is missing, a standby, a lock. Without a
/// declared definition nothing is contacted.
///
/// # Errors
///
/// When the server cannot be reached or does not answer, and when the connection is lost.
pub async fn compare_declared(
    endpoint: &Endpoint,
    declared: &[Declared],
) -> Result<BTreeMap<QualifiedName, Compared>, Failure> {
    if declared.is_empty() {
        return Ok(BTreeMap::new());
    }
    let names: Vec<&QualifiedName> = declared.iter().map(|one| &one.view).collect();
    let mut desk = Desk::open(endpoint, &names).await?;
    let mut compared = BTreeMap::new();
    let mut todo = Vec::new();
    for one in declared {
        let Some(known) = desk.known.remove(&one.view) else { continue };
        match &one.text {
            Err(reason) => {
                compared.insert(one.view.clone(), Compared::Undecided(reason.clone()));
            }
            Ok(text) => todo.push((known, Query { view: &one.view, file: &one.file, text })),
        }
    }
    let left = desk
        .each(todo, &mut compared, async |viewing, query| compare_one(viewing, query).await)
        .await?;
    for (known, reason) in left {
        compared.insert(known.name, Compared::Undecided(reason));
    }
    desk.close().await;
    Ok(compared)
}

/// Reads views as the server prints them, to be compared with those of another database: the
/// fixed points of their definitions with columns, indexes, owner, options and comment.
///
/// A view that is not there is left out. On a standby, and without the right to make
/// temporary views, a definition is what is printed at first, and open for that reason.
///
/// # Errors
///
/// As [`compare_declared`].
pub async fn fixed_points(
    endpoint: &Endpoint,
    names: &[QualifiedName],
) -> Result<BTreeMap<QualifiedName, FoundView>, Failure> {
    if names.is_empty() {
        return Ok(BTreeMap::new());
    }
    let names: Vec<&QualifiedName> = names.iter().collect();
    let mut desk = Desk::open(endpoint, &names).await?;
    let mut found = BTreeMap::new();
    let todo = std::mem::take(&mut desk.known).into_values().map(|known| (known, ())).collect();
    let left = desk
        .each(todo, &mut found, async |viewing, ()| {
            let stored = viewing.stored().await?;
            Ok(stored.map(|stored| viewing.known.found(Ok(stored))))
        })
        .await?;
    for (known, reason) in left {
        let view = known.found(Err(reason));
        found.insert(known.name, view);
    }
    desk.close().await;
    Ok(found)
}

/// A query that is declared for a view.
#[derive(Debug, Clone, Copy)]
struct Query<'a> {
    view: &'a QualifiedName,
    file: &'a str,
    text: &'a str,
}

/// Compares a declared query with its view.
///
/// Times without a zone are read in UTC, and where that differs in the zones that the
/// migration's session may have had; line ends as they are, and as those of Unix.
async fn compare_one(
    viewing: &mut Viewing<'_>,
    query: &Query<'_>,
) -> Result<Tried<Compared>, sqlx::Error> {
    if let Some(reason) = viewing.around.why_not(&viewing.known.name.schema) {
        let prints = [viewing.first.definition.as_str(), viewing.first.pretty.as_str()];
        let agree = definitions::agree_as_they_stand(query.text, prints);
        let otherwise = || Compared::Undecided(reason.clone());
        return Ok(Tried::Done(if agree { Compared::Same } else { otherwise() }));
    }
    let mut live = None;
    let mut answer = None;
    let mut seen = Vec::new();
    for spelling in definitions::spellings(query.text) {
        for zone in viewing.around.zones.clone() {
            let first = match viewing.read(&spelling, &zone).await? {
                Made::Printed(first) => first,
                Made::Busy => return Ok(Tried::Busy),
                Made::Refused(refused) => {
                    let refused = || refusal(viewing, query, &refused);
                    answer.get_or_insert_with(refused);
                    continue;
                }
            };
            if !first.is_bare {
                let reason = format!("{}: a definition is one SELECT and nothing more", query.file);
                return Ok(Tried::Done(Compared::Undecided(reason)));
            }
            if seen.contains(&first.definition) {
                continue;
            }
            seen.push(first.definition.clone());
            match compare_reading(viewing, query, first, &mut live).await? {
                None => return Ok(Tried::Busy),
                Some(Compared::Same) => return Ok(Tried::Done(Compared::Same)),
                Some(compared) => answer.get_or_insert(compared),
            };
        }
    }
    let nothing = || Compared::Undecided(format!("{} was not compared", query.file));
    Ok(Tried::Done(answer.unwrap_or_else(nothing)))
}

/// Compares one reading of a declared query; `live` keeps the view's own fixed point, which
/// is looked for once, and not at all where the first prints agree. `None`: a lock was in the
/// way.
async fn compare_reading(
    viewing: &mut Viewing<'_>,
    query: &Query<'_>,
    first: Printed,
    live: &mut Option<Definition>,
) -> Result<Option<Compared>, sqlx::Error> {
    let name = query.view.to_string();
    let sides = Sides { expected: query.file, found: &name };
    let unsettled = |viewing: &Viewing<'_>, printed: &Printed| {
        printed.definition(End::Open("not looked for".into()), viewing.server.major())
    };
    let (one, other) = (unsettled(viewing, &first), unsettled(viewing, &viewing.first));
    if one.meets(&other) {
        return Ok(Some(definitions::compare(&one, &other, sides)));
    }
    let Some(declared) = viewing.settle(first).await? else { return Ok(None) };
    if live.is_none() {
        *live = viewing.settle_own().await?;
    }
    Ok(live.as_ref().map(|live| definitions::compare(&declared, live, sides)))
}

/// Says what the refusal of a declared query means for the view.
fn refusal(viewing: &Viewing<'_>, query: &Query<'_>, refused: &Refused) -> Compared {
    let place = match refused.line(query.text) {
        Some(line) => format!("{}:{line}", query.file),
        None => query.file.to_owned(),
    };
    let told = format!("{place}: {}", refused.words());
    match refused.meaning(query.text) {
        Meaning::NotHere => Compared::Differs(Box::new(Difference {
            expected: None,
            found: viewing.first.shown(),
            diff: None,
            reason: Some(told),
        })),
        Meaning::Denied => {
            Compared::Undecided(format!("{told}{}", viewing.around.grants_for(query.text)))
        }
        Meaning::Nothing => {
            let hint = match refused.sqlstate.as_str() {
                "42601" | "0A000" => "; a definition is one SELECT".to_owned(),
                "42P01" | "42883" | "42704" => {
                    viewing.around.where_names_are_looked_up(&viewing.known.name.schema)
                }
                _ => String::new(),
            };
            Compared::Undecided(format!("{told}{hint}"))
        }
    }
}
