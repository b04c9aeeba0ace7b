//! Reads a [`Snapshot`] in a constant number of round trips, with no privilege beyond
//! CONNECT, and without hanging behind a running refresh.

use std::collections::{HashMap, HashSet};

use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{Column, Row};

use super::session::{Endpoint, Limits, LockTimeout, ReadTransaction, SearchPath, Session};
use super::statement;
use crate::failure::Failure;
use crate::ident::{Identifier, QualifiedName, RoleName};
use crate::order::{self, Edge};
use crate::snapshot::{Depth, IndexState, ReadStatus, ServerFacts, Snapshot, ViewState};

/// How often the reading starts over when locks appear or definitions move meanwhile.
const ATTEMPTS: usize = 5;

/// From how many views on a second connection shares the work; below, connecting costs more.
const WORTH_A_SECOND_CONNECTION: usize = 200;

/// How long reading sizes and definitions waits for a lock before it looks again at who
/// holds which; the caller's own limit where that is shorter.
const LOOK_AGAIN: LockTimeout = LockTimeout(std::time::Duration::from_millis(300));

/// Connects with a short wait for locks.
async fn connect(endpoint: &Endpoint) -> Result<Session, Failure> {
    let lock = match endpoint.limits.lock {
        LockTimeout(limit) if limit.is_zero() => LOOK_AGAIN,
        LockTimeout(limit) => LockTimeout(limit.min(LOOK_AGAIN.0)),
    };
    let limits = Limits { lock, ..endpoint.limits };
    Session::connect(&Endpoint { limits, ..endpoint.clone() }).await
}

/// Reads the materialized views of a database.
///
/// What an exclusive lock of another session hides is left out and marked busy. The
/// server prints definitions as they are now, not as the transaction sees them, so what
/// was changed meanwhile is read again, and everything of a row is of one instant.
///
/// # Errors
///
/// When the server cannot be reached, refuses or does not answer; no partial snapshot is
/// ever returned.
pub async fn read_snapshot(endpoint: &Endpoint, depth: Depth) -> Result<Snapshot, Failure> {
    let mut session = connect(endpoint).await?;
    let mut transaction = session.begin_read_only(SearchPath::Empty).await?;
    let server = transaction.server().clone();
    if depth == Depth::Catalog {
        let mut views = read_catalog(&mut transaction).await?;
        transaction.finish().await?;
        session.close().await;
        // Nothing was asked for that a lock could hide.
        views.values_mut().for_each(|view| view.status = ReadStatus::Ok);
        return Ok(assemble(server, views));
    }
    // What takes the server long comes first, and the many small rows last: whoever reads
    // something else meanwhile is done by then, and the memory of both is never needed.
    let read_at = transaction.pg_snapshot().to_owned();
    let free = read_free(&mut transaction).await?;
    let mut read = read_shared(endpoint, transaction, &free).await?;
    read_remaining(&mut session, &free, &mut read).await?;
    let mut views = settle(&mut session, read_at, &mut read).await?;
    complete(&mut views, &read);
    session.close().await;
    Ok(assemble(server, views))
}

/// Reads sizes and definitions, on two connections where that is worth it.
async fn read_shared(
    endpoint: &Endpoint,
    mut transaction: ReadTransaction<'_>,
    todo: &[u32],
) -> Result<HashMap<u32, Whole>, Failure> {
    let own = if todo.len() < WORTH_A_SECOND_CONNECTION { todo.len() } else { todo.len() / 2 };
    let (own, others) = todo.split_at(own);
    let (own_read, others_read) =
        tokio::join!(read_whole(&mut transaction, own, CHUNK), read_elsewhere(endpoint, others));
    let mut read = own_read?;
    transaction.finish().await?;
    read.extend(others_read?);
    Ok(read)
}

/// Reads which views no lock hides now.
async fn read_free(transaction: &mut ReadTransaction<'_>) -> Result<Vec<u32>, Failure> {
    let mut free = Vec::new();
    transaction
        .rows(include_str!("sql/read_matviews.sql"), "look at the views and the locks", |row| {
            if !row.try_get::<bool, _>("busy")? {
                free.push(oid(row, "oid")?);
            }
            Ok(())
        })
        .await?;
    Ok(free)
}

fn complete(views: &mut HashMap<u32, ViewState>, read: &HashMap<u32, Whole>) {
    for view in views.values_mut() {
        match read.get(&view.oid) {
            // A view that was dropped meanwhile has no definition any more.
            Some(Whole { digest: Some(digest), size_bytes }) => {
                view.size_bytes = *size_bytes;
                view.definition_sha256 = Some(*digest);
                // It was read before the lock that hides it by now, and has not changed.
                view.status = ReadStatus::Ok;
            }
            _ => view.status = ReadStatus::Busy,
        }
    }
}

