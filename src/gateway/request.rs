//! What a gateway asks: the person by the claims of the session or by headers, and never by both where they differ.

use http::{HeaderMap, HeaderName};

use super::{config::Config, refusal::Refusal};
use crate::{
    callers::Proven,
    header_list::single,
    policy::{Authentication, ClaimedIdentity, Policy, PolicyName, Request, VerificationId},
    session::{self, Session, SessionToken},
    violations::ID_BYTES_MAX,
};

/// What a gateway asks.
#[derive(Debug)]
pub struct Asked {
    /// The request.
    pub request: Request,
    /// What of it the session proves.
    pub proven: Proven,
}

/// What is known of the session: its token, and which claims name the person.
#[derive(Debug, Clone, Copy)]
pub struct SessionContext<'s> {
    /// The token.
    pub token: &'s SessionToken,
    /// How tokens are read, if they are.
    pub config: Option<&'s session::Config>,
}

/// What a gateway asks by these headers about this policy, which is given too if it is in force. Every other header is without effect.
pub fn asked(
    name: PolicyName,
    headers: &HeaderMap,
    config: &Config,
    attested: SessionContext<'_>,
    policy: Option<&Policy>,
) -> Result<Asked, Refusal> {
    let session = match attested.token {
        SessionToken::Verified(session) => Some(session),
        SessionToken::None | SessionToken::Refused(_) => None,
    };
    let verification = verification(headers, config, attested, session)?;
    let identity = identity(headers, config, attested, session)?;
    let authentication = |session: &Session| session.authentication(policy);
    let authentication: Option<Authentication> = session.map(authentication);
    Ok(Asked {
        request: Request {
            identity,
            authentication,
            ..Request::bare(name, verification)
        },
        proven: session.map(Session::proven).unwrap_or_default(),
    })
}

fn verification(
    headers: &HeaderMap,
    config: &Config,
    attested: SessionContext<'_>,
    session: Option<&Session>,
) -> Result<VerificationId, Refusal> {
    let given = match one(headers, &config.verification_header)? {
        None => None,
        Some(text) => Some(VerificationId::parse(text).map_err(|_| Refusal::BadId)?),
    };
    let is_claimed = attested
        .config
        .is_some_and(|c| c.verification_claim.is_some());
    if !is_claimed {
        return given.ok_or(Refusal::NoVerification);
    }
    let Some(proven) = session.and_then(Session::verification) else {
        return Err(match attested.token {
            SessionToken::Refused(_) => Refusal::NoValidToken,
            SessionToken::None | SessionToken::Verified(_) => Refusal::NoVerification,
        });
    };
    if given.is_some_and(|given| given != *proven) {
        return Err(Refusal::ConflictingId);
    }
    Ok(proven.clone())
}

/// The identity. Where a claim has it, no header can stand in for it.
fn identity(
    headers: &HeaderMap,
    config: &Config,
    attested: SessionContext<'_>,
    session: Option<&Session>,
) -> Result<ClaimedIdentity, Refusal> {
    let given = match one(headers, &config.identity_header)? {
        None => ClaimedIdentity::None,
        // A proxy joins several values with a comma, and nobody's identity is two.
        Some(text) if text.len() > ID_BYTES_MAX || text.contains(',') => {
            return Err(Refusal::BadId);
        }
        Some(text) => ClaimedIdentity::parse(text),
    };
    let is_claimed = attested.config.is_some_and(|c| c.identity_claim.is_some());
    if !is_claimed {
        return Ok(given);
    }
    let proven = session.map_or(&ClaimedIdentity::None, Session::identity);
    if given != ClaimedIdentity::None && given != *proven {
        return Err(Refusal::ConflictingId);
    }
    Ok(proven.clone())
}

/// The text of a header that is given once; `None` if it is not there, or empty.
fn one<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, Refusal> {
    let value = single(headers, name).map_err(|_| Refusal::RepeatedId)?;
    let text = value.map(|value| std::str::from_utf8(value.as_bytes()));
    let text = text.transpose().map_err(|_| Refusal::BadId)?;
    Ok(text.filter(|text| !text.is_empty()))
}
