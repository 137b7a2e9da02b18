//! The issuers of callers' JSON Web Tokens, and whose tokens name which caller.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use super::{config::CallerConfig, name::CallerName};
use crate::{
    jwt::{
        self, KeySets, KeysError, TokenCache, TokenDigest, Verified, Verifier,
        issuer_and_audience_unverified,
    },
    policy::Timestamp,
};

/// How long a call waits for the keys of an issuer, where its token names one that is not known, if it has so much time.
const KEYS_WAIT_MAX: Duration = Duration::from_millis(500);

/// The keys of an issuer of a caller's tokens cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("callers.{caller}.jwt.{setting}: {error}")]
pub struct IssuerError {
    /// The caller.
    pub caller: CallerName,
    /// The setting that names them.
    pub setting: &'static str,
    /// Why they cannot be used.
    pub error: KeysError,
}

/// The issuers, each for one audience.
#[derive(Debug, Default)]
pub(super) struct Issuers {
    list: Vec<Issuer>,
    /// The places of the issuers, by issuer and audience.
    places: HashMap<String, HashMap<String, usize>>,
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
    pub(super) fn new(configs: &[CallerConfig], key_sets: &KeySets) -> Result<Self, IssuerError> {
        let mut list: Vec<Issuer> = Vec::new();
        let mut places: HashMap<String, HashMap<String, usize>> = HashMap::new();
        for (index, config) in configs.iter().enumerate() {
            let Some(jwt) = &config.jwt else { continue };
            let subjects = jwt.subjects.iter().map(|subject| (subject.clone(), index));
            let audiences = places.entry(jwt.issuer.clone()).or_default();
            let known = audiences.get(&jwt.audience);
            if let Some(known) = known.and_then(|place| list.get_mut(*place)) {
                known.subjects.extend(subjects);
                continue;
            }
            audiences.insert(jwt.audience.clone(), list.len());
            let unusable = |error| IssuerError {
                caller: config.name.clone(),
                setting: jwt.keys.setting(),
                error,
            };
            let audiences = vec![jwt.audience.clone()];
            let config = jwt::Config::new(jwt.issuer.clone(), audiences, jwt.keys.clone());
            list.push(Issuer {
                verifier: Verifier::new(config, key_sets).map_err(unusable)?,
                subjects: subjects.collect(),
            });
        }
        let cache = TokenCache::default();
        Ok(Self {
            list,
            places,
            cache,
        })
    }

    /// Whether no caller has JSON Web Tokens.
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whom a token names now. The keys of its issuer are waited for no longer than `wait_max`.
    pub(super) async fn named(&self, token: &str, now: Timestamp, wait_max: Duration) -> Named {
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
        match issuer.verify(token, now, wait_max).await {
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
        let Some(audiences) = self.places.get(&unverified.issuer) else {
            return Vec::new();
        };
        let named = unverified.audiences.iter();
        let places = named.filter_map(|audience| audiences.get(audience).copied());
        // A token may name an audience twice.
        let distinct: BTreeSet<_> = places.collect();
        distinct.into_iter().collect()
    }
}

impl Issuer {
    /// A token that is valid now, and the place of the caller that it names.
    async fn verify(
        &self,
        token: &str,
        now: Timestamp,
        wait_max: Duration,
    ) -> Option<(Verified, usize)> {
        let verified = self
            .verifier
            .verify(token, now, wait_max.min(KEYS_WAIT_MAX));
        let verified = verified.await.ok()?;
        let subject = verified.claims.subject.as_ref()?;
        let caller = *self.subjects.get(subject)?;
        Some((verified, caller))
    }
}
