//! Which tokens of sessions are accepted, where they are, and which claims name the person.

use http::HeaderName;

use crate::jwt;

/// The tokens of sessions.
#[derive(Debug, Clone)]
pub struct Config {
    /// The header that carries the token; `authorization` carries it as `Bearer`.
    pub header: HeaderName,
    /// Whose tokens are accepted. Which claims are kept is set here.
    pub token: jwt::Config,
    /// The claim with the identity of the person, as the vendor knows it; `None`: no claim has it.
    pub identity_claim: Option<String>,
    /// The claim with the id of the verification; `None`: no claim has it.
    pub verification_claim: Option<String>,
    /// The claim with the person's e-mail address, for the page where people verify again; `None`: no claim has it.
    pub email_claim: Option<String>,
}
