//! What variables, files and defaults make of what a text leaves open.

use std::os::unix::ffi::OsStringExt;

use super::*;

#[test]
fn the_first_that_names_a_database_wins() {
    let environment = Fixed::new()
        .set("DRIFTGATE_DATABASE_URL", "postgresql://u@ours/db")
        .set("DATABASE_URL", "postgresql://u@plain/db")
        .set("PGHOST", "libpq");
    let typed = Typed {
        database_url: Some("postgresql://u@typed/db"),
        migration_database_url: Some("postgresql://m@typed/db"),
    };
    let plain = |typed, environment: &Fixed| {
        Target::resolve_database(typed, environment).expect("accepted").target.to_string()
    };
    let migration = |typed, environment: &Fixed| {
        Target::resolve_migration(typed, environment).expect("accepted").target.to_string()
    };
    let nothing = Typed::default;
    assert_eq!(plain(typed, &environment), "postgresql://u@typed:5432/db");
    assert_eq!(plain(nothing(), &environment), "postgresql://u@ours:5432/db");
    assert_eq!(migration(typed, &environment), "postgresql://m@typed:5432/db");
    assert_eq!(migration(nothing(), &environment), "postgresql://u@ours:5432/db");
    let environment = environment.set("DRIFTGATE_DATABASE_URL", "");
    assert_eq!(plain(nothing(), &environment), "postgresql://u@plain:5432/db");
    let environment = environment.set("MIGRATION_DATABASE_URL", "postgresql://m@plain/db");
    assert_eq!(migration(nothing(), &environment), "postgresql://m@plain:5432/db");
    assert_eq!(plain(nothing(), &environment), "postgresql://u@plain:5432/db");
    let environment = environment.set("DRIFTGATE_MIGRATION_DATABASE_URL", "postgresql://m@ours/db");
    assert_eq!(migration(nothing(), &environment), "postgresql://m@ours:5432/db");
    let libpq = Fixed::new().set("PGHOST", "libpq").set("DATABASE_URL", "");
    let resolved = Target::resolve_database(nothing(), &libpq).expect("accepted");
    assert_eq!(resolved.target.to_string(), "postgresql://os_user@libpq:5432/os_user");
    assert_eq!(resolved.target.source, Source::LibpqVariables);
    let bare = Target::resolve_database(nothing(), &Fixed::new()).expect("accepted");
    assert_eq!(bare.target.source, Source::Defaults);
}

#[test]
fn an_empty_flag_is_refused_and_does_not_fall_back() {
    let environment = Fixed::new().set("DATABASE_URL", "postgresql://u@h/db");
    let typed = Typed { database_url: Some(""), ..Typed::default() };
    let failure = Target::resolve_database(typed, &environment).expect_err("empty");
    assert_eq!(failure.message, "cannot use `--database-url`: it is empty");
}

#[test]
fn what_a_text_leaves_open_is_filled_from_libpqs_variables() {
    let environment = Fixed::new()
        .set("PGHOST", "pg.example")
        .set("PGPORT", "5433")
        .set("PGUSER", "pg_user")
        .set("PGPASSWORD", "hunter2")
        .set("PGDATABASE", "pg_db")
        .set("PGSSLMODE", "require")
        .set("PGCONNECT_TIMEOUT", "7");
    let filled = target("postgresql://", &environment);
    assert_eq!(
        filled.masked_url(),
        "postgresql://pg_user:***@pg.example:5433/pg_db?sslmode=require"
    );
    assert_eq!(password(&filled), Some("hunter2"));
    assert_eq!(filled.connect_timeout, Some(Duration::from_secs(7)));
    assert_eq!(
        notes("postgresql://u@h/db?connect_timeout=3", &environment),
        ["taken from the environment: port (`PGPORT`), sslmode (`PGSSLMODE`), password \
          (`PGPASSWORD`)"]
    );
    let own = target("postgresql://u:pw@h:1/db?sslmode=allow&connect_timeout=3", &environment);
    assert_eq!(own.masked_url(), "postgresql://u:***@h:1/db?sslmode=allow");
    assert_eq!(password(&own), Some("pw"));
    assert_eq!(own.connect_timeout, Some(Duration::from_secs(3)));
}

