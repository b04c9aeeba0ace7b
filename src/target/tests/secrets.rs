//! Where a password may go, and where it must not.

use super::*;

#[test]
fn no_refusal_repeats_a_password() {
    let none = Fixed::new();
    for text in [
        "postgresql://u:hunter2%@h/db",
        "postgresql://u:hunter2/x@h/db",
        "postgresql://u:hunter2?x@h/db",
        "postgresql://u:hunter2#x@h/db",
        "postgresql://u:hunter2 x@h/db",
        "postgresql://u:hunter2h/db",
        "postgresql://u:hunter2",
        "postgresql://u:a/?hunter2=x@h/db",
        "postgresql://u:/?hunter2=x",
        "postgresql://u@h/db?password&hunter2=x",
        "postgresql://u@h/db?password=a&hunter2=x",
        "postgresql://u@h/db?password=a&hunter2",
        "postgresql://u@h/db?sslmode=hunter2",
        "postgresql://u@h/db?ssl=hunter2",
        "postgresql://u@h/db?sslpassword=hunter2",
        "postgresql://u@hunter2,x/db",
        "mysql://u:hunter2@h/db",
        "hunter2://u@h/db",
        "hunter2",
        "hunter2=x",
        "host=h password=a hunter2=x",
        "host=h passwordhunter2dbname=x",
        "postgresql://u@h/db?passwordhunter2sslmode=require",
        "postgresql://u@h/dbpassword=hunter2",
        "postgresql://u@hunter2@h/db",
        "host=h password='hunter2",
        "host=h user=upassword=hunter2",
    ] {
        let failure = resolve(text, &none).expect_err(text);
        assert!(!told(&failure).contains("hunter2"), "{text}: {failure}");
    }
}

#[test]
fn a_child_program_is_sent_to_the_same_place() {
    let target = target(
        "postgresql://u:hunter2@h:5433/db?sslmode=verify-full&sslrootcert=/ca&connect_timeout=3",
        &Fixed::new(),
    );
    let environment = target.for_program();
    assert_eq!(
        environment.set,
        [
            ("PGHOST", "h"),
            ("PGPORT", "5433"),
            ("PGUSER", "u"),
            ("PGDATABASE", "db"),
            ("PGSSLMODE", "verify-full"),
            ("PGPASSWORD", "hunter2"),
            ("PGSSLROOTCERT", "/ca"),
            ("PGCONNECT_TIMEOUT", "3"),
        ]
        .map(|(name, value)| (name, value.to_owned()))
    );
    assert_eq!(
        environment.unset,
        ["PGHOSTADDR", "PGOPTIONS", "PGSERVICE", "PGSSLCERT", "PGSSLKEY", "PGTARGETSESSIONATTRS"]
    );
    assert!(!format!("{environment:?}").contains("hunter2"));
    assert_eq!(
        target.secret_url(),
        "postgresql://u:hunter2@h:5433/db?sslmode=verify-full&sslrootcert=/ca&connect_timeout=3"
    );
}

#[test]
fn passwords_are_taken_out_of_what_others_wrote() {
    let environment = Fixed::new()
        .set("PGPASSWORD", "from the env")
        .set("MIGRATION_DATABASE_URL", "postgresql://m:other%21pw@h/db");
    let redactor =
        resolve("postgresql://u:p%40ss'w@h/db", &environment).expect("accepted").redactor;
    for (text, redacted) in [
        ("FATAL: p@ss'w", "FATAL: ***"),
        ("p%40ss%27w p%40ss'w %70@ss'w", "*** *** ***"),
        ("'p@ss''w' p@ss\\'w", "'***' ***"),
        ("from the env from+the%20env", "*** ***"),
        ("other!pw", "***"),
        ("could not parse postgresql://x:abc@h/db", "could not parse postgresql://x:***@h/db"),
        ("postgres://x:a/b@h 'https://x:1@h/y:z@'", "postgres://x:***@h 'https://x:***@h/y:z@'"),
        ("https://h:80/a@b psql://h:1/", "https://h:80/a@b psql://h:1/"),
        ("nothing", "nothing"),
    ] {
        assert_eq!(redactor.redact(text), redacted);
    }
    assert!(!format!("{redactor:?}").contains("ss"));
}

#[test]
fn a_password_that_stands_in_clear_beside_itself_is_no_reason_to_mask_the_words() {
    let url = "postgresql://postgres:postgres@h/app";
    let redactor = resolve(url, &Fixed::new()).expect("accepted").redactor;
    assert_eq!(redactor.redact("role \"postgres\""), "role \"postgres\"");
    assert_eq!(redactor.redact(url), "postgresql://postgres:***@h/app");
}

#[test]
fn what_was_typed_can_be_redacted_without_being_understood() {
    let words = ["refresh", "postgresql://u:hunt/er2@h/db", "postgresql:///?password=secret%21&x"];
    let redactor = Redactor::suspecting(words);
    assert_eq!(redactor.redact("unexpected `hunt/er2`, `secret!`"), "unexpected `***`, `***`");
}
