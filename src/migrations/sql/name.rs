//! The name of a file: which tool's it is, and which migration.

use super::version::Version;

/// What the name of an entry of a folder says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Name {
    /// `<number>_<words>.sql`, or `.up.sql`.
    Sqlx {
        /// The number.
        version: i64,
        /// The words, with spaces for underscores.
        description: String,
        /// Whether it is `.up.sql`.
        has_way_back: bool,
    },
    /// A name for which sqlx gives up on the whole folder, unless it is another tool's.
    NoNumber,
    /// Flyway's `V<version>__<words>.sql`.
    Flyway {
        /// The version.
        version: Version,
        /// The words, with spaces for underscores.
        description: String,
    },
    /// Flyway's `R__<words>.sql`.
    Repeatable {
        /// The words, with spaces for underscores.
        description: String,
    },
    /// Flyway's `B<version>__<words>.sql`, which stands for many others.
    Baseline,
    /// A version in front, in no tool's own way.
    Numbered {
        /// The version.
        version: Version,
        /// What stands behind it.
        description: String,
    },
    /// What goes backwards.
    Down,
    /// SQL without a version.
    Unversioned,
    /// No SQL.
    Other,
}

/// Reads the name of a file.
///
/// Source: sqlx 0.9 (`resolve_blocking`); Flyway's naming of SQL migrations.
pub fn read(name: &str) -> Name {
    let Some(stem) = name.strip_suffix(".sql") else { return Name::Other };
    if let Some(flyway) = flyway(stem) {
        return flyway;
    }
    let split = name.split_once('_');
    let number = split.and_then(|(number, words)| Some((number.parse().ok()?, words)));
    if let Some((version, words)) = number {
        return sqlx(version, words);
    }
    match numbered(stem) {
        Some(_) if stem.ends_with(".down") => Name::Down,
        Some((version, words)) => {
            let words = words.strip_suffix(".up").unwrap_or(words);
            Name::Numbered { version, description: words.replace('_', " ") }
        }
        None if split.is_some() => Name::NoNumber,
        None => Name::Unversioned,
    }
}

fn sqlx(version: i64, words: &str) -> Name {
    if words.ends_with(".down.sql") {
        return Name::Down;
    }
    let has_way_back = words.ends_with(".up.sql");
    let suffix = if has_way_back { ".up.sql" } else { ".sql" };
    let description = words.trim_end_matches(suffix).replace('_', " ");
    Name::Sqlx { version, description, has_way_back }
}

fn flyway(stem: &str) -> Option<Name> {
    let (prefix, rest) = stem.split_at_checked(1)?;
    let (version, words) = rest.split_once("__").unwrap_or((rest, ""));
    let description = words.replace('_', " ");
    if prefix == "R" {
        return (version.is_empty() && rest.starts_with("__"))
            .then_some(Name::Repeatable { description });
    }
    let version = Version::read(version).filter(|_| !version.contains('-'))?;
    match prefix {
        "V" => Some(Name::Flyway { version, description }),
        "U" => Some(Name::Down),
        "B" => Some(Name::Baseline),
        _ => None,
    }
}

/// Separates the version in front of a name from its words: groups of digits, as long as
/// each is a word of its own.
fn numbered(stem: &str) -> Option<(Version, &str)> {
    let mut end = 0;
    loop {
        let rest = &stem[end..];
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let behind = rest[digits..].chars().next();
        if digits == 0 || !matches!(behind, None | Some('.' | '-' | '_' | ' ')) {
            break;
        }
        end += digits;
        match behind {
            Some('.' | '-') => end += 1,
            _ => break,
        }
    }
    let version = Version::read(stem[..end].trim_end_matches(['.', '-']))?;
    Some((version, stem[end..].trim_start_matches(['.', '-', '_', ' '])))
}

/// Reads the name of one of Diesel's folders, `<version>_<words>`: returns the version as its
/// ledger has it, and the words.
pub fn diesel(name: &str) -> Option<(String, String)> {
    let (version, words) = name.split_once('_').unwrap_or((name, ""));
    Version::read(version)?;
    Some((version.replace('-', ""), words.replace('_', " ")))
}

/// Returns the line, counted from 1, of a mark behind which a file goes backwards again.
///
/// Source: dbmate, goose, sql-migrate and Rambler, which keep both directions in one file.
pub fn way_back(sql: &str) -> Option<(usize, &str)> {
    const MARKS: [&str; 4] = ["migrate:down", "+goose down", "+migrate down", "rambler down"];
    sql.lines().enumerate().find_map(|(at, line)| {
        let mark = line.trim().strip_prefix("--")?.trim().to_ascii_lowercase();
        MARKS.iter().any(|known| mark.starts_with(known)).then_some((at + 1, line.trim()))
    })
}

