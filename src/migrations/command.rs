//! Kind `command`: any program that migrates. What it applies, and where it keeps its
//! ledger, is known to it alone.

use super::tool::{self, ToolRun};
use super::{Migrations, Tool};
use crate::failure::Failure;
use crate::registry::MigrationsRules;

/// Why nothing can be said of a command's ledger.
pub const NO_LEDGER: &str =
    "there is no ledger to read: the command alone knows what it has applied";

/// Returns what is known of the migrations of a command: that there is one.
pub fn migrations(program: &str, args: &[String]) -> Migrations {
    Migrations::new(Tool::Command, shown(program, args), Vec::new())
}

/// Returns how a command is run: in the folder that the registry names.
///
/// # Errors
///
/// When the folder is none, or there is no such program.
pub fn run(rules: &MigrationsRules, program: &str, args: &[String]) -> Result<ToolRun, Failure> {
    let folder = rules.path.clone();
    tool::needs_folder(&folder)?;
    let found = tool::find_program(program, &folder)?;
    Ok(ToolRun {
        shown: shown(program, args),
        program: found,
        args: args.to_vec(),
        folder,
        avoids_percent: false,
    })
}

fn shown(program: &str, args: &[String]) -> String {
    let words = std::iter::once(program).chain(args.iter().map(String::as_str));
    words.collect::<Vec<_>>().join(" ")
}
