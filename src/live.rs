//! The policy set in force: read from a file or a folder, compiled whole, and swapped in whole.

use std::{
    fs,
    io::{self, Read as _},
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use arc_swap::ArcSwap;

use crate::policy::{PolicySet, Problems, SourceText, TEXT_BYTES_MAX, parse};

/// What a policy file's name ends in.
const EXTENSION: &str = "yaml";
/// What it may not end in, because it would be left out without a word.
const NEARLY_EXTENSION: &str = "yml";
/// No list of identities is longer: 100,000 of them, and room to spare.
const LIST_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// A file is read just beyond what the parser takes, so that it tells that there is more.
const READ_BYTES_MAX: u64 = TEXT_BYTES_MAX as u64 + 1;

/// The policy set in force.
#[derive(Debug)]
pub struct Live {
    set: ArcSwap<PolicySet>,
}

impl Live {
    /// Puts a set in force.
    pub fn new(set: PolicySet) -> Self {
        Self {
            set: ArcSwap::from_pointee(set),
        }
    }

    /// The set in force now. It stays whole for whoever holds it.
    pub fn current(&self) -> Arc<PolicySet> {
        self.set.load_full()
    }
}

/// Why there is no policy set.
#[derive(Debug, thiserror::Error)]
pub enum NoPolicies {
    /// A file or folder cannot be read.
    #[error("cannot read `{}`", .0.display())]
    Unreadable(PathBuf, #[source] io::Error),
    /// There is nothing to read.
    #[error("no policy file (*.{EXTENSION}) in `{}`", .0.display())]
    NoFile(PathBuf),
    /// A file would be left out.
    #[error("`{}` is not read: name it *.{EXTENSION}", .0.display())]
    Misnamed(PathBuf),
    /// There are files, but no policy in them.
    #[error("no policy in `{}`", .0.display())]
    NoPolicy(PathBuf),
    /// The files have mistakes.
    #[error("{0}")]
    Mistaken(Problems),
}

/// Reads and compiles a policy file, or every `*.yaml` of a folder.
pub fn load(path: &Path) -> Result<PolicySet, NoPolicies> {
    let mut files = Vec::new();
    for file in policy_files(path)? {
        let text = read(&file).map_err(|error| NoPolicies::Unreadable(file.clone(), error))?;
        let path = file.display().to_string();
        files.push(Arc::new(SourceText { path, text }));
    }
    let set = parse(&files, &read_list).map_err(NoPolicies::Mistaken)?;
    if set.is_empty() {
        return Err(NoPolicies::NoPolicy(path.to_owned()));
    }
    Ok(set)
}

/// The file itself, or the policy files of the folder in the order of their names. Hidden ones are left out: editors and
/// Kubernetes keep their own there.
fn policy_files(path: &Path) -> Result<Vec<PathBuf>, NoPolicies> {
    let unreadable = |error| NoPolicies::Unreadable(path.to_owned(), error);
    if fs::metadata(path).map_err(unreadable)?.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        let hidden = file
            .file_name()
            .is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden && file.extension().is_some_and(|e| e == NEARLY_EXTENSION) {
            return Err(NoPolicies::Misnamed(file));
        }
        if !hidden && file.extension().is_some_and(|e| e == EXTENSION) && file.is_file() {
            files.push(file);
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(NoPolicies::NoFile(path.to_owned()));
    }
    Ok(files)
}

/// The text of a list of identities, whose name is relative to the policy file that names it.
pub fn read_list(policy: &str, name: &str) -> Result<String, String> {
    let inside = Path::new(name)
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    if !inside {
        return Err("its name must be relative to the policy file, and lead inside".to_owned());
    }
    let path = Path::new(policy).with_file_name(name);
    let mut text = String::new();
    fs::File::open(path)
        .and_then(|file| file.take(LIST_BYTES_MAX + 1).read_to_string(&mut text))
        .map_err(|error| error.to_string())?;
    if u64::try_from(text.len()).is_ok_and(|length| length > LIST_BYTES_MAX) {
        return Err(format!("it is longer than {LIST_BYTES_MAX} bytes"));
    }
    Ok(text)
}

/// What is not UTF-8 is read as far as it is, and the parser tells where it is not.
fn read(file: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    let file = fs::File::open(file)?;
    file.take(READ_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str =
        "version: 1\npolicies:\n  NAME:\n    require:\n      - verified_within: 90d\n";

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    #[test]
    fn every_yaml_file_of_a_folder_is_read_and_nothing_else() {
        let folder = folder(&[
            ("a.yaml", &POLICY.replace("NAME", "a")),
            ("b.yaml", &POLICY.replace("NAME", "b")),
            (".hidden.yaml", "not: [a policy"),
            ("notes.txt", "not a policy"),
        ]);
        let set = load(folder.path()).unwrap();
        let names: Vec<&str> = set.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
    }

    #[test]
    fn a_policy_that_two_files_define_is_a_mistake_of_both() {
        let text = POLICY.replace("NAME", "a");
        let folder = folder(&[("a.yaml", &text), ("b.yaml", &text)]);
        let message = load(folder.path()).unwrap_err().to_string();
        assert!(
            message.contains("the policy `a` is defined twice"),
            "{message}"
        );
        assert!(message.contains("b.yaml:3:3"), "{message}");
        assert!(message.contains("the other is in"), "{message}");
    }

    #[test]
    fn nothing_to_read_is_an_error_that_says_so() {
        assert!(matches!(
            load(Path::new("/no/such/place")),
            Err(NoPolicies::Unreadable(..))
        ));
        assert!(matches!(
            load(folder(&[]).path()),
            Err(NoPolicies::NoFile(_))
        ));
        let empty = folder(&[("a.yaml", "version: 1\npolicies: {}\n")]);
        assert!(matches!(load(empty.path()), Err(NoPolicies::NoPolicy(_))));
        let latin1 = folder(&[]);
        fs::write(latin1.path().join("a.yaml"), b"version: \xe9").unwrap();
        let told = load(latin1.path()).unwrap_err().to_string();
        assert!(told.contains("not UTF-8"), "{told}");
        let misnamed = folder(&[("a.yml", "version: 1\n")]);
        assert!(matches!(
            load(misnamed.path()),
            Err(NoPolicies::Misnamed(_))
        ));
    }
}
