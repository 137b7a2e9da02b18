//! The policy set in force: read from a file or a folder, compiled whole, and swapped in whole. What cannot be compiled
//! never takes its place.

mod reload;
mod sources;
mod watch;

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use arc_swap::{ArcSwap, ArcSwapOption};

use self::sources::Reading;
pub use self::{
    reload::{Failure, Reloader},
    watch::watch,
};
use crate::{
    files::EXTENSION,
    policy::{PolicyName, PolicySet, Problems},
};

/// The policy set in force, and why there is no newer one.
#[derive(Debug)]
pub struct Live {
    set: ArcSwap<PolicySet>,
    failure: ArcSwapOption<Failure>,
}

impl Live {
    /// Puts a set in force.
    pub fn new(set: PolicySet) -> Self {
        Self {
            set: ArcSwap::from_pointee(set),
            failure: ArcSwapOption::empty(),
        }
    }

    /// The set in force now. It stays whole for whoever holds it.
    pub fn current(&self) -> Arc<PolicySet> {
        self.set.load_full()
    }

    /// Why what is written now is not in force, if so.
    pub fn failure(&self) -> Option<Arc<Failure>> {
        self.failure.load_full()
    }
}

/// Why there is no policy set.
#[derive(Debug, thiserror::Error)]
pub enum NoPolicies {
    /// A file or folder cannot be read.
    #[error("cannot read `{}`", .0.display())]
    Unreadable(PathBuf, #[source] io::Error),
    /// It was another each time it was read.
    #[error("`{}` is being changed while it is read", .0.display())]
    Unsettled(PathBuf),
    /// There is more to read than is read.
    #[error("at `{}` there are more than {}", .0.display(), .1)]
    TooMuch(PathBuf, String),
    /// There is nothing to read.
    #[error("no policy file (*.{EXTENSION}) in `{}`", .0.display())]
    NoFile(PathBuf),
    /// A file would be left out.
    #[error("`{}` is not read: name it *.{EXTENSION}", .0.display())]
    Misnamed(PathBuf),
    /// There are files, but no policy in them.
    #[error("no policy in `{}`", .0.display())]
    NoPolicy(PathBuf),
    /// A policy would send browsers where nobody has allowed it.
    #[error(
        "the policy `{0}` redirects to `{1}`, which is not in step_up.redirects of the configuration"
    )]
    Redirect(PolicyName, String),
    /// The files have mistakes.
    #[error("{0}")]
    Mistaken(Problems),
}

impl NoPolicies {
    /// The whole of it, with what the system says.
    fn told(&self) -> String {
        match self {
            Self::Unreadable(_, error) => format!("{self}: {error}"),
            Self::Mistaken(problems) => problems.in_short(),
            _ => self.to_string(),
        }
    }
}

/// Lets a set pass whose policies redirect only to these addresses.
pub fn admit(set: PolicySet, redirects: &BTreeSet<String>) -> Result<PolicySet, NoPolicies> {
    let redirects_elsewhere = set.iter().find_map(|(name, policy)| {
        let redirect = policy.redirect().filter(|to| !redirects.contains(*to))?;
        Some(NoPolicies::Redirect(name.clone(), redirect.to_owned()))
    });
    redirects_elsewhere.map_or(Ok(set), Err)
}

/// Reads and compiles a policy file, or every `*.yaml` of a folder and its sub-folders.
pub fn load(path: &Path) -> Result<PolicySet, NoPolicies> {
    Reading::settled(path, None).sources?.compile(path)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::policy::TEXT_BYTES_MAX;

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
        let told = load(empty.path()).unwrap_err().to_string();
        assert!(told.contains("`policies` is empty"), "{told}");
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

    #[test]
    fn sub_folders_are_read_once_whatever_links_lead_to_them() {
        let folder = folder(&[("a.yaml", &POLICY.replace("NAME", "a"))]);
        let sub = folder.path().join("sub/.hidden");
        fs::create_dir_all(&sub).unwrap();
        fs::write(sub.join("x.yaml"), "not: [a policy").unwrap();
        fs::write(
            folder.path().join("sub/b.yaml"),
            POLICY.replace("NAME", "b"),
        )
        .unwrap();
        let link = |target: &str, name: &str| {
            std::os::unix::fs::symlink(target, folder.path().join(name)).unwrap();
        };
        link("..", "sub/ring");
        link("sub", "again");
        link("a.yaml", "c.yaml");
        assert_eq!(load(folder.path()).unwrap().len(), 2);
        link("nowhere", "d");
        let told = load(folder.path()).unwrap_err();
        assert!(matches!(told, NoPolicies::Unreadable(..)), "{told}");
    }

    #[test]
    fn what_is_read_has_bounds() {
        let folder = folder(&[("a.yaml", &POLICY.replace("NAME", "a"))]);
        let told = |what: &str| {
            let told = load(folder.path()).unwrap_err().to_string();
            assert!(told.contains(what), "{told}");
        };
        let deep = folder.path().join(["d"; 17].join("/"));
        fs::create_dir_all(deep).unwrap();
        told("16 folders in each other");
        fs::remove_dir_all(folder.path().join("d")).unwrap();
        for n in 0..17 {
            let comment = "#".repeat(TEXT_BYTES_MAX);
            fs::write(folder.path().join(format!("{n}.yaml")), comment).unwrap();
        }
        told("16777216 bytes in all");
        for n in 0..1000 {
            fs::write(folder.path().join(format!("{n}.yaml")), "").unwrap();
        }
        told("1000 files");
        for n in 0..200 {
            fs::create_dir(folder.path().join(format!("{n}"))).unwrap();
        }
        for n in 0..1000 {
            fs::remove_file(folder.path().join(format!("{n}.yaml"))).unwrap();
        }
        told("200 folders");
        for n in 0..10_000 {
            fs::write(folder.path().join(format!("{n}.txt")), "").unwrap();
        }
        told("10000 entries");
    }
}
