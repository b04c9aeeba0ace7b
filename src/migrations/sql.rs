//! Folders of `.sql` files in sqlx's naming: which file of a folder is which migration.

use std::collections::BTreeMap;

/// Returns the files of a folder by version: those that go forwards, sorted by name.
///
/// Source: sqlx's naming, `<version>_<words>.sql` and `<version>_<words>.up.sql`; what is
/// named otherwise, and what goes backwards (`.down.sql`), is no migration to apply.
pub fn files_by_version<'a>(names: impl Iterator<Item = &'a str>) -> BTreeMap<i64, Vec<&'a str>> {
    let mut files: BTreeMap<i64, Vec<&str>> = BTreeMap::new();
    for name in names {
        let Some((version, words)) = name.split_once('_') else { continue };
        if !words.ends_with(".sql") || words.ends_with(".down.sql") {
            continue;
        }
        if let Ok(version) = version.parse() {
            files.entry(version).or_default().push(name);
        }
    }
    files.values_mut().for_each(|names| names.sort_unstable());
    files
}

/// Returns the lock that sqlx's own tool takes while it migrates a database, so that the
/// two exclude each other.
///
/// Source: sqlx 0.9, the CRC-32 of the database's name times a constant.
pub fn lock_key(database: &str) -> i64 {
    const CRC: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);
    0x3d32_ad9e * i64::from(CRC.checksum(database.as_bytes()))
}

/// Returns the line of a statement's text that a position of the server points at, both
/// counted from 1; positions count characters.
pub fn line_of(sql: &str, position: usize) -> usize {
    1 + sql.chars().take(position.saturating_sub(1)).filter(|one| *one == '\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_ordered_by_number_and_other_files_are_left_out() {
        let names = [
            "0010_b.sql",
            "2_a.up.sql",
            "2_a.down.sql",
            "README.md",
            "x_y.sql",
            "3_c.sql.orig",
            "0002_other.sql",
            "20261123101010_timestamped name.sql",
        ];
        let files: Vec<_> = files_by_version(names.into_iter()).into_iter().collect();
        assert_eq!(
            files,
            [
                (2, vec!["0002_other.sql", "2_a.up.sql"]),
                (10, vec!["0010_b.sql"]),
                (20_261_123_101_010, vec!["20261123101010_timestamped name.sql"]),
            ]
        );
    }

    #[test]
    fn positions_are_told_as_lines() {
        let sql = "SELECT 1;\n-- ü\nSELEC 2;";
        assert_eq!(line_of(sql, 1), 1);
        assert_eq!(line_of(sql, 16), 3);
        assert_eq!(line_of(sql, 1_000), 3);
    }
}