/// Size and definition of one view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Whole {
    digest: Option<[u8; 32]>,
    size_bytes: Option<i64>,
}

async fn read_catalog(
    transaction: &mut ReadTransaction<'_>,
) -> Result<HashMap<u32, ViewState>, Failure> {
    let mut views = HashMap::new();
    let mut edges = Vec::new();
    transaction
        .rows(
            concat!(
                include_str!("sql/read_matviews.sql"),
                include_str!("sql/read_indexes.sql"),
                include_str!("sql/read_view_edges.sql"),
            ),
            "read the materialized views",
            |row| {
                // Three result sets in one round trip, told apart by their first column.
                match row.column(0).name() {
                    "oid" => {
                        let view = view(row)?;
                        views.insert(view.oid, view);
                    }
                    "matview" => {
                        let owner = oid(row, "matview")?;
                        if let Some(view) = views.get_mut(&owner) {
                            view.indexes.push(index(row)?);
                        }
                    }
                    _ => edges.push(edge(row)?),
                }
                Ok(())
            },
        )
        .await?;
    for view in views.values_mut() {
        view.indexes.sort_by(|a, b| a.name.cmp(&b.name));
    }
    link(&mut views, &edges);
    Ok(views)
}

fn link(views: &mut HashMap<u32, ViewState>, edges: &[Edge]) {
    let oids: Vec<u32> = views.keys().copied().collect();
    for (from, to) in order::nearest(oids.into_iter(), edges) {
        let names = |oid| views.get(&oid).map(|view| view.name.clone());
        let (Some(reader), Some(read)) = (names(from), names(to)) else { continue };
        if let Some(view) = views.get_mut(&from) {
            view.depends_on.insert(read);
        }
        if let Some(view) = views.get_mut(&to) {
            view.dependents.insert(reader);
        }
    }
}

/// Reads sizes and definitions until something is in the way; what was read until then is
/// kept, and the rest is for another look.
async fn read_whole(
    transaction: &mut ReadTransaction<'_>,
    oids: &[u32],
    chunk: usize,
) -> Result<HashMap<u32, Whole>, Failure> {
    let mut read = HashMap::with_capacity(oids.len());
    if oids.is_empty() {
        return Ok(read);
    }
    let reading = transaction
        .rows(statement::read_whole(oids, chunk), "read sizes and definitions", |row| {
            let digest = digest(row, "digest")?;
            let whole = Whole { digest, size_bytes: row.try_get("size_bytes")? };
            read.insert(oid(row, "oid")?, whole);
            Ok(())
        })
        .await;
    match reading {
        Err(error) if IN_THE_WAY.contains(&error.sqlstate.as_deref().unwrap_or_default()) => {
            Ok(read)
        }
        Err(error) => Err(error.failure),
        Ok(()) => Ok(read),
    }
}

/// Reads one share of the views on a connection of its own.
///
/// A server that has no second connection to give leaves the share to the first one.
async fn read_elsewhere(endpoint: &Endpoint, oids: &[u32]) -> Result<HashMap<u32, Whole>, Failure> {
    if oids.is_empty() {
        return Ok(HashMap::new());
    }
    let Ok(mut session) = connect(endpoint).await else { return Ok(HashMap::new()) };
    let mut transaction = session.begin_read_only(SearchPath::Empty).await?;
    let read = read_whole(&mut transaction, oids, CHUNK).await?;
    transaction.finish().await?;
    session.close().await;
    Ok(read)
}

/// Looks again, a bounded number of times, at what a lock was in the way of.
async fn read_remaining(
    session: &mut Session,
    wanted: &[u32],
    read: &mut HashMap<u32, Whole>,
) -> Result<(), Failure> {
    for _attempt in 1..ATTEMPTS {
        if read.len() == wanted.len() {
            break;
        }
        let todo: Vec<u32> = wanted.iter().copied().filter(|oid| !read.contains_key(oid)).collect();
        read.extend(read_again(session, &todo).await?);
    }
    Ok(())
}

/// Reads what no lock hides now, in a new transaction.
async fn read_again(session: &mut Session, oids: &[u32]) -> Result<HashMap<u32, Whole>, Failure> {
    let mut transaction = session.begin_read_only(SearchPath::Empty).await?;
    let free: HashSet<u32> = read_free(&mut transaction).await?.into_iter().collect();
    let todo: Vec<u32> = oids.iter().copied().filter(|oid| free.contains(oid)).collect();
    let read = read_whole(&mut transaction, &todo, SMALL_CHUNK).await?;
    transaction.finish().await?;
    Ok(read)
}

