//! Every kind of mistake, with the line that it is reported on.

use super::*;

/// Returns line and message of each mistake of a registry.
fn mistakes_of(text: &str) -> Vec<(usize, String)> {
    let checks = ["view-missing", "view-unregistered"];
    match Registry::parse(text, "registry.toml", Path::new("/nowhere"), &checks) {
        Ok(_) => Vec::new(),
        Err(mistakes) => mistakes
            .into_iter()
            .map(|mistake| {
                let hint = mistake.hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
                (mistake.line.unwrap_or_default(), mistake.message + &hint)
            })
            .collect(),
    }
}

/// Asserts the mistakes of texts to which `version = 1` is put in front, as line 1.
#[track_caller]
fn assert_mistakes(cases: &[(&str, &[(usize, &str)])]) {
    for (text, expected) in cases {
        let found = mistakes_of(&format!("version = 1\n{text}\n"));
        let as_expected = found.len() == expected.len()
            && found
                .iter()
                .zip(*expected)
                .all(|((line, message), (at, part))| line == at && message.contains(part));
        assert!(as_expected, "{text}\nexpected {expected:#?}\nfound {found:#?}");
    }
}

#[test]
fn four_mistakes_in_one_file_are_found_at_once() {
    let text = "version = 1\n\n[schedules]\nhourly = { every = \"1 hourr\" }\n\n[[matview]]\n\
                name = \"public.mv_x\"\nschedul = \"hourly\"\n\n[[matview]]\n\
                name = \"public.mv_x\"\n\n[[matview]]\nname = \"public.Weird Name\"\n";
    assert_eq!(
        mistakes_of(text),
        [
            (
                4,
                "`every`: `1 hourr` is no duration: unknown time unit \"hourr\", supported units: \
                 ns, us/µs, ms, sec, min, hours, days, weeks, months, years (and few variations) \
                 (write a number with its unit, such as `90s`, `2h30m` or `1day`)"
                    .to_owned()
            ),
            (8, "unknown key `schedul` in [[matview]] (did you mean `schedule`?)".to_owned()),
            (
                10,
                "`public.mv_x` is declared on line 6 already (remove one of the two entries)"
                    .to_owned()
            ),
            (
                14,
                "`name`: `public.Weird Name` is no identifier: ` ` must be inside double quotes \
                 (write `name = 'public.\"Weird Name\"'`)"
                    .to_owned()
            ),
        ]
    );
}

#[test]
fn the_version_is_there_and_known() {
    for (text, line, part) in [
        ("# nothing\n", 1, "`version` is missing (write `version = 1` at the top)"),
        ("\nversion = 2", 2, "`version`: 2 is not known (write `version = 1`"),
        ("version = '1'", 1, "`version`: expected an integer, found a string"),
        ("version = 99999999999999999999", 1, "the number is too large"),
    ] {
        let found = mistakes_of(text);
        assert!(found.len() == 1 && found[0].0 == line && found[0].1.contains(part), "{found:?}");
    }
}

#[test]
fn what_is_not_toml() {
    assert_mistakes(&[
        ("x = y", &[(2, "string values must be quoted")]),
        ("[database\nschemas = []", &[(2, "unclosed table")]),
        ("[database]\n[database]", &[(3, "`database` is given twice")]),
        ("[[matview]]\nname = 'public.a'\nname = 'public.b'", &[(4, "`name` is given twice")]),
        (
            "[gates]\nrequired = [\n\n[database]\nx = 1",
            &[
                (3, "this array is not closed (write the missing `]`)"),
                (6, "unknown key `x` in [database]"),
            ],
        ),
        (
            "[[matview]]\nname = public.a\n[gates]\n\"x\n[[matview]]\nnane = 'x'\nname =",
            &[(3, "must be quoted"), (5, ""), (8, "")],
        ),
        // What is missing may stand in the part that is not TOML, and is not reported.
        (
            "[schedules]\nhourly = { every = 1h }\n[[matview]]\nname = 'public.a'\nschedule = 'hourly'\n\
             owner = 1",
            &[(3, ""), (7, "`owner`: expected a string, found an integer")],
        ),
    ]);
    let deep = format!("x = {}", "[".repeat(200));
    assert_mistakes(&[(&deep, &[(2, "this array is not closed")])]);
    let dotted = format!("{}x = 1", "a.".repeat(1_000));
    assert_mistakes(&[(&dotted, &[(1, "nested too deep")])]);
}

