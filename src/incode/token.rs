//! The upstream's token: asked for by one caller for all, renewed at two thirds of its life while the old one still
//! serves, dropped when the upstream refuses it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;
use async_trait::async_trait;
use secrecy::SecretString;
use tokio::sync::{Mutex, MutexGuard};

use crate::{
    clock::Clock,
    policy::{Outage, Timestamp, after},
};

/// How long the vendor says that a token lives.
const LIFE: Duration = Duration::from_mins(15);
/// When a token is renewed: early enough that a renewal that fails can be tried again.
const RENEW_AFTER: Duration = Duration::from_mins(10);
/// How long a renewal that failed is not tried again while the old token still serves.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// Gives out tokens.
#[async_trait]
pub trait Issuer: std::fmt::Debug + Send + Sync + 'static {
    /// Asks for a new token.
    async fn issue(&self) -> Result<SecretString, Outage>;
}

/// A token, and when it was asked for.
#[derive(Debug)]
pub struct Token {
    /// What is sent with each call.
    pub secret: SecretString,
    issued_at: Timestamp,
}

impl Token {
    /// Whether it is younger than this. One from the future has no known age, and is not.
    fn younger(&self, age_max: Duration, now: Timestamp) -> bool {
        self.issued_at <= now && now < after(self.issued_at, age_max)
    }
}

/// What came of asking for a token.
type Outcome = Result<Arc<Token>, Outage>;

/// The token in use, and the one place where another is asked for.
#[derive(Debug)]
pub struct Tokens {
    current: ArcSwapOption<Token>,
    /// Held while a token is asked for.
    renewal: Mutex<Renewal>,
    /// How many renewals have ended, so that those who waited for one see that it was theirs too.
    renewals: AtomicU64,
    issuer: Box<dyn Issuer>,
    clock: Arc<dyn Clock>,
}

/// The last renewal.
#[derive(Debug)]
struct Renewal {
    outcome: Option<Outcome>,
    began_at: Timestamp,
}

