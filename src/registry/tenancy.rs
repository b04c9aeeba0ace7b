//! `[tenancy]`: how a session is told whose rows it may see, and who the tenants are.

use std::collections::{BTreeMap, BTreeSet};

use super::mistakes::Mistakes;
use super::section::{Field, Section};

/// How tenants are kept apart.
///
/// Source: `[tenancy]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenancy {
    /// The setting that holds the tenant's id, and that policies read. Source: `setting`.
    pub setting: Option<String>,
    /// Further settings of every refresh, local to its transaction. Source: `settings`.
    pub settings: BTreeMap<String, String>,
    /// The query whose first column is the tenant's id. Source: `tenants`.
    pub tenants: Option<String>,
    /// The line of the header, counted from 1.
    pub line: usize,
}

/// Reads `[tenancy]`.
pub(super) fn read(mut section: Section<'_, '_>) -> Tenancy {
    let line = section.line();
    // The server compares names of settings without regard to case.
    let mut seen = BTreeSet::new();
    let setting = section.take("setting").and_then(Field::text).map(|text| {
        check_setting(&text.value, text.at, text.mistakes);
        seen.insert(text.value.to_ascii_lowercase());
        text.into_string()
    });
    let mut settings = BTreeMap::new();
    let declared = section.take("settings").and_then(|field| field.section("[tenancy.settings]"));
    for field in declared.into_iter().flat_map(Section::into_fields) {
        if field.is_table() {
            let hint = format!("write `\"{}.name\" = \"value\"`, with quotes", field.key);
            field.mistake("the dot of a setting's name is within quotes", Some(hint));
            continue;
        }
        check_setting(&field.key, field.key_at, field.mistakes());
        if !seen.insert(field.key.to_ascii_lowercase()) {
            let message = format!("the setting `{}` is given twice", field.key);
            field.mistakes().add(field.key_at, message, None);
        }
        let name = field.key.to_string();
        if let Some(value) = field.text() {
            if value.value.contains('\0') {
                value.mistake("the string holds a NUL character", None);
            }
            settings.insert(name, value.into_string());
        }
    }
    let tenants = section.take_text("tenants").map(|text| text.into_string());
    section.finish();
    Tenancy { setting, settings, tenants, line }
}

/// Notes a name that the server would refuse as that of a custom setting.
fn check_setting(name: &str, at: usize, mistakes: &Mistakes<'_>) {
    let is_word = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || !c.is_ascii())
            && word.chars().all(|c| {
                c.is_ascii_alphanumeric()
                    || matches!(c, '_' | '$')
                    || (!c.is_ascii() && !c.is_control())
            })
    };
    if !name.contains('.') {
        let hint = match is_word(name) {
            true => format!("write a prefix and a dot: `app.{name}`"),
            false => "write a prefix, a dot and a name: `app.current_tenant_id`".to_owned(),
        };
        mistakes.add(at, format!("the setting `{name}` has no dot"), Some(hint));
    } else if !name.split('.').all(is_word) {
        let hint = "use letters, digits and `_` on both sides of the dot".to_owned();
        mistakes.add(at, format!("`{name}` is no name of a setting"), Some(hint));
    }
}
