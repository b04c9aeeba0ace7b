//! `schedule export`: the schedule in another scheduler's words.

use std::fs;
use std::path::Path;

use super::{ExportArgs, check_classes};
use crate::commands::Context;
use crate::failure::{Failure, FailureKind};
use crate::project;
use crate::registry::REGISTRY_FILE;
use crate::report::schedule::{ExportRows, ScheduleRows};
use crate::report::{Data, Outcome};
use crate::schedule::export::{ExportedFile, Setting, export};

pub(super) fn run(context: &Context, args: &ExportArgs) -> Result<Outcome, Failure> {
    let registry = project::load(context)?;
    check_classes(&registry, &args.class)?;
    let file = Path::new(&registry.source.display).file_name();
    let file = file.map(|name| name.to_string_lossy().into_owned());
    let setting = Setting {
        program: args.program.clone(),
        folder: args.folder.trim_end_matches('/').to_owned(),
        registry: file.unwrap_or_else(|| REGISTRY_FILE.to_owned()),
        image: args.image.clone(),
        classes: args.class.clone(),
    };
    let exported = export(&registry, args.scheduler, &setting);
    let written = match &args.dir {
        Some(folder) => write(folder, &exported.files)?,
        None => Vec::new(),
    };
    if exported.files.is_empty() && written.is_empty() {
        let mut failure = Failure::new(FailureKind::Refused, "there is nothing to export")
            .hint("give a view or a task a `schedule` of [schedules]");
        failure.hints.extend(exported.left_out.iter().map(|left| left.told()));
        return Err(failure);
    }
    let rows = ExportRows {
        format: args.scheduler,
        files: exported.files,
        left_out: exported.left_out,
        written,
    };
    Ok(Outcome::new(Data::Schedule(ScheduleRows::Exported(rows))))
}

/// Writes each file whole beside its place, and moves it there.
fn write(folder: &Path, files: &[ExportedFile]) -> Result<Vec<String>, Failure> {
    let mut written = Vec::new();
    for file in files {
        let path = folder.join(&file.name);
        let failed = |error: std::io::Error| {
            Failure::new(FailureKind::Machine, format!("could not write {}", path.display()))
                .cause(error.to_string())
                .hint("see whether the folder is there and may be written")
        };
        if !folder.is_dir() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        crate::render_file::write_text(&path, &file.text).map_err(failed)?;
        written.push(path.display().to_string());
    }
    Ok(written)
}
