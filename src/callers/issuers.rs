//! The issuers of callers' JSON Web Tokens, and whose tokens name which caller.

use std::time::Duration;

use super::{config::CallerConfig, config::CallerJwt, name::CallerName};
use crate::{
    jwt::{self, KeySets, KeysError, Verifier, issuer_and_audience_unverified},
    policy::Timestamp,
};

/// How long a call waits for the keys of an issuer, where its token names one that is not known.
const KEYS_WAIT_MAX: Duration = Duration::from_millis(500);

/// The issuers, each for one audience.
#[derive(Debug, Default)]
pub(super) struct Issuers(Vec<Issuer>);

/// An issuer, for one audience.
#[derive(Debug)]
pub(super) struct Issuer {
    verifier: Verifier,
    /// The subjects, each with the place of its caller.
    subjects: Vec<(String, usize)>,
}

/// Whose a token claims to be.
pub(super) enum Claimed<'i> {
    /// No issuer of callers has issued it for an audience of callers.
    Nobody,
    /// This issuer's.
    Issuer(&'i Issuer),
    /// More than one's: it is for several audiences.
    Several,
}

impl Issuers {
    /// The issuers of these callers. A file with keys must be usable (blocks); an address may be down.
    pub(super) fn new(configs: &[CallerConfig], key_sets: &KeySets) -> Result<Self, KeysError> {
        let mut issuers: Vec<Issuer> = Vec::new();
        for (index, config) in configs.iter().enumerate() {
            let Some(jwt) = &config.jwt else { continue };
            let subjects = jwt.subjects.iter().map(|subject| (subject.clone(), index));
            let known = issuers.iter_mut().find(|known| known.is_for(jwt));
            if let Some(known) = known {
                known.subjects.extend(subjects);
                continue;
            }
            let audiences = vec![jwt.audience.clone()];
            let config = jwt::Config::new(jwt.issuer.clone(), audiences, jwt.keys.clone());
            issuers.push(Issuer {
                verifier: Verifier::new(config, key_sets)?,
                subjects: subjects.collect(),
            });
        }
        Ok(Self(issuers))
    }

    /// Whether no caller has JSON Web Tokens.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whose token this claims to be. Nothing of it is verified.
    pub(super) fn claimed(&self, token: &str) -> Claimed<'_> {
        let Some(unverified) = issuer_and_audience_unverified(token) else {
            return Claimed::Nobody;
        };
        let mut claimed = self.0.iter().filter(|issuer| {
            let config = issuer.verifier.config();
            let is_for = |audience: &String| config.audiences.contains(audience);
            config.issuer == unverified.issuer && unverified.audiences.iter().any(is_for)
        });
        match (claimed.next(), claimed.next()) {
            (None, _) => Claimed::Nobody,
            (Some(issuer), None) => Claimed::Issuer(issuer),
            (Some(_), Some(_)) => Claimed::Several,
        }
    }
}

impl Issuer {
    fn is_for(&self, jwt: &CallerJwt) -> bool {
        let config = self.verifier.config();
        config.issuer == jwt.issuer && config.audiences.contains(&jwt.audience)
    }

    /// The place of the caller that a token names, if it is valid now.
    pub(super) async fn verify(&self, token: &str, now: Timestamp) -> Option<usize> {
        let verified = self.verifier.verify(token, now, KEYS_WAIT_MAX).await;
        let subject = verified.ok()?.subject?;
        let mut subjects = self.subjects.iter();
        let found = subjects.find(|(known, _)| *known == subject);
        found.map(|(_, index)| *index)
    }
}

/// Another caller whose tokens cannot be distinguished from those of this one: of the same issuer for the same audience, with the same
/// subject, or verified by other keys.
pub(super) fn conflicting<'c>(
    config: &CallerConfig,
    others: impl IntoIterator<Item = &'c CallerConfig>,
) -> Option<&'c CallerName> {
    let own = config.jwt.as_ref()?;
    let conflicts = |other: &CallerJwt| {
        let is_same = own.issuer == other.issuer && own.audience == other.audience;
        let shared = own.subjects.iter().any(|s| other.subjects.contains(s));
        is_same && (shared || own.keys != other.keys)
    };
    let mut others = others.into_iter();
    let found = others.find(|other| other.jwt.as_ref().is_some_and(conflicts));
    found.map(|other| &other.name)
}
