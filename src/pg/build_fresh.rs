//! Builds a new database step by step, and looks at its materialized views after each step:
//! in a second session, only where the step wrote what a look could see, and while the
//! next step is already running.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, Row};

use super::fresh_database::FreshDatabase;
use super::session::{AtWork, Session};
use super::shared_state::{self, Keeper};
use super::statement::fresh::{self as statement, Settled};
use super::{server_error, statement as common};
use crate::failure::{Failure, FailureKind};
use crate::ident::QualifiedName;
use crate::migrations::sql::line_of;
use crate::verify::{Look, SeenView, Stories};

/// SQL that is run as one step.
#[derive(Debug, Clone, Copy)]
pub struct Step<'a> {
    /// What a report calls it.
    pub name: &'a str,
    /// The file, as the report names it.
    pub file: &'a str,
    /// The statements.
    pub sql: &'a str,
    /// Whether it asks to run outside a transaction.
    pub no_transaction: bool,
}

/// As whom a step is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum As {
    /// The role that migrates.
    Migrator,
    /// Whoever gives the platform: the superuser of a server of our own.
    Platform,
}

/// Why a step did not get to its end.
#[derive(Debug)]
pub enum StepEnd {
    /// It failed, or would not do on any database.
    Failed(Box<Broken>),
    /// Whether it would work is not known, for this reason.
    Undecided(Box<Failure>),
}

/// A step that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// SQLSTATE; `None`: it is not the server that refused.
    pub sqlstate: Option<String>,
    /// The server's words, or ours.
    pub message: String,
    /// The server's hint.
    pub hint: Option<String>,
    /// The line of the file that the server points at, counted from 1.
    pub line: Option<usize>,
}

/// A new database that is being built.
#[derive(Debug)]
pub struct Building<'f> {
    fresh: &'f FreshDatabase,
    migrator: Session,
    platform: Session,
    keeper: Option<Keeper>,
    settled: Settled<'f>,
    stories: Stories,
    /// The look after the step before.
    due: Option<DueLook>,
    _at_work: [AtWork; 2],
}

impl<'f> Building<'f> {
    /// Opens the sessions, and looks at what is there before the first step.
    ///
    /// # Errors
    ///
    /// When the database cannot be reached.
    pub async fn start(fresh: &'f FreshDatabase) -> Result<Self, Failure> {
        let mut migrator = Session::connect(&fresh.endpoint).await?;
        let mut platform = Session::connect(&fresh.platform).await?;
        let at_work = [migrator.note_backend().await?, platform.note_backend().await?];
        let settled = Settled {
            limits: migrator.limits(),
            version_num: version_num(&mut platform).await?,
            is_shared: fresh.source.is_shared(),
            time_zone: None,
        };
        let keeper = match fresh.source.is_shared() {
            true => Some(Keeper::start(&mut platform).await?),
            false => None,
        };
        let ready = platform.run(statement::SETTLE_LOOKING).await;
        ready.map_err(|error| platform.failure(&error, "settle a session that looks"))?;
        let stories = Stories::default();
        let look = look(&mut platform, NO_TRANSACTION, true).await?;
        let mut building = Self {
            fresh,
            migrator,
            platform,
            keeper,
            settled,
            stories,
            due: None,
            _at_work: at_work,
        };
        building.stories.note(None, look);
        Ok(building)
    }

    /// Has the steps read literals of time in the time zone of the target: another tool than
    /// one of sqlx's kind, whose sessions are in UTC, applies them there.
    pub fn use_time_zone_of_target(&mut self) {
        self.settled.time_zone = self.fresh.time_zone.as_deref();
    }

