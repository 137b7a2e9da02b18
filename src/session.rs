//! The session of the person for whom a gateway asks: what its ID or access token proves, once it is verified. Read by every adapter for
//! gateways in the same way.
//!
//! A token that is not valid proves nothing, as if there were none: it is counted, and logged at most once a minute for each reason. It is not a
//! denial by itself, because sessions expire every day and the person must reach the login; where a fact of the token is needed, that
//! fact is missing, and no part of a refused token stands in for it.

mod config;
mod authentication;
mod facts;
mod metrics;
mod refused;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, header::AUTHORIZATION};

pub use self::{
    authentication::{BadClaimError, SessionAuthentication},
    config::Config,
    facts::Session,
    refused::TokenRefusal,
};
use self::{facts::kept_claims, metrics::Metrics};
use crate::{
    callers::{Callers, bearer, foreign_bearer},
    clock::Clock,
    deps::Deps,
    header_list::single,
    jwt::{
        self, ClaimValue, KeySets, KeysError, TokenCache, TokenDigest, Verified, Verifier,
        issuer_and_audience_unverified,
    },
    log_throttle::{LogThrottle, throttled},
    policy::{Identity, Timestamp, VerificationId},
};

/// How long a call waits for the keys of the issuer, where its token names one that is not known.
const KEYS_WAIT_MAX: Duration = Duration::from_millis(500);

/// Verifies the tokens of sessions. Clones share everything.
#[derive(Debug, Clone)]
pub struct Sessions(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// `None` while no tokens of sessions are configured.
    tokens: Option<Tokens>,
    callers: Callers,
    metrics: Metrics,
    log: LogThrottle,
    clock: Arc<dyn Clock>,
}

/// How tokens are found and verified.
#[derive(Debug)]
struct Tokens {
    config: Config,
    verifier: Verifier,
    cache: TokenCache<Verified>,
}

/// What the token of a request says about the session.
#[derive(Debug, Clone)]
pub enum SessionToken {
    /// There is none, or none is read because `[authentication]` is not configured.
    None,
    /// There is one that is not valid. It proves no more than none.
    Refused(TokenRefusal),
    /// There is one that is valid now.
    Verified(Session),
}

impl SessionToken {
    /// The person's e-mail address, if a valid token has it in a claim that is configured.
    pub fn email(&self) -> Option<&str> {
        match self {
            Self::Verified(session) => session.email(),
            Self::None | Self::Refused(_) => None,
        }
    }
}