#[test]
fn a_file_of_another_kind_does_not_fill_the_screen() {
    let text = format!("version = 1\n{}", "id,name\n".repeat(5_000));
    let found = mistakes_of(&text);
    assert_eq!(found.len(), 101);
    assert_eq!(found[99].0, 101);
    assert_eq!(found[100], (102, "4900 more lines from here on are not TOML".to_owned()));
}

#[test]
fn unknown_keys_at_every_level() {
    assert_mistakes(&[
        (
            "[[matviews]]",
            &[(2, "unknown key `matviews` in the registry (did you mean `matview`?)")],
        ),
        ("[databse]", &[(2, "did you mean `database`?")]),
        ("[database]\nschema = []", &[(3, "`schema` in [database] (did you mean `schemas`?)")]),
        ("[migrations]\nfolder = 'x'", &[(3, "known: `kind`, `path`, `before`, `command`")]),
        ("[tenancy]\nseting = 'a.b'", &[(3, "did you mean `setting`?")]),
        ("[locks]\nschema = 'int32'", &[(3, "did you mean `scheme`?")]),
        ("[roles.x]\n\nreads = []", &[(4, "`reads` in [roles.x] (did you mean `read`?)")]),
        ("[schedules]\nx = { every = '1s', jiter = '0s' }", &[(3, "did you mean `jitter`?")]),
        (
            "[[task]]\nname='a'\nsql='b'\nschedule='c'\nx=1\n[schedules.c]\nevery='1s'",
            &[(6, "`x`")],
        ),
        ("[gates]\nrequire = []", &[(3, "did you mean `required`?")]),
        (
            "[[matview]]\nname = 'public.a'\n[matview.x]\ny = 1",
            &[(4, "unknown key `x` in [[matview]]")],
        ),
        (
            "[[exception]]\ncheck = 'view-missing'\nsubject = 'a'\nreason = 'b'\nuntil = 2026-01-01\nby = 'me'",
            &[(7, "unknown key `by` in [[exception]]")],
        ),
    ]);
}

#[test]
fn values_of_the_wrong_type() {
    assert_mistakes(&[
        ("database = 1", &[(2, "`database`: expected a table, found an integer")]),
        (
            "[[database]]",
            &[(2, "expected a table, found an array (write it as one table, [database])")],
        ),
        ("[matview]\nname = 'public.a'", &[(2, "expected an array of tables, found a table")]),
        ("matview = ['public.a']", &[(2, "[[matview]]: expected a table, found a string")]),
        (
            "matview = []\n[[matview]]\nname = 'public.a'",
            &[(2, "the views are written in two ways")],
        ),
        ("[[matview]]\nname = 1", &[(3, "`name`: expected a string, found an integer")]),
        (
            "[[matview]]\nname = 'public.a'\nanalyze = 'yes'",
            &[(4, "expected a boolean, found a string")],
        ),
        (
            "[[matview]]\nname = 'public.a'\nanalyze = 1",
            &[(4, "expected a boolean, found an integer")],
        ),
        (
            "[[matview]]\nname = 'public.a'\nunique_key = 'a'",
            &[(4, "expected an array of strings, found a string (write `unique_key = [\"a\"]`)")],
        ),
        (
            "[[matview]]\nname = 'public.a'\nunique_key = [\n  'a',\n  1.5,\n  true,\n]",
            &[(6, "expected a string, found a float"), (7, "found a boolean")],
        ),
        (
            "[[matview]]\nname = 'public.a'\nmax_staleness = 60",
            &[(4, "put it inside double quotes")],
        ),
        ("[roles]\nx = 1", &[(3, "`x`: expected a table, found an integer")]),
        ("[tenancy]\nsettings = { 'a.b' = 2026-01-01 }", &[(3, "found a date or time")]),
        ("[schedules]\nx = '1h'", &[(3, "`x`: expected a table, found a string")]),
        ("[gates]\nrequired = {}", &[(3, "expected an array of strings, found a table")]),
    ]);
}

