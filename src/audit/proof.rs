//! Proofs that one line is in a journal (RFC 9162, 2.1.3), which a stranger can check with the line, some hashes and a signed checkpoint.

mod consistency;
mod path;
mod subtrees;

use std::{io, path::Path, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;

pub use self::consistency::{
    CheckConsistencyError, Consistency, ProveConsistencyError, check_consistency, prove_consistency,
};
use self::{
    path::{beside, root_of},
    subtrees::Subtrees,
};
use super::{
    files::{JournalFile, JournalFiles},
    line::{Line, Parsed},
    search::Record,
    stream::{ReadError, Stream},
    verify::notes::{Next, NoteReader, Order},
};
use crate::{
    journal::{
        checkpoint::{Checkpoint, CheckpointError},
        merkle::{Hash, Tree},
        signed_note::{Note, NoteError, VerifierKey},
    },
    json::Object,
};

/// Subtrees of a proof: one for each bit of a size, and one more for a beginning.
const PATH_MAX: usize = 65;

/// A proof that a line is in a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The index of the line.
    pub index: u64,
    /// The line, with its newline.
    pub line: String,
    /// The hashes beside the way to the root, from the line upwards.
    pub path: Vec<Hash>,
    /// A signed checkpoint over lines of which this is one.
    pub checkpoint: String,
}

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    /// The journal cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It is of the first format.
    #[error("the line is of the first format, which is in no tree")]
    Unchained,
    /// No checkpoint is over it yet, or the checkpoints are bad.
    #[error(
        "no checkpoint that is right covers the line: wait for the next one, or verify the journal with `verigate audit verify`"
    )]
    NotCovered,
    /// The lines lead to another root.
    #[error(
        "the lines do not have the root that the checkpoint has: `verigate audit verify` names the first bad line"
    )]
    OtherRoot,
}

/// Why a proof does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    /// The checkpoint is not signed by a key that was given.
    #[error("the checkpoint: {0}")]
    Note(#[from] NoteError),
    /// The note is no checkpoint.
    #[error("the checkpoint: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// It is of another journal.
    #[error("the checkpoint has another origin than the name of its key")]
    OtherOrigin,
    /// The line is none, or has another index.
    #[error("the line is no line of a journal with this index")]
    NoLine,
    /// The line is not in the tree.
    #[error(
        "the line is not in the tree whose root is signed: it, its index or the path was changed"
    )]
    OtherRoot,
}

/// Proves the line of a record by the first checkpoint of this file that covers it and is signed by a key, if any is given.
pub fn prove(
    journal: &JournalFiles,
    record: &Record,
    checkpoints: &Path,
    keys: &[VerifierKey],
) -> Result<Proof, ProveError> {
    let Ok(Parsed::Chained(line)) = Parsed::parse(&record.raw.bytes) else {
        return Err(ProveError::Unchained);
    };
    let (checkpoint, note) = covering(checkpoints, keys, line.index)?;
    let size = checkpoint.size;
    let ranges = beside(line.index, size).ok_or(ProveError::OtherRoot)?;
    let path = roots(journal, line.index, size, &ranges)?.ok_or(ProveError::OtherRoot)?;
    let root = root_of(line.index, checkpoint.size, &record.raw.bytes, &path);
    if root != Some(checkpoint.root) {
        return Err(ProveError::OtherRoot);
    }
    Ok(Proof {
        index: line.index,
        line: String::from_utf8_lossy(&record.raw.bytes).into_owned(),
        path,
        checkpoint: note,
    })
}

/// The first checkpoint over the line of this index, and its note.
fn covering(
    path: &Path,
    keys: &[VerifierKey],
    index: u64,
) -> Result<(Checkpoint, String), ProveError> {
    let unreadable = |error| ReadError::Unreadable(path.to_owned(), error);
    let reader = NoteReader::open(path, keys, Order::Repeated).map_err(unreadable)?;
    let missing = || unreadable(io::Error::from(io::ErrorKind::NotFound));
    let mut reader = reader.ok_or_else(missing)?;
    while let Ok(Next::Checkpoint(noted)) = reader.next() {
        if noted.checkpoint.size > index {
            let note = String::from_utf8_lossy(&noted.note).into_owned();
            return Ok((noted.checkpoint, note));
        }
    }
    Err(ProveError::NotCovered)
}

