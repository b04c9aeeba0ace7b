//! The search path as the server tells it, read so that it can be set elsewhere.

use crate::ident::Identifier;

/// What a server has where nobody has set anything.
const DEFAULT: &str = "\"$user\", public";

/// Reads the value of `search_path`; `None` where it is the server's own default.
///
/// Source: `SplitIdentifierString` of PostgreSQL: commas between, names in quotes as they
/// stand, all others in lower case.
pub fn schemas(value: &str) -> Option<Vec<Identifier>> {
    if value == DEFAULT {
        return None;
    }
    let (mut schemas, mut rest) = (Vec::new(), value.trim());
    while !rest.is_empty() {
        let (name, behind) = match rest.strip_prefix('"') {
            Some(quoted) => {
                let end = end_of_quoted(quoted);
                let behind = quoted.get(end + 1..).unwrap_or_default();
                (quoted[..end].replace("\"\"", "\""), behind)
            }
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                (rest[..end].trim().to_lowercase(), &rest[end..])
            }
        };
        schemas.extend(Identifier::new(&name).ok());
        let behind = behind.trim_start();
        rest = behind.strip_prefix(',').unwrap_or_default().trim_start();
    }
    Some(schemas)
}

/// Returns where the quote that ends a quoted name is; two of them are one of the name.
fn end_of_quoted(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match (bytes[at], bytes.get(at + 1)) {
            (b'"', Some(b'"')) => at += 2,
            (b'"', _) => return at,
            _ => at += 1,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_the_server_reads_them() {
        for (value, expected) in [
            ("\"$user\", public", None),
            ("public", Some(vec!["public"])),
            ("rpt,Public ,  \"My \"\"x, y\"\"\"", Some(vec!["rpt", "public", "My \"x, y\""])),
            ("\"$user\", rpt", Some(vec!["$user", "rpt"])),
            ("", Some(vec![])),
            ("\"\"", Some(vec![])),
            ("a; drop role b", Some(vec!["a; drop role b"])),
        ] {
            let schemas = schemas(value);
            let names = schemas
                .as_ref()
                .map(|schemas| schemas.iter().map(Identifier::as_str).collect::<Vec<_>>());
            assert_eq!(names, expected, "{value}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_value_is_too_odd(value in "[a\", é]{0,20}") {
            let _ = schemas(&value);
        }
    }
}