    /// Makes the ledger that sqlx's own tool would have made first: migrations may name it.
    ///
    /// # Errors
    ///
    /// When the server refuses.
    pub async fn make_ledger(&mut self) -> Result<(), Failure> {
        use sqlx::migrate::Migrate as _;
        let made = self.migrator.connection().ensure_migrations_table("_sqlx_migrations").await;
        made.map_err(|error| match error {
            sqlx::migrate::MigrateError::Execute(error) => {
                self.migrator.failure(&error, "make the ledger of migrations")
            }
            error => Failure::internal("could not make the ledger").cause(error.to_string()),
        })
    }

    /// Runs one step to its end, and returns how long that took, looking included.
    ///
    /// # Errors
    ///
    /// Why it did not get there; nothing of it is kept then, unless it runs outside a
    /// transaction.
    pub async fn run(&mut self, step: &Step<'_>, whom: As) -> Result<Duration, StepEnd> {
        let started = Instant::now();
        let asked = match step.no_transaction {
            true => self.run_alone(step, whom).await?,
            false => self.run_in_transaction(step, whom).await?,
        };
        let wanted = match asked.wanted {
            Wanted::Nothing => return Ok(started.elapsed()),
            Wanted::Written => false,
            Wanted::Everything => true,
        };
        self.due = Some(DueLook {
            step: step.name.to_owned(),
            since: asked.transaction,
            everything: wanted,
            may_create: asked.may_create,
        });
        Ok(started.elapsed())
    }

    /// Looks at everything, after a step that somebody else did; `None`: after several.
    ///
    /// # Errors
    ///
    /// When the server does not answer.
    pub async fn look_at_all(&mut self, step: Option<&str>) -> Result<(), Failure> {
        self.look_now().await?;
        let look = look(&mut self.platform, NO_TRANSACTION, true).await?;
        self.stories.note(step, look);
        Ok(())
    }

    /// Does the look that is due.
    async fn look_now(&mut self) -> Result<(), Failure> {
        let Some(due) = self.take_due() else { return Ok(()) };
        let look = look(&mut self.platform, &due.since, due.everything).await?;
        self.stories.note(Some(&due.step), look);
        Ok(())
    }

    /// Returns the look that is due, if it can show anything.
    fn take_due(&mut self) -> Option<DueLook> {
        let due = self.due.take()?;
        let may_show = due.everything || due.may_create || self.stories.has_living();
        may_show.then_some(due)
    }

    /// Notes what belongs to a server that is not our own, before somebody else builds.
    ///
    /// # Errors
    ///
    /// When the server does not answer.
    pub async fn watch_roles(&mut self) -> Result<(), Failure> {
        match &mut self.keeper {
            Some(keeper) => keeper.remember(&mut self.platform).await,
            None => Ok(()),
        }
    }

    /// Returns what has changed of a server that is not our own while this program could not
    /// keep it as it was, as sentences.
    ///
    /// # Errors
    ///
    /// When the server does not answer.
    pub async fn foreign_changes(&mut self) -> Result<Vec<String>, Failure> {
        match &self.keeper {
            Some(keeper) => keeper.changed_since(&mut self.platform).await,
            None => Ok(Vec::new()),
        }
    }

    /// Does the last look, ends the sessions, and returns what became of each view.
    ///
    /// # Errors
    ///
    /// When the server does not answer.
    pub async fn finish(mut self) -> Result<Stories, Failure> {
        self.look_now().await?;
        self.migrator.close().await;
        self.platform.close().await;
        Ok(self.stories)
    }

    async fn run_in_transaction(&mut self, step: &Step<'_>, whom: As) -> Result<Asked, StepEnd> {
        let settled = self.settled;
        let (message, before) = settled.run_step(step.sql);
        let begun = match whom {
            As::Migrator => self.run_and_look(message).await?,
            As::Platform => {
                self.look_now().await.map_err(undecided)?;
                writes(self.platform.connection(), message).await
            }
        };
        let begun = begun.map_err(|error| self.refused(&error, step, before, whom))?;
        let ended = writes(self.session(whom).connection(), settled.end_step()).await;
        let ended = ended.map_err(|error| self.refused(&error, step, usize::MAX, whom))?;
        if ended.transaction != begun.transaction {
            return Err(StepEnd::Failed(Box::new(Broken::by_us(
                "the file ends its transaction itself, with COMMIT or ROLLBACK; that is for this \
                 program to do",
            ))));
        }
        if settled.is_shared {
            self.guard(step, whom, &begun, &ended).await?;
            let session = self.session(whom);
            let committed = session.run("COMMIT").await;
            committed.map_err(|error| self.refused(&error, step, usize::MAX, whom))?;
        }
        Ok(ended.since(&begun))
    }

