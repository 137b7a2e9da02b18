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

/// The name of a journal without a key that signs.
const ORIGIN: &str = "verigate";

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

impl Keys {
    /// How lines are protected, and what the journal says of it.
    pub(super) fn protection(&self) -> Result<(Protection, Header), AgeError> {
        let sealer = self.auditor.clone().map(FactsSealer::start).transpose()?;
        let (facts, facts_key) = sealer.unzip();
        let signing = self.signing.as_ref();
        let name = signing.map(|signing| signing.key.verifier().name());
        let header = Header {
            origin: name.unwrap_or(ORIGIN).into(),
            identifier_key: self.identifiers.as_ref().map(|key| key.id().into()),
            facts_keys: facts_key.into_iter().collect(),
        };
        let protection = Protection {
            facts: facts.map(Arc::new),
            identifiers: self.identifiers.clone().map(Arc::new),
        };
        Ok((protection, header))
    }
}
