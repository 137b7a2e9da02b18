//! Logs which policies have left the files, and whether they returned.

use tracing::{info, warn};

use super::first::first;
use crate::{
    file_watch::HOLD_FOR,
    live::{held::Merged, role::Role},
    policy::PolicyName,
};

/// Logs what has changed. `gone_files` are the files that were there at the reading before.
pub(super) fn log(merged: &Merged, gone_files: &[String], role: Role) {
    if !merged.gone.is_empty() {
        warn!(
            event = "policies_went_away",
            set = role.as_str(),
            names = names(&merged.gone),
            files = first(gone_files.iter().map(String::as_str), ", "),
            hold_seconds = HOLD_FOR.as_secs(),
            "policies are no longer in the files; they are held for a few seconds, in case a file is being replaced"
        );
    }
    if !merged.returned.is_empty() {
        info!(
            event = "policies_returned",
            set = role.as_str(),
            names = names(&merged.returned),
            "policies are in the files again"
        );
    }
    if !merged.dropped.is_empty() {
        warn!(
            event = "policies_dropped",
            set = role.as_str(),
            names = names(&merged.dropped),
            "policies are gone: where they were in force, checks that name them end with NOT_FOUND"
        );
    }
}

fn names(names: &[PolicyName]) -> String {
    first(names.iter().map(PolicyName::as_str), ", ")
}
