//! How Envoy names the person, and how it is answered.

use crate::gateway;

/// The settings of external authorization.
#[derive(Debug, Clone)]
pub struct Config {
    /// How gateways name the person, and how they are answered.
    pub gateway: gateway::Config,
    /// The claims in Envoy's metadata that name the person, if any do.
    pub claims: ClaimNames,
}

/// The claims that name the person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClaimNames {
    /// The name under which Envoy has the claims (`payload_in_metadata`); `None` if there is only one.
    pub payload: Option<Box<str>>,
    /// The claim with the id of the verification; `None` if no claim has it.
    pub verification: Option<Box<str>>,
    /// The claim with the identity; `None` if no claim has it.
    pub identity: Option<Box<str>>,
}