#[test]
fn variables_that_cannot_be_kept_are_refused_by_name() {
    for (name, value, message) in [
        ("PGPORT", "tcp", "`PGPORT` is not a number from 1 to 65535"),
        ("PGPORT", "0", "`PGPORT` is not a number"),
        ("PGPORT", "1,2", "`PGPORT` names several hosts"),
        ("PGSSLMODE", "on", "`PGSSLMODE` is none of disable"),
        ("PGHOST", "a,b", "`PGHOST` names several hosts"),
        ("PGHOST", "h\n", "`PGHOST` holds a line break"),
        ("PGHOSTADDR", "x", "`PGHOSTADDR` is not an IP address"),
        ("PGCONNECT_TIMEOUT", "soon", "`PGCONNECT_TIMEOUT` is not a whole number"),
        ("PGPASSWORD", "hunter2\n", "`PGPASSWORD` holds a line break"),
        ("PGSERVICE", "prod", "`PGSERVICE` names a service file's entry"),
        ("PGOPTIONS", "-c role=x", "`PGOPTIONS` asks for settings at connecting"),
        ("PGTARGETSESSIONATTRS", "primary", "`PGTARGETSESSIONATTRS` asks to choose"),
        ("PGCHANNELBINDING", "require", "`PGCHANNELBINDING` asks for channel binding"),
        ("PGREQUIREAUTH", "none", "`PGREQUIREAUTH` limits how to log in"),
        ("PGSSLROOTCERT", "system", "`PGSSLROOTCERT` is `system`"),
        ("PGSSLCERT", "/c", "`PGSSLCERT` is given without `sslkey`"),
    ] {
        let environment = Fixed::new().set(name, value);
        let text = match name {
            "PGSSLROOTCERT" => "postgresql://?sslmode=require",
            _ => "postgresql://",
        };
        let failure = resolve(text, &environment).expect_err(name);
        assert_eq!(failure.kind, FailureKind::Usage, "{name}");
        assert!(failure.message.starts_with(message), "{name}: {failure}");
        assert!(!told(&failure).contains("hunter2"), "{name}");
    }
    let harmless = Fixed::new()
        .set("PGTARGETSESSIONATTRS", "any")
        .set("PGCHANNELBINDING", "prefer")
        .set("PGAPPNAME", "x")
        .set("PGSERVICEFILE", "/x")
        .set("PGSERVICE", "");
    assert_eq!(notes("postgresql://u@h/db", &harmless), Vec::<String>::new());
    let overruled = Fixed::new().set("PGTARGETSESSIONATTRS", "primary").set("PGPORT", "x");
    target("postgresql://u@h:1/db?target_session_attrs=any", &overruled);
}

#[test]
fn a_variable_that_is_not_utf_8_is_refused() {
    let bytes = std::ffi::OsString::from_vec(vec![b'x', 0xff]);
    let environment = Fixed::new().set("DATABASE_URL", bytes);
    let failure = Target::resolve_database(Typed::default(), &environment).expect_err("bytes");
    assert_eq!(failure.message, "`DATABASE_URL` is not UTF-8");
}

#[test]
fn without_a_host_a_socket_that_exists_is_taken() {
    for (path, text, masked) in [
        (
            "/var/run/postgresql/.s.PGSQL.5432",
            "postgresql://u@/db",
            "postgresql://u@/db?host=/var/run/postgresql",
        ),
        ("/tmp/.s.PGSQL.5433", "postgresql://u@:5433/db", "postgresql://u@/db?host=/tmp&port=5433"),
        ("/tmp/.s.PGSQL.5433", "postgresql://u@/db", "postgresql://u@localhost:5432/db"),
    ] {
        assert_eq!(target(text, &Fixed::new().path(path)).masked_url(), masked);
    }
}

#[test]
fn an_address_wins_over_a_socket_and_keeps_the_name_of_a_host() {
    let socket = Fixed::new().set("PGHOST", "/run/pg").set("PGHOSTADDR", "::1");
    assert_eq!(target("postgresql://u@/db", &socket).host, Host::Name("::1".to_owned()));
    let named = target("postgresql://u@h/db", &Fixed::new().set("PGHOSTADDR", "10.0.0.9"));
    assert_eq!(named.masked_url(), "postgresql://u@h:5432/db?hostaddr=10.0.0.9");
}

#[test]
fn a_user_is_needed() {
    let nobody = Fixed::new().without_user();
    let failure = resolve("postgresql://h/db", &nobody).expect_err("nobody");
    assert!(failure.message.contains("names no user"), "{failure}");
    target("postgresql://u@h/db", &nobody);
}

