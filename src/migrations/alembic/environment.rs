//! `env.py`: what it says of the table that the database's revision is kept in.

use std::path::Path;

use super::module::{Bound, Module, Value};
use crate::migrations::{LedgerName, Tool};

/// Reads how an `env.py` names the ledger; where there is none, or it is no Python, it has
/// its usual name.
pub(super) fn ledger(path: &Path) -> LedgerName {
    let source = std::fs::read_to_string(path).unwrap_or_default();
    Module::read(&source).map_or(LedgerName::Usual, |module| of_module(&module))
}

fn of_module(module: &Module) -> LedgerName {
    let table = said(module, "version_table");
    let schema = said(module, "version_table_schema");
    match (table, schema) {
        (Ok(None), Ok(None)) => LedgerName::Usual,
        (Ok(table), Ok(schema)) => LedgerName::Named {
            schema,
            table: table.or_else(|| Tool::Alembic.ledger().map(str::to_owned)).unwrap_or_default(),
        },
        (Err(line), _) | (_, Err(line)) => LedgerName::Computed(line),
    }
}

/// Returns the one constant that is given by a name; the error is the line of what is none,
/// or another one.
fn said(module: &Module, name: &str) -> Result<Option<String>, usize> {
    let mut found: Option<String> = None;
    for Bound { value, line } in module.given(name) {
        match value {
            Ok(Value::Text(text)) if found.as_ref().is_none_or(|known| *known == text) => {
                found = Some(text);
            }
            Ok(Value::Nothing) => {}
            _ => return Err(line),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(source: &str) -> LedgerName {
        of_module(&Module::read(source).expect("it can be read"))
    }

    fn named(schema: Option<&str>, table: &str) -> LedgerName {
        LedgerName::Named { schema: schema.map(str::to_owned), table: table.to_owned() }
    }

    #[test]
    fn the_table_is_the_one_that_env_py_names() {
        let configure = |arguments: &str| {
            format!("def run():\n    context.configure(\n        connection=c, {arguments})\n")
        };
        for (arguments, expected) in [
            ("", LedgerName::Usual),
            ("version_table='v'", named(None, "v")),
            ("version_table_schema='app'", named(Some("app"), "alembic_version")),
            ("version_table='v', version_table_schema=None", named(None, "v")),
            ("version_table=name()", LedgerName::Computed(3)),
        ] {
            assert_eq!(of(&configure(arguments)), expected, "{arguments}");
        }
        let twice = configure("version_table='v'") + &configure("version_table='v'");
        assert_eq!(of(&twice), named(None, "v"));
        let differs = configure("version_table='v'") + &configure("version_table='w'");
        assert_eq!(of(&differs), LedgerName::Computed(6));
        assert_eq!(
            of("S = 'app'\nf(version_table_schema=S)"),
            named(Some("app"), "alembic_version")
        );
    }
}
