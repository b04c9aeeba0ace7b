//! URLs and keyword strings: how the accepted ones are read, and why the others are refused.

use super::*;

#[test]
fn accepted_texts_are_read_as_libpq_reads_them() {
    let none = Fixed::new();
    for (text, masked, secret) in [
        ("postgresql://u:pw@h:5433/db", "postgresql://u:***@h:5433/db", Some("pw")),
        ("postgres://u@h/db", "postgresql://u@h:5432/db", None),
        ("POSTGRESQL://u@h/db", "postgresql://u@h:5432/db", None),
        ("postgresql://", "postgresql://os_user@localhost:5432/os_user", None),
        ("postgresql:///db", "postgresql://os_user@localhost:5432/db", None),
        ("postgresql://h", "postgresql://os_user@h:5432/os_user", None),
        ("postgresql://h:/db", "postgresql://os_user@h:5432/db", None),
        ("postgresql://:pw@h/db", "postgresql://os_user:***@h:5432/db", Some("pw")),
        ("postgresql://u:@h/db", "postgresql://u@h:5432/db", None),
        ("postgresql://u@h/db/x", "postgresql://u@h:5432/db%2Fx", None),
        ("postgresql://u@h/my%20db?", "postgresql://u@h:5432/my%20db", None),
        ("postgresql://u@db_1.svc.local/db?&", "postgresql://u@db_1.svc.local:5432/db", None),
        ("postgresql://u@10.0.0.9/db", "postgresql://u@10.0.0.9:5432/db", None),
        // Passwords.
        ("postgresql://u:p%40s%25s@h/db", "postgresql://u:***@h:5432/db", Some("p@s%s")),
        ("postgresql://u:p@ss@h/db", "postgresql://u:***@h:5432/db", Some("p@ss")),
        ("postgresql://u:p:s@h/db", "postgresql://u:***@h:5432/db", Some("p:s")),
        ("postgresql://u:p+s@h/db", "postgresql://u:***@h:5432/db", Some("p+s")),
        ("postgresql://u:%C3%A9%09@h/db", "postgresql://u:***@h:5432/db", Some("é\t")),
        ("postgresql://u@h/db?password=a+b%3D", "postgresql://u:***@h:5432/db", Some("a+b=")),
        // IPv6.
        ("postgresql://u@[::1]:5433/db", "postgresql://u@[::1]:5433/db", None),
        ("postgresql://u@[::1]/db", "postgresql://u@[::1]:5432/db", None),
        ("postgresql://u@[fe80::1%25eth0]/db", "postgresql://u@[fe80::1%25eth0]:5432/db", None),
        ("postgresql://u@/db?host=::1", "postgresql://u@[::1]:5432/db", None),
        // Sockets.
        ("postgresql://u@/db?host=/run/pg", "postgresql://u@/db?host=/run/pg", None),
        ("postgresql://u@%2Frun%2Fpg/db", "postgresql://u@/db?host=/run/pg", None),
        ("postgresql://u@%2Frun%2Fpg:5433/db", "postgresql://u@/db?host=/run/pg&port=5433", None),
        ("postgresql://u@localhost/db?host=/run/pg", "postgresql://u@/db?host=/run/pg", None),
        // Everything as a parameter.
        (
            "postgresql:///?host=h&port=5433&user=u&password=pw&dbname=db&sslmode=require",
            "postgresql://u:***@h:5433/db?sslmode=require",
            Some("pw"),
        ),
        ("postgresql:///db?%75ser=me@corp&host=h", "postgresql://me%40corp@h:5432/db", None),
        (
            "postgresql://u@h/db?hostaddr=10.0.0.9",
            "postgresql://u@h:5432/db?hostaddr=10.0.0.9",
            None,
        ),
        ("postgresql://u@/db?hostaddr=10.0.0.9", "postgresql://u@10.0.0.9:5432/db", None),
        ("postgresql://u@h/db?sslmode=prefer", "postgresql://u@h:5432/db", None),
        ("postgresql://u@h/db?port=5432&port=5432", "postgresql://u@h:5432/db", None),
        // Keyword strings.
        ("host=h dbname=db user=u", "postgresql://u@h:5432/db", None),
        (
            " host = h  port=5433 dbname='my db'\tuser=u password=it\\'s ",
            "postgresql://u:***@h:5433/my%20db",
            Some("it's"),
        ),
        (
            "host=/run/pg user=u password='a b\\'\\\\c' dbname=db",
            "postgresql://u:***@/db?host=/run/pg",
            Some("a b'\\c"),
        ),
        ("dbname='' password=a=b host=h", "postgresql://os_user:***@h:5432/os_user", Some("a=b")),
    ] {
        let target = target(text, &none);
        assert_eq!(target.masked_url(), masked, "{text}");
        assert_eq!(password(&target), secret, "{text}");
        assert_eq!(target.to_string(), masked);
        assert_eq!(format!("{target:?}"), format!("Target({masked}, from `DATABASE_URL`)"));
    }
}