/// Why the tokens of sessions cannot be verified.
#[derive(Debug, thiserror::Error)]
pub enum SessionsError {
    /// The keys of the issuer cannot be used.
    #[error("the keys of the issuer of [authentication] cannot be used")]
    Keys(#[from] KeysError),
    /// A metric cannot be registered: an internal error.
    #[error("internal error: assembly failed")]
    Metrics(#[from] prometheus::Error),
}

impl Sessions {
    /// Verifies tokens as configured; without a configuration, no request has one. A file with keys must be usable (blocks); an address may
    /// be down.
    pub fn new(
        config: Option<&Config>,
        key_sets: &KeySets,
        callers: Callers,
        deps: &Deps,
    ) -> Result<Self, SessionsError> {
        let tokens = config.map(|config| {
            let token = jwt::Config {
                kept_claims: kept_claims(config),
                ..config.token.clone()
            };
            Ok::<_, KeysError>(Tokens {
                config: config.clone(),
                verifier: Verifier::new(token, key_sets)?,
                cache: TokenCache::default(),
            })
        });
        Ok(Self(Arc::new(Inner {
            tokens: tokens.transpose()?,
            callers,
            metrics: Metrics::register(&deps.registry)?,
            log: LogThrottle::default(),
            clock: Arc::clone(&deps.clock),
        })))
    }

    /// How tokens are read, if they are.
    pub fn config(&self) -> Option<&Config> {
        self.0.tokens.as_ref().map(|tokens| &tokens.config)
    }

    /// What the token in these headers says about the session at this instant. If the issuer's keys have to be read for it, that is waited for
    /// no longer than `wait_max`, and no longer than half a second.
    pub async fn authenticate(
        &self,
        headers: &HeaderMap,
        now: Timestamp,
        wait_max: Duration,
    ) -> SessionToken {
        let inner = &self.0;
        let Some(tokens) = &inner.tokens else {
            return SessionToken::None;
        };
        let judged = match tokens.find(headers) {
            Err(refused) => Err(refused),
            Ok(None) => Ok(None),
            Ok(Some(text)) => match tokens.is_for_callers(text, &inner.callers) {
                Err(refused) => Err(refused),
                Ok(true) => Ok(None),
                Ok(false) => tokens.verify(text, now, wait_max).await.map(Some),
            },
        };
        inner.metrics.count(&judged);
        match judged {
            Ok(None) => SessionToken::None,
            Ok(Some(session)) => SessionToken::Verified(session),
            Err(refused) => {
                inner.log(refused, &tokens.config.header);
                SessionToken::Refused(refused)
            }
        }
    }
}

impl Sessions {
    /// Drops the verified tokens of this identity, and those about these verifications, where their claims say so; how many that were.
    /// Those that come again are verified again.
    pub fn purge(
        &self,
        identity: Option<&Identity>,
        verifications: &BTreeSet<&VerificationId>,
    ) -> usize {
        let Some(tokens) = &self.0.tokens else {
            return 0;
        };
        let config = &tokens.config;
        tokens.cache.remove_if(|verified| {
            let claim = |name: &Option<String>| match verified.claims.get(name.as_deref()?)? {
                ClaimValue::Text(text) => Some(text),
                _ => None,
            };
            let is_of = |text: &String| {
                let claimed = Identity::parse(text);
                identity.is_some_and(|identity| claimed.as_ref() == Ok(identity))
            };
            let is_about = |text: &String| {
                let claimed = VerificationId::parse(text);
                claimed.is_ok_and(|id| verifications.contains(&id))
            };
            claim(&config.identity_claim).is_some_and(is_of)
                || claim(&config.verification_claim).is_some_and(is_about)
        })
    }
}

impl Inner {
    fn log(&self, refused: TokenRefusal, header: &HeaderName) {
        let reason = refused.as_str();
        throttled!(
            self.log,
            self.clock.moment().uptime,
            warn,
            "session_token_refused" / reason,
            reason,
            header = header.as_str(),
            hint = refused.hint(),
            "the token of a session is not valid, and proves nothing"
        );
    }
}

impl Tokens {
    /// The text of the token, if there is one.
    fn find<'h>(&self, headers: &'h HeaderMap) -> Result<Option<&'h str>, TokenRefusal> {
        let header = &self.config.header;
        if *header == AUTHORIZATION {
            return foreign_bearer(headers).map_err(|_| TokenRefusal::Repeated);
        }
        let value = single(headers, header).map_err(|_| TokenRefusal::Repeated)?;
        let text = value.map(HeaderValue::to_str).transpose();
        let text = text.map_err(|_| TokenRefusal::Repeated)?;
        let token = text.map(|text| bearer(text).unwrap_or(text));
        Ok(token.filter(|token| !token.is_empty()))
    }

    /// Whether a token is the credential of the caller, and no session's. Issuer and audience together say so; a token that claims to be both
    /// is neither's.
    fn is_for_callers(&self, token: &str, callers: &Callers) -> Result<bool, TokenRefusal> {
        if !callers.are_claimed_by(token) {
            return Ok(false);
        }
        let own = self.verifier.config();
        let is_ours = issuer_and_audience_unverified(token).is_some_and(|unverified| {
            let is_for = |audience: &String| own.audiences.contains(audience);
            unverified.issuer == own.issuer && unverified.audiences.iter().any(is_for)
        });
        match (is_ours, self.config.header == AUTHORIZATION) {
            (true, _) => Err(TokenRefusal::OfACaller),
            (false, is_shared) => Ok(is_shared),
        }
    }

    async fn verify(
        &self,
        token: &str,
        now: Timestamp,
        wait_max: Duration,
    ) -> Result<Session, TokenRefusal> {
        let digest = TokenDigest::of(token);
        let still = |verified: &Verified| {
            let holds = self.verifier.still_accepts(verified, now);
            holds.then(|| Session::of(&verified.claims, &self.config, now))
        };
        if let Some(session) = self.cache.find(digest, still) {
            return session;
        }
        let wait_max = wait_max.min(KEYS_WAIT_MAX);
        let verified = self.verifier.verify(token, now, wait_max).await;
        let verified = verified.map_err(TokenRefusal::Token)?;
        let session = Session::of(&verified.claims, &self.config, now);
        self.cache.insert(digest, verified);
        session
    }
}