#[test]
fn names_that_are_none() {
    let long = format!("[[matview]]\nname = 'public.{}'", "x".repeat(64));
    assert_mistakes(&[
        (&long, &[(3, "longer than 63 bytes")]),
        ("[[matview]]", &[(2, "`name` is missing in [[matview]]")]),
        ("[[matview]]\nname = ''", &[(3, "`name`: a name is empty (write `schema.name`)")]),
        (
            "[[matview]]\nname = 'mv_x'",
            &[(3, "`mv_x` has no schema (write `name = \"public.mv_x\"`)")],
        ),
        ("[[matview]]\nname = 'a.b.c'", &[(3, "more than two parts (give schema and name")]),
        ("[[matview]]\nname = 'a.\"b'", &[(3, "a double quote that does not match")]),
        ("[[matview]]\nname = \"a.\\\"b\\u0000\\\"\"", &[(3, "a NUL character")]),
        (
            "[[matview]]\nname = 't_{slug.mv'",
            &[(3, "a brace that does not match (write `{column}`")],
        ),
        (
            "[tenancy]\ntenants = 'x'\n[[matview]]\nname = 't_{}.mv'",
            &[(5, "`{}` is no placeholder")],
        ),
        ("[[matview]]\nname = 't_{slug}'", &[(3, "has no schema")]),
        ("[[matview]]\nname = 't_{slug}.mv'", &[(2, "nothing says which tenants `t_{slug}.mv`")]),
        ("[[matview]]\nname = 'public.a'\nowner = 'a.b'", &[(4, "write `owner = '\"a.b\"'`")]),
        (
            "[[matview]]\nname = 'public.a'\nowner = 'my-role'",
            &[(4, "write `owner = '\"my-role\"'`")],
        ),
        (
            "[[matview]]\nname = 'public.a'\ntenant_column = 'x y'",
            &[(4, "`tenant_column`: `x y` is no")],
        ),
        ("[[matview]]\nname = 'public.a'\nunique_key = ['x y']", &[(4, "(write `'\"x y\"'`)")]),
        ("[[matview]]\nname = 'public.a'\ndepends_on = ['b']", &[(4, "(write `\"public.b\"`)")]),
        ("[database]\nschemas = ['a', 'b c']", &[(3, "`schemas`: `b c` is no identifier")]),
        ("[roles.'a b']", &[(2, "(write `[roles.'\"a b\"']`)")]),
        ("[roles.x]\nmust_not_write = ['events']", &[(3, "`events` has no schema")]),
        ("[roles.x]\nrefresh = ['mv x']", &[(3, "(write `'public.\"mv x\"'`)")]),
        (
            "[schedules]\n'a/b' = { every = '1s' }",
            &[(3, "`a/b` is no name for a schedule (use letters")],
        ),
        (
            "[schedules]\ns = { every = '1s' }\n[[task]]\nname = '../x'\nsql = 'x'\nschedule = 's'",
            &[(5, "`../x` is no name")],
        ),
    ]);
}

#[test]
fn things_that_are_declared_twice() {
    assert_mistakes(&[
        (
            "[[matview]]\nname = 'public.a'\n[gates]\n[[matview]]\nname = 'Public.\"a\"'\n[[matview]]\n\
             name = 'public.a'",
            &[(5, "`public.a` is declared on line 2 already"), (7, "on line 2 already")],
        ),
        (
            "[tenancy]\ntenants = 'x'\n[[matview]]\nname = 't_{s}.a'\n[[matview]]\nname = 'T_{s}.\"a\"'",
            &[(6, "is declared on line 4 already")],
        ),
        (
            "[schedules]\ns = { every = '1s' }\n[[task]]\nname = 'a'\nsql = 'x'\nschedule = 's'\n\
             [[task]]\nname = 'a'\nsql = 'x'\nschedule = 's'",
            &[(9, "the task `a` is declared on line 4 already")],
        ),
        ("[roles.x]\n[roles.X]", &[(3, "the role `x` is declared on line 2 already")]),
        ("[[matview]]\nname = 'public.a'\nunique_key = ['a',\n'A']", &[(5, "`A` is listed twice")]),
        (
            "[[matview]]\nname = 'public.a'\ndepends_on = ['b.c', 'b.c']",
            &[(4, "`b.c` is listed twice")],
        ),
        ("[gates]\nrequired = ['EG-1', 'eg-1']", &[(3, "`eg-1` is listed twice")]),
        (
            "[tenancy]\nsetting = 'a.b'\nsettings = { 'A.b' = 'x' }",
            &[(4, "the setting `A.b` is given twice")],
        ),
        (
            "[[exception]]\ncheck='view-missing'\nsubject='a'\nreason='b'\nuntil=2026-01-01\n\
             [[exception]]\ncheck='view-missing'\nsubject='a'\nreason='c'\nuntil=2027-01-01",
            &[(7, "`view-missing` of `a` is excepted on line 2 already")],
        ),
    ]);
}