#[test]
fn the_password_file_is_the_last_to_be_asked() {
    let file = "h:5432:db:u:from_file\nlocalhost:*:*:*:from_socket\n";
    let home = || Fixed::new().set("HOME", "/home/u").passfile("/home/u/.pgpass", 0o100600, file);
    let found =
        |text: &str, environment: &Fixed| password(&target(text, environment)).map(str::to_owned);
    assert_eq!(found("postgresql://u@h/db", &home()).as_deref(), Some("from_file"));
    assert_eq!(found("postgresql://u:pw@h/db", &home()).as_deref(), Some("pw"));
    assert_eq!(found("postgresql://u:@h/db", &home()).as_deref(), Some("from_file"));
    assert_eq!(found("postgresql://v@h/db", &home()), None);
    let set = home().set("PGPASSWORD", "variable");
    assert_eq!(found("postgresql://u@h/db", &set).as_deref(), Some("variable"));
    // `localhost` stands for the socket in libpq's own directory, and for no other.
    assert_eq!(found("postgresql://u@/db?host=/tmp", &home()).as_deref(), Some("from_socket"));
    assert_eq!(found("postgresql://u@/db?host=/run/pg", &home()), None);
    let other = home().set("PGPASSFILE", "/etc/pw").passfile("/etc/pw", 0o400, "*:*:*:*:other");
    assert_eq!(found("postgresql://u@h/db", &other).as_deref(), Some("other"));
    let named = home().passfile("/x", 0o600, "/run/pg:*:*:*:by_path");
    let url = "postgresql://u@/db?host=/run/pg&passfile=/x";
    assert_eq!(found(url, &named).as_deref(), Some("by_path"));
    assert_eq!(notes(url, &named), ["the password comes from `/x`"]);
}

#[test]
fn a_password_file_that_is_open_to_others_is_ignored() {
    for (mode, ignored) in [(0o600, false), (0o400, false), (0o640, true), (0o604, true)] {
        let environment = Fixed::new().set("HOME", "/home/u").passfile(
            "/home/u/.pgpass",
            mode,
            "*:*:*:*:hunter2",
        );
        let resolved = resolve("postgresql://u@h/db", &environment).expect("accepted");
        assert_eq!(resolved.target.password.is_none(), ignored, "{mode:o}");
        let note = resolved.notes.join("\n");
        assert_eq!(note.contains("is open to others and is ignored"), ignored, "{note}");
        assert!(!note.contains("hunter2"));
    }
    let directory = Fixed::new().set("PGPASSFILE", "/x").path("/x");
    assert_eq!(
        notes("postgresql://u@h/db", &directory).last().map(String::as_str),
        Some("the password file `/x` is not a plain file and is ignored")
    );
    let absent = Fixed::new().set("PGPASSFILE", "/x").set("HOME", "/home/u");
    assert_eq!(
        notes("postgresql://u@h/db", &absent).last().map(String::as_str),
        Some("the password file `/x` does not exist")
    );
}

#[test]
fn certificates_are_those_that_libpq_takes() {
    let file = |path: &str| Some(RootCertificates::File(path.into()));
    let system = Some(RootCertificates::System);
    let home = || Fixed::new().set("HOME", "/h");
    let with_root = || home().path("/h/.postgresql/root.crt");
    for (query, environment, mode, roots) in [
        ("", with_root(), SslMode::Prefer, None),
        ("sslmode=require", home(), SslMode::Require, None),
        ("sslmode=require&sslrootcert=/ca", home(), SslMode::VerifyCa, file("/ca")),
        ("sslmode=require", with_root(), SslMode::VerifyCa, file("/h/.postgresql/root.crt")),
        ("sslmode=verify-ca", home(), SslMode::VerifyCa, None),
        ("sslmode=verify-full", home(), SslMode::VerifyFull, system.clone()),
        ("sslmode=verify-full", with_root(), SslMode::VerifyFull, file("/h/.postgresql/root.crt")),
        ("sslrootcert=system", with_root(), SslMode::VerifyFull, system),
        ("host=/run/pg&sslmode=verify-full", with_root(), SslMode::VerifyFull, None),
    ] {
        let target = target(&format!("postgresql://u@/db?{query}"), &environment);
        assert_eq!((target.sslmode, target.sslrootcert), (mode, roots), "{query}");
    }
    let own = home().path("/h/.postgresql/postgresql.crt").path("/h/.postgresql/postgresql.key");
    for (query, pair) in [
        ("sslcert=/c&sslkey=/k", Some(("/c", "/k"))),
        ("sslcert=/c", Some(("/c", "/h/.postgresql/postgresql.key"))),
        ("", Some(("/h/.postgresql/postgresql.crt", "/h/.postgresql/postgresql.key"))),
        ("sslmode=disable", None),
        ("host=/run/pg", None),
    ] {
        let target = target(&format!("postgresql://u@/db?{query}"), &own);
        let expected = pair.map(|(certificate, key)| ClientCertificate {
            certificate: certificate.into(),
            key: key.into(),
        });
        assert_eq!(target.client_certificate, expected, "{query}");
    }
}

#[test]
fn a_target_can_be_made_for_a_throwaway_server_and_for_another_database() {
    let own = Target::throwaway("/tmp/x", 5432, "postgres", "postgres").with_database("app");
    assert_eq!(own.masked_url(), "postgresql://postgres@/app?host=/tmp/x");
}