/// Reads the rows that definitions belong to.
///
/// The definitions were printed after a snapshot. They belong to the rows of a later one
/// where nothing was written in between that a definition depends on; where no transaction
/// was running or ended in between, comparing the two snapshots shows that. What was
/// concerned is printed again, and rows and writes are looked at once more. Views that
/// change each time, and those that a lock hides, are taken out of `read`.
async fn settle(
    session: &mut Session,
    mut read_at: String,
    read: &mut HashMap<u32, Whole>,
) -> Result<HashMap<u32, ViewState>, Failure> {
    let mut attempt = 1;
    loop {
        let mut transaction = session.begin_read_only(SearchPath::Empty).await?;
        let is_quiet = transaction.pg_snapshot() == read_at;
        let concerned = match is_quiet {
            true => HashSet::new(),
            false => read_written_since(&mut transaction, &read_at).await?,
        };
        read_at = transaction.pg_snapshot().to_owned();
        let views = read_catalog(&mut transaction).await?;
        transaction.finish().await?;
        read.retain(|oid, _| !concerned.contains(oid) && views.contains_key(oid));
        let is_missing = |oid: &u32| !read.contains_key(oid);
        let todo: Vec<u32> = views.keys().copied().filter(is_missing).collect();
        if is_quiet || todo.is_empty() || attempt == ATTEMPTS {
            return Ok(views);
        }
        let again = read_again(session, &todo).await?;
        if again.is_empty() && concerned.is_empty() {
            return Ok(views);
        }
        read.extend(again);
        attempt += 1;
    }
}

async fn read_written_since(
    transaction: &mut ReadTransaction<'_>,
    before: &str,
) -> Result<HashSet<u32>, Failure> {
    let mut concerned = HashSet::new();
    transaction
        .rows_for(
            include_str!("sql/read_written_since.sql"),
            &[before],
            "see what was changed meanwhile",
            |row| {
                concerned.insert(oid(row, "oid")?);
                Ok(())
            },
        )
        .await?;
    Ok(concerned)
}

/// What may be in the way of reading a view, by SQLSTATE: a lock that is not to be had; a
/// relation that is gone by now; and a lock table that is full.
const IN_THE_WAY: [&str; 4] = ["55P03", "XX000", "42P01", "53200"];

/// How many views are read in one go, which holds the locks of all they name.
const CHUNK: usize = 200;

/// How many are where the first look did not get through.
const SMALL_CHUNK: usize = 10;

fn assemble(server: ServerFacts, views: HashMap<u32, ViewState>) -> Snapshot {
    Snapshot { server, views: views.into_values().map(|view| (view.name.clone(), view)).collect() }
}

fn view(row: &PgRow) -> Result<ViewState, sqlx::Error> {
    Ok(ViewState {
        oid: oid(row, "oid")?,
        name: QualifiedName::from_catalog(
            row.try_get::<String, _>("schema")?,
            row.try_get::<String, _>("name")?,
        ),
        owner: RoleName::from_catalog(row.try_get::<String, _>("owner")?),
        populated: row.try_get("populated")?,
        rows_estimate: row.try_get("rows_estimate")?,
        comment: row.try_get::<Option<String>, _>("comment")?.map(String::into_boxed_str),
        indexes: Vec::new(),
        depends_on: Default::default(),
        dependents: Default::default(),
        status: if row.try_get("busy")? { ReadStatus::Busy } else { ReadStatus::Ok },
        size_bytes: None,
        definition_sha256: None,
    })
}

fn index(row: &PgRow) -> Result<IndexState, sqlx::Error> {
    Ok(IndexState {
        name: Identifier::from_catalog(row.try_get::<String, _>("name")?),
        columns: row
            .try_get::<Json<Vec<Option<String>>>, _>("columns")?
            .0
            .into_iter()
            .map(|column| column.map(Identifier::from_catalog))
            .collect(),
        unique: row.try_get("is_unique")?,
        valid: row.try_get("valid")?,
        usable_for_concurrent: row.try_get("usable")?,
    })
}

fn edge(row: &PgRow) -> Result<Edge, sqlx::Error> {
    Ok(Edge {
        from: oid(row, "from_oid")?,
        to: oid(row, "to_oid")?,
        to_plain_view: row.try_get("to_plain_view")?,
    })
}

fn oid(row: &PgRow, column: &str) -> Result<u32, sqlx::Error> {
    let oid: i64 = row.try_get(column)?;
    u32::try_from(oid).map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

fn digest(row: &PgRow, column: &str) -> Result<Option<[u8; 32]>, sqlx::Error> {
    let Some(text) = row.try_get::<Option<String>, _>(column)? else { return Ok(None) };
    let mut bytes = [0; 32];
    if text.len() != 64 {
        return Err(sqlx::Error::Decode("a digest is not 64 digits long".into()));
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        let digits = text.get(2 * at..2 * at + 2).unwrap_or_default();
        *byte =
            u8::from_str_radix(digits, 16).map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
    }
    Ok(Some(bytes))
}
