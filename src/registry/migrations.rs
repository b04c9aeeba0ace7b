//! `[migrations]`: what builds the database.

use std::path::{Path, PathBuf};

use super::section::{Field, Section};
use super::text::Text;

/// What builds the database.
///
/// Source: `[migrations]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationsRules {
    /// The tool. Source: `kind`; `sql` where absent.
    pub kind: MigrationsKind,
    /// The folder of `.sql` files, the `alembic.ini`, or the folder that the command runs
    /// in. Source: `path`, below the registry's directory; where absent, `migrations`,
    /// `alembic.ini` or the directory itself. Whether it exists was not looked at.
    pub path: PathBuf,
    /// SQL that is run first on a new database. Source: `before`; not looked at either.
    pub before: Option<PathBuf>,
    /// The line of the header, counted from 1.
    pub line: usize,
}

/// The tool that migrates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MigrationsKind {
    /// Plain SQL files, applied by this program.
    Sql,
    /// Alembic.
    Alembic,
    /// Any program. Source: `command`.
    Command {
        /// The program, looked for in `PATH` unless it holds a slash.
        program: String,
        /// What it is given.
        args: Vec<String>,
    },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sql,
    Alembic,
    Command,
}

const KINDS: [(&str, Kind); 3] =
    [("sql", Kind::Sql), ("alembic", Kind::Alembic), ("command", Kind::Command)];

/// Reads `[migrations]`; `None` when it is of no use for what follows.
pub(super) fn read(mut section: Section<'_, '_>, directory: &Path) -> Option<MigrationsRules> {
    let declared = section.take("kind");
    let is_declared = declared.is_some();
    let kind = declared.and_then(Field::text).and_then(|text| text.choice(&KINDS));
    let path = section.take_text("path");
    let before = section.take_text("before").map(|text| directory.join(text.value.as_ref()));
    let command = section.take("command");
    let line = section.line();
    let kind = match (kind, command) {
        (None, _) if is_declared => None,
        (Some(Kind::Command), Some(command)) => read_command(command),
        (Some(Kind::Command), None) => {
            let hint = "name the program and what it is given: `command = [\"bin/migrate\"]`";
            section.mistake("`command` is missing in [migrations]", Some(hint.to_owned()));
            None
        }
        (_, Some(command)) => {
            command.mistake("it is only for `kind = \"command\"`", None);
            None
        }
        (Some(Kind::Alembic), None) => Some(MigrationsKind::Alembic),
        (_, None) => Some(MigrationsKind::Sql),
    };
    section.finish();
    let kind = kind?;
    let path = match (&kind, &path) {
        (_, Some(path)) => directory.join(path.value.as_ref()),
        (MigrationsKind::Sql, None) => directory.join("migrations"),
        (MigrationsKind::Alembic, None) => directory.join("alembic.ini"),
        (MigrationsKind::Command { .. }, None) => directory.to_owned(),
    };
    Some(MigrationsRules { kind, path, before, line })
}

fn read_command(field: Field<'_, '_>) -> Option<MigrationsKind> {
    let (at, mistakes) = (field.at, field.mistakes());
    let mut words = field.texts()?.into_iter();
    let Some(program) = words.next() else {
        mistakes.add(at, "`command`: no program is named", None);
        return None;
    };
    let program = program.filled()?.into_string();
    let args = words.filter_map(without_nul).collect();
    Some(MigrationsKind::Command { program, args })
}

fn without_nul(text: Text<'_, '_>) -> Option<String> {
    if text.value.contains('\0') {
        text.mistake("the string holds a NUL character", None);
        return None;
    }
    Some(text.into_string())
}
