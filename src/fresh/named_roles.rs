//! Which roles a new server has to have before the migrations: those that the registry
//! names, but for those that the migrations make themselves.

use std::collections::BTreeSet;

use crate::ident::RoleName;
use crate::registry::Registry;

/// Returns the roles that a registry names: those of `[roles]`, and the owners of views.
pub fn named(registry: &Registry) -> BTreeSet<RoleName> {
    let entries = registry.matviews.iter().chain(&registry.templates);
    let owners = entries.filter_map(|entry| entry.owner.clone());
    registry.roles.keys().cloned().chain(owners).collect()
}

/// Returns the roles that a script makes by a plain `CREATE ROLE`, `USER` or `GROUP`; in its
/// strings and bodies too.
///
/// Such a statement fails where the role is there already, so what it makes cannot have
/// been there before. Where it is guarded, both ways are right.
pub fn created_in(script: &str) -> BTreeSet<RoleName> {
    let words = words(script);
    words
        .windows(3)
        .filter(|three| {
            three[0].eq_ignore_ascii_case("create")
                && ["role", "user", "group"].iter().any(|word| three[1].eq_ignore_ascii_case(word))
        })
        // `CREATE USER MAPPING` makes none; a name of that spelling needs no quotes either.
        .filter(|three| !three[2].eq_ignore_ascii_case("mapping"))
        .filter_map(|three| three[2].parse().ok())
        .collect()
}

/// Returns the words and quoted names of a script; comments are none, and everything else
/// sets words apart and is left out, but for one that stands where a name would.
fn words(script: &str) -> Vec<&str> {
    let (mut words, mut rest) = (Vec::new(), script);
    while let Some(first) = rest.chars().next() {
        let length = match first {
            _ if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            _ if rest.starts_with("/*") => comment(rest),
            '"' => rest[1..].find('"').map_or(rest.len(), |end| end + 2),
            _ if is_word_part(first) => rest.find(|c| !is_word_part(c)).unwrap_or(rest.len()),
            _ => first.len_utf8(),
        };
        if first == '"' || first == '%' || is_word_part(first) {
            words.push(&rest[..length]);
        }
        rest = &rest[length..];
    }
    words
}

fn is_word_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii()
}

/// Returns the length of the comment at the front; comments nest.
fn comment(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < text.len() {
        match text.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn created(script: &str) -> Vec<String> {
        created_in(script).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn plain_statements_make_roles_wherever_they_stand() {
        for (script, expected) in [
            ("CREATE ROLE app_user LOGIN;", vec!["app_user"]),
            ("create user\n  App;create group \"My Group\"", vec!["\"My Group\"", "app"]),
            ("DO $$ BEGIN CREATE ROLE a; EXCEPTION WHEN OTHERS THEN END $$", vec!["a"]),
            ("DO $$ BEGIN EXECUTE 'CREATE ROLE b NOLOGIN'; END $$", vec!["b"]),
            ("EXECUTE format('CREATE ROLE %I', name)", vec![]),
            ("-- CREATE ROLE no\n/* CREATE ROLE no /* */ either */ SELECT 1", vec![]),
            ("CREATE USER MAPPING FOR app SERVER s", vec![]),
            ("ALTER ROLE app LOGIN; DROP ROLE gone", vec![]),
            ("CREATE ROLE", vec![]),
        ] {
            assert_eq!(created(script), expected, "{script}");
        }
    }

    #[test]
    fn the_registry_names_roles_and_owners() {
        let registry = crate::testing::registry(
            "version = 1\n[roles.worker]\nrefresh = ['*']\n[roles.reader]\nread = []\n\
             [[matview]]\nname = 'public.a'\nowner = 'views_owner'\n\
             [[matview]]\nname = 'public.b'\nowner = 'worker'\n[[matview]]\nname = 'public.c'",
        );
        let named: Vec<String> = named(&registry).iter().map(ToString::to_string).collect();
        assert_eq!(named, ["reader", "views_owner", "worker"]);
    }

    proptest! {
        #[test]
        fn no_script_is_too_odd(script in "[a-zé$'\"/*\\\\ \n%.:-]{0,60}|\\PC{0,40}") {
            let _ = created_in(&script);
        }
    }
}
