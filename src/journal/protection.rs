//! What of a line is protected: facts that are sealed, and identifiers that are keyed.

use std::{borrow::Cow, sync::Arc};

use super::{
    identifiers::{IdentifierKey, IdentifierKind},
    sealing::FactsSealer,
};

/// How the lines of a journal protect what is about a person. By default a line has no facts, and identifiers as they are.
#[derive(Debug, Clone, Default)]
pub struct Protection {
    pub(super) facts: Option<Arc<FactsSealer>>,
    pub(super) identifiers: Option<Arc<IdentifierKey>>,
}

impl Protection {
    /// The identifier as a line has it.
    pub(super) fn identifier<'i>(&self, kind: IdentifierKind, id: &'i str) -> Cow<'i, str> {
        match &self.identifiers {
            Some(key) => Cow::Owned(key.keyed(kind, id)),
            None => Cow::Borrowed(id),
        }
    }

    /// The id of a verification as a line has it.
    pub(super) fn verification<'i>(&self, id: &'i str) -> Cow<'i, str> {
        self.identifier(IdentifierKind::Verification, id)
    }

    /// The id of an identity as a line has it.
    pub(super) fn identity<'i>(&self, id: &'i str) -> Cow<'i, str> {
        self.identifier(IdentifierKind::Identity, id)
    }
}