    /// Runs the beginning of a step while the look after the step before is done: what the
    /// step writes cannot be seen before its end, which is sent when both are through.
    async fn run_and_look(
        &mut self,
        message: AssertSqlSafe<String>,
    ) -> Result<Result<Writes, sqlx::Error>, StepEnd> {
        let Some(due) = self.take_due() else {
            return Ok(writes(self.migrator.connection(), message).await);
        };
        let (begun, look) = tokio::join!(
            writes(self.migrator.connection(), message),
            look(&mut self.platform, &due.since, due.everything)
        );
        self.stories.note(Some(&due.step), look.map_err(undecided)?);
        Ok(begun)
    }

    /// Sees to it that nothing beyond the new database is changed for good.
    async fn guard(
        &mut self,
        step: &Step<'_>,
        whom: As,
        begun: &Writes,
        ended: &Writes,
    ) -> Result<(), StepEnd> {
        let Some(keeper) = &mut self.keeper else { return Ok(()) };
        if ended.shared == begun.shared && ended.is_counting {
            return Ok(());
        }
        let accounts = ended.accounts != begun.accounts;
        // On a server that is not our own both are sessions of the role that migrates.
        let (own, other) = match whom {
            As::Migrator => (&mut self.migrator, &mut self.platform),
            As::Platform => (&mut self.platform, &mut self.migrator),
        };
        let seen = keeper.compare(own, other, accounts).await.map_err(undecided)?;
        if !seen.others.is_empty() {
            // Ends the transaction, so that nothing of it is kept.
            let _ = own.run("ROLLBACK").await;
            return Err(undecided(shared_state::refused(step.file, &seen.others)));
        }
        self.fresh.note_roles(seen.made.iter().cloned());
        keeper.mark(own, &seen.made).await.map_err(undecided)
    }

    /// Runs a step outside a transaction; what it wrote is not known then.
    async fn run_alone(&mut self, step: &Step<'_>, whom: As) -> Result<Asked, StepEnd> {
        // What it commits is committed: on a server that is not our own it can only be told.
        self.look_now().await.map_err(undecided)?;
        self.watch_roles().await.map_err(undecided)?;
        let settling = self.settled.before_lone_step();
        let begun = writes(self.session(whom).connection(), settling).await;
        let begun = begun.map_err(|error| self.refused(&error, step, usize::MAX, whom))?;
        let ran = self.session(whom).run(common::vouch_for_migration(step.sql)).await;
        // The rest of the run must not meet what it left, whatever became of it.
        let _ = self.session(whom).run("ROLLBACK").await;
        let _ = self.session(whom).run(common::RESET_SESSION).await;
        ran.map_err(|error| self.refused(&error, step, 0, whom))?;
        let wanted = Wanted::Everything;
        Ok(Asked { transaction: begun.transaction, wanted, may_create: true })
    }

    fn session(&mut self, whom: As) -> &mut Session {
        match whom {
            As::Migrator => &mut self.migrator,
            As::Platform => &mut self.platform,
        }
    }

