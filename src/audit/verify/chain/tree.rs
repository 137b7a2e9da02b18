//! The tree over the lines, against the states and roots that lines and checkpoints have; and what lines say of the journal itself.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{CHANGED, Chain, REMOVED, Walk};
use crate::{
    audit::{
        line::Line,
        stream::RawLine,
        verify::{notes::Noted, position::Position, report::Bad},
    },
    journal::{
        from_hex,
        merkle::{Hash, Tree},
    },
};

/// The events that have the state of the tree.
const WITH_TREE: [&str; 3] = ["segment_opened", "journal_started", "tree"];
const REWRITTEN: &str = "lines were changed and the chain behind them was written again, or lines were added: compare with the original, in a backup or at a collector";

impl Walk {
    /// The tree over all lines before this one; `None` if it is not known.
    pub(super) fn state_of_tree(
        &self,
        raw: &RawLine,
        line: &Line,
        chain: Option<&Chain>,
    ) -> Result<Option<Tree>, Box<Bad>> {
        let known = match chain {
            None if line.index == 0 => Some(Tree::default()),
            // Behind a place where the chain is broken, the tree is not that of the lines.
            Some(chain) if self.broken.is_none() && chain.next == line.index => chain.tree.clone(),
            _ => None,
        };
        let bad = |expected: String, found: &str| {
            Err(Bad::new(
                Position::of(raw, line.index),
                expected,
                found,
                CHANGED,
            ))
        };
        let shown = |tree: &Tree| {
            let roots: Vec<String> = tree.subtrees().iter().map(to_base64).collect();
            format!("`tree` [{}]", roots.join(", "))
        };
        if WITH_TREE.iter().any(|name| line.is_event(name)) {
            let Some(state) = line.tree() else {
                let expected = format!("`tree` with {} hashes", line.index.count_ones());
                return bad(expected, "another `tree`");
            };
            return match known {
                Some(known) if known != state => bad(shown(&known), &shown(&state)),
                _ => Ok(Some(state)),
            };
        }
        if let (true, Some(known)) = (line.is_event("segment_closed"), &known) {
            let root = to_base64(&known.root());
            let found = line.text("root").unwrap_or("none");
            if found != root {
                return bad(format!("`root` {root}"), found);
            }
        }
        Ok(known)
    }

    /// Compares the checkpoints over at most this many lines with the tree over them. The one that does not fit.
    pub(super) fn compare(&mut self, size: u64, tree: Option<&Tree>) -> Option<Noted> {
        let mut unfit = None;
        while let Some(noted) = self.checkpoints.next_up_to(size) {
            let counts = &mut self.report.checkpoints;
            let tree = tree.filter(|tree| tree.size() == noted.checkpoint.size);
            match tree {
                None => counts.not_comparable = counts.not_comparable.saturating_add(1),
                Some(tree) if tree.root() == noted.checkpoint.root => {
                    counts.matched = counts.matched.saturating_add(1);
                    counts.covered = Some(noted.checkpoint.size);
                    self.uncovered = None;
                }
                Some(_) => unfit = Some(noted),
            }
        }
        unfit
    }

    /// What is bad if the lines go on behind a checkpoint that does not fit: with a signature the lines, without one the checkpoint.
    pub(super) fn unfit(&mut self, noted: &Noted) -> Result<(), Box<Bad>> {
        let size = noted.checkpoint.size;
        let root = to_base64(&noted.checkpoint.root);
        let uncovered = self.uncovered.clone();
        if let Some(first) = uncovered.filter(|_| self.checkpoints.has_keys()) {
            let to = size.saturating_sub(1);
            let from = first.index.unwrap_or(0);
            let expected = format!("lines {from} to {to} with the root {root}, which is signed");
            return Err(Bad::new(
                first,
                expected,
                "lines with another root",
                REWRITTEN,
            ));
        }
        let expected = format!("the checkpoint over the first {size} lines");
        let found = format!("one with another root, {root}");
        let bad = Bad::new(noted.position.clone(), expected, found, CHANGED);
        self.checkpoints.bad.get_or_insert(bad);
        Ok(())
    }

    /// Notes what a line says of the journal itself.
    pub(super) fn noted(&mut self, raw: &RawLine, line: &Line) {
        let position = Some(Position::of(raw, line.index));
        if line.is_event("gap") {
            let reason = line.text("reason").unwrap_or("unknown");
            let known = ["first_index", "last_index"].map(|name| line.number(name));
            let of = match (known, line.text("file")) {
                ([Some(first), Some(last)], _) => format!(", lines {first} to {last}"),
                (_, Some(file)) => format!(", `{file}`"),
                _ => String::new(),
            };
            self.report
                .note("gap", position, format!("lines are missing: {reason}{of}"));
        } else if line.is_event("tail_cut") {
            let bytes = line.number("bytes").unwrap_or(0);
            let text = format!("after a crash {bytes} bytes of an unfinished line were cut");
            self.report.note("tail_cut", position, text);
        } else if line.is_event("segment_removed") {
            self.removed(line, position);
        }
    }

    /// Retention removes the oldest files: the last one of them explains where the journal begins.
    fn removed(&mut self, line: &Line, position: Option<Position>) {
        let last_hash = line.text("last_hash").and_then(from_hex);
        let behind = line
            .number("last_index")
            .and_then(|last| last.checked_add(1));
        let is_adjacent = self
            .beginning_missing
            .as_ref()
            .is_some_and(|(previous, _)| {
                last_hash.is_none_or(|last| last == *previous) && behind == self.report.first_index
            });
        if is_adjacent {
            self.beginning_missing = None;
            let before = behind.unwrap_or(0);
            let text = format!("retention removed the lines before index {before}");
            self.report.note("segment_removed", position, text);
        }
    }

    /// What is bad if a checkpoint is over more lines than there are.
    pub(super) fn cut(&self, noted: &Noted, next: u64) -> Box<Bad> {
        let size = noted.checkpoint.size;
        let position = match (&self.chain, self.files.last()) {
            (Some(chain), _) => Position {
                line: chain.position.line.saturating_add(1),
                index: Some(next),
                ..chain.position.clone()
            },
            (None, Some(file)) => Position::after(file, self.report.unchained, next),
            (None, None) => noted.position.clone(),
        };
        let last = size.saturating_sub(1);
        let expected = format!(
            "the lines {next} to {last}, which the checkpoint in line {} of `{}` covers",
            noted.position.line, noted.position.file
        );
        Bad::new(position, expected, "the end of the journal", REMOVED)
    }
}

pub(super) fn to_base64(hash: &Hash) -> String {
    STANDARD.encode(hash)
}
