//! The settings of the journal.

use std::{
    fs, io,
    os::unix::fs::FileTypeExt as _,
    path::{Path, PathBuf},
};

use rustix::fs::{Access, AtFlags, CWD, accessat};

use super::section::{Reported, Section};

/// How many links are followed to a file that does not exist yet: as many as the system follows.
const LINKS_MAX: usize = 40;

/// The file of the journal, which can be written: it, or its folder if it does not exist yet. Nothing is created or changed to find out.
pub(super) fn read(section: &mut Section<'_>) -> Result<PathBuf, Reported> {
    let path = PathBuf::from(section.required("path")?);
    if path.as_os_str() == "-" {
        return Ok(path);
    }
    match check(&path) {
        Ok(()) => Ok(path),
        Err(flaw) => {
            let message = format!("journal.path: {flaw}");
            Err(section.problem("path", message, None))
        }
    }
}

/// Why this file cannot be written.
fn check(path: &Path) -> Result<(), String> {
    let shown = path.display();
    match fs::metadata(path) {
        Ok(metadata) => {
            let kind = metadata.file_type();
            if kind.is_dir() {
                return Err(format!("`{shown}` is a folder, not a file"));
            }
            if kind.is_socket() || kind.is_block_device() {
                return Err(format!("`{shown}` is a socket or a disk, not a file"));
            }
            // A pipe is opened for reading too, so that the service does not wait for its reader.
            let access = Access::WRITE_OK | Access::READ_OK;
            may(path, access).map_err(|error| format!("`{shown}` cannot be written: {error}"))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => check_folder(&target(path)),
        Err(error) => Err(format!("`{shown}` cannot be written: {error}")),
    }
}

/// Why a file cannot be created.
fn check_folder(path: &Path) -> Result<(), String> {
    let folder = match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
        Some(folder) => folder,
        None => path,
    };
    let shown = folder.display();
    if path.as_os_str().as_encoded_bytes().ends_with(b"/") {
        return Err(format!("`{}` names a folder, not a file", path.display()));
    }
    if !folder.is_dir() {
        return Err(format!("there is no folder `{shown}`"));
    }
    may(folder, Access::WRITE_OK | Access::EXEC_OK)
        .map_err(|error| format!("no file can be created in the folder `{shown}`: {error}"))
}

/// Whether the user whom the service runs as may do this.
fn may(path: &Path, access: Access) -> io::Result<()> {
    Ok(accessat(CWD, path, access, AtFlags::empty())?)
}

/// The file that would be created at a path, behind links to nowhere.
fn target(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        let Ok(target) = fs::read_link(&path) else {
            break;
        };
        path = path.parent().unwrap_or(Path::new("")).join(target);
    }
    path
}
