//! Proofs that a journal has only grown between two checkpoints (RFC 9162, 2.1.4): the lines of the earlier one are the first lines of the later
//! one. They are checked with some hashes and both signed checkpoints, without any line.

mod ranges;

use std::{cmp::Ordering, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;

use self::ranges::{holds, ranges};
use super::{ReadError, hashes, roots, verified};
use crate::{
    audit::{
        files::JournalFiles,
        verify::notes::{Next, NoteReader, Order},
    },
    journal::{checkpoint::Checkpoint, merkle::Hash, signed_note::VerifierKey},
    json::Object,
};

/// A proof that a journal has only grown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consistency {
    /// The earlier checkpoint, a signed note.
    pub old: String,
    /// The later one.
    pub new: String,
    /// The hashes of RFC 9162.
    pub path: Vec<Hash>,
}

/// Why there is no proof that a journal has only grown.
#[derive(Debug, thiserror::Error)]
pub enum ProveConsistencyError {
    /// The journal cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// No checkpoint has this size.
    #[error("there is no checkpoint over {size} lines; {nearest}")]
    NoSuchCheckpoint {
        /// The size that was asked for.
        size: u64,
        /// Which sizes there are.
        nearest: String,
    },
    /// The lines are not there, or lead to other roots.
    #[error(
        "the lines do not lead from one checkpoint to the other: `verigate audit verify` names the first bad line"
    )]
    OtherRoot,
}

fn nearest(below: Option<u64>, above: Option<u64>) -> String {
    match (below, above) {
        (Some(below), Some(above)) => format!("the nearest are over {below} and over {above}"),
        (Some(one), None) | (None, Some(one)) => format!("the nearest is over {one}"),
        (None, None) => "there is no checkpoint that is right".to_owned(),
    }
}

/// Why a proof that a journal has only grown does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CheckConsistencyError {
    /// The earlier checkpoint does not hold by itself.
    #[error("the earlier one: {0}")]
    Old(#[source] super::CheckError),
    /// The later one does not.
    #[error("the later one: {0}")]
    New(#[source] super::CheckError),
    /// They are of two journals.
    #[error("the checkpoints are of two journals: their origins differ")]
    OtherOrigin,
    /// The later checkpoint is over other lines.
    #[error(
        "the lines of the earlier checkpoint are not the first lines of the later one: lines were written again, or the path was changed"
    )]
    NotConsistent,
}

/// Proves that the last checkpoint of this file follows the one over `size` lines. Checkpoints are signed by a key, if any is given.
pub fn prove_consistency(
    journal: &JournalFiles,
    size: u64,
    checkpoints: &Path,
    keys: &[VerifierKey],
) -> Result<Consistency, ProveConsistencyError> {
    let (old, new) = two(checkpoints, keys, size)?;
    let last = new.0.size;
    let ranges = ranges(size, last).ok_or(ProveConsistencyError::OtherRoot)?;
    let path = if ranges.is_empty() {
        Vec::new()
    } else {
        let roots = roots(journal, size, last, &ranges)?;
        roots.ok_or(ProveConsistencyError::OtherRoot)?
    };
    if !holds(&old.0, &new.0, &path) {
        return Err(ProveConsistencyError::OtherRoot);
    }
    Ok(Consistency {
        old: old.1,
        new: new.1,
        path,
    })
}

/// A checkpoint and its note.
type Signed = (Checkpoint, String);

/// The checkpoint over this many lines, and the last one.
fn two(
    path: &Path,
    keys: &[VerifierKey],
    size: u64,
) -> Result<(Signed, Signed), ProveConsistencyError> {
    let unreadable = |error| ReadError::Unreadable(path.to_owned(), error);
    let reader = NoteReader::open(path, keys, Order::Repeated).map_err(unreadable)?;
    let missing = || unreadable(std::io::ErrorKind::NotFound.into());
    let mut reader = reader.ok_or_else(missing)?;
    let (mut old, mut last) = (None, None);
    let (mut below, mut above) = (None, None);
    while let Ok(Next::Checkpoint(noted)) = reader.next() {
        let signed = (
            noted.checkpoint,
            String::from_utf8_lossy(&noted.note).into_owned(),
        );
        let covered = signed.0.size;
        match covered.cmp(&size) {
            Ordering::Less => below = Some(covered),
            Ordering::Greater => above = above.or(Some(covered)),
            Ordering::Equal => old = Some(signed.clone()),
        }
        last = Some(signed);
    }
    match (old, last) {
        (Some(old), Some(last)) => Ok((old, last)),
        _ => {
            let nearest = nearest(below, above);
            Err(ProveConsistencyError::NoSuchCheckpoint { size, nearest })
        }
    }
}

/// A proof as JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Json {
    old: String,
    new: String,
    path: Vec<String>,
}

impl Consistency {
    /// Reads the JSON of a proof; `None` if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let Object(json): Object<Json> = serde_json::from_str(text).ok()?;
        Some(Self {
            old: json.old,
            new: json.new,
            path: hashes(&json.path)?,
        })
    }

    /// The JSON of it.
    pub fn as_json(&self) -> serde_json::Value {
        let path = self.path.iter().map(|hash| STANDARD.encode(hash));
        let path: Vec<String> = path.collect();
        serde_json::json!({ "old": self.old, "new": self.new, "path": path })
    }
}

/// Checks a proof: both checkpoints by these keys, and that the later one follows the earlier one. Both, if so.
pub fn check_consistency(
    proof: &Consistency,
    keys: &[VerifierKey],
) -> Result<(Checkpoint, Checkpoint), CheckConsistencyError> {
    let old = verified(&proof.old, keys).map_err(CheckConsistencyError::Old)?;
    let new = verified(&proof.new, keys).map_err(CheckConsistencyError::New)?;
    if old.origin != new.origin {
        return Err(CheckConsistencyError::OtherOrigin);
    }
    if !holds(&old, &new, &proof.path) {
        return Err(CheckConsistencyError::NotConsistent);
    }
    Ok((old, new))
}
