//! What holds for every target and every password.

use proptest::prelude::*;

use super::*;

fn text() -> impl Strategy<Value = String> {
    "\\PC{1,12}"
}

fn host() -> impl Strategy<Value = Host> {
    prop_oneof![
        "[a-z0-9_][a-z0-9_.-]{0,12}".prop_map(Host::Name),
        any::<std::net::Ipv6Addr>().prop_map(|address| Host::Name(address.to_string())),
        "/\\PC{0,12}".prop_map(|directory| Host::Socket(directory.into())),
    ]
}

fn tls() -> impl Strategy<Value = (SslMode, Option<RootCertificates>)> {
    let file = || text().prop_filter("`system` is no file", |name| name != "system");
    prop_oneof![
        prop::sample::select(vec![SslMode::Disable, SslMode::Allow, SslMode::Prefer])
            .prop_map(|mode| (mode, None)),
        Just((SslMode::Require, None)),
        Just((SslMode::VerifyFull, Some(RootCertificates::System))),
        file().prop_map(|path| (SslMode::VerifyCa, Some(RootCertificates::File(path.into())))),
        file().prop_map(|path| (SslMode::VerifyFull, Some(RootCertificates::File(path.into())))),
    ]
}

prop_compose! {
    fn any_target()(
        host in host(),
        hostaddr in proptest::option::of(any::<std::net::IpAddr>()),
        port in 1..=u16::MAX,
        (user, database) in (text(), text()),
        password in proptest::option::of(text()),
        (sslmode, sslrootcert) in tls(),
        client in proptest::option::of((text(), text())),
        seconds in proptest::option::of(1..1000_u64),
    ) -> Target {
        let named = matches!(host, Host::Name(_));
        Target {
            host,
            hostaddr: hostaddr.filter(|_| named),
            port,
            user,
            database,
            password: password.map(Password::new),
            sslmode,
            sslrootcert,
            client_certificate: client.map(|(certificate, key)| ClientCertificate {
                certificate: certificate.into(),
                key: key.into(),
            }),
            connect_timeout: seconds.map(Duration::from_secs),
            source: VARIABLE,
        }
    }
}

/// One edit to a text, as a slip of the hand makes it.
#[derive(Debug, Clone)]
enum Damage {
    Remove(prop::sample::Index),
    Insert(prop::sample::Index, char),
    Replace(prop::sample::Index, char),
    CutFront(prop::sample::Index),
    CutBack(prop::sample::Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let at = any::<prop::sample::Index>;
    let character = || {
        prop_oneof![
            4 => prop::sample::select("@:/?#&=%,[]' \\+.-_\n".chars().collect::<Vec<_>>()),
            1 => any::<char>(),
        ]
    };
    prop_oneof![
        at().prop_map(Damage::Remove),
        (at(), character()).prop_map(|(at, character)| Damage::Insert(at, character)),
        (at(), character()).prop_map(|(at, character)| Damage::Replace(at, character)),
        at().prop_map(Damage::CutFront),
        at().prop_map(Damage::CutBack),
    ]
}

fn damaged(text: &str, damages: &[Damage]) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    for damage in damages {
        let length = characters.len();
        match damage {
            _ if length == 0 => {}
            Damage::Remove(at) => drop(characters.remove(at.index(length))),
            Damage::Insert(at, character) => characters.insert(at.index(length + 1), *character),
            Damage::Replace(at, character) => characters[at.index(length)] = *character,
            Damage::CutFront(at) => drop(characters.drain(..at.index(length))),
            Damage::CutBack(at) => characters.truncate(at.index(length)),
        }
    }
    characters.into_iter().collect()
}

fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// A password as it may look: of printable characters, of letters, of digits.
fn secret() -> impl Strategy<Value = String> {
    prop_oneof!["[!-~]{4,20}", "[a-z]{6,12}", "[0-9]{5,12}", "\\PC{4,12}"]
}

