//! The upstream, Incode Workforce: asks for the details of a verification, authorises again once when its token is
//! refused, tries a second time when that may help, and never fails: an outage is a finding. Asks for links, too, but each
//! once.

mod door;
mod guard;
mod breaker;
mod token;
mod dates;
mod config;
pub mod wire;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::time::{sleep, timeout};
use tracing::{error, warn};
use uuid::Uuid;

pub use self::{
    config::{Config, is_loopback},
    door::NoClient,
};
use self::{
    door::{Door, NoAnswer},
    token::{Token, Tokens},
};
use crate::{
    clock::Clock,
    jitter::up_to,
    metrics::{Metrics, Upstream},
    policy::{Evidence, Finding, Origin, Outage, VerificationId},
    retry_budget::RetryBudget,
    source::{Freshness, Known, Source, Took},
    step_up::{Link, Links, Wish},
};

/// A second try waits for anything up to this, so that those of many callers do not come together.
const SECOND_TRY_AFTER: Duration = Duration::from_millis(100);

/// The upstream as a source of evidence.
#[derive(Debug)]
pub struct Incode {
    door: Arc<Door>,
    tokens: Arc<Tokens>,
    /// How many look-ups may be tried again.
    second_tries: RetryBudget,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
}

impl Incode {
    /// Makes the client; nothing is asked yet.
    pub fn new(
        account: Config,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, NoClient> {
        let door = Door::new(account, Arc::clone(&clock), Arc::clone(&metrics))?;
        let door = Arc::new(door);
        let tokens = Tokens::new(Box::new(Arc::clone(&door)), Arc::clone(&clock));
        Ok(Self {
            door,
            tokens,
            second_tries: RetryBudget::default(),
            clock,
            metrics,
        })
    }

    /// How the upstream is doing, for operators.
    pub fn condition(&self) -> Upstream {
        Upstream {
            breaker: self.door.guard.breaker(),
            credentials_refused: self.door.credentials_refused(),
            clock_ahead_ms: self.door.clocks.ahead_ms(),
            clocks_apart: self.door.clocks.are_apart(),
            token_age: self.tokens.age(),
        }
    }

    /// A link, at the second token if the first is refused. Nothing else is tried again: the link may have been made.
    async fn make_link(&self, id: Uuid, wish: &Wish) -> Result<Link, Outage> {
        for _ in 0..2 {
            let token = self.tokens.get().await?;
            match self.door.link(id, wish, &token).await {
                Ok(link) => return Ok(link),
                Err(NoAnswer::Unauthorized) => self.tokens.refused(&token),
                Err(NoAnswer::Out(Outage::CredentialsRefused)) => {
                    self.links_refused();
                    return Err(Outage::CredentialsRefused);
                }
                Err(NoAnswer::Out(outage)) => return Err(outage),
                Err(NoAnswer::NotFound | NoAnswer::Unusable(_)) => return Err(Outage::Unexpected),
            }
        }
        Err(self.token_refused())
    }

    /// Says that the upstream makes no links for us, loudly but not with each call.
    fn links_refused(&self) {
        if let Some(left_out) = self.door.tell("links_refused") {
            error!(
                left_out,
                "the upstream refuses to make links: check that the integration of incode.integration_id may"
            );
        }
    }

    /// What the upstream says, at the second try if it refuses the first token, or if another try may help and there are not
    /// too many.
    async fn ask(&self, id: &VerificationId, suspect: bool, took: &mut Took) -> Finding {
        let first = self.try_once(id, suspect, took).await;
        let held_back = matches!(first, Ok(Finding::Unknown(outage)) if !outage.was_asked());
        if !held_back {
            self.second_tries.deposit();
        }
        let first = match first {
            Err(Refused(token)) => {
                self.tokens.refused(&token);
                Outage::TokenRefused
            }
            Ok(Finding::Unknown(outage)) if outage.may_pass() && self.second_tries.withdraw() => {
                self.metrics.second_try();
                sleep(up_to(SECOND_TRY_AFTER)).await;
                outage
            }
            Ok(finding) => return finding,
        };
        match self.try_once(id, true, took).await {
            // The token may serve for others: it stays.
            Err(Refused(_)) => Finding::Unknown(self.token_refused()),
            // Nobody was asked this time, but the first time.
            Ok(Finding::Unknown(Outage::HeldBack)) => Finding::Unknown(first),
            Ok(finding) => finding,
        }
    }

    /// The outage that a token is which was refused as soon as it was issued, and tells of it.
    fn token_refused(&self) -> Outage {
        if let Some(left_out) = self.door.tell("token_refused") {
            warn!(
                left_out,
                "the upstream refuses a token that it has just issued: ask the vendor, and check that no other machine of theirs answers at incode.url"
            );
        }
        Outage::TokenRefused
    }

    async fn try_once(
        &self,
        id: &VerificationId,
        suspect: bool,
        took: &mut Took,
    ) -> Result<Finding, Refused> {
        let started = self.clock.read();
        let token = self.tokens.get().await;
        took.token = took.token.saturating_add(started.elapsed());
        let token = match token {
            Ok(token) => token,
            Err(outage) => return Ok(Finding::Unknown(outage)),
        };
        match self.door.details(id, &token, suspect, took).await {
            Ok(verification) => Ok(Finding::Present(verification)),
            Err(NoAnswer::NotFound) => Ok(Finding::Absent),
            Err(NoAnswer::Unusable(flaw)) => Ok(Finding::Unusable(flaw)),
            Err(NoAnswer::Out(outage)) => Ok(Finding::Unknown(outage)),
            Err(NoAnswer::Unauthorized) => Err(Refused(token)),
        }
    }
}

#[async_trait]
impl Links for Incode {
    async fn make(&self, id: Uuid, wish: &Wish) -> Result<Link, Outage> {
        self.make_link(id, wish).await
    }
}

/// This token was refused.
struct Refused(Arc<Token>);

#[async_trait]
impl Source for Incode {
    async fn look_up(&self, id: &VerificationId, freshness: Freshness) -> Known {
        let asked_at = self.clock.now();
        let mut took = Took::default();
        let finding = timeout(freshness.patience, self.ask(id, freshness.suspect, &mut took))
            .await
            .unwrap_or_else(|_| {
                if let Some(left_out) = self.door.tell("too_slow") {
                    warn!(
                        left_out,
                        "a look-up was given up after incode.timeout: the upstream is slow, or calls wait for their turn (incode.rate, incode.concurrency)"
                    );
                }
                Finding::Unknown(Outage::TimedOut)
            });
        let origin = match finding {
            Finding::Unknown(_) => Origin::Nowhere,
            _ => Origin::Upstream,
        };
        let evidence = Arc::new(Evidence {
            finding,
            seen_at: asked_at,
        });
        Known {
            evidence,
            origin,
            took,
            not_before: asked_at,
        }
    }
}
