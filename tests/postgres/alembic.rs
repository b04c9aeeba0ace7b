//! Kind `alembic`: revisions that are read without Python, held against a real Alembic, and
//! applied by it.

mod applied;
mod graphs;
mod spelling;

use std::path::PathBuf;
use std::process::Command;

use crate::support::driftgate::Driftgate;
use crate::support::server::repository;
use crate::support::{Project, driftgate};

/// Returns the folder with the programs of a real Alembic.
pub(crate) fn programs() -> PathBuf {
    let script = repository().join("scripts/alembic");
    let output = Command::new(script).output().expect("scripts/alembic starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "scripts/alembic cannot install it: {said}");
    String::from_utf8(output.stdout).expect("a path").trim().into()
}

/// The `env.py` of the projects: as many have it, the URL goes through `configparser`.
const ENV: &str = r#"
import os

from alembic import context
from sqlalchemy import create_engine, pool

config = context.config
config.set_main_option("sqlalchemy.url", os.environ["DATABASE_URL"])


def run() -> None:
    engine = create_engine(config.get_main_option("sqlalchemy.url"), poolclass=pool.NullPool)
    with engine.connect() as connection:
        context.configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()


run()
"#;

/// Makes a project whose revisions are in `alembic/versions`.
pub(crate) fn project(revisions: &[(&str, &str)]) -> Project {
    let project = Project::new("version = 1\n\n[migrations]\nkind = \"alembic\"\n");
    let ini = "[alembic]\nscript_location = %(here)s/alembic\npath_separator = os\n";
    project.write("alembic.ini", ini);
    project.write("alembic/env.py", ENV);
    std::fs::create_dir(project.path().join("alembic/versions")).expect("it can be made");
    for (name, source) in revisions {
        project.write(&format!("alembic/versions/{name}"), source);
    }
    project
}

/// Returns the source of a revision that runs a statement.
pub(crate) fn source(id: &str, follows: &str, sql: &str) -> String {
    format!(
        "\"\"\"step {id}\n\nRevision ID: {id}\n\"\"\"\nfrom alembic import op\n\n\
         revision: str = \"{id}\"\ndown_revision = {follows}\nbranch_labels = None\n\
         depends_on = None\n\n\ndef upgrade() -> None:\n    op.execute(\"\"\"{sql}\"\"\")\n\n\n\
         def downgrade() -> None:\n    pass\n"
    )
}

/// Starts a command line that finds the real Alembic.
pub(crate) fn with_alembic(arguments: &[&str], project: &Project) -> Driftgate {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(programs()).chain(std::env::split_paths(&path));
    let path = std::env::join_paths(folders).expect("no folder holds a colon");
    driftgate(arguments).project(project).env("PATH", path)
}
