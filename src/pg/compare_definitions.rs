//! Has the server tell what definitions are: a query becomes a temporary view in a
//! transaction that is rolled back, and its print is compared. No view need be owned, and
//! none is changed.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use super::session::{AtWork, Endpoint, LockTimeout, SearchPath, Session};
use crate::definitions::{
    self, Compared, Declared, Difference, End, FoundView, Meaning, Refused, Sides,
};
use crate::failure::Failure;
use crate::ident::QualifiedName;
use crate::snapshot::ServerFacts;

mod look;
mod print;

use look::{Around, Known};
use print::{Made, Viewing};

/// How often a view is looked at that a lock hides.
const ATTEMPTS: usize = 5;

/// How long one look waits for a lock; the caller's own limit where that is shorter.
const ONE_WAIT: Duration = Duration::from_millis(300);

/// How long all looks together wait where the caller sets no limit.
const ALL_WAITS: Duration = Duration::from_secs(5);

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
    let busy = desk
        .each(todo, &mut compared, async |viewing, _known, query| {
            let tried = compare_one(viewing, query).await?;
            Ok(tried.map(|compared| (query.view.clone(), compared)))
        })
        .await?;
    for (known, query) in busy {
        compared.insert(query.view.clone(), Compared::Undecided(hidden(&known.name)));
    }
    desk.session.close().await;
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
    let busy = desk
        .each(todo, &mut found, async |viewing, known, ()| {
            let tried = viewing.found().await?;
            Ok(tried.map(|stored| (known.name.clone(), known.found(stored))))
        })
        .await?;
    for (known, ()) in busy {
        found.insert(known.name.clone(), known.found(Err(hidden(&known.name))));
    }
    desk.session.close().await;
    Ok(found)
}

fn hidden(view: &QualifiedName) -> String {
    format!("another session holds a lock on {view}, or on something that its query names")
}

/// A query that is declared for a view.
#[derive(Debug, Clone, Copy)]
struct Query<'a> {
    view: &'a QualifiedName,
    file: &'a str,
    text: &'a str,
}

/// What came of a look at a view.
#[derive(Debug)]
enum Tried<T> {
    Done(T),
    /// A lock was in the way.
    Busy,
}

impl<T> Tried<T> {
    fn map<U>(self, change: impl FnOnce(T) -> U) -> Tried<U> {
        match self {
            Self::Done(value) => Tried::Done(change(value)),
            Self::Busy => Tried::Busy,
        }
    }
}

/// The session that all views of a run are looked at with, and what is known before.
struct Desk {
    session: Session,
    server: ServerFacts,
    around: Around,
    known: HashMap<QualifiedName, Known>,
    patience: Duration,
    _at_work: AtWork,
}

impl Desk {
    async fn open(endpoint: &Endpoint, names: &[&QualifiedName]) -> Result<Self, Failure> {
        let mut session = Session::connect(endpoint).await?;
        let mut transaction = session.begin_read_only(SearchPath::Empty).await?;
        let server = transaction.server().clone();
        let known = look::at_views(&mut transaction, names).await?;
        let around = look::around(&mut transaction, &server).await?;
        transaction.finish().await?;
        let at_work = session.note_backend().await?;
        let patience = match endpoint.limits.lock {
            LockTimeout(limit) if limit.is_zero() => ALL_WAITS,
            LockTimeout(limit) => limit,
        };
        Ok(Self { session, server, around, known, patience, _at_work: at_work })
    }

