//! The upstream's token: asked for by one task for all, renewed at two thirds of its life while the old one still serves,
//! dropped when the upstream refuses it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwapOption;
use async_trait::async_trait;
use secrecy::SecretString;
use tokio::sync::watch;
use tracing::Instrument as _;

use crate::{
    clock::{Clock, Moment},
    jitter::lengthen,
    provenance::Outage,
};

/// How long the vendor says that a token lives.
const LIFE: Duration = Duration::from_mins(15);
/// When a token is renewed: early enough that a renewal that fails can be tried again.
const RENEW_AFTER: Duration = Duration::from_mins(10);
/// How long a renewal that failed is not tried again while the old token still serves.
const RETRY_AFTER: Duration = Duration::from_secs(10);
/// How long no other is tried when there is no token that serves, and up to half as much again: so long are those who need one
/// told of the last failure, and so long is a token kept that replaces one which was refused at once.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// The same where our credentials were refused: that does not pass by itself.
const REFUSED_AFTER: Duration = Duration::from_secs(10);

/// Gives out tokens.
#[async_trait]
pub trait Issuer: std::fmt::Debug + Send + Sync + 'static {
    /// Asks for a new token. Ends in bounded time.
    async fn issue(&self) -> Result<SecretString, Outage>;
}

/// A token, and when it was asked for.
#[derive(Debug)]
pub struct Token {
    /// What is sent with each call.
    pub secret: SecretString,
    asked_at: Moment,
    /// Whether it replaces one that was refused as soon as it was there.
    again: bool,
    /// How long it is not replaced in that case.
    lull: Duration,
}

impl Token {
    /// Whether it is younger than this. One of no known age is not.
    fn younger(&self, age_max: Duration, at: Moment) -> bool {
        at.age_of(self.asked_at).is_some_and(|age| age < age_max)
    }
}

/// What came of asking for a token.
type Outcome = Result<Arc<Token>, Outage>;

/// The token in use, and the one place where another is asked for.
#[derive(Debug)]
pub struct Tokens {
    current: ArcSwapOption<Token>,
    /// The last renewal. Those who need a token join it while it is under way: it is a task of its own, so that it goes on
    /// when they leave, and its failure is theirs too.
    renewal: Mutex<Option<Renewal>>,
    issuer: Box<dyn Issuer>,
    clock: Arc<dyn Clock>,
}

#[derive(Debug, Clone)]
struct Renewal {
    began_at: Moment,
    /// How long it is not repeated if nothing that serves came of it.
    lull: Duration,
    outcome: watch::Receiver<Option<Outcome>>,
}

impl Renewal {
    fn under_way(&self) -> bool {
        self.outcome.has_changed().is_ok() && self.outcome.borrow().is_none()
    }

    /// Whether it has just failed, while the old token serves.
    fn just_failed(&self, at: Moment) -> bool {
        matches!(*self.outcome.borrow(), Some(Err(_))) && self.is_younger(RETRY_AFTER, at)
    }

    /// Whether it ended without a token that serves, just now.
    fn just_ended(&self, at: Moment) -> bool {
        let lull = match *self.outcome.borrow() {
            // Nobody was asked.
            None | Some(Ok(_) | Err(Outage::Rejected)) => return false,
            Some(Err(Outage::CredentialsRefused)) => REFUSED_AFTER,
            Some(Err(_)) => self.lull,
        };
        self.is_younger(lull, at)
    }

    fn is_younger(&self, age_max: Duration, at: Moment) -> bool {
        at.age_of(self.began_at).is_some_and(|age| age < age_max)
    }
}

impl Tokens {
    /// No token yet.
    pub fn new(issuer: Box<dyn Issuer>, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            current: ArcSwapOption::empty(),
            renewal: Mutex::default(),
            issuer,
            clock,
        })
    }

    /// A token that is worth sending.
    pub async fn get(self: &Arc<Self>) -> Outcome {
        let at = self.clock.moment();
        match self.current.load_full() {
            Some(token) if token.younger(RENEW_AFTER, at) => Ok(token),
            Some(token) if token.younger(LIFE, at) => {
                // It still serves; whoever needs the next one later finds it there.
                let _ = self.renew(at, Renewal::just_failed);
                Ok(token)
            }
            _ => {
                let mut renewal = self.renew(at, Renewal::just_ended);
                let ended = renewal.outcome.wait_for(Option::is_some).await;
                let ended = ended.ok().and_then(|outcome| outcome.clone());
                ended.unwrap_or(Err(Outage::Abandoned))
            }
        }
    }

    /// Drops this token, if it is still the one in use. One that has just replaced another that was refused stays for a
    /// moment: it may serve for others, and a third would be refused as soon.
    pub fn refused(&self, token: &Arc<Token>) {
        if token.again && token.younger(token.lull, self.clock.moment()) {
            return;
        }
        let current = self.current.load();
        if current.as_ref().is_some_and(|t| Arc::ptr_eq(t, token)) {
            self.current.compare_and_swap(&current, None);
        }
    }

    /// How old the token in use is.
    pub fn age(&self) -> Option<Duration> {
        let current = self.current.load();
        let token = current.as_ref()?;
        self.clock.moment().age_of(token.asked_at)
    }

    /// The renewal that is under way or will do; else another, begun now.
    fn renew(self: &Arc<Self>, at: Moment, will_do: impl Fn(&Renewal, Moment) -> bool) -> Renewal {
        let mut last = self.renewal.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = &*last
            && (last.under_way() || will_do(last, at) || self.is_in_use(last, at))
        {
            return last.clone();
        }
        let again = |last: &Renewal| {
            matches!(*last.outcome.borrow(), Some(Ok(_))) && last.is_younger(last.lull, at)
        };
        let lull = lengthen(AGAIN_AFTER);
        let (ending, outcome) = watch::channel(None);
        let renewal = Renewal {
            began_at: at,
            lull,
            outcome,
        };
        let again = last.as_ref().is_some_and(again);
        *last = Some(renewal.clone());
        let tokens = Arc::clone(self);
        let renewing = async move {
            let issued = tokens.issuer.issue().await;
            let outcome = issued.map(|secret| {
                Arc::new(Token {
                    secret,
                    asked_at: at,
                    again,
                    lull,
                })
            });
            if let Ok(token) = &outcome {
                tokens.current.store(Some(Arc::clone(token)));
            }
            // Nobody may be waiting any more; then it is enough that it is stored.
            let _ = ending.send(Some(outcome));
        };
        tokio::spawn(renewing.in_current_span());
        renewal
    }

    /// Whether what this renewal brought is what everybody uses: it ended between two looks.
    fn is_in_use(&self, renewal: &Renewal, at: Moment) -> bool {
        match (&*renewal.outcome.borrow(), &*self.current.load()) {
            (Some(Ok(token)), Some(current)) => {
                Arc::ptr_eq(token, current) && token.younger(RENEW_AFTER, at)
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests;
