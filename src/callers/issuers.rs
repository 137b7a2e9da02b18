//! The issuers of callers' JSON Web Tokens, and whose tokens name which caller.

use std::{collections::HashMap, time::Duration};

use super::{
    config::{CallerConfig, CallerJwt},
    name::CallerName,
};
use crate::{
    jwt::{
        self, KeySets, KeysError, TokenCache, TokenDigest, Verified, Verifier,
        issuer_and_audience_unverified,
    },
    policy::Timestamp,
};

/// How long a call waits for the keys of an issuer, where its token names one that is not known.
const KEYS_WAIT_MAX: Duration = Duration::from_millis(500);

/// The issuers, each for one audience.
#[derive(Debug, Default)]
pub(super) struct Issuers {
    list: Vec<Issuer>,
    cache: TokenCache<Known>,
}

/// An issuer, for one audience.
#[derive(Debug)]
struct Issuer {
    verifier: Verifier,
    /// The subjects, each with the place of its caller.
    subjects: HashMap<String, usize>,
}

/// Whom a token has named.
#[derive(Debug)]
struct Known {
    /// The place of its issuer.
    issuer: usize,
    verified: Verified,
    /// The place of its caller.
    caller: usize,
}

/// Whom a token names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    /// No issuer of callers has issued it for an audience of callers, by its own word.
    Nobody,
    /// It claims to be of one or more of them, and is not valid, or names none of its callers.
    Refused,
    /// The caller at this place.
    Caller(usize),
}

impl Issuers {
    /// The issuers of these callers. A file with keys must be usable (blocks); an address may be down.
    pub(super) fn new(configs: &[CallerConfig], key_sets: &KeySets) -> Result<Self, KeysError> {
        let mut list: Vec<Issuer> = Vec::new();
        for (index, config) in configs.iter().enumerate() {
            let Some(jwt) = &config.jwt else { continue };
            let subjects = jwt.subjects.iter().map(|subject| (subject.clone(), index));
            let known = list.iter_mut().find(|known| known.is_for(jwt));
            if let Some(known) = known {
                known.subjects.extend(subjects);
                continue;
            }
            let audiences = vec![jwt.audience.clone()];
            let config = jwt::Config::new(jwt.issuer.clone(), audiences, jwt.keys.clone());
            list.push(Issuer {
                verifier: Verifier::new(config, key_sets)?,
                subjects: subjects.collect(),
            });
        }
        let cache = TokenCache::default();
        Ok(Self { list, cache })
    }

    /// Whether no caller has JSON Web Tokens.
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whom a token names now.
    pub(super) async fn named(&self, token: &str, now: Timestamp) -> Named {
        if self.is_empty() {
            return Named::Nobody;
        }
        let digest = TokenDigest::of(token);
        let still = |known: &Known| {
            let issuer = self.list.get(known.issuer)?;
            let holds = issuer.verifier.still_accepts(&known.verified, now);
            holds.then_some(known.caller)
        };
        if let Some(caller) = self.cache.find(digest, still) {
            return Named::Caller(caller);
        }
        let mut claimed = self.claimed(token).into_iter();
        let index = match (claimed.next(), claimed.next()) {
            (None, _) => return Named::Nobody,
            (Some(index), None) => index,
            // It is for the audiences of several.
            (Some(_), Some(_)) => return Named::Refused,
        };
        let Some(issuer) = self.list.get(index) else {
            return Named::Refused;
        };
        match issuer.verify(token, now).await {
            None => Named::Refused,
            Some((verified, caller)) => {
                let known = Known {
                    issuer: index,
                    verified,
                    caller,
                };
                self.cache.insert(digest, known);
                Named::Caller(caller)
            }
        }
    }

    /// Whether a token claims to be of an issuer of callers, for an audience of callers. Nothing of it is verified.
    pub(super) fn are_claimed_by(&self, token: &str) -> bool {
        !self.is_empty() && !self.claimed(token).is_empty()
    }

    /// The places of the issuers whose token this claims to be. Nothing of it is verified.
    fn claimed(&self, token: &str) -> Vec<usize> {
        let Some(unverified) = issuer_and_audience_unverified(token) else {
            return Vec::new();
        };
        let issuers = self.list.iter().enumerate().filter(|(_, issuer)| {
            let config = issuer.verifier.config();
            let is_for = |audience: &String| config.audiences.contains(audience);
            config.issuer == unverified.issuer && unverified.audiences.iter().any(is_for)
        });
        issuers.map(|(index, _)| index).collect()
    }
}

impl Issuer {
    fn is_for(&self, jwt: &CallerJwt) -> bool {
        let config = self.verifier.config();
        config.issuer == jwt.issuer && config.audiences.contains(&jwt.audience)
    }

    /// A token that is valid now, and the place of the caller that it names.
    async fn verify(&self, token: &str, now: Timestamp) -> Option<(Verified, usize)> {
        let verified = self.verifier.verify(token, now, KEYS_WAIT_MAX).await.ok()?;
        let subject = verified.claims.subject.as_ref()?;
        let caller = *self.subjects.get(subject)?;
        Some((verified, caller))
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
