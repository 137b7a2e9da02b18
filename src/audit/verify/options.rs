//! What a journal is verified by.

use std::path::Path;

use crate::journal::signed_note::VerifierKey;

/// What a journal is verified by.
#[derive(Debug, Clone, Copy)]
pub struct Options<'o> {
    /// The keys that may have signed its checkpoints. With none, no signature is checked.
    pub keys: &'o [VerifierKey],
    /// Checkpoints that were kept in another place.
    pub copy: Option<&'o Path>,
}
