//! Nothing makes the reader panic.

use proptest::prelude::*;

use super::*;

/// A line of a registry that is right or wrong in some place.
fn any_line() -> impl Strategy<Value = String> {
    const KEYS: &str = "version name schemas ignore kind command setting settings tenants scheme \
                        refresh read must_not_write every cron timezone jitter hourly owner \
                        unique_key schedule max_staleness depends_on definition check until \
                        fingerprint required slices matview roles \"ä\"";
    const HEADERS: &str = "[[matview]] [database] [roles.x] [schedules] [[task]] [[exception]] \
                           [gates] [tenancy] [matview.x] [migrations [[slices]]";
    let word = |words: &'static str| {
        proptest::sample::select(words.split_whitespace().collect::<Vec<_>>())
    };
    let value = prop_oneof![
        proptest::sample::select(vec![
            "1",
            "true",
            "[]",
            "2026-12-05",
            "{ every = '1s' }",
            "[1, 'x']",
            "[[]]",
            "''''''",
            "'''",
        ])
        .prop_map(str::to_owned),
        "'[a-z.{}*\"0-9@/ é\\\\-]{0,12}'",
        "\\['[a-z.{}*\" ]{0,9}', '[a-z.]{0,5}'\\]",
    ];
    prop_oneof![
        3 => (word(KEYS), value).prop_map(|(key, value)| format!("{key} = {value}")),
        1 => word(HEADERS).prop_map(str::to_owned),
    ]
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let text = String::from_utf8_lossy(&bytes);
        let _ = parse(&text, Path::new("/nowhere"));
    }

    #[test]
    fn arbitrary_lines_are_read_or_refused(lines in proptest::collection::vec(any_line(), 0..15)) {
        let text = lines.join("\n");
        if let Err(mistakes) = parse(&text, Path::new("/nowhere")) {
            prop_assert!(mistakes.is_sorted_by_key(|mistake| mistake.line));
            let last = lines.len() + 1;
            prop_assert!(mistakes.iter().all(|mistake| mistake.line.is_some_and(|line| line <= last)));
        }
    }

    #[test]
    fn a_mutated_registry_is_read_or_refused(
        changes in proptest::collection::vec((0..EXAMPLE.len(), "\\PC|[\\[\\]{}\"'=.,\n#]", 0..20_usize), 1..6),
    ) {
        let mut text: Vec<char> = EXAMPLE.chars().collect();
        for (at, inserted, removed) in changes {
            let at = at.min(text.len());
            let end = (at + removed).min(text.len());
            text.splice(at..end, inserted.chars());
        }
        let text: String = text.into_iter().collect();
        if let Err(mistakes) = parse(&text, Path::new("/nowhere")) {
            prop_assert!(!mistakes.is_empty());
        }
    }

    #[test]
    fn any_cron_expression_is_read_or_refused(expression in "[0-9*/,LW#?+@a-zMONSU ä-]{0,20}") {
        let _ = parse_cron(&expression);
        let toml = format!("version = 1\n[schedules]\nx = {{ cron = '{expression}' }}\n");
        let _ = parse(&toml, Path::new("/nowhere"));
    }

    #[test]
    fn any_duration_is_read_or_refused(duration in "[0-9. a-zµ]{0,24}") {
        let toml = format!("version = 1\n[schedules]\nx = {{ every = '{duration}' }}\n");
        let _ = parse(&toml, Path::new("/nowhere"));
    }
}