/// The ways to write the same target, some of them wrong for some passwords.
fn written(password: &str) -> [String; 5] {
    let quoted = password.replace('\\', "\\\\").replace('\'', "\\'");
    [
        format!("postgresql+asyncpg://us:{}@ho:5431/da?timeout=5", encoded(password)),
        format!("postgresql://us:{password}@ho:5431/da?sslmode=require"),
        format!("postgresql://us@ho:5431/da?password={}&sslmode=require", encoded(password)),
        format!("host=ho port=5431 password='{quoted}' dbname=da user=us"),
        format!("host=ho port=5431 password={password} dbname=da user=us"),
    ]
}

proptest! {
    #[test]
    fn every_target_is_read_back_from_its_url(target in any_target()) {
        let read = resolve(&target.secret_url(), &Fixed::new()).expect("written by us").target;
        prop_assert_eq!(&read, &target);
        prop_assert_eq!(password(&read), password(&target));
    }

    #[test]
    fn every_target_is_read_back_from_libpqs_variables(target in any_target()) {
        let environment = target.for_program();
        let fixed = environment.set.iter().fold(Fixed::new(), |fixed, (name, value)| {
            fixed.set(name, value.clone())
        });
        let read = Target::resolve(None, &fixed).expect("written by us").target;
        prop_assert_eq!(read, Target { source: Source::LibpqVariables, ..target });
    }

    #[test]
    fn every_masked_url_is_a_url_of_the_same_place(target in any_target()) {
        let read = self::target(&target.masked_url(), &Fixed::new());
        prop_assert_eq!(read.masked_url(), target.masked_url());
    }

    #[test]
    fn a_password_is_shown_nowhere(secret in secret(), from_variable: bool) {
        let url = if from_variable {
            "postgresql://us@ho:5431/da".to_owned()
        } else {
            format!("postgresql://us:{}@ho:5431/da", encoded(&secret))
        };
        let environment = Fixed::new().set("PGPASSWORD", secret.as_str());
        let resolved = resolve(&url, &environment).expect("accepted");
        prop_assert_eq!(password(&resolved.target), Some(secret.as_str()));
        let shown = format!(
            "{}\n{:?}\n{resolved:?}\n{:?}\n{:?}",
            resolved.target,
            resolved.target,
            resolved.target.for_program(),
            Password::new(secret.as_str()),
        );
        prop_assert!(!shown.contains(&secret), "{}", shown);
        prop_assert!(!shown.contains(&encoded(&secret)), "{}", shown);
        let beside = "postgresql://us:***@ho:5431/da";
        if !beside.contains(&secret) {
            let text = format!("x{secret}y{}z{}", encoded(&secret), resolved.target.secret_url());
            let redacted = resolved.redactor.redact(&text);
            prop_assert!(!redacted.contains(&secret), "{}", redacted);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]
    #[test]
    fn no_damage_to_a_url_makes_a_failure_tell_the_password(
        secret in secret(),
        form in any::<prop::sample::Index>(),
        damages in proptest::collection::vec(damage(), 0..4),
    ) {
        let forms = written(&secret);
        let text = damaged(&forms[form.index(forms.len())], &damages);
        let said = match resolve(&text, &Fixed::new()) {
            Ok(resolved) => resolved.notes.join("\n"),
            Err(failure) => told(&failure),
        };
        prop_assert!(!said.contains(&secret), "{}", said);
        prop_assert!(!said.contains(&encoded(&secret)), "{}", said);
    }

    #[test]
    fn every_mixture_of_escapes_is_redacted(
        secret in "\\PC{4,12}",
        escape in proptest::collection::vec(0..3_u8, 48),
        (before, behind) in ("\\PC{0,6}", "\\PC{0,6}"),
    ) {
        let mut mixed = Vec::new();
        for (byte, how) in secret.bytes().zip(&escape) {
            match how {
                // Half an escaped character would not be text.
                0 if secret.is_ascii() => mixed.push(char::from(byte).to_string()),
                1 => mixed.push(format!("%{byte:02x}")),
                _ => mixed.push(format!("%{byte:02X}")),
            }
        }
        let mut redactor = Redactor::default();
        redactor.add(&secret, "");
        let redacted = redactor.redact(&format!("{before}{}{behind}", mixed.concat()));
        prop_assert!(redacted.contains("***"), "{}", redacted);
        prop_assert!(!redacted.contains(&mixed.concat()), "{}", redacted);
        prop_assert!(!redacted.contains(&secret), "{}", redacted);
    }
}
