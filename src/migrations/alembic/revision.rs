//! A revision file: what it is called, and what it follows.

use std::path::Path;

use super::module::{Bound, Module, Value};
use crate::migrations::{Doubt, MigrationFile};

/// What came of reading a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// All that matters is known.
    Known(Box<MigrationFile>),
    /// Something is not.
    Doubtful(Doubt),
}

/// Reads a file; `name` is how the report names it.
pub(super) fn read(path: &Path, name: &str) -> Read {
    let doubt = |line, reason| Read::Doubtful(Doubt { file: name.to_owned(), line, reason });
    match std::fs::read_to_string(path) {
        Ok(source) => match of_source(&source, name) {
            Ok(file) => Read::Known(Box::new(file)),
            Err((line, reason)) => doubt(line, reason),
        },
        Err(error) => doubt(1, format!("it cannot be read: {error}")),
    }
}

/// Returns the doubt about a file that is there compiled alone.
pub(super) fn compiled(name: String) -> Doubt {
    Doubt { file: name, line: 1, reason: "it is compiled, and its source is not there".to_owned() }
}

/// Reads a source; the error is a line and a sentence.
fn of_source(source: &str, name: &str) -> Result<MigrationFile, (usize, String)> {
    let module = Module::read(source)
        .map_err(|unreadable| (unreadable.line, format!("no Python: {}", unreadable.reason)))?;
    let (id, line) = id(&module, name)?;
    let parents = module.get("down_revision").ok_or_else(|| {
        (line, "it has no `down_revision`, without which Alembic reads nothing".to_owned())
    })?;
    let docstring = module.docstring.as_deref().unwrap_or_default().trim();
    Ok(MigrationFile {
        id,
        description: docstring.split("\n\n").next().unwrap_or_default().to_owned(),
        file: name.to_owned(),
        line,
        parents_line: parents.line,
        parents: texts("down_revision", Some(parents))?,
        depends_on: texts("depends_on", module.get("depends_on"))?,
        labels: texts("branch_labels", module.get("branch_labels"))?,
        ..MigrationFile::default()
    })
}

/// Returns the revision of a module, and the line that says it.
fn id(module: &Module, name: &str) -> Result<(String, usize), (usize, String)> {
    let Some(bound) = module.get("revision") else {
        // Alembic 0.1 took the revision from the name of the file.
        let base = name.rsplit('/').next().unwrap_or(name);
        let stem = base.strip_suffix(".py").unwrap_or(base);
        let is_old =
            stem.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        return if is_old && !stem.is_empty() {
            Ok((stem.to_owned(), 1))
        } else {
            Err((1, "it has no `revision`, and Alembic refuses such a file".to_owned()))
        };
    };
    match bound.value {
        Ok(Value::Text(id)) => match id.chars().find(|c| "@-+:".contains(*c)) {
            Some(c) => {
                Err((bound.line, format!("its `revision` holds `{c}`, which Alembic refuses")))
            }
            None => Ok((id, bound.line)),
        },
        Ok(_) => Err((bound.line, "its `revision` is no string".to_owned())),
        Err(why) => Err((bound.line, format!("its `revision` is not known: {why}"))),
    }
}

/// Returns the strings that a name stands for: none, one, or several.
fn texts(name: &str, bound: Option<Bound>) -> Result<Vec<String>, (usize, String)> {
    let Some(bound) = bound else { return Ok(Vec::new()) };
    let values = match bound.value {
        Ok(Value::Nothing) => return Ok(Vec::new()),
        Ok(Value::Many(values)) => values,
        Ok(text) => vec![text],
        Err(why) => return Err((bound.line, format!("its `{name}` is not known: {why}"))),
    };
    let text = |value| match value {
        Value::Text(text) => Ok(text),
        _ => Err((bound.line, format!("its `{name}` holds something else than strings"))),
    };
    values.into_iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(source: &str) -> MigrationFile {
        of_source(source, "versions/1a_x.py").expect("it is known")
    }

    #[test]
    fn a_file_of_the_usual_template_is_read() {
        let file = known(
            "\"\"\"Add the view of revenue\n\nRevision ID: 1975ea83b712\nRevises: ae10\n\n\"\"\"\n\
             from typing import Sequence, Union\n\nfrom alembic import op\nimport sqlalchemy as sa\n\n\n\
             # revision identifiers, used by Alembic.\n\
             revision: str = '1975ea83b712'\n\
             down_revision: Union[str, Sequence[str], None] = ('ae10', 'bf20')\n\
             branch_labels: Union[str, Sequence[str], None] = 'revenue'\n\
             depends_on: Union[str, Sequence[str], None] = None\n\n\n\
             def upgrade() -> None:\n    revision = 'no'\n    op.execute(f\"SELECT '{1}'\")\n",
        );
        assert_eq!((file.id.as_str(), file.line, file.parents_line), ("1975ea83b712", 14, 15));
        assert_eq!(file.parents, ["ae10", "bf20"]);
        assert_eq!(file.labels, ["revenue"]);
        assert_eq!(file.depends_on, [] as [String; 0]);
        assert_eq!(file.description, "Add the view of revenue");
    }

    #[test]
    fn a_file_of_an_old_template_needs_two_names_alone() {
        let file = known("revision = '1a'\ndown_revision = None\n");
        assert_eq!((file.parents.len(), file.labels.len(), file.depends_on.len()), (0, 0, 0));
        assert_eq!(file.description, "");
    }

    #[test]
    fn the_oldest_files_are_called_as_they_are_named() {
        let of = |name: &str| of_source("down_revision = None", name).map(|file| file.id);
        assert_eq!(of("versions/1a2b.py"), Ok("1a2b".to_owned()));
        assert!(of("versions/helpers.py").is_err());
    }

    #[test]
    fn what_is_not_known_is_told_with_its_line() {
        for (source, line, word) in [
            ("x = 1\nrevision = make()\ndown_revision = None", 2, "`revision` is not known"),
            ("revision = 'a'\ndown_revision = last()", 2, "`down_revision` is not known"),
            ("revision = 'a'\n", 1, "no `down_revision`"),
            ("revision = 'a-b'\ndown_revision = None", 1, "holds `-`"),
            ("revision = None\ndown_revision = None", 1, "no string"),
            ("revision = 'a'\ndown_revision = None\ndepends_on = (None,)", 3, "something else"),
            ("revision = 'a'\n\n'''", 3, "no Python"),
        ] {
            let (at, reason) = of_source(source, "versions/x.py").expect_err(source);
            assert_eq!(at, line, "{source}: {reason}");
            assert!(reason.contains(word), "{source}: {reason}");
        }
    }
}