impl Tokens {
    /// No token yet.
    pub fn new(issuer: Box<dyn Issuer>, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            current: ArcSwapOption::empty(),
            renewal: Mutex::new(Renewal {
                outcome: None,
                began_at: Timestamp::MIN,
            }),
            renewals: AtomicU64::new(0),
            issuer,
            clock,
        })
    }

    /// A token that is worth sending.
    pub async fn get(self: &Arc<Self>) -> Outcome {
        let now = self.clock.now();
        match self.current.load_full() {
            Some(token) if token.younger(RENEW_AFTER, now) => Ok(token),
            Some(token) if token.younger(LIFE, now) => {
                self.renew_meanwhile(now);
                Ok(token)
            }
            _ => self.wait_for_one().await,
        }
    }

    /// Drops this token, if it is still the one in use.
    pub fn refused(&self, token: &Arc<Token>) {
        let current = self.current.load();
        if current.as_ref().is_some_and(|t| Arc::ptr_eq(t, token)) {
            self.current.compare_and_swap(&current, None);
        }
    }

    /// Renews in a task of its own, unless somebody does already or just failed to.
    fn renew_meanwhile(self: &Arc<Self>, now: Timestamp) {
        let tokens = Arc::clone(self);
        tokio::spawn(async move {
            let Ok(renewal) = tokens.renewal.try_lock() else {
                return;
            };
            let just_failed = matches!(renewal.outcome, Some(Err(_)))
                && renewal.began_at <= now
                && now < after(renewal.began_at, RETRY_AFTER);
            let renewed = tokens
                .current
                .load()
                .as_ref()
                .is_some_and(|t| t.younger(RENEW_AFTER, now));
            if !just_failed && !renewed {
                // A failure is told by whoever asks; the old token still serves.
                let _ = tokens.renew(renewal).await;
            }
        });
    }

    /// Asks for a token, or takes what came of another's asking meanwhile.
    async fn wait_for_one(&self) -> Outcome {
        let arrived = self.renewals.load(Ordering::SeqCst);
        let renewal = self.renewal.lock().await;
        match &renewal.outcome {
            Some(outcome) if self.renewals.load(Ordering::SeqCst) != arrived => outcome.clone(),
            _ => self.renew(renewal).await,
        }
    }

    async fn renew(&self, mut renewal: MutexGuard<'_, Renewal>) -> Outcome {
        let issued_at = self.clock.now();
        let issued = self.issuer.issue().await;
        let outcome = issued.map(|secret| Arc::new(Token { secret, issued_at }));
        if let Ok(token) = &outcome {
            self.current.store(Some(Arc::clone(token)));
        }
        renewal.began_at = issued_at;
        renewal.outcome = Some(outcome.clone());
        self.renewals.fetch_add(1, Ordering::SeqCst);
        outcome
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::{clock::ManualClock, policy::from_millis};

    /// Issues `token-1`, `token-2`, … after a moment, or fails while it is told to.
    #[derive(Debug, Clone, Default)]
    struct Counting {
        issued: Arc<AtomicU64>,
        down: Arc<AtomicBool>,
    }

    #[async_trait]
    impl Issuer for Counting {
        async fn issue(&self) -> Result<SecretString, Outage> {
            let count = self.issued.fetch_add(1, Ordering::SeqCst) + 1;
            tokio::time::sleep(Duration::from_millis(10)).await;
            if self.down.load(Ordering::SeqCst) {
                return Err(Outage::Failed);
            }
            Ok(format!("token-{count}").into())
        }
    }

    fn tokens() -> (Arc<Tokens>, Counting, Arc<ManualClock>) {
        let (issuer, clock) = (
            Counting::default(),
            Arc::new(ManualClock::at(from_millis(0))),
        );
        let tokens = Tokens::new(Box::new(issuer.clone()), Arc::clone(&clock) as _);
        (tokens, issuer, clock)
    }

    async fn get(tokens: &Arc<Tokens>) -> String {
        tokens
            .get()
            .await
            .unwrap()
            .secret
            .expose_secret()
            .to_owned()
    }

    /// Lets tasks in the background end; time is paused, so this takes none.
    async fn settle() {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_hundred_callers_cause_one_request_and_share_what_comes_of_it() {
        let (tokens, issuer, _) = tokens();
        let together = (0..100).map(|_| tokens.get());
        let all = futures_util::future::join_all(together).await;
        assert!(all.iter().all(Result::is_ok));
        assert_eq!(issuer.issued.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_hundred_callers_share_a_failure_too_and_the_next_one_tries_again() {
        let (tokens, issuer, _) = tokens();
        issuer.down.store(true, Ordering::SeqCst);
        let together = (0..100).map(|_| tokens.get());
        let all = futures_util::future::join_all(together).await;
        assert!(all.iter().all(Result::is_err));
        assert_eq!(issuer.issued.load(Ordering::SeqCst), 1);
        issuer.down.store(false, Ordering::SeqCst);
        assert_eq!(get(&tokens).await, "token-2");
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_renewed_at_two_thirds_of_its_life_while_the_old_one_serves() {
        let (tokens, _, clock) = tokens();
        assert_eq!(get(&tokens).await, "token-1");
        clock.advance(Duration::from_mins(10) - Duration::from_millis(1));
        assert_eq!(get(&tokens).await, "token-1");
        settle().await;
        clock.advance(Duration::from_millis(1));
        assert_eq!(get(&tokens).await, "token-1");
        settle().await;
        assert_eq!(get(&tokens).await, "token-2");
    }

    #[tokio::test(start_paused = true)]
    async fn a_renewal_that_fails_leaves_the_old_token_and_is_not_repeated_at_once() {
        let (tokens, issuer, clock) = tokens();
        assert_eq!(get(&tokens).await, "token-1");
        issuer.down.store(true, Ordering::SeqCst);
        clock.advance(Duration::from_mins(11));
        for _ in 0..50 {
            assert_eq!(get(&tokens).await, "token-1");
            settle().await;
        }
        assert_eq!(issuer.issued.load(Ordering::SeqCst), 2);
        clock.advance(Duration::from_mins(4));
        assert_eq!(tokens.get().await.err(), Some(Outage::Failed));
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_token_is_dropped_once_however_many_say_so() {
        let (tokens, issuer, _) = tokens();
        let refused = tokens.get().await.unwrap();
        tokens.refused(&refused);
        assert_eq!(get(&tokens).await, "token-2");
        tokens.refused(&refused);
        assert_eq!(get(&tokens).await, "token-2");
        assert_eq!(issuer.issued.load(Ordering::SeqCst), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_was_set_back_does_not_prolong_a_token() {
        let (tokens, _, clock) = tokens();
        assert_eq!(get(&tokens).await, "token-1");
        clock.set(from_millis(-1));
        assert_eq!(get(&tokens).await, "token-2");
    }
}
