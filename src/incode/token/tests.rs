//! When a token is requested, shared, renewed and dropped; the issuer counts.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use secrecy::ExposeSecret as _;

use super::*;
use crate::{clock::ManualClock, policy::from_millis};

/// Issues `token-1`, `token-2`, … after 10 ms, fails or panics, as its flags say.
#[derive(Debug, Clone, Default)]
struct Counting {
    issued: Arc<AtomicU64>,
    down: Arc<AtomicBool>,
    panics: Arc<AtomicBool>,
    slow_ms: Arc<AtomicU64>,
}

#[async_trait]
impl Issuer for Counting {
    async fn issue(&self) -> Result<SecretString, Outage> {
        let count = self.issued.fetch_add(1, Ordering::SeqCst) + 1;
        let slow_ms = self.slow_ms.load(Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(10 + slow_ms)).await;
        assert!(!self.panics.load(Ordering::SeqCst), "this issuer panics");
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
    let tokens = Tokens::new(
        Box::new(issuer.clone()),
        Arc::clone(&clock) as _,
        Spawn::here(),
    );
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

/// Lets background tasks end. Time is paused, so this does not wait.
async fn settle() {
    tokio::time::sleep(Duration::from_secs(1)).await;
}

#[tokio::test(start_paused = true)]
async fn a_hundred_callers_cause_one_request_and_share_its_result() {
    let (tokens, issuer, _) = tokens();
    let together = (0..100).map(|_| tokens.get());
    let all = futures_util::future::join_all(together).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(issuer.issued.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_hundred_callers_share_a_failure_too_and_it_is_repeated_after_a_backoff() {
    let (tokens, issuer, clock) = tokens();
    issuer.down.store(true, Ordering::SeqCst);
    let together = (0..100).map(|_| tokens.get());
    let all = futures_util::future::join_all(together).await;
    assert!(all.iter().all(Result::is_err));
    assert_eq!(issuer.issued.load(Ordering::SeqCst), 1);
    issuer.down.store(false, Ordering::SeqCst);
    clock.advance(Duration::from_millis(999));
    assert_eq!(tokens.get().await.err(), Some(Outage::Failed));
    assert_eq!(issuer.issued.load(Ordering::SeqCst), 1);
    clock.advance(Duration::from_millis(501));
    assert_eq!(get(&tokens).await, "token-2");
}

#[tokio::test(start_paused = true)]
async fn it_is_renewed_at_two_thirds_of_its_life_while_the_old_one_is_valid() {
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
async fn a_refused_token_is_dropped_once_however_often_it_was_refused() {
    let (tokens, issuer, clock) = tokens();
    let refused = tokens.get().await.unwrap();
    clock.advance(Duration::from_mins(1));
    tokens.refused(&refused);
    assert_eq!(get(&tokens).await, "token-2");
    tokens.refused(&refused);
    assert_eq!(get(&tokens).await, "token-2");
    assert_eq!(issuer.issued.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn tokens_that_are_refused_at_once_are_requested_once_a_second() {
    let (tokens, issuer, clock) = tokens();
    for _ in 0..200 {
        for _ in 0..3 {
            let token = tokens.get().await;
            tokens.refused(&token.unwrap());
        }
        clock.advance(Duration::from_millis(25));
    }
    let issued = issuer.issued.load(Ordering::SeqCst);
    // Two at once, then one a second or less often.
    assert!((5..=10).contains(&issued), "{issued}");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_set_back_does_not_prolong_a_token() {
    let (tokens, _, clock) = tokens();
    assert_eq!(get(&tokens).await, "token-1");
    clock.set(from_millis(-10_001));
    assert_eq!(get(&tokens).await, "token-2");
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_leaves_does_not_cancel_the_renewal() {
    let (tokens, issuer, _) = tokens();
    issuer.slow_ms.store(3_000, Ordering::SeqCst);
    let impatient = |n: u64| {
        let tokens = Arc::clone(&tokens);
        async move {
            tokio::time::sleep(Duration::from_millis(n * 20)).await;
            tokio::time::timeout(Duration::from_secs(2), tokens.get()).await
        }
    };
    let all = futures_util::future::join_all((0..100).map(impatient)).await;
    assert_eq!(issuer.issued.load(Ordering::SeqCst), 1);
    // The first callers left; those that came in the last 2 s of the renewal got its token.
    assert!(all.first().is_some_and(Result::is_err));
    assert!(all.last().is_some_and(|got| matches!(got, Ok(Ok(_)))));
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_panics_ends_the_wait_of_all_callers() {
    let (tokens, issuer, _) = tokens();
    issuer.panics.store(true, Ordering::SeqCst);
    assert_eq!(tokens.get().await.err(), Some(Outage::Abandoned));
    issuer.panics.store(false, Ordering::SeqCst);
    assert_eq!(get(&tokens).await, "token-2");
}
