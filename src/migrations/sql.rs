//! Folders of `.sql` files, as the tools that apply them name them: sqlx, Flyway, Diesel,
//! golang-migrate, and plain numbers.

pub mod load;
pub mod name;
pub mod version;

const CRC: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);

/// What sqlx multiplies the digest of a database's name by.
const SQLX_FACTOR: i64 = 0x3d32_ad9e;

/// Returns the lock that sqlx's own tool takes while it migrates a database, so that the
/// two exclude each other.
///
/// Source: sqlx 0.9, the CRC-32 of the database's name times a constant.
pub fn lock_key(database: &str) -> i64 {
    SQLX_FACTOR * i64::from(CRC.checksum(database.as_bytes()))
}

/// Returns the lock that this program holds while another tool migrates a database. It is
/// not sqlx's: the tool may take that one itself, and would wait for us for ever.
pub fn lock_key_of_tools(database: &str) -> i64 {
    SQLX_FACTOR * i64::from(CRC.checksum(format!("driftgate:{database}").as_bytes()))
}

/// Returns the checksum that Flyway keeps of a script: the CRC-32 of its lines without their
/// ends, as a signed number of four bytes, the highest first.
///
/// Source: Flyway's `ChecksumCalculator`.
pub fn flyway_checksum(sql: &str) -> [u8; 4] {
    let mut digest = CRC.digest();
    let sql = sql.strip_prefix('\u{feff}').unwrap_or(sql);
    // A carriage return ends a line too, with or without a line feed.
    for line in sql.replace("\r\n", "\n").split(['\n', '\r']) {
        digest.update(line.as_bytes());
    }
    digest.finalize().to_be_bytes()
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
    fn positions_are_told_as_lines() {
        let sql = "SELECT 1;\n-- ü\nSELEC 2;";
        assert_eq!(line_of(sql, 1), 1);
        assert_eq!(line_of(sql, 16), 3);
        assert_eq!(line_of(sql, 1_000), 3);
    }

    #[test]
    fn the_lock_for_other_tools_is_not_the_one_of_sqlx() {
        assert_ne!(lock_key("app"), lock_key_of_tools("app"));
        assert_ne!(lock_key_of_tools("app"), lock_key_of_tools("app2"));
    }

    #[test]
    fn line_ends_and_a_byte_order_mark_do_not_change_the_checksum_of_flyway() {
        let plain = flyway_checksum("SELECT 1;\nSELECT 2;");
        for same in
            ["SELECT 1;\r\nSELECT 2;\r\n", "\u{feff}SELECT 1;\nSELECT 2;\n", "SELECT 1;\rSELECT 2;"]
        {
            assert_eq!(flyway_checksum(same), plain);
        }
        assert_ne!(flyway_checksum("SELECT 1;\nSELECT 3;"), plain);
        // The check value of this CRC-32.
        assert_eq!(flyway_checksum("123\n456789"), 0xcbf4_3926_u32.to_be_bytes());
    }
}