#[test]
fn references_that_lead_nowhere() {
    assert_mistakes(&[
        (
            "[schedules]\nhourly = { every = '1h' }\n[[matview]]\nname = 'public.a'\nschedule = 'houly'",
            &[(6, "`houly` is no schedule of this registry (did you mean `hourly`?)")],
        ),
        (
            "[[task]]\nname = 'a'\nsql = 'x'\nschedule = 'nightly'",
            &[(5, "(declare `nightly = { every = \"1h\" }` below [schedules])")],
        ),
        // A schedule with a mistake in it is declared all the same.
        (
            "[schedules]\ns = {}\n[[matview]]\nname = 'public.a'\nschedule = 's'",
            &[(3, "a schedule needs `every` or `cron`")],
        ),
        (
            "[roles.x]\nrefresh = ['public.mv_chanel']\nread = ['public.b']\n[[matview]]\nname = 'public.mv_channel'",
            &[
                (3, "is no view of this registry (did you mean `public.mv_channel`?)"),
                (4, "`public.b` is no view of this registry (add a [[matview]]"),
            ],
        ),
        (
            "[[matview]]\nname = 'public.a'\ndepends_on = ['Public.A']",
            &[(4, "`public.a` names itself")],
        ),
        (
            "[[matview]]\nname = 'public.a'\ndefinition = 'views/a.sql'",
            &[(4, "the file `views/a.sql` does not exist (the path is relative to `/nowhere`)")],
        ),
        ("[[matview]]\nname = 'public.a'\ndefinition = '/'", &[(4, "the file `/` is a folder")]),
        (
            "[gates]\nrequired = ['EG-9']",
            &[(3, "`EG-9` is no gate (the gates are `EG-1` to `EG-8`)")],
        ),
    ]);
}

#[test]
fn durations_and_ticks_that_make_no_sense() {
    let schedule = |rules: &str| format!("[schedules]\nx = {{ {rules} }}");
    for (rules, part) in [
        ("every = ''", "`every`: `` is no duration"),
        ("every = '60'", "is no duration: time unit needed"),
        ("every = '0s'", "`0s` is no time at all"),
        ("every = '500ms'", "`500ms` is shorter than 1s"),
        ("every = '1000years'", "is longer than 100 years"),
        ("every = '1h', jitter = '1h'", "`jitter`: `1h` is not shorter than the interval"),
        ("every = '1h', jitter = 'x'", "`jitter`: `x` is no duration"),
        ("every = '1h', cron = '0 * * * *'", "either `every` or `cron`, not both"),
        ("jitter = '1s'", "a schedule needs `every` or `cron`"),
        ("every = '1h', timezone = 'UTC'", "`timezone`: it is only for `cron`"),
        ("cron = '*/5 * * * * *'", "has 6 fields, and a cron expression has 5"),
        ("cron = ''", "has 0 fields"),
        ("cron = '61 * * * *'", "is no cron expression: number out of bounds"),
        ("cron = '0 0 * * X'", "is no cron expression: it contains illegal character 'X'"),
        ("cron = '@fortnightly'", "is no cron expression"),
        ("cron = '0 0 30 2 *'", "never ticks: there is no such day"),
        ("cron = '0 0 * * *', timezone = 'Europe/Berln'", "did you mean `Europe/Berlin`?"),
        ("cron = '0 0 * * *', timezone = 'utc'", "did you mean `UTC`?"),
        ("cron = '0 0 * * *', timezone = '+01:00'", "write an IANA name such as `Europe/Berlin`"),
    ] {
        assert_mistakes(&[(&schedule(rules), &[(3, part)])]);
    }
    assert_mistakes(&[
        ("[[matview]]\nname = 'public.a'\nmax_staleness = '0s'", &[(4, "`0s` is no time at all")]),
        ("[[matview]]\nname = 'public.a'\nmax_staleness = 'soon'", &[(4, "`soon` is no duration")]),
    ]);
}

