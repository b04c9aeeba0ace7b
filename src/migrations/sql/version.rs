//! Versions of files: whole numbers set apart by dots, compared as numbers, so that 2 comes
//! before 10, and 1.2 before 1.10.

use std::cmp::Ordering;

/// The version of a file; numbers of any length, zeros at the end without meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version(Vec<String>);

impl Version {
    /// Reads a version: digits, in groups that `.`, `_` or `-` sets apart; `None` where a
    /// text is none.
    pub fn read(text: &str) -> Option<Self> {
        let mut groups = Vec::new();
        for group in text.split(['.', '_', '-']) {
            if group.is_empty() || !group.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            groups.push(group.trim_start_matches('0').to_owned());
        }
        while groups.len() > 1 && groups.last().is_some_and(String::is_empty) {
            groups.pop();
        }
        Some(Self(groups))
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, group) in self.0.iter().enumerate() {
            let group = if group.is_empty() { "0" } else { group };
            write!(f, "{}{group}", if at == 0 { "" } else { "." })?;
        }
        Ok(())
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let number = |group: &String| (group.len(), group.clone());
        let of = |version: &Self| version.0.iter().map(number).collect::<Vec<_>>();
        of(self).cmp(&of(other))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn version(text: &str) -> Version {
        Version::read(text).expect("a version")
    }

    #[test]
    fn numbers_are_compared_as_numbers() {
        let sorted = ["0", "1", "1.0.1", "1.2", "1_10", "2", "10", "20240101120000"];
        for pair in sorted.windows(2) {
            assert!(version(pair[0]) < version(pair[1]), "{pair:?}");
        }
    }

    #[test]
    fn zeros_in_front_and_at_the_end_mean_nothing() {
        for (one, other, shown) in
            [("1", "001", "1"), ("1.0", "1", "1"), ("1_2", "01.02.0", "1.2"), ("00", "0.0", "0")]
        {
            assert_eq!(version(one), version(other));
            assert_eq!(version(other).to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_version_is_none() {
        for text in ["", "a", "1.", ".1", "1..2", "1a", "+1", "١"] {
            assert_eq!(Version::read(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_version_is_what_it_writes(numbers in prop::collection::vec(0u64.., 1..5)) {
            let text = numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(".");
            prop_assert_eq!(version(&version(&text).to_string()), version(&text));
        }

        #[test]
        fn whole_numbers_are_in_their_own_order(one: u64, other: u64) {
            let read = |number: u64| version(&number.to_string());
            prop_assert_eq!(read(one).cmp(&read(other)), one.cmp(&other));
        }
    }
}
