//! Names the files beside the policies that are not read, each of them once.

use std::collections::BTreeSet;

use tracing::warn;

use super::first::first;
use crate::{files::IgnoredFile, live::role::Role};

/// How many files are kept. Beyond that the list is cleared, and files may be named again.
const KEPT_MAX: usize = 1000;

/// The files that were named.
#[derive(Debug, Default)]
pub(super) struct LoggedFiles(BTreeSet<String>);

impl LoggedFiles {
    /// Logs those of these files that were not named before.
    pub(super) fn log(&mut self, ignored: &[IgnoredFile], role: Role) {
        if self.0.len().saturating_add(ignored.len()) > KEPT_MAX {
            self.0.clear();
        }
        let new: Vec<String> = ignored
            .iter()
            .map(IgnoredFile::to_string)
            .filter(|file| !self.0.contains(file))
            .collect();
        if new.is_empty() {
            return;
        }
        warn!(
            event = "policy_files_ignored",
            set = role.as_str(),
            files = first(new.iter().map(String::as_str), "; "),
            count = new.len(),
            "files beside the policies are not read"
        );
        self.0.extend(new.into_iter().take(KEPT_MAX));
    }
}
