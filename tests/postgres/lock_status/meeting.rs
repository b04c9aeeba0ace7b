//! Two operators meet on one lock: one refreshes, the other looks who it is, and has it end.

use super::{Scene, told, until_waiting};
use crate::support::{Project, TestDatabase, driftgate};

/// The key of a gate: a refresh of the view waits while a session holds it.
const GATE: i64 = 20_261_124;

fn scene() -> Scene {
    let (database, project) =
        (TestDatabase::empty(), Project::new("version = 1\n[[matview]]\nname = \"public.mv\"\n"));
    database.session().run(&format!(
        "CREATE TABLE public.one AS SELECT 1 AS a;
         CREATE MATERIALIZED VIEW public.mv AS
         SELECT a, pg_advisory_xact_lock_shared({GATE})::text AS gate FROM public.one;
         CREATE UNIQUE INDEX ON public.mv (a)"
    ));
    Scene { database, project }
}

#[test]
fn a_refresh_of_our_own_is_named_and_ends_when_it_is_released() {
    let scene = scene();
    let mut gate = scene.database.session();
    gate.run(&format!("SELECT pg_advisory_lock({GATE})"));
    let refreshing = driftgate(["refresh", "public.mv"])
        .project(&scene.project)
        .database(&scene.database.url())
        .start();
    until_waiting(&scene.database, 1);

    let report = scene.look();
    let (keeper, waits) = (gate.pid(), told(&report));
    let worker = waits[0].split(' ').next().expect("a process id").to_owned();
    assert_eq!(
        waits,
        [
            format!("{worker} public.mv ExclusiveLock"),
            format!("{worker} public.mv ExclusiveLock"),
            format!("{keeper} [{GATE}] ExclusiveLock"),
            format!("{worker} [{GATE}] ShareLock behind [{keeper}]"),
        ]
    );
    scene.command(["--fail-if-held", "public.mv"]).run().exits(4);

    // A second operator who refreshes the same is told to look, and skips.
    let second = driftgate(["refresh", "public.mv"]).project(&scene.project);
    second.database(&scene.database.url()).run().exits(0).shows("SKIPPED_LOCK_HELD");

    scene
        .command(["--release", "public.mv", "--yes"])
        .run()
        .exits(0)
        .shows(&format!("Session {worker} was cancelled; the key of public.mv is free."));
    refreshing.wait().exits(1).shows("CANCELLED");
    gate.run(&format!("SELECT pg_advisory_unlock({GATE})"));
    assert_eq!(told(&scene.look()), [""; 0]);
    let again = driftgate(["refresh", "public.mv"]).project(&scene.project);
    again.database(&scene.database.url()).run().exits(0);
}
