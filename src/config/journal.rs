//! The settings of the journal.

use std::path::PathBuf;

use super::section::{Reported, Section};

/// The file of the journal. Its folder must exist.
pub(super) fn read(section: &mut Section<'_>) -> Result<PathBuf, Reported> {
    let path = PathBuf::from(section.required("path")?);
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        let message = format!("journal.path: there is no folder `{}`", folder.display());
        return Err(section.problem("path", message, None));
    }
    Ok(path)
}