    /// Turns an error into the end of a step; `before` is how many characters of the message
    /// stand before the step's own.
    fn refused(
        &mut self,
        error: &sqlx::Error,
        step: &Step<'_>,
        before: usize,
        whom: As,
    ) -> StepEnd {
        let session = self.session(whom);
        let mut failure = session.failure(error, &format!("apply {}", step.file));
        let Some(said) = server_error::said(error).filter(|said| !is_weather(said.sqlstate)) else {
            failure.kind = match failure.kind {
                FailureKind::Refused => FailureKind::Database,
                kind => kind,
            };
            return StepEnd::Undecided(Box::new(failure));
        };
        if self.keeper.is_some() && shared_state::is_role_that_is_there(error) {
            return StepEnd::Undecided(Box::new(shared_state::role_is_there(step.file, failure)));
        }
        let redactor = &self.fresh.endpoint.resolved.redactor;
        let position = server_error::position(error).and_then(|at| at.checked_sub(before));
        StepEnd::Failed(Box::new(Broken {
            sqlstate: Some(said.sqlstate.to_owned()),
            message: redactor.redact(said.message),
            hint: said.hint.map(|hint| redactor.redact(hint)),
            line: position.filter(|at| *at > 0).map(|at| line_of(step.sql, at)),
        }))
    }
}

impl Broken {
    /// Makes the words of a tool that failed the server's.
    pub fn of_tool(failure: &Failure) -> Self {
        let words = std::iter::once(&failure.message).chain(&failure.causes);
        let message = words.cloned().collect::<Vec<_>>().join("; ");
        Self { sqlstate: None, message, hint: failure.hints.first().cloned(), line: None }
    }

    fn by_us(message: &str) -> Self {
        Self { sqlstate: None, message: message.to_owned(), hint: None, line: None }
    }
}

/// A look that is still to be done.
#[derive(Debug)]
struct DueLook {
    /// The step that it shows.
    step: String,
    /// The transaction of the step.
    since: String,
    /// Whether what was written bears no transaction id.
    everything: bool,
    /// Whether there may be a view that was not there before.
    may_create: bool,
}

/// A transaction id that is older than every other.
const NO_TRANSACTION: &str = "3";

fn undecided(failure: Failure) -> StepEnd {
    StepEnd::Undecided(Box::new(failure))
}

/// Tells by SQLSTATE whether an error comes from the surroundings and not from the step:
/// connections, resources, limits, operators and the system.
fn is_weather(sqlstate: &str) -> bool {
    const CLASSES: [&str; 5] = ["08", "53", "57", "58", "XX"];
    // 58P01 is a file that is not there, as of an extension that is not installed.
    (CLASSES.contains(&&sqlstate[..2]) && sqlstate != "58P01") || sqlstate == "55P03"
}

/// What the server counts of a transaction's writes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Writes {
    transaction: String,
    rules: i64,
    relations: i64,
    traceless: i64,
    shared: i64,
    accounts: i64,
    is_counting: bool,
}

/// What has to be looked at after a step.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Asked {
    transaction: String,
    wanted: Wanted,
    /// Whether there may be a view that was not there before.
    may_create: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Nothing,
    /// What bears the transaction's id.
    Written,
    /// All, since what was written bears no id.
    Everything,
}

impl Writes {
    /// Tells what has to be looked at, from the counts at the begin and at the end.
    fn since(&self, begun: &Self) -> Asked {
        let wanted = if !self.is_counting || self.traceless != begun.traceless {
            Wanted::Everything
        } else if (self.rules, self.relations) != (begun.rules, begun.relations) {
            Wanted::Written
        } else {
            Wanted::Nothing
        };
        let may_create = !self.is_counting || self.rules != begun.rules;
        Asked { transaction: begun.transaction.clone(), wanted, may_create }
    }
}

