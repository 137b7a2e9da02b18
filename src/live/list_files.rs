//! Reads the lists of identities that policies name.

use std::{
    fs,
    path::{Component, Path, PathBuf},
};

use crate::{files::read_text, policy::ListFile};

/// The size of a list, in bytes. A list has at most 100,000 identities, for which this is plenty.
const LIST_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The path of a list, whose name is relative to the policy file.
pub(super) fn path_of(list: &ListFile) -> PathBuf {
    Path::new(&list.policy_path).with_file_name(&list.name)
}

/// The text of a list, or why it cannot be read.
pub(super) fn read(list: &ListFile) -> Result<String, String> {
    let inside = Path::new(&list.name)
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    if !inside {
        return Err("its name must be relative to the policy file, and lead inside".to_owned());
    }
    let path = path_of(list);
    // Opening a pipe would block until somebody writes to it, and reloads with it.
    let metadata = fs::metadata(&path).map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("it is not a file".to_owned());
    }
    read_text(&path, LIST_BYTES_MAX).map_err(|error| error.to_string())
}
