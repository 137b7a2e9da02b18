//! A place where a line does not follow the one before. A `gap` among this line and the seven behind it explains that; otherwise one of
//! the two lines is bad, and what comes next says which.

use super::report::Bad;
use crate::{
    audit::line::Line,
    journal::merkle::{Hash, Tree},
};

/// How many lines, from the first behind the place on, may be the `gap` that explains it.
pub(super) const GAP_WITHIN: u64 = 8;
/// The reasons of a `gap` that explain nothing: they say that a line is bad.
const UNEXPLAINED: [&str; 1] = ["file_unreadable"];

/// A place where the chain is broken, as long as it is not known why.
#[derive(Debug)]
pub(super) struct Break {
    /// If the line behind the place is the bad one.
    pub(super) behind: Box<Bad>,
    /// If the line before it may be the bad one.
    pub(super) before: Option<Before>,
    /// Whether the place is a line that is not whole.
    pub(super) is_torn: bool,
    /// How many lines were read behind the place.
    pub(super) lines: u64,
}

/// The line before the place.
#[derive(Debug)]
pub(super) struct Before {
    pub(super) bad: Box<Bad>,
    /// The tree without it.
    pub(super) tree: Option<Tree>,
    /// What the line behind says that its hash is.
    pub(super) claimed: Hash,
}

impl Break {
    /// Whether this line explains it.
    pub(super) fn is_explained_by(&self, line: &Line) -> bool {
        is_explaining_gap(line) || (self.is_torn && line.is_event("tail_cut"))
    }

    /// Whether a `gap` would come too late.
    pub(super) fn is_over(&self) -> bool {
        self.lines >= GAP_WITHIN
    }

    /// The bad line, if the line behind the place has this hash and is followed by this one, if by any.
    pub(super) fn decided(self, behind: &Hash, next: Option<&Line>) -> Box<Bad> {
        match (self.before, next) {
            // The line behind the place is as it was: the one before it is not.
            (Some(before), Some(next)) if next.previous == *behind => before.bad,
            _ => self.behind,
        }
    }

    /// The bad line, if nothing follows the line behind the place, and a checkpoint over it has this root, if there is one.
    pub(super) fn decided_at_end(self, behind: &Hash, root: Option<Hash>) -> Box<Bad> {
        let Some(before) = self.before else {
            return self.behind;
        };
        if self.lines > 1 {
            // The lines behind the place follow each other.
            return before.bad;
        }
        match (root, before.tree) {
            (Some(root), Some(mut tree)) => {
                tree.push(before.claimed);
                tree.push(*behind);
                if tree.root() == root {
                    before.bad
                } else {
                    self.behind
                }
            }
            _ => before.bad,
        }
    }
}

/// Whether this is a `gap` that explains why lines are missing.
pub(super) fn is_explaining_gap(line: &Line) -> bool {
    let reason = line.text("reason").unwrap_or("");
    line.is_event("gap") && !UNEXPLAINED.contains(&reason)
}
