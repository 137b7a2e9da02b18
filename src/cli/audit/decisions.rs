//! The lines of a journal that count, one after the other.

use std::path::PathBuf;

use super::{filter, progress::Progress};
use crate::audit::{Ending, Stream, decision::DecisionLine};

/// A line that counts.
pub(super) enum Counted<'l> {
    Decision(&'l DecisionLine),
    /// The bytes of an event.
    Event(&'l [u8]),
}

/// Reads the decisions and events of a journal. Returns how many lines are neither. The last line is left out while it is being written.
pub(super) fn each(paths: &[PathBuf], mut on: impl FnMut(Counted<'_>)) -> anyhow::Result<u64> {
    let journal = filter::find(paths)?;
    let mut progress = Progress::of(journal.size());
    let mut stream = Stream::new(&journal);
    let mut unreadable: u64 = 0;
    while let Some(line) = stream.next_line()? {
        progress.add(line.length);
        match (line.ending, DecisionLine::read(&line.bytes)) {
            (Ending::Torn, _) => {}
            (Ending::Whole, Ok(None)) => on(Counted::Event(&line.bytes)),
            (Ending::Whole, Ok(Some(decision))) => on(Counted::Decision(&decision)),
            (Ending::Whole, Err(_)) | (Ending::TooLong, _) => {
                unreadable = unreadable.saturating_add(1);
            }
        }
    }
    progress.end();
    Ok(unreadable)
}