#[test]
fn what_is_refused_says_what_to_do() {
    let none = Fixed::new();
    for (text, message, hint) in [
        ("", "it is empty", "postgresql://"),
        ("app", "neither a URL nor a keyword string", "postgresql://"),
        ("\"postgresql://u@h/db\"", "quotation mark", "docker --env-file"),
        ("postgresql://u@h/db\n", "line break", "read from a file"),
        ("postgresql://u@h/d\0b", "line break", ""),
        ("postgresql://u@h/my db", "a blank", "%20"),
        ("postgresql://u@h/db#x", "`#`", "%23"),
        // Schemes.
        ("mysql://u@h/db", "`mysql` is not a scheme of PostgreSQL", "postgresql://"),
        ("mysql+pymysql://u@h/db", "`mysql` is not", ""),
        ("sqlite:///file.db", "`sqlite` is not", ""),
        ("jdbc:postgresql://h/db?user=u", "Java's spelling", "leave out `jdbc:`"),
        ("postgressql://u@h/db", "misspelt", "did you mean `postgresql`?"),
        ("whatever://u@h/db", "not one of PostgreSQL", "postgresql://"),
        ("postgresql:/u@h/db", "not followed by `://`", "postgresql://"),
        ("postgresql+asyncpg:u@h/db", "not followed by `://`", ""),
        // Ports.
        ("postgresql://u@h:0/db", "not a number from 1 to 65535", ""),
        ("postgresql://u@h:70000/db", "not a number from 1 to 65535", ""),
        ("postgresql://u@h:abc/db", "not a number from 1 to 65535", ""),
        ("postgresql://h:abc/db", "not a number from 1 to 65535", "%2F"),
        ("postgresql://u@h/db?port=0", "the port is not a number", ""),
        ("postgresql://u@::1/db", "not a number", "in brackets"),
        // Hosts.
        ("postgresql://u@h1,h2/db", "several hosts", "one server"),
        ("postgresql://u@h1:1,h2:2/db", "several hosts", ""),
        ("postgresql://u@[::1],[::2]/db", "several hosts", ""),
        ("postgresql://u@/db?host=h1,h2", "several hosts", ""),
        ("postgresql://u@/db?host=h1&host=h2", "several hosts", ""),
        ("postgresql://u@h/db?port=1,2", "several hosts", ""),
        ("postgresql://u@/db?hostaddr=10.0.0.1,10.0.0.2", "several hosts", ""),
        ("postgresql://u@/db?host=h:5432", "the host is not a host name", "`port`"),
        ("postgresql://u@/db?host=@pg", "abstract socket", "directory"),
        ("postgresql://u@/db?hostaddr=h", "`hostaddr` is not an IP address", ""),
        ("postgresql://u@[::1/db", "not closed", ""),
        ("postgresql://u@[h]/db", "no IPv6 address", ""),
        ("postgresql://u@[::1]x/db", "may follow the `]`", ""),
        // Escapes.
        ("postgresql://u:50%@h/db", "the password holds a `%`", "write `%25`"),
        ("postgresql://u:50%zz@h/db", "the password holds a `%`", "write `%25`"),
        ("postgresql://u@h/%", "the database holds a `%`", "write `%25`"),
        ("postgresql://u:%FF@h/db", "the password is not UTF-8", "%C3%A9"),
        ("postgresql://u:a%00b@h/db", "`password` holds a line break or another", ""),
        ("postgresql://u:a%0A@h/db", "`password` holds a line break", ""),
        ("postgresql://u%09@h/db", "`user` holds a line break or another", ""),
        // An `@` that shows a URL which other programs read in another way.
        ("postgresql://u:a/b@h/db", "an `@` stands behind the first `/`", "%2F"),
        ("postgresql://u:5/b@h/db", "an `@` stands behind the first `/`", "%2F"),
        ("postgresql://u:a?b@h/db", "an `@` stands behind a `?`", "%3F"),
        ("postgresql://u@corp@h/db", "an `@` stands in the user", "%40"),
        ("postgresql://?user=me@corp", "an `@` stands behind a `?`", "%40"),
        ("postgresql://u@h/dbpassword=x", "the database holds `=`", "begin with `?`"),
        // Parameters.
        ("postgresql://u@h/db?sslmode=strict", "none of disable, allow, prefer, require", ""),
        ("postgresql://u@h/db?sslmode=verify_full", "none of", "did you mean `verify-full`?"),
        ("postgresql://u@h/db?sslmode=", "none of", ""),
        ("postgresql://u@h/db?ssl=maybe", "neither true nor false", "sslmode="),
        ("postgresql://u@h/db?ssl=require&sslmode=disable", "`sslmode` is given twice", ""),
        ("postgresql://u@h/db?user=a&user=b", "`user` is given twice", "leave one"),
        ("postgresql://u@h/db?foo=1", "the parameter `foo` is not known", "another program"),
        ("postgresql://u@h/db?sslmod=require", "`sslmod` is not known", "did you mean `sslmode`"),
        ("postgresql://u@h/?database=x", "`database` is not known", "did you mean `dbname`"),
        ("postgresql://u@h/db?user", "a parameter has no `=`", "name=value"),
        ("postgresql://u@h/db?user=a=b", "holds `=`", "%3D"),
        ("postgresql://u@h/db?connect_timeout=5s", "whole number of seconds", ""),
        ("postgresql://u@h/db?options=-csearch_path%3Dx", "poolers refuse", "own flags"),
        ("postgresql://u@h/db?service=x", "service file", "unset `PGSERVICE`"),
        ("postgresql://u@h/db?channel_binding=require", "channel binding", "leave it out"),
        ("postgresql://u@h/db?require_auth=scram-sha-256", "limits how to log in", ""),
        ("postgresql://u@h/db?gssencmode=require", "GSSAPI", "sslmode=verify-full"),
        ("postgresql://u@h/db?sslcrl=/x", "revocation list", ""),
        ("postgresql://u@h/db?target_session_attrs=read-write", "several servers", ""),
        ("postgresql://u@h/db?sslnegotiation=direct", "from the first byte", ""),
        ("postgresql://u@h/db?ssl_min_protocol_version=TLSv1.3", "TLS 1.2", ""),
        ("postgresql://u@h/db?sslpassword=hunter22", "passphrase", ""),
        ("postgresql://u@h/db?sslaccept=strict", "Prisma", "sslmode=verify-full"),
        ("postgresql://u@h/db?unix_sock=/x/.s.PGSQL.5432", "pg8000", "`host=`"),
        ("postgresql://u@h/db?sslcert=/c", "`sslcert` is given without `sslkey`", "give `sslkey`"),
        ("postgresql://u@h/db?sslkey=/k", "`sslkey` is given without `sslcert`", ""),
        ("postgresql://u@h/db?sslrootcert=system&sslmode=require", "`system`", "verify-full"),
        // Keyword strings.
        ("host=h password='x", "single quote", "\\'"),
        ("host=h dbname", "no `=`", "single quotes"),
        ("host=h user=x=y", "holds `=`", "single quotes"),
        ("host=h foo=1", "the parameter `foo` is not known", ""),
        ("hots=h", "not repeated", ""),
        ("host=h password=a b=c", "not repeated", ""),
        ("host=h host=i", "several hosts", ""),
    ] {
        let failure = resolve(text, &none).expect_err(text);
        assert_eq!(failure.kind, FailureKind::Usage, "{text}");
        assert!(failure.message.starts_with("cannot use `DATABASE_URL`: "), "{text}: {failure}");
        assert!(failure.message.contains(message), "{text}: {failure}");
        assert!(failure.hints.join("\n").contains(hint), "{text}: {failure}");
    }
}

