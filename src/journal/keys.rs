//! The keys of a journal, and what follows from them for its lines.

use std::sync::Arc;

use super::{
    age::{AgeError, Recipient},
    identifiers::IdentifierKey,
    own::Header,
    protection::Protection,
    sealing::FactsSealer,
    signing::Signing,
};

/// The keys of a journal; by default there are none.
#[derive(Debug, Default)]
pub struct Keys {
    /// Signs checkpoints.
    pub signing: Option<Signing>,
    /// To which the facts of decisions are sealed.
    pub auditor: Option<Recipient>,
    /// Under which identifiers are recorded.
    pub identifiers: Option<IdentifierKey>,
}

/// How lines are protected, and what the journal says of it.
pub(super) fn protection(
    auditor: Option<Recipient>,
    identifiers: Option<IdentifierKey>,
    origin: Box<str>,
) -> Result<(Protection, Header), AgeError> {
    let sealer = auditor.map(FactsSealer::start).transpose()?;
    let (facts, facts_key) = sealer.unzip();
    let header = Header {
        origin,
        identifier_key: identifiers.as_ref().map(|key| key.id().into()),
        facts_keys: facts_key.into_iter().collect(),
    };
    let protection = Protection {
        facts: facts.map(Arc::new),
        identifiers: identifiers.map(Arc::new),
    };
    Ok((protection, header))
}