#[test]
fn dates_and_fingerprints_that_are_none() {
    let exception = "[[exception]]\ncheck = 'view-missing'\nsubject = 'a'\nreason = 'b'\nuntil = ";
    for (until, part) in [
        ("'2026-02-30'", "`2026-02-30` is no date (write `2026-12-05`"),
        ("'5 December'", "is no date"),
        ("'2026-1-1'", "is no date"),
        ("2026-12-05T00:00:00Z", "expected a date without a time"),
        ("10:00:00", "expected a date without a time"),
        ("20261205", "`until`: expected a date, found an integer"),
    ] {
        assert_mistakes(&[(&format!("{exception}{until}"), &[(6, part)])]);
    }
    for fingerprint in ["sha256:abc", "md5:x", &format!("sha256:{}", "g".repeat(64))] {
        let text = format!("{exception}2026-01-01\nfingerprint = '{fingerprint}'");
        assert_mistakes(&[(&text, &[(7, "is no fingerprint (write `sha256:` and the 64")])]);
    }
}

#[test]
fn choices_and_strings_that_are_wrong() {
    assert_mistakes(&[
        (
            "[[exception]]\ncheck = 'view-mising'\nsubject = ' '",
            &[
                (2, "`reason` is missing in [[exception]]"),
                (2, "`until` is missing in [[exception]]"),
                (3, "`view-mising` is no check (did you mean `view-missing`?)"),
                (4, "`subject`: the string is empty"),
            ],
        ),
        (
            "[[task]]",
            &[(2, "`name` is missing"), (2, "`sql` is missing"), (2, "`schedule` is missing")],
        ),
        (
            "[locks]\nscheme = 'int16'",
            &[(3, "`int16` is not known (known: `int32`, `int32-pair`, `int64`")],
        ),
        ("[migrations]\nkind = 'flyway'", &[(3, "(known: `sql`, `alembic`, `command`)")]),
        ("[migrations]\nkind = 'command'", &[(2, "`command` is missing in [migrations]")]),
        ("[migrations]\nkind = 'command'\ncommand = []", &[(4, "no program is named")]),
        ("[migrations]\nkind = 'command'\ncommand = ['']", &[(4, "the string is empty")]),
        ("[migrations]\ncommand = ['x']", &[(3, "it is only for `kind = \"command\"`")]),
        ("[migrations]\npath = ''", &[(3, "`path`: the string is empty")]),
        ("[[matview]]\nname = 'public.a'\nrefresh = 'plan'", &[(4, "did you mean `plain`?")]),
        (
            "[[matview]]\nname = 'public.a'\nlock_name = ''",
            &[(4, "`lock_name`: the string is empty")],
        ),
        ("[[matview]]\nname = 'public.a'\nunique_key = []", &[(4, "no column is listed")]),
        ("[database]\nschemas = []", &[(3, "no schema is listed")]),
        ("[database]\nschemas = 'public'", &[(3, "(write `schemas = [\"public\"]`, or `\"*\"`")]),
        (
            "[database]\nignore = ['a.b[', 'a.***', 'tmp']",
            &[
                (3, "`a.b[` is no glob pattern"),
                (3, "`a.***` is no glob pattern"),
                (3, "`tmp` matches no name with a schema (write `*.tmp`"),
            ],
        ),
        ("[gates]\nrequired = []", &[(3, "no gate is listed")]),
        ("[tenancy]\ntenants = ''", &[(3, "`tenants`: the string is empty")]),
        (
            "[tenancy]\nsetting = 'tenant'",
            &[(3, "the setting `tenant` has no dot (write a prefix and a dot: `app.tenant`)")],
        ),
        (
            "[tenancy]\nsetting = 'app.current-tenant'",
            &[(3, "`app.current-tenant` is no name of a setting")],
        ),
        ("[tenancy]\nsettings = { x = 'y' }", &[(3, "the setting `x` has no dot")]),
        ("[tenancy.settings]\na.b = 'y'", &[(3, "within quotes (write `\"a.name\"")]),
        (
            "[[slices]]\nname = 'public.a'\nkey = 1\n[[slices]]",
            &[(2, "slices are not supported by this version"), (5, "slices are not supported")],
        ),
    ]);
}
