//! How a block gets into the output, whatever happens to that meanwhile.

use std::{io, thread};

use tracing::{error, info};

use super::{
    super::{
        append_file::as_u64,
        block::{Block, Item},
        output::{Next, OutputCheck, Reopened},
        own::{GapReason, Own},
        settings::Durability,
    },
    State, WriterThread,
};
use crate::log_throttle::throttled;

const UNSYNCED: &str = "the file could not be synced";

/// The outcome of a block.
enum Delivery {
    /// It is where it has to be.
    Kept,
    /// The output was opened again after this number of whole lines.
    Reopened(usize, Option<Reopened>),
    /// The file could not be synced. All its lines are in it, and nobody knows for how long.
    NotSynced(Reopened),
    /// The service stops, and the block has no decision; this number of its lines is in the file.
    Abandoned(usize),
    /// The same, after the file could not be synced and none could take its place. All its lines are in it.
    AbandonedUnsynced,
}

/// Whether this is written again into the file that takes the place of one that is lost or was not synced: all but what says where a file,
/// a process or a tree is.
fn is_repeated(item: &Item<'_>) -> bool {
    match item {
        Item::Record(..) => true,
        Item::Own(own) => match own {
            Own::Changed(_)
            | Own::FactsKey(_)
            | Own::IdentifierKey(_)
            | Own::SegmentRemoved(_)
            | Own::Gap(_)
            | Own::TailCut(_) => true,
            Own::SegmentOpened(_)
            | Own::SegmentClosed
            | Own::Started
            | Own::Stopped { .. }
            | Own::Tree => false,
        },
    }
}

impl WriterThread {
    /// Writes these, however many attempts that takes; whether they are written. They are not only where the service stops and none of them
    /// is a decision: what is not written is owed then.
    pub(super) fn put(&mut self, mut items: Vec<Item<'_>>) -> bool {
        if items.is_empty() {
            // It says nothing about whether anything can be written.
            return true;
        }
        let mut failures = 0;
        while !items.is_empty() {
            let now = self.clock.now();
            let (block, after) = {
                let State { chain, first, .. } = &self.state;
                Block::new(&items, chain, &self.header, *first, now)
            };
            let only_own = items.iter().all(|item| matches!(item, Item::Own(_)));
            match self.deliver(&block, only_own, &mut failures) {
                Delivery::Kept => {
                    self.state.chain = after;
                    self.hand_on(&block, block.lines());
                    self.count_lines(&items);
                    break;
                }
                Delivery::Reopened(whole, reopened) => {
                    self.state.chain = block.chain_after(whole);
                    let gap = reopened.as_ref().and_then(|reopened| reopened.gap);
                    // With a gap they may be lost, and are recorded again.
                    if gap.is_none() {
                        self.hand_on(&block, whole);
                    }
                    let rest = items.split_off(whole.min(items.len()));
                    self.count_lines(&items);
                    if gap.is_some() {
                        // Its whole lines may be lost with the file.
                        items.extend(rest);
                        items.retain(is_repeated);
                    } else {
                        items = rest;
                    }
                    let is_unsynced = gap == Some(GapReason::SyncFailed);
                    let from = self.state.unsynced_from.take();
                    let missing_from = is_unsynced.then(|| from.unwrap_or_else(|| block.first()));
                    items = self.begin_with(reopened, missing_from, items);
                }
                Delivery::NotSynced(reopened) => {
                    self.state.chain = after;
                    self.count_lines(&items);
                    items.retain(is_repeated);
                    items = self.begin_with(Some(reopened), Some(block.first()), items);
                }
                Delivery::AbandonedUnsynced => {
                    self.state.chain = after;
                    self.count_lines(&items);
                    self.state.unsynced_from = Some(block.first());
                    items.retain(is_repeated);
                    self.owe(items);
                    return false;
                }
                Delivery::Abandoned(whole) => {
                    self.state.chain = block.chain_after(whole);
                    self.hand_on(&block, whole);
                    let rest = items.split_off(whole.min(items.len()));
                    self.count_lines(&items);
                    // A line that was begun would be glued to the next one.
                    let output = &mut self.output;
                    self.health.watched(|| output.cut_unfinished());
                    self.owe(rest);
                    return false;
                }
            }
        }
        // Those of a block that was left count, too.
        if failures > 0 || self.health.is_failing() {
            self.recovered(failures);
        }
        true
    }

    fn recovered(&self, failed_attempts: u64) {
        self.health.set_write(None);
        info!(
            event = "journal_recovered",
            failed_attempts, "journal writable again; no entry was lost"
        );
    }

    /// What was not written comes before anything else that is, but for the end of a file or a process, and what is said again anyway.
    fn owe(&mut self, items: Vec<Item<'_>>) {
        let own = items.into_iter().filter_map(|item| match item {
            Item::Own(Own::SegmentClosed | Own::Stopped { .. } | Own::Tree) | Item::Record(..) => {
                None
            }
            Item::Own(own) => Some(own),
        });
        let owed: Vec<Own> = own.collect();
        // What was owed since then follows.
        self.state.owed.splice(..0, owed);
    }

    /// Hands the first lines of a block to those who export them.
    fn hand_on(&self, block: &Block, count: usize) {
        if count == 0 || self.outlets.is_empty() {
            return;
        }
        let lines = block.first_lines(count);
        for outlet in &self.outlets {
            outlet.hand_over(&lines, count);
        }
    }

