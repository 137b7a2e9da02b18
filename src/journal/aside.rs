//! Moves files aside whose names are needed, without replacing others that were moved before.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// How many files of one name are kept.
const KEPT_MAX: u32 = 1_000;

/// Renames a file to its name with this behind it, and a number if there is such a file already.
pub(super) fn move_aside(path: &Path, suffix: &str) -> io::Result<()> {
    fs::rename(path, free_path(path, suffix)?)
}

/// A path that no file has.
fn free_path(path: &Path, suffix: &str) -> io::Result<PathBuf> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(suffix);
    let first = path.with_file_name(&name);
    let numbered = (2..=KEPT_MAX).map(|number| {
        let mut name = name.clone();
        name.push(format!("-{number}"));
        path.with_file_name(name)
    });
    for free in std::iter::once(first).chain(numbered) {
        match fs::symlink_metadata(&free) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(free),
            Err(error) => return Err(error),
            Ok(_) => {}
        }
    }
    let message = format!("there are {KEPT_MAX} files of this name: move them to another folder");
    Err(io::Error::new(io::ErrorKind::AlreadyExists, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_file_takes_the_place_of_one_that_was_moved_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        for number in 1..=12 {
            fs::write(&path, number.to_string()).unwrap();
            move_aside(&path, ".damaged").unwrap();
        }
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(read("a.damaged"), "1");
        for number in 2..=12 {
            assert_eq!(read(&format!("a.damaged-{number}")), number.to_string());
        }
        assert!(!path.exists());
        for number in 13..=KEPT_MAX {
            fs::write(folder.path().join(format!("a.damaged-{number}")), "").unwrap();
        }
        fs::write(&path, "kept").unwrap();
        let error = move_aside(&path, ".damaged").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(read("a"), "kept");
    }
}
