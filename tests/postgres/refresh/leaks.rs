//! Values of rows: errors of the server carry them in DETAIL, in some messages, and in what
//! functions raise; none gets into any output or into the history.

use super::scene::Scene;

/// A value that stands in a row, in no name and in no query.
const SECRET: &str = "4111-1111-1111-1111";

/// Asserts that a view whose refresh fails with a code tells the value nowhere.
#[track_caller]
fn assert_tells_nothing(make: &str, spoil: &str, code: &str) {
    let scene = Scene::new(
        &format!("CREATE TABLE public.cards (id int, tenant_id text, number text);\n{make}"),
        "[[matview]]\nname = 'public.mv'\ntenant_column = 'tenant_id'",
    )
    .with_history();
    scene.run(&spoil.replace("{secret}", SECRET));
    let before = scene.rows("public.mv");
    let events = scene.project.path().join("events");
    let page = scene.project.path().join("page");
    let to = format!("json={}", page.display());
    let mut words = Vec::new();
    for format in ["json", "human"] {
        let run = scene
            .refresh(["--all", "-vv", "--format", format])
            .args(["--events", events.to_str().expect("UTF-8"), "--report", &to])
            .run()
            .exits(1);
        assert!(run.stdout.contains(code), "no {code} in {}", run.stdout);
        words.extend([run.stdout, run.stderr]);
    }
    for arguments in [["history", "list", "-vv"], ["inventory", "-vv", "--format=json"]] {
        let run = scene.command(arguments).run();
        words.extend([run.stdout, run.stderr]);
    }
    words.push(scene.project.file("events"));
    words.push(scene.project.file("page"));
    words.extend(scene.session().column("SELECT r::text FROM driftgate.refreshes r"));
    assert_eq!(scene.on_record(), [format!("mv FAILED {code}"), format!("mv FAILED {code}")]);
    for words in words {
        assert!(!words.contains(SECRET), "{words}");
    }
    assert_eq!(scene.rows("public.mv"), before);
}

const BY_ID: &str = "CREATE UNIQUE INDEX ON public.mv (id);";

#[test]
fn a_row_that_comes_twice_is_not_told() {
    assert_tells_nothing(
        &format!("CREATE MATERIALIZED VIEW public.mv AS SELECT * FROM public.cards; {BY_ID}"),
        "INSERT INTO public.cards VALUES (1, 'a', '{secret}'), (1, 'a', '{secret}')",
        "21000",
    );
}

#[test]
fn a_key_that_comes_twice_is_not_told() {
    assert_tells_nothing(
        "CREATE MATERIALIZED VIEW public.mv AS SELECT * FROM public.cards;
         CREATE UNIQUE INDEX ON public.mv (number);",
        "INSERT INTO public.cards VALUES (1, 'a', '{secret}'), (2, 'a', '{secret}')",
        "23505",
    );
}

#[test]
fn a_value_that_cannot_be_read_as_a_number_is_not_told() {
    assert_tells_nothing(
        &format!(
            "CREATE MATERIALIZED VIEW public.mv AS
               SELECT id, tenant_id, number::numeric AS number FROM public.cards; {BY_ID}"
        ),
        "INSERT INTO public.cards VALUES (1, 'a', '{secret}')",
        "22P02",
    );
}

#[test]
fn a_value_that_is_no_date_is_not_told() {
    assert_tells_nothing(
        &format!(
            "CREATE MATERIALIZED VIEW public.mv AS
               SELECT id, tenant_id, number::date AS number FROM public.cards; {BY_ID}"
        ),
        "INSERT INTO public.cards VALUES (1, 'a', '{secret}')",
        "22007",
    );
}

#[test]
fn what_a_function_raises_is_not_told_whatever_its_code_and_hint() {
    for code in ["P0001", "23505", "42501", "42P01", "XX000", "57014", "55P03", "AB123"] {
        assert_tells_nothing_raised(code);
    }
}

#[track_caller]
fn assert_tells_nothing_raised(code: &str) {
    let scene = Scene::new(
        &format!(
            "CREATE TABLE public.cards (id int, number text);
             CREATE FUNCTION public.check_it(text) RETURNS text LANGUAGE plpgsql AS $$
               BEGIN
                 RAISE EXCEPTION 'bad card %', $1 USING ERRCODE = '{code}', HINT = $1, DETAIL = $1;
               END $$;
             CREATE MATERIALIZED VIEW public.mv AS
               SELECT id, public.check_it(number) AS number FROM public.cards; {BY_ID}
             INSERT INTO public.cards VALUES (1, '{SECRET}')"
        ),
        "[[matview]]\nname = 'public.mv'",
    )
    .with_history();
    let run = scene.refresh(["--all", "-vv"]).json();
    assert_ne!(run.code, Some(0), "{code}");
    assert!(run.stdout.contains(code), "{}", run.stdout);
    let recorded = scene.value("SELECT r::text FROM driftgate.refreshes r");
    for words in [run.stdout, run.stderr, recorded] {
        assert!(!words.contains(SECRET), "{code}: {words}");
    }
}

#[test]
fn what_a_statement_put_together_from_a_value_says_is_not_told() {
    assert_tells_nothing(
        &format!(
            "CREATE FUNCTION public.lookup(text) RETURNS text LANGUAGE plpgsql AS $$
               DECLARE found text;
               BEGIN
                 EXECUTE 'SELECT x FROM public.' || quote_ident($1) INTO found;
                 RETURN found;
               END $$;
             CREATE MATERIALIZED VIEW public.mv AS
               SELECT id, tenant_id, public.lookup(number) AS number FROM public.cards; {BY_ID}"
        ),
        "INSERT INTO public.cards VALUES (1, 'a', '{secret}')",
        "42P01",
    );
}
