//! Verifies a journal: the chain of its lines, their indexes, the headers and trailers of its files, the states of the tree, and the
//! checkpoints. What cannot be explained is bad, and the first bad line is named; what the journal itself explains is a note.

mod options;
mod report;
pub(in crate::audit) mod notes;
mod checkpoints;
mod position;
mod broken;
mod files;
mod chain;

use self::{chain::Walk, checkpoints::Checkpoints};
pub use self::{
    options::Options,
    position::Position,
    report::{Bad, CheckpointCounts, Note, Report},
};
use super::{
    files::JournalFiles,
    stream::{ReadError, Stream},
};

/// Why a journal cannot be verified.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// A file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// There is neither a segment nor a checkpoint.
    #[error("there is no journal: no file `decisions-<20 digits>.jsonl`, and no checkpoint")]
    NoJournal,
    /// A key, and nothing that it could have signed.
    #[error(
        "a key is given, and no checkpoints: stdin has none beside it, so name their file with --checkpoint"
    )]
    NoCheckpoints,
}

/// Verifies the lines of these files. `progress` is called with the bytes that each line has.
pub fn verify(
    journal: &JournalFiles,
    options: Options<'_>,
    progress: &mut dyn FnMut(u64),
) -> Result<Report, VerifyError> {
    if !options.keys.is_empty() && options.copy.is_none() && journal.checkpoints.is_none() {
        return Err(VerifyError::NoCheckpoints);
    }
    // The checkpoints that are there now are about lines that are there now: what is written later is about later lines.
    let checkpoints = Checkpoints::open(journal.checkpoints.as_deref(), options)?;
    if journal.files.is_empty() && !checkpoints.are_some() {
        return Err(VerifyError::NoJournal);
    }
    let mut stream = Stream::new(journal);
    let mut walk = Walk::new(journal.is_folder, checkpoints);
    let bad = loop {
        match stream.next_line() {
            Ok(Some(raw)) => {
                progress(raw.length);
                let next_first = stream.next_file().and_then(|file| file.first_index);
                match walk.line(&raw, next_first) {
                    Ok(chain::Go::On) => {}
                    Ok(chain::Go::NextFile) => stream.skip_file(),
                    Err(bad) => break Some(*bad),
                }
            }
            Ok(None) => break None,
            Err(ReadError::Damaged { file, line, error }) => {
                break Some(walk.damaged(&file, line, &error));
            }
            Err(error) => return Err(error.into()),
        }
    };
    Ok(walk.finish(bad))
}
