//! Reports in files: each is written whole beside its place and moved there, so that a
//! reader never sees half of one, and a full disk leaves the old one.

use std::io::{BufWriter, Write};
use std::path::Path;

use crate::cli::ReportFile;
use crate::failure::{Failure, FailureKind};
use crate::render::{self, Appearance, Detail};
use crate::report::Report;

/// Writes a report to a file in its form, without colour.
///
/// # Errors
///
/// When the file cannot be written; an older one is left as it was.
pub fn write(report: &Report, file: &ReportFile) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(FailureKind::Machine, format!("could not write {}", file.path.display()))
            .cause(error.to_string())
            .hint("see whether the folder is there and may be written, and the disk has room")
    };
    let folder = match file.path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut beside = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    let appearance = Appearance { color: false, width: 80, detail: Detail::Verbose };
    let mut out = BufWriter::new(beside.as_file_mut());
    render::render(report, file.format, appearance, &mut out).map_err(failed)?;
    out.flush().map_err(failed)?;
    drop(out);
    make_readable(beside.as_file()).map_err(failed)?;
    beside.persist(&file.path).map_err(|error| failed(error.error))?;
    Ok(())
}

/// Writes a text to a file, whole or not at all.
///
/// # Errors
///
/// When the file cannot be written; an older one is left as it was.
pub fn write_text(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut beside = tempfile::NamedTempFile::new_in(folder)?;
    beside.write_all(text.as_bytes())?;
    make_readable(beside.as_file())?;
    beside.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Gives the file the mode of any new file; a temporary one is for its owner alone.
fn make_readable(file: &std::fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let umask = rustix::process::umask(rustix::fs::Mode::empty());
    rustix::process::umask(umask);
    file.set_permissions(std::fs::Permissions::from_mode(0o666 & !umask.bits()))
}
