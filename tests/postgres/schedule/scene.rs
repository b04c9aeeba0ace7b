//! A database with views and tasks in classes, and what is on record of their ticks.

use crate::support::driftgate::{Driftgate, Running};
use crate::support::poll::until;
use crate::support::session::Session;
use crate::support::{Project, TestDatabase, driftgate};

/// A view in a class that ticks every second.
pub(super) const REALTIME: &str = "version = 1\n[schedules]\nrealtime = { every = \"1s\" }\n\
    [[matview]]\nname = \"public.mv_a\"\nrefresh = \"plain\"\nschedule = \"realtime\"\n";

/// A database with a project and the history.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) database: TestDatabase,
    pub(super) project: Project,
}

impl Scene {
    /// Makes one with the view `mv_a`, and the history installed.
    pub(super) fn new(registry: &str) -> Self {
        let scene = Self::without_history(registry);
        scene.command(["history", "install"]).run().exits(0);
        scene
    }

    /// Makes one without a history.
    pub(super) fn without_history(registry: &str) -> Self {
        let (database, project) = (TestDatabase::empty(), Project::new(registry));
        database.session().run("CREATE MATERIALIZED VIEW mv_a AS SELECT clock_timestamp() AS at");
        Self { database, project }
    }

    pub(super) fn command<const N: usize>(&self, arguments: [&str; N]) -> Driftgate {
        driftgate(arguments).project(&self.project).database(&self.database.url())
    }

    pub(super) fn session(&self) -> Session {
        self.database.session()
    }

    /// Starts a scheduler that logs JSON.
    pub(super) fn scheduler<const N: usize>(&self, arguments: [&str; N]) -> Running {
        let command = self.command(["schedule", "run", "--log", "json"]).args(arguments);
        command.args(["--format", "json"]).start()
    }

    /// Waits until so many ticks have ended.
    pub(super) fn until_ended(&self, ticks: usize) {
        let mut session = self.session();
        until(&format!("{ticks} ticks that have ended"), || {
            let ended = session.value("SELECT count(outcome) FROM driftgate.ticks");
            (ended.parse::<usize>().expect("a number") >= ticks).then_some(())
        });
    }

    /// Puts a tick on record that is so many seconds old.
    pub(super) fn ticked(&self, class: &str, seconds: u32) {
        self.session().run(&format!(
            "INSERT INTO driftgate.ticks (class, tick, claimed_at, run_id, scheduler_id, missed,
                                          ended_at, outcome, tool_version)
             SELECT '{class}', t.at, t.at, gen_random_uuid(), gen_random_uuid(), 0, t.at,
                    'SUCCESS', '0.1.0'
               FROM (SELECT clock_timestamp() - interval '{seconds} seconds' AS at) t"
        ));
    }
}
