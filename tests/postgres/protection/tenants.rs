//! Which relations show several tenants' rows, against what is really shown.

use std::collections::BTreeSet;

use super::{Stage, UnfilteredRead, major, protection, read};
use crate::support::TestDatabase;
use crate::support::session::Session;

/// What every version has: a view of three tenants, and what is built on it.
const RELATIONS: &str = "
    CREATE TABLE {s}.rows (tenant text, amount int);
    INSERT INTO {s}.rows VALUES ('A', 1), ('B', 2), ('C', 3);
    CREATE MATERIALIZED VIEW {s}.mv AS SELECT * FROM {s}.rows;
    CREATE MATERIALIZED VIEW {s}.mv_granted AS SELECT * FROM {s}.rows;
    GRANT SELECT ON {s}.mv_granted TO {app};
    CREATE MATERIALIZED VIEW {s}.mv_not_asked_for AS SELECT * FROM {s}.rows;

    CREATE FUNCTION {s}.asked() RETURNS text LANGUAGE sql STABLE
        AS $$ SELECT current_setting('app.tenant', true) $$;
    CREATE FUNCTION {s}.closed(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT $1 $$;
    REVOKE ALL ON FUNCTION {s}.closed(text) FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION {s}.closed(text) TO {owner};

    CREATE VIEW {s}.plain AS SELECT * FROM {s}.mv;
    CREATE VIEW {s}.plain_over_plain AS SELECT * FROM {s}.plain;
    CREATE VIEW {s}.filtered AS
        SELECT * FROM {s}.mv WHERE tenant = current_setting('app.tenant', true);
    CREATE VIEW {s}.filtered_below AS SELECT * FROM {s}.filtered;
    CREATE VIEW {s}.filtered_above AS
        SELECT * FROM {s}.plain WHERE tenant = current_setting('app.tenant', true);
    CREATE VIEW {s}.filtered_by_function AS SELECT * FROM {s}.mv WHERE tenant = {s}.asked();
    CREATE VIEW {s}.filtered_by_user AS
        SELECT * FROM {s}.mv WHERE tenant = CASE current_user WHEN '{app}' THEN 'A' ELSE 'B' END;
    CREATE VIEW {s}.past_the_filter AS SELECT * FROM {s}.filtered UNION ALL SELECT * FROM {s}.mv;
    CREATE VIEW {s}.of_the_table AS SELECT * FROM {s}.rows WHERE tenant = 'A';
    CREATE VIEW {s}.owner_may_not AS SELECT * FROM {s}.mv;
    CREATE VIEW {s}.calls_closed AS SELECT {s}.closed(tenant) AS tenant FROM {s}.mv;
    CREATE VIEW {s}.beneath_closed AS SELECT * FROM {s}.calls_closed;
    CREATE VIEW {s}.not_granted AS SELECT * FROM {s}.mv;
    CREATE VIEW {s}.one_column AS SELECT * FROM {s}.mv;

    CREATE MATERIALIZED VIEW {s}.mv_again AS SELECT * FROM {s}.plain;
    SELECT set_config('app.tenant', '', false);
    CREATE MATERIALIZED VIEW {s}.mv_of_mv AS SELECT tenant, sum(amount) FROM {s}.mv GROUP BY 1;
    CREATE VIEW {s}.over_mv_of_mv AS SELECT * FROM {s}.mv_of_mv;
    GRANT SELECT ON {s}.plain, {s}.plain_over_plain, {s}.filtered, {s}.filtered_below,
        {s}.filtered_above, {s}.filtered_by_function, {s}.filtered_by_user, {s}.past_the_filter,
        {s}.of_the_table, {s}.owner_may_not, {s}.calls_closed, {s}.beneath_closed,
        {s}.mv_again, {s}.mv_of_mv, {s}.over_mv_of_mv TO {app};
    GRANT SELECT (tenant) ON {s}.one_column TO {app}";

/// Views that read with the rights of whoever asks.
const FROM_15: &str = "
    CREATE VIEW {s}.invoker WITH (security_invoker = true) AS SELECT * FROM {s}.mv;
    CREATE VIEW {s}.invoker_granted WITH (security_invoker = on) AS SELECT * FROM {s}.mv_granted;
    CREATE VIEW {s}.over_invoker AS SELECT * FROM {s}.invoker;
    CREATE VIEW {s}.over_invoker_granted AS SELECT * FROM {s}.invoker_granted;
    GRANT SELECT ON {s}.invoker, {s}.invoker_granted, {s}.over_invoker, {s}.over_invoker_granted
        TO {app}";

/// Everything belongs to the owner, but for one view whose owner may read nothing.
const OWNERS: &str = "
    DO $$
    DECLARE one record;
    BEGIN
        FOR one IN SELECT relname, relkind FROM pg_class
                    WHERE relnamespace = '{s}'::regnamespace AND relkind IN ('r', 'v', 'm')
        LOOP
            EXECUTE format('ALTER %s {s}.%I OWNER TO {owner}',
                CASE one.relkind WHEN 'r' THEN 'TABLE' WHEN 'v' THEN 'VIEW'
                    ELSE 'MATERIALIZED VIEW' END, one.relname);
        END LOOP;
    END $$;
    ALTER VIEW {s}.owner_may_not OWNER TO {other}";

/// How many tenants a relation shows to the role, with one tenant's setting; `None` when it
/// may not be read.
fn shown(session: &mut Session, stage: &Stage, guise: &str, relation: &str) -> Option<usize> {
    let begin = stage.spell(&format!(
        "BEGIN; SET LOCAL app.tenant = 'A'; SET LOCAL SESSION AUTHORIZATION {{app}}; {guise}"
    ));
    session.run(&begin);
    let query = stage.spell(&format!("SELECT DISTINCT tenant FROM {{s}}.{relation}"));
    let may = session.try_run(&query).is_ok();
    let shown = may.then(|| session.column(&query).len());
    session.run("ROLLBACK");
    shown
}

fn relations(session: &mut Session, stage: &Stage) -> Vec<String> {
    session.column(&stage.spell(
        "SELECT relname FROM pg_class
          WHERE relnamespace = '{s}'::regnamespace AND relkind IN ('v', 'm') ORDER BY 1",
    ))
}

/// Compares what is told with what a guise of the role is shown.
fn assert_told(
    session: &mut Session,
    database: &TestDatabase,
    stage: &Stage,
    guise: &str,
) -> Vec<UnfilteredRead> {
    let rights = read(database, &[]);
    let views = ["mv", "mv_granted"].map(|name| stage.name(name));
    let multi_tenant =
        views.iter().map(|view| rights.relation_named(view).expect("it was read")).collect();
    let told = protection::unfiltered_reads(&rights, stage.app(&rights), &multi_tenant);
    let names: BTreeSet<String> =
        told.iter().map(|read| read.relation.name.as_str().to_owned()).collect();
    for relation in relations(session, stage) {
        let tenants = shown(session, stage, guise, &relation);
        // It holds several tenants, and nobody said so.
        let is_asked_for = relation != "mv_not_asked_for";
        let several = is_asked_for && tenants.is_some_and(|tenants| tenants > 1);
        assert_eq!(names.contains(&relation), several, "{relation}: {tenants:?} {told:?}");
    }
    told
}

#[test]
fn what_shows_several_tenants_is_told_and_nothing_else() {
    let mut database = TestDatabase::empty();
    let mut session = database.session();
    let stage = Stage::new(&mut database, &mut session, "tenants");
    session.run(&stage.spell(RELATIONS));
    if major(&mut session) >= 15 {
        session.run(&stage.spell(FROM_15));
    }
    session.run(&stage.spell(OWNERS));
    let told = assert_told(&mut session, &database, &stage, "");
    assert!(told.iter().all(|read| stage.told(&read.via).iter().all(|way| way != "owner")));
    let over = told.iter().find(|read| read.relation == stage.name("over_mv_of_mv"));
    let over = over.expect("it shows all tenants");
    assert_eq!(over.holds, [stage.name("mv")]);
    assert_eq!(over.path, ["over_mv_of_mv", "mv_of_mv", "mv"].map(|name| stage.name(name)));

    // As a member of the owner everything is open, and the setting still filters.
    session.run(&stage.spell("GRANT {owner} TO {app}"));
    let more = assert_told(&mut session, &database, &stage, "");
    assert!(more.len() > told.len(), "{more:?}");
}
