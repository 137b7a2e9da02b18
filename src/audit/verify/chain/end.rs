//! The end of the walk: what the last lines, and all of them together, must be.

use super::{CHANGED, Walk, tree::to_base64};
use crate::audit::verify::{
    notes::Noted,
    position::Position,
    report::{Bad, Report},
};

const NOT_SIGNED: &str =
    "name the key that signs this journal, or find out who removed its checkpoints";

impl Walk {
    /// What was found, if this line is bad, or if none was.
    pub(crate) fn finish(mut self, bad: Option<Bad>) -> Report {
        self.files.end(true);
        let bad = bad
            .map(Box::new)
            .or_else(|| self.at_end())
            .or_else(|| self.beginning_missing.take().map(|(_, bad)| bad))
            .or_else(|| self.checkpoints.bad.take());
        self.report.bad = bad.map(|bad| *bad);
        for position in std::mem::take(&mut self.checkpoints.torn) {
            let text = "the last checkpoint is not whole".to_owned();
            self.report.note("torn_checkpoint", Some(position), text);
        }
        if self.report.unchained > 0 {
            let lines = self.report.unchained;
            let text = format!("{lines} lines of the first format are in no chain");
            self.report.note("unchained", None, text);
        }
        if let Some(chain) = &self.chain {
            self.report.next_index = chain.next;
            self.report.root = chain.tree.as_ref().map(crate::journal::merkle::Tree::root);
        }
        self.report
    }

    /// What is bad at the end of the lines.
    fn at_end(&mut self) -> Option<Box<Bad>> {
        if let Some(broken) = self.broken.take() {
            let next = self.chain.as_ref().map_or(0, |chain| chain.next);
            // Those over fewer lines are about the time before the place.
            while let Some(noted) = self.checkpoints.next_up_to(next) {
                if noted.checkpoint.size == next {
                    let last = self.chain.as_ref().map(|chain| chain.previous);
                    let root = Some(noted.checkpoint.root);
                    return Some(broken.decided_at_end(&last.unwrap_or_default(), root));
                }
            }
            let last = self.chain.as_ref().map(|chain| chain.previous);
            return Some(broken.decided_at_end(&last.unwrap_or_default(), None));
        }
        let bad = self
            .compressed_without_end()
            .or_else(|| self.uncovered_end());
        if let Some(torn) = self.torn.take().filter(|_| bad.is_none()) {
            let text = format!(
                "the last line is not whole, {}: it is being written, or was when the process ended",
                torn.found
            );
            self.report.note("torn_line", Some(torn.position), text);
        }
        bad
    }

    fn compressed_without_end(&self) -> Option<Box<Bad>> {
        let file = self.files.unclosed_compressed()?;
        let next = self.chain.as_ref().map_or(0, |chain| chain.next);
        let position = Position::after(file, self.files.lines(), next);
        let expected = "`segment_closed` as the last line of a compressed file";
        Some(Bad::new(position, expected, "the end of the file", CHANGED))
    }

    /// What is bad about the last line by the checkpoints.
    fn uncovered_end(&mut self) -> Option<Box<Bad>> {
        let next = self.chain.as_ref().map_or(0, |chain| chain.next);
        let tree = self.chain.as_ref().and_then(|chain| chain.tree.clone());
        if let Some(noted) = self.compare(next, tree.as_ref()) {
            return self.last_changed(&noted);
        }
        if let Some(noted) = self.checkpoints.next_up_to(u64::MAX) {
            return Some(self.torn.take().unwrap_or_else(|| self.cut(&noted, next)));
        }
        let counts = self.report.checkpoints;
        let is_signed = self.checkpoints.has_keys() || self.checkpoints.are_some();
        let chain = self.chain.as_ref()?;
        let covered = counts.covered == Some(next);
        if is_signed && chain.is_stopped && !covered && self.checkpoints.bad.is_none() {
            let expected = "a checkpoint over this line, with which each clean end ends";
            let found = match counts.covered {
                Some(covered) => format!("none; the last one is over {covered} lines"),
                None => "none".to_owned(),
            };
            return Some(Bad::new(
                chain.position.clone(),
                expected,
                found,
                NOT_SIGNED,
            ));
        }
        let none = counts.matched == 0 && !self.checkpoints.are_some();
        if self.checkpoints.has_keys() && none {
            let expected = "checkpoints that are signed with the key that was given";
            return Some(Bad::new(
                chain.position.clone(),
                expected,
                "no checkpoint",
                NOT_SIGNED,
            ));
        }
        None
    }

    /// A checkpoint over all lines does not fit, although they are chained: only the last one can be changed.
    fn last_changed(&self, noted: &Noted) -> Option<Box<Bad>> {
        let chain = self.chain.as_ref()?;
        let root = to_base64(&noted.checkpoint.root);
        let expected = format!(
            "lines with the root {root}, as the checkpoint in line {} of `{}` says",
            noted.position.line, noted.position.file
        );
        let found = chain.tree.as_ref().map(|tree| to_base64(&tree.root()));
        let found = format!("lines with the root {}", found.unwrap_or_default());
        Some(Bad::new(chain.position.clone(), expected, found, CHANGED))
    }
}