/// The roots of these subtrees of the first `size` lines, for which those from this index on, and some before it, are read; `None` if lines are
/// missing.
fn roots(
    journal: &JournalFiles,
    index: u64,
    size: u64,
    ranges: &[(u64, u64)],
) -> Result<Option<Vec<Hash>>, ReadError> {
    let mut stream = Stream::of(files_from(journal, index));
    let mut subtrees = None;
    let mut next = 0;
    while next < size {
        let Some(raw) = stream.next_line()? else {
            break;
        };
        let Ok(Parsed::Chained(line)) = Parsed::parse(&raw.bytes) else {
            continue;
        };
        if subtrees.is_none() {
            let before = state_before(&line).filter(|before| before.size() <= index);
            let Some(before) = before else {
                return Ok(None);
            };
            subtrees = Subtrees::new(ranges, &before);
        }
        let Some(subtrees) = &mut subtrees else {
            return Ok(None);
        };
        subtrees.pass(line.index, line.hash);
        next = line.index.saturating_add(1);
    }
    Ok(subtrees.and_then(Subtrees::finish))
}

/// The files from the one on in which the line of this index is.
fn files_from(journal: &JournalFiles, index: u64) -> Vec<Arc<JournalFile>> {
    let begins_behind =
        |file: &Arc<JournalFile>| file.first_index.is_some_and(|first| first > index);
    let behind = journal.files.iter().position(begins_behind);
    let first = if journal.is_folder {
        behind.unwrap_or(journal.files.len()).saturating_sub(1)
    } else {
        0
    };
    journal.files.get(first..).unwrap_or_default().to_vec()
}

fn state_before(line: &Line) -> Option<Tree> {
    if line.index == 0 {
        return Some(Tree::default());
    }
    line.tree()
}

/// A proof as JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Json {
    index: u64,
    line: String,
    path: Vec<String>,
    checkpoint: String,
}

impl Proof {
    /// Reads the JSON of a proof; `None` if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let Object(json): Object<Json> = serde_json::from_str(text).ok()?;
        Some(Self {
            index: json.index,
            line: json.line,
            path: hashes(&json.path)?,
            checkpoint: json.checkpoint,
        })
    }
}

/// The hashes of a proof, in base64; `None` if they are none or too many.
fn hashes(path: &[String]) -> Option<Vec<Hash>> {
    if path.len() > PATH_MAX {
        return None;
    }
    let hashes = path.iter().map(|hash| {
        let hash = STANDARD.decode(hash).ok()?;
        Hash::try_from(hash).ok()
    });
    hashes.collect()
}

/// Checks a proof: its checkpoint by one of these keys, and its line by that. The checkpoint, if it holds.
pub fn check(proof: &Proof, keys: &[VerifierKey]) -> Result<Checkpoint, CheckError> {
    let checkpoint = verified(&proof.checkpoint, keys)?;
    let is_line = proof.line.ends_with('\n')
        && matches!(Parsed::parse(proof.line.as_bytes()), Ok(Parsed::Chained(line)) if line.index == proof.index);
    if !is_line {
        return Err(CheckError::NoLine);
    }
    let root = root_of(
        proof.index,
        checkpoint.size,
        proof.line.as_bytes(),
        &proof.path,
    );
    if root == Some(checkpoint.root) {
        Ok(checkpoint)
    } else {
        Err(CheckError::OtherRoot)
    }
}

/// The checkpoint of a note, by one of these keys, whose name it has.
fn verified(note: &str, keys: &[VerifierKey]) -> Result<Checkpoint, CheckError> {
    let note = Note::parse(note.as_bytes())?;
    let mut verified = Err(NoteError::OtherKey);
    let mut name = "";
    for key in keys {
        let result = note.verified_by(key);
        if verified.is_err() && result != Err(NoteError::OtherKey) {
            verified = result;
            name = key.name();
        }
    }
    let checkpoint = Checkpoint::parse(verified?)?;
    if *checkpoint.origin != *name {
        return Err(CheckError::OtherOrigin);
    }
    Ok(checkpoint)
}
