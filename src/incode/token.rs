//! The token for calls to the upstream: issued once for all callers, renewed while the old one is still valid, and dropped when the
//! upstream refuses it.
//!
//! Why it is renewed at two thirds of its life: no check has to wait for a token while the upstream is healthy, and a renewal that
//! fails can be repeated for five minutes before the old token expires.
//!
//! Why a failure is cached for a second, and a token that replaced a refused one is kept for as long: every check that needs a
//! token comes here. In an outage, or while the upstream refuses all tokens, each of them would request another one.
//!
//! Single-flight ([`Flight`]): a renewal is one task, callers that need a token join it, and its failure is the failure of all.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwapOption;
use async_trait::async_trait;
use parking_lot::Mutex;
use secrecy::SecretString;
use tracing::Instrument as _;

use crate::{
    clock::{Clock, Moment},
    flight::{Flight, Progress, Spawn},
    jitter::lengthen,
    provenance::Outage,
};

/// How long a token is valid, by the vendor's documentation.
const LIFETIME: Duration = Duration::from_mins(15);
/// The age at which a token is renewed.
const RENEW_AFTER: Duration = Duration::from_mins(10);
/// How long after a failed renewal the next one starts while the old token is valid.
const RENEWAL_BACKOFF: Duration = Duration::from_secs(10);
/// How long after a failed renewal the next one starts while there is no valid token, and up to half as much again. Also how long a
/// token that replaced a refused one is kept, even if it is refused too.
const BACKOFF: Duration = Duration::from_secs(1);
/// The same where the upstream refused our credentials: that does not pass by itself.
const CREDENTIALS_BACKOFF: Duration = Duration::from_secs(10);

/// Issues tokens.
#[async_trait]
pub(super) trait Issuer: std::fmt::Debug + Send + Sync + 'static {
    /// Requests a new token. Ends in bounded time.
    async fn issue(&self) -> Result<SecretString, Outage>;
}

/// A token, and when it was requested.
#[derive(Debug)]
pub(super) struct Token {
    /// What is sent with each call.
    pub(super) secret: SecretString,
    requested_at: Moment,
    /// Whether it replaced a token that was refused soon after it had been issued.
    is_replacement: bool,
    /// How long a replacement is kept even if it is refused.
    backoff: Duration,
}

impl Token {
    /// Whether it is younger than this. A token of unknown age is not.
    fn is_younger(&self, age_max: Duration, at: Moment) -> bool {
        is_younger(self.requested_at, age_max, at)
    }
}

/// The result of a renewal.
type Renewed = Result<Arc<Token>, Outage>;

/// The token in use, and its renewal.
#[derive(Debug)]
pub(super) struct Tokens {
    current: ArcSwapOption<Token>,
    /// The last renewal: in flight, or ended.
    renewal: Mutex<Option<Renewal>>,
    issuer: Box<dyn Issuer>,
    clock: Arc<dyn Clock>,
    spawn: Spawn,
}

/// A request for a token.
#[derive(Debug, Clone)]
struct Renewal {
    started_at: Moment,
    /// How long after its start it is not repeated if it failed.
    backoff: Duration,
    flight: Flight<Renewed>,
}

impl Renewal {
    /// Whether it failed so recently that it is not repeated while the old token is valid.
    fn blocks_early_renewal(&self, at: Moment) -> bool {
        matches!(self.flight.progress(), Progress::Done(Err(_)))
            && self.is_younger(RENEWAL_BACKOFF, at)
    }

    /// Whether it failed so recently that callers without a valid token get its failure.
    fn blocks_renewal(&self, at: Moment) -> bool {
        match self.flight.progress() {
            // A renewal that admission control rejected was never sent.
            Progress::Running
            | Progress::Abandoned
            | Progress::Done(Ok(_) | Err(Outage::Rejected)) => false,
            Progress::Done(Err(Outage::CredentialsRefused)) => {
                self.is_younger(CREDENTIALS_BACKOFF, at)
            }
            Progress::Done(Err(_)) => self.is_younger(self.backoff, at),
        }
    }

    /// Whether it has just succeeded. A renewal that follows replaces a token that was refused at once.
    fn just_succeeded(&self, at: Moment) -> bool {
        matches!(self.flight.progress(), Progress::Done(Ok(_))) && self.is_younger(self.backoff, at)
    }

