//! What a verified token proves. A claim that is read and is not of its type refuses the whole token: a part of an authentication would
//! be another one.

use std::{collections::BTreeSet, fmt};

use zeroize::Zeroizing;

use super::{
    authentication::{CLAIMS, SessionAuthentication, text},
    config::Config,
    refused::TokenRefusal,
};
use crate::{
    callers::Proven,
    jwt::Claims,
    policy::{Authentication, ClaimedIdentity, Policy, Timestamp, VerificationId},
    violations::ID_BYTES_MAX,
};

/// What the token of a session proves. It is about a person, so `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    identity: ClaimedIdentity,
    verification: Option<VerificationId>,
    authentication: SessionAuthentication,
    /// Overwritten when it is dropped. It decides nothing.
    email: Option<Zeroizing<String>>,
}

/// The claims that are read.
pub(super) fn kept_claims(config: &Config) -> Vec<String> {
    let named = [
        &config.identity_claim,
        &config.verification_claim,
        &config.email_claim,
    ];
    let named = named.into_iter().flatten().cloned();
    let all: BTreeSet<String> = CLAIMS.map(str::to_owned).into_iter().chain(named).collect();
    all.into_iter().collect()
}

impl Session {
    /// What these claims prove at this instant.
    pub(super) fn of(
        claims: &Claims,
        config: &Config,
        now: Timestamp,
    ) -> Result<Self, TokenRefusal> {
        let claim = |name: &str| claims.get(name).cloned();
        let id = |name: &Option<String>| {
            let claim = name.as_deref().and_then(claim);
            text(claim, ID_BYTES_MAX).map_err(|_| TokenRefusal::BadClaim)
        };
        let verification = match id(&config.verification_claim)? {
            None => None,
            Some(text) => Some(VerificationId::parse(&text).map_err(|_| TokenRefusal::BadClaim)?),
        };
        let identity = id(&config.identity_claim)?.unwrap_or_default();
        // It decides nothing: one that cannot be used is asked for.
        let email = config.email_claim.as_deref().and_then(claim);
        let email = text(email, ID_BYTES_MAX).ok().flatten();
        let authentication = SessionAuthentication::of(claim, now, config.token.leeway);
        Ok(Self {
            identity: ClaimedIdentity::parse(identity),
            verification,
            email: email.map(Zeroizing::new),
            authentication: authentication.map_err(|_| TokenRefusal::BadClaim)?,
        })
    }

    /// The identity of the person, if a claim with it is configured and the token has it.
    pub fn identity(&self) -> &ClaimedIdentity {
        &self.identity
    }

    /// The verification of the person, if a claim with it is configured and the token has it.
    pub fn verification(&self) -> Option<&VerificationId> {
        self.verification.as_ref()
    }

    /// The person's e-mail address, if a claim with it is configured and the token has it.
    pub fn email(&self) -> Option<&str> {
        self.email.as_ref().map(|email| email.as_str())
    }

    /// How the session was authenticated, for this policy.
    pub fn authentication(&self, policy: Option<&Policy>) -> Authentication {
        self.authentication.judged_by(policy)
    }

    /// The facts that need no assertion of the caller.
    pub fn proven(&self) -> Proven {
        Proven {
            identity: self.identity != ClaimedIdentity::None,
            authentication: true,
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}