    /// These, after what another file begins with.
    fn begin_with<'g>(
        &mut self,
        reopened: Option<Reopened>,
        missing_from: Option<u64>,
        items: Vec<Item<'g>>,
    ) -> Vec<Item<'g>> {
        let Some(reopened) = reopened else {
            return items;
        };
        self.move_on(reopened, missing_from);
        let owed = self.state.owed.drain(..).map(Item::Own);
        owed.chain(items).collect()
    }

    fn count_lines(&mut self, items: &[Item<'_>]) {
        let opens = |item: &Item<'_>| matches!(item, Item::Own(Own::SegmentOpened(Some(_))));
        if items.iter().any(opens) {
            // If it is full, one is due already.
            let _ = self.closed.try_send(());
        }
        let count = as_u64(items.len());
        self.state.lines = self.state.lines.saturating_add(count);
        let with_tree = items
            .iter()
            .rev()
            .position(|item| matches!(item, Item::Own(own) if own.has_tree()));
        self.state.since_tree = with_tree.map_or_else(
            || self.state.since_tree.saturating_add(count),
            |since| as_u64(since).saturating_add(1),
        );
    }

    fn deliver(&mut self, block: &Block, only_own: bool, failures: &mut u64) -> Delivery {
        let (mut written, mut is_synced) = (0, None);
        // Nothing follows in it: a sync that succeeds later says nothing of what is lost.
        let was_unsynced = self.state.unsynced_from.is_some();
        loop {
            let left = block.after(written);
            let result = if was_unsynced {
                Err(io::Error::other(UNSYNCED))
            } else if left.is_empty() {
                self.confirm(&mut is_synced)
            } else {
                self.attempt(left).map(|count| written += count)
            };
            let error = match result {
                Ok(()) if left.is_empty() => return Delivery::Kept,
                Ok(()) => continue,
                Err(error) => error,
            };
            self.record_failure(&error, *failures);
            *failures = failures.saturating_add(1);
            // What was written whole may be lost with the file.
            let whole = if left.is_empty() {
                0
            } else {
                block.whole_lines(written)
            };
            let is_unsynced = was_unsynced || is_synced == Some(false);
            if is_unsynced && let Ok(reopened) = self.replace(block, written) {
                return if was_unsynced {
                    Delivery::Reopened(0, Some(reopened))
                } else {
                    Delivery::NotSynced(reopened)
                };
            }
            // Repeated at once the first time: some failures are of that write alone.
            if *failures > 1 {
                self.health.set_write(Some(error.to_string()));
                if only_own && self.health.is_stopping() {
                    return if is_synced == Some(false) {
                        Delivery::AbandonedUnsynced
                    } else {
                        Delivery::Abandoned(whole)
                    };
                }
                thread::sleep(self.retry_after);
            }
            if is_unsynced {
                // It is left by a gap alone: opened again, it would be trusted.
                continue;
            }
            let index = block.first().saturating_add(as_u64(whole));
            if let Some(OutputCheck::Reopened(reopened)) = self.check_output(index) {
                return Delivery::Reopened(whole, reopened);
            }
        }
    }

    /// Goes on in another file, after what was written of a block: all of it, or nothing.
    fn replace(&mut self, block: &Block, written: usize) -> io::Result<Reopened> {
        let lines = as_u64(block.whole_lines(written));
        let next = Next {
            index: block.first().saturating_add(lines),
            now: self.clock.now(),
        };
        let output = &mut self.output;
        self.health.watched(|| output.replace(next))
    }

    fn attempt(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(lost) = self.health.lost_output() {
            return Err(io::Error::other(lost));
        }
        let output = &mut self.output;
        self.health.watched(|| match output.write(bytes) {
            Ok(0) => Err(io::ErrorKind::WriteZero.into()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(0),
            result => result,
        })
    }

    /// Makes sure that what was written is where it has to be. `is_synced` is what the only attempt to sync has returned: after an error the
    /// system may say that all is well, although what was written is lost.
    fn confirm(&mut self, is_synced: &mut Option<bool>) -> io::Result<()> {
        let output = &mut self.output;
        if !self.health.watched(|| output.is_kept()) {
            return Err(io::Error::other(
                "the file was deleted or truncated while it was written",
            ));
        }
        if self.durability != Durability::Synced {
            return Ok(());
        }
        match is_synced {
            Some(true) => Ok(()),
            Some(false) => Err(io::Error::other(UNSYNCED)),
            None => {
                let result = self.health.watched(|| output.sync());
                *is_synced = Some(result.is_ok());
                if let Err(error) = &result {
                    error!(
                        event = "journal_sync_failed",
                        %error,
                        "the disk did not confirm what was written, so the journal goes on in another file and writes it there again: replace the disk"
                    );
                }
                result
            }
        }
    }

    fn record_failure(&self, error: &io::Error, failed_attempts: u64) {
        self.metrics.write_failures.inc();
        throttled!(
            self.log,
            self.clock.moment().uptime,
            error,
            "journal_write_failed",
            %error,
            failed_attempts,
            "journal write failed and is retried; if it fails again, checks are rejected until it succeeds: free space on the disk of journal.path, or repair its reader"
        );
    }
}