/// Tells whether a script holds what PostgreSQL does not run in a transaction, so that tools
/// which look for it run it outside one.
pub fn wants_no_transaction(sql: &str) -> bool {
    let code = sql.lines().map(|line| line.split("--").next().unwrap_or_default());
    let words: Vec<String> =
        code.flat_map(str::split_whitespace).map(str::to_ascii_uppercase).collect();
    words.windows(2).any(|pair| pair[0] == "INDEX" && pair[1] == "CONCURRENTLY")
        || words.iter().any(|word| word.trim_end_matches(';') == "VACUUM")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        Version::read(text).expect("a version")
    }

    fn of_sqlx(version: i64, words: &str) -> Name {
        Name::Sqlx { version, description: words.into(), has_way_back: false }
    }

    fn of_flyway(number: &str, words: &str) -> Name {
        Name::Flyway { version: version(number), description: words.into() }
    }

    fn numbered(number: &str, words: &str) -> Name {
        Name::Numbered { version: version(number), description: words.into() }
    }

    #[test]
    fn names_say_whose_they_are() {
        let repeatable = |words: &str| Name::Repeatable { description: words.into() };
        let up = Name::Sqlx { version: 2, description: "a".into(), has_way_back: true };
        for (name, expected) in [
            ("0001_roles.sql", of_sqlx(1, "roles")),
            ("1_.sql", of_sqlx(1, "")),
            (
                "20261123101010_timestamped name.sql",
                of_sqlx(20_261_123_101_010, "timestamped name"),
            ),
            ("1_2_x.sql", of_sqlx(1, "2 x")),
            ("2_ünï çode.sql", of_sqlx(2, "ünï çode")),
            ("2_a.up.sql", up),
            ("2_a.down.sql", Name::Down),
            ("V1.2__add_view.sql", of_flyway("1.2", "add view")),
            ("V1_2__add view.sql", of_flyway("1.2", "add view")),
            ("V7.sql", of_flyway("7", "")),
            ("V20240101.1200__x.sql", of_flyway("20240101.1200", "x")),
            ("U1.2__add_view.sql", Name::Down),
            ("B5__all.sql", Name::Baseline),
            ("R__views of reports.sql", repeatable("views of reports")),
            ("R__a__b.sql", repeatable("a  b")),
            ("2024-01-01-120000_x.sql", numbered("2024.1.1.120000", "x")),
            ("001-init.sql", numbered("1", "init")),
            ("001.sql", numbered("1", "")),
            ("001-2fa.sql", numbered("1", "2fa")),
            ("1.10_x.up.sql", numbered("1.10", "x")),
            ("1.10_x.down.sql", Name::Down),
            ("1 a.sql", numbered("1", "a")),
            ("x_y.sql", Name::NoNumber),
            ("init.sql", Name::Unversioned),
            ("Vx__y.sql", Name::NoNumber),
            ("README.md", Name::Other),
            ("3_c.sql.orig", Name::Other),
            ("0001_a.SQL", Name::Other),
            (".sql", Name::Unversioned),
            ("ü.sql", Name::Unversioned),
        ] {
            assert_eq!(read(name), expected, "{name}");
        }
    }

    #[test]
    fn folders_of_diesel_have_versions_without_dashes() {
        assert_eq!(diesel("2024-01-01-000000_a_b"), Some(("20240101000000".into(), "a b".into())));
        assert_eq!(
            diesel("00000000000000_diesel_initial_setup"),
            Some(("00000000000000".into(), "diesel initial setup".into()))
        );
        assert_eq!(diesel("archive"), None);
    }

    #[test]
    fn marks_of_the_way_back_are_found() {
        assert_eq!(
            way_back("-- migrate:up\nA;\n--  migrate:down\nB;"),
            Some((3, "--  migrate:down"))
        );
        assert_eq!(way_back("-- +goose Down"), Some((1, "-- +goose Down")));
        assert_eq!(way_back("SELECT 'migrate:down'; -- a way back"), None);
    }

    #[test]
    fn what_runs_outside_a_transaction_is_seen_outside_comments() {
        assert!(wants_no_transaction("create  unique index\n concurrently i on t (c)"));
        assert!(wants_no_transaction("VACUUM;"));
        assert!(!wants_no_transaction("-- CREATE INDEX CONCURRENTLY\nCREATE INDEX i ON t (c)"));
    }
}
