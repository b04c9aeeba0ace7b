//! `demo`: the whole tour on a throwaway PostgreSQL. Each command is printed and then run
//! as a reader would run it, by this very program.

mod project;
mod tour;

use std::path::PathBuf;

use crate::commands::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::report::{Data, Outcome};
use crate::throwaway::{Programs, Throwaway};

use tour::Tour;

/// The whole tour on a throwaway PostgreSQL.
///
/// Starts a server from this machine's own programs, on a private socket, and removes it
/// at the end, however the tour ends.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The folder with initdb and postgres [also DRIFTGATE_PG_BIN; default: looked for]
    #[arg(long, value_name = "FOLDER")]
    pub pg_bin: Option<PathBuf>,

    /// Keep server and project after the tour, until Enter is pressed
    #[arg(long)]
    pub keep: bool,
}

/// Gives the tour.
///
/// # Errors
///
/// When no PostgreSQL is found on this machine, or a step of the tour does not end as it
/// should; the server is gone by then.
pub async fn run(context: &Context, args: &Args) -> Result<Outcome, Failure> {
    let pg_bin = args
        .pg_bin
        .clone()
        .or_else(|| context.environment.get("DRIFTGATE_PG_BIN").map(PathBuf::from));
    let programs = Programs::find(pg_bin.as_deref())?;
    let folder = project::write()?;
    let server = Throwaway::start(&programs, &[]).await?;
    let mut tour = Tour::new(context, &server, folder.path())?;
    tell(&mut tour, &programs).await?;
    if args.keep {
        tour.wait_for_enter().await;
    }
    let steps = tour.steps();
    server.stop().await?;
    let mut outcome = Outcome::new(Data::Demo(steps));
    outcome.exit = Exit::Done;
    Ok(outcome)
}

async fn tell(tour: &mut Tour<'_>, programs: &Programs) -> Result<(), Failure> {
    tour.introduce(programs)?;
    as_declared(tour).await?;
    drifted(tour).await?;
    lost_rows(tour).await?;
    tour.say(
        "That was the tour; the server and its files go with it. On your own database: \
         write a registry.toml, set DATABASE_URL, and run `driftgate preflight`.",
    )
}

async fn as_declared(tour: &mut Tour<'_>) -> Result<(), Failure> {
    tour.chapter("A database that is as declared")?;
    tour.say("The project's migrations build the database; its ledger is sqlx's own.")?;
    tour.run(&["migrate", "up"], Exit::Done).await?;
    tour.say("Four tenants move in.")?;
    tour.script("demo/seed.sql", project::SEED).await?;
    tour.say("What is there, read from the catalog alone; it takes no right beyond CONNECT.")?;
    tour.run(&["inventory"], Exit::Done).await?;
    tour.say("Refreshes go on record in the database itself: that tells how old rows are.")?;
    tour.run(&["history", "install"], Exit::Done).await?;
    tour.run(&["refresh", "--all"], Exit::Done).await?;
    tour.say("The schedule's first ticks, which a scheduler would dispatch from now on:")?;
    tour.run(&["schedule", "run", "--once", "--quiet"], Exit::Done).await?;
    tour.say("And the verdict, for people and pipelines alike:")?;
    tour.run(&["preflight"], Exit::Done).await
}

async fn lost_rows(tour: &mut Tour<'_>) -> Result<(), Failure> {
    tour.chapter("What that owner would do to the tenants")?;
    tour.say(
        "A materialized view is refreshed as its owner, whoever asks for it. Row-level \
         security binds the role of the application, so the next refresh would keep one \
         tenant's rows at the most, and report success. No list of grants shows that:",
    )?;
    let view = "public.mv_daily_revenue_summary";
    tour.run(&["check-grants", "--view", view], Exit::Failed).await?;
    tour.say("Handed back to the owner that those policies do not bind, it is safe again.")?;
    tour.sql("ALTER MATERIALIZED VIEW public.mv_daily_revenue_summary OWNER TO matview_owner")
        .await?;
    tour.run(&["check-grants", "--quiet", "--view", view], Exit::Done).await
}

async fn drifted(tour: &mut Tour<'_>) -> Result<(), Failure> {
    tour.chapter("Three things that happen at night")?;
    tour.say("Somebody drops a view, with what reads it.")?;
    tour.sql(
        "DROP VIEW public.realtime_revenue; DROP MATERIALIZED VIEW public.mv_realtime_revenue",
    )
    .await?;
    tour.say("Somebody makes one by hand.")?;
    tour.sql(
        "CREATE MATERIALIZED VIEW public.mv_top_tenants AS \
         SELECT tenant_id, count(*) AS events FROM public.attribution_events GROUP BY tenant_id",
    )
    .await?;
    tour.say(
        "And somebody hands a view to the role of the application, which row-level security \
         binds: the next refresh would run with the rights of that role.",
    )?;
    tour.sql("ALTER MATERIALIZED VIEW public.mv_daily_revenue_summary OWNER TO app_user").await?;
    tour.say("The registry is the closed list of what should be there, so all three show:")?;
    tour.run(&["diff-registry"], Exit::Failed).await?;
    tour.say("The verdict alone, and an exit code that stops the pipeline:")?;
    tour.run(&["preflight", "--quiet"], Exit::Failed).await
}