    fn is_younger(&self, age_max: Duration, at: Moment) -> bool {
        is_younger(self.started_at, age_max, at)
    }
}

impl Tokens {
    /// No token yet.
    pub(super) fn new(issuer: Box<dyn Issuer>, clock: Arc<dyn Clock>, spawn: Spawn) -> Arc<Self> {
        Arc::new(Self {
            current: ArcSwapOption::empty(),
            renewal: Mutex::default(),
            issuer,
            clock,
            spawn,
        })
    }

    /// A valid token: the one in use, or a new one that this call waits for.
    pub(super) async fn get(self: &Arc<Self>) -> Renewed {
        let at = self.clock.moment();
        match self.current.load_full() {
            Some(token) if token.is_younger(RENEW_AFTER, at) => Ok(token),
            Some(token) if token.is_younger(LIFETIME, at) => {
                // Renewed in the background: this call uses the old token.
                let _ = self.join_or_renew(at, Renewal::blocks_early_renewal);
                Ok(token)
            }
            _ => {
                let renewal = self.join_or_renew(at, Renewal::blocks_renewal);
                let renewed = renewal.flight.result().await;
                renewed.unwrap_or(Err(Outage::Abandoned))
            }
        }
    }

    /// Requests a new token at once, even if the last request has just failed: the credentials are others now. The token in use is used
    /// until then.
    pub(super) fn renew(self: &Arc<Self>) {
        let mut last = self.renewal.lock();
        *last = Some(self.start_renewal(self.clock.moment(), false));
    }

    /// Drops this token, because the upstream refused it, if it is still the one in use. A replacement is kept for about a second: it
    /// may be accepted for other verifications, and another token would be refused too.
    pub(super) fn refused(&self, token: &Arc<Token>) {
        if token.is_replacement && token.is_younger(token.backoff, self.clock.moment()) {
            return;
        }
        let current = self.current.load();
        if current.as_ref().is_some_and(|t| Arc::ptr_eq(t, token)) {
            self.current.compare_and_swap(&current, None);
        }
    }

    /// The age of the token in use.
    pub(super) fn age(&self) -> Option<Duration> {
        let current = self.current.load();
        let token = current.as_ref()?;
        self.clock.moment().age_of(token.requested_at)
    }

    /// The last renewal if it is in flight, if it blocks another one, or if its token is in use by now; else a new one.
    fn join_or_renew(
        self: &Arc<Self>,
        at: Moment,
        blocks: impl Fn(&Renewal, Moment) -> bool,
    ) -> Renewal {
        let mut last = self.renewal.lock();
        if let Some(last) = &*last
            && (last.flight.is_running() || blocks(last, at) || self.uses_token_of(last, at))
        {
            return last.clone();
        }
        let is_replacement = last.as_ref().is_some_and(|last| last.just_succeeded(at));
        let renewal = self.start_renewal(at, is_replacement);
        *last = Some(renewal.clone());
        renewal
    }

    /// Starts a renewal in a task of its own. Its token is stored before it is published.
    fn start_renewal(self: &Arc<Self>, at: Moment, is_replacement: bool) -> Renewal {
        let backoff = lengthen(BACKOFF);
        let tokens = Arc::clone(self);
        let work = async move {
            let token = Arc::new(Token {
                secret: tokens.issuer.issue().await?,
                requested_at: at,
                is_replacement,
                backoff,
            });
            tokens.current.store(Some(Arc::clone(&token)));
            Ok(token)
        };
        Renewal {
            started_at: at,
            backoff,
            flight: Flight::start(&self.spawn, work.in_current_span()),
        }
    }

    /// Whether the token of this renewal is in use: the renewal ended after the caller had looked for a token.
    fn uses_token_of(&self, renewal: &Renewal, at: Moment) -> bool {
        match (renewal.flight.progress(), &*self.current.load()) {
            (Progress::Done(Ok(token)), Some(current)) => {
                Arc::ptr_eq(&token, current) && token.is_younger(RENEW_AFTER, at)
            }
            _ => false,
        }
    }
}

/// Whether less than this has passed since a moment. If the clock was set back before it, that is not known, and the answer is no.
fn is_younger(since: Moment, age_max: Duration, at: Moment) -> bool {
    at.age_of(since).is_some_and(|age| age < age_max)
}

#[cfg(test)]
mod tests;