    /// Looks at each view in a transaction of its own, puts what comes of it into `done`, and
    /// returns those that a lock hides each time.
    ///
    /// All waits together take no longer than the limit on one: whoever has used it up looks
    /// at the rest without waiting.
    async fn each<T, U>(
        &mut self,
        mut todo: Vec<(Known, T)>,
        done: &mut BTreeMap<QualifiedName, U>,
        work: impl AsyncFn(
            &mut Viewing<'_>,
            &Known,
            &T,
        ) -> Result<Tried<(QualifiedName, U)>, sqlx::Error>,
    ) -> Result<Vec<(Known, T)>, Failure> {
        for _attempt in 0..ATTEMPTS {
            let mut busy = Vec::new();
            for (known, task) in todo {
                let wait = LockTimeout(self.patience.clamp(Duration::from_millis(1), ONE_WAIT));
                let started = Instant::now();
                match self.one(&known, &task, wait, &work).await? {
                    Some(Tried::Done((name, value))) => {
                        done.insert(name, value);
                    }
                    Some(Tried::Busy) => {
                        self.patience = self.patience.saturating_sub(started.elapsed());
                        busy.push((known, task));
                    }
                    // Dropped meanwhile: it is not there.
                    None => {}
                }
            }
            todo = busy;
            if todo.is_empty() || self.patience.is_zero() {
                break;
            }
        }
        Ok(todo)
    }

    /// Looks at one view; `None`: it is gone.
    async fn one<T, U>(
        &mut self,
        known: &Known,
        task: &T,
        wait: LockTimeout,
        work: &impl AsyncFn(&mut Viewing<'_>, &Known, &T) -> Result<Tried<U>, sqlx::Error>,
    ) -> Result<Option<Tried<U>>, Failure> {
        let Self { session, server, around, .. } = self;
        let looking = async {
            let mut tried = None;
            match Viewing::begin(session, server, around, known, wait).await? {
                Made::Printed(Some(mut viewing)) => {
                    tried = Some(work(&mut viewing, known, task).await?);
                }
                Made::Printed(None) => {}
                Made::Busy => tried = Some(Tried::Busy),
                Made::Refused(refused) => return Ok(Err(refused)),
            }
            Ok::<_, sqlx::Error>(Ok(tried))
        };
        let looked = looking.await;
        let doing = || format!("compare the definition of {}", known.name);
        let looked = looked.map_err(|error| session.failure(&error, &doing()))?;
        let ended = session.run_within("ROLLBACK", session.answer_limit()).await;
        ended.map_err(|error| session.failure(&error, &doing()))?;
        looked.map_err(|refused| {
            Failure::new(crate::failure::FailureKind::Database, format!("could not {}", doing()))
                .cause(refused.words())
        })
    }
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
            let compared = match compare_reading(viewing, query, first, &mut live).await? {
                Tried::Done(Compared::Same) => return Ok(Tried::Done(Compared::Same)),
                Tried::Done(compared) => compared,
                Tried::Busy => return Ok(Tried::Busy),
            };
            answer.get_or_insert(compared);
        }
    }
    let nothing = || Compared::Undecided(format!("{} was not compared", query.file));
    Ok(Tried::Done(answer.unwrap_or_else(nothing)))
}

/// Compares one reading of a declared query; `live` keeps the view's own fixed point, which
/// is looked for once, and not at all where the first prints agree.
async fn compare_reading(
    viewing: &mut Viewing<'_>,
    query: &Query<'_>,
    first: print::Printed,
    live: &mut Option<definitions::Definition>,
) -> Result<Tried<Compared>, sqlx::Error> {
    let name = query.view.to_string();
    let sides = Sides { expected: query.file, found: &name };
    let unsettled = |viewing: &Viewing<'_>, printed: &print::Printed| {
        printed.definition(End::Open("not looked for".into()), viewing.server.major())
    };
    let (one, other) = (unsettled(viewing, &first), unsettled(viewing, &viewing.first));
    if one.meets(&other) {
        return Ok(Tried::Done(definitions::compare(&one, &other, sides)));
    }
    let Tried::Done(declared) = viewing.settle(first).await? else { return Ok(Tried::Busy) };
    if live.is_none() {
        let Tried::Done(settled) = viewing.settle_own().await? else { return Ok(Tried::Busy) };
        *live = Some(settled);
    }
    let live = live.as_ref().unwrap_or(&other);
    Ok(Tried::Done(definitions::compare(&declared, live, sides)))
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