#[test]
fn what_was_translated_or_dropped_is_told() {
    let none = Fixed::new();
    for (text, expected) in [
        (
            "postgresql+asyncpg://u@h/db",
            vec!["`postgresql+asyncpg` is SQLAlchemy's spelling; read as `postgresql`"],
        ),
        (
            "postgres+psycopg2://u@h/db",
            vec!["`postgres+psycopg2` is SQLAlchemy's spelling; read as `postgresql`"],
        ),
        (
            "postgresql+newdriver://u@h/db",
            vec!["`postgresql+newdriver` is SQLAlchemy's spelling; read as `postgresql`"],
        ),
        (
            "postgresql://u@h/db?prepared_statement_cache_size=0&pool=5&keepalives=1",
            vec![
                "`prepared_statement_cache_size` is dropped: it is an option of asyncpg",
                "`pool` is dropped: it is an option of Rails",
                "`keepalives` is dropped: it does nothing here",
            ],
        ),
        (
            "postgresql://u@h/db?channel_binding=prefer&target_session_attrs=any",
            vec![
                "`channel_binding` is dropped: its value asks for nothing here",
                "`target_session_attrs` is dropped: its value asks for nothing here",
            ],
        ),
        ("postgresql://u@h/db?ssl=true", vec!["`ssl` is read as `sslmode=require`"]),
        (
            "postgresql://u:a@b@h/db",
            vec![
                "the URL holds several `@`; the last one is taken as the end of the \
                 password (write `%40` for the others)",
            ],
        ),
        (
            "postgresql://u@h/db?user=v",
            vec!["`user` is given twice; the one behind the `?` counts, as in libpq"],
        ),
        (
            "postgresql://u@h/db?connect_timeout=0",
            vec![
                "`connect_timeout` asks for no limit; driftgate's own limit holds \
                 (`--connect-timeout`)",
            ],
        ),
        (
            "postgresql://u@h/db?options=&application_name=x",
            vec!["`application_name` is dropped: it does nothing here"],
        ),
        ("postgresql://u:pw@h/db", vec![]),
    ] {
        assert_eq!(notes(text, &none), expected, "{text}");
    }
    let typed = Target::resolve(Some(("postgresql://u:pw@h/db", FLAG)), &none).expect("accepted");
    assert!(typed.notes[0].contains("can be seen by everyone"), "{:?}", typed.notes);
}

#[test]
fn ssl_of_other_programs_becomes_sslmode() {
    for (text, mode) in [
        ("true", SslMode::Require),
        ("1", SslMode::Require),
        ("require", SslMode::Require),
        ("false", SslMode::Disable),
        ("disable", SslMode::Disable),
        ("verify-ca", SslMode::VerifyCa),
    ] {
        let url = format!("postgresql+asyncpg://u@h/db?ssl={text}");
        assert_eq!(target(&url, &Fixed::new()).sslmode, mode, "{text}");
    }
}