/// Runs a message, and returns what its first count of writes tells; the rows of everything
/// else in it are let go.
async fn writes(
    connection: &mut PgConnection,
    message: AssertSqlSafe<String>,
) -> Result<Writes, sqlx::Error> {
    let mut rows = sqlx::raw_sql(message).fetch(connection);
    let mut counted = None;
    while let Some(row) = rows.try_next().await? {
        if counted.is_none() && row.try_column("xact_of_step").is_ok() {
            counted = Some(Writes {
                transaction: row.try_get("xact_of_step")?,
                rules: row.try_get("rules")?,
                relations: row.try_get("relations")?,
                traceless: row.try_get("traceless")?,
                shared: or_none(row.try_get("shared"))?,
                accounts: or_none(row.try_get("accounts"))?,
                is_counting: row.try_get("is_counting")?,
            });
        }
    }
    counted.ok_or(sqlx::Error::RowNotFound)
}

/// Makes a count that was not asked for none.
fn or_none(count: Result<i64, sqlx::Error>) -> Result<i64, sqlx::Error> {
    match count {
        Err(sqlx::Error::ColumnNotFound(_)) => Ok(0),
        count => count,
    }
}

async fn version_num(session: &mut Session) -> Result<i32, Failure> {
    let rows =
        session.rows("SELECT current_setting('server_version_num')::int4 AS version_num").await;
    let read = rows.and_then(|rows| {
        rows.first().ok_or(sqlx::Error::RowNotFound)?.try_get::<i32, _>("version_num")
    });
    read.map_err(|error| session.failure(&error, "ask for the server's version"))
}

/// Looks at what was written since a transaction, or at everything.
async fn look(session: &mut Session, since: &str, everything: bool) -> Result<Look, Failure> {
    // A named statement: it is planned once, and the session is used for nothing that could
    // take it away.
    let looking = sqlx::query(include_str!("sql/look_at_matviews.sql"))
        .bind(since.to_owned())
        .bind(everything)
        .fetch_all(session.connection())
        .await;
    let look = looking.and_then(|rows| seen(&rows));
    look.map_err(|error| session.failure(&error, "look at the materialized views"))
}

fn seen(rows: &[PgRow]) -> Result<Look, sqlx::Error> {
    let (mut seen, mut living) = (Vec::new(), BTreeSet::new());
    for row in rows {
        let oid: i64 = row.try_get("oid")?;
        let oid = u32::try_from(oid).map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
        living.insert(oid);
        let schema: Option<String> = row.try_get("schema")?;
        let name: Option<String> = row.try_get("name")?;
        if let (Some(schema), Some(name)) = (schema, name) {
            let name = QualifiedName::from_catalog(schema, name);
            let shape = row.try_get::<Option<String>, _>("shape")?.unwrap_or_default();
            seen.push(SeenView { oid, name, shape });
        }
    }
    Ok(Look { seen, living })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writes(rules: i64, relations: i64, traceless: i64) -> Writes {
        Writes {
            transaction: "700".into(),
            rules,
            relations,
            traceless,
            shared: 0,
            accounts: 0,
            is_counting: true,
        }
    }

    #[test]
    fn a_look_is_as_wide_as_what_was_written_makes_needful() {
        let begun = writes(5, 5, 5);
        for (ended, wanted, may_create) in [
            (writes(5, 5, 5), Wanted::Nothing, false),
            (writes(6, 5, 5), Wanted::Written, true),
            (writes(5, 6, 5), Wanted::Written, false),
            (writes(6, 6, 6), Wanted::Everything, true),
        ] {
            let asked = ended.since(&begun);
            assert_eq!((asked.wanted, asked.may_create), (wanted, may_create), "{ended:?}");
        }
        let blind = Writes { is_counting: false, ..begun.clone() };
        assert_eq!(blind.since(&begun).wanted, Wanted::Everything);
    }

    #[test]
    fn what_the_surroundings_did_is_told_from_what_the_step_did() {
        for code in ["57014", "53100", "08006", "55P03", "58030", "XX000"] {
            assert!(is_weather(code), "{code}");
        }
        for code in ["42P01", "42501", "58P01", "23505", "P0001", "0A000", "42710"] {
            assert!(!is_weather(code), "{code}");
        }
    }
}
