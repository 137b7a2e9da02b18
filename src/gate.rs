//! A check, from question to answer.

use std::{sync::Arc, time::Duration};

use tracing::Instrument as _;
use uuid::Uuid;

pub use crate::source::Asker;
use crate::{
    clock::{Clock, Reading},
    journal::{Entry, Journal, Stopped},
    live::Live,
    metrics::Metrics,
    policy::{Decision, Facts, Finding, Outage, PolicyName, Request, Revision},
    source::{Freshness, Known, Source},
    span,
};

/// Where questions are answered.
#[derive(Debug)]
pub struct Gate {
    /// Tells the time, once a check.
    pub clock: Arc<dyn Clock>,
    /// The policies in force.
    pub live: Arc<Live>,
    /// Knows about verifications.
    pub source: Arc<dyn Source>,
    /// Remembers what was decided.
    pub journal: Journal,
    /// Counts what was decided.
    pub metrics: Arc<Metrics>,
}

/// An answer, and what it rests on.
#[derive(Debug)]
pub struct Ruling {
    /// Names the decision.
    pub id: Uuid,
    /// The policy set that decided.
    pub revision: Revision,
    /// What was decided.
    pub decision: Decision,
    /// What it rests on.
    pub known: Known,
    /// What deciding took.
    pub spent: Spent,
}

/// What deciding took, beyond what was known.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spent {
    /// Judging.
    pub decide: Duration,
    /// Waiting until the journal had taken it.
    pub journal: Duration,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum NoRuling {
    /// No policy has this name.
    #[error("there is no policy `{0}`")]
    NoSuchPolicy(PolicyName),
    /// This caller has caused too many fetches, and nothing is known without another.
    #[error("too many verifications that are not remembered were asked for")]
    OverQuota {
        /// When another fetch may be in.
        retry_after: Duration,
    },
    /// What was decided could not be recorded, so it does not count.
    #[error("the decision could not be recorded")]
    NotRecorded(#[from] Stopped),
}

impl Gate {
    /// Answers a question for whom it is asked. Evidence is waited for no longer than `patience`.
    pub async fn check(
        &self,
        request: &Request,
        asker: Asker,
        patience: Duration,
    ) -> Result<Ruling, NoRuling> {
        let reading = self.clock.read();
        let policies = self.live.current();
        let policy = policies
            .find(&request.policy)
            .ok_or_else(|| NoRuling::NoSuchPolicy(request.policy.clone()))?;
        let freshness = Freshness {
            at: reading.moment,
            fresh_for: policy.evidence().fresh_for,
            stale_for: policy.evidence().stale_for,
            patience,
            asker,
            suspect: false,
        };
        let looking = self.source.look_up(&request.verification, freshness);
        let known = looking.instrument(span::look_up()).await;
        if let Finding::Unknown(Outage::OverQuota { retry_after }) = known.evidence.finding {
            return Err(NoRuling::OverQuota { retry_after });
        }
        let deciding = self.clock.read();
        let decision = policy.decide(&Facts {
            request,
            evidence: &known.evidence,
            // What a clock that is set back says of what is remembered would prolong it.
            now: reading.moment.now.max(known.not_before),
        });
        let decide = deciding.elapsed();
        self.record(
            request,
            &reading,
            policies.revision(),
            decision,
            known,
            decide,
        )
        .await
    }

    /// Hands the decision to the journal and counts it, then lets it out.
    async fn record(
        &self,
        request: &Request,
        reading: &Reading,
        revision: Revision,
        decision: Decision,
        known: Known,
        decide: Duration,
    ) -> Result<Ruling, NoRuling> {
        let id = reading.moment.name();
        let (effect, origin, degraded) = (decision.effect(), known.origin, known.degraded());
        let recording = self.clock.read();
        self.journal
            .record(Entry {
                id,
                request_id: request.id.clone(),
                policy: request.policy.clone(),
                revision,
                verification: request.verification.clone(),
                identity: request.identity.clone(),
                decision: decision.clone(),
                evidence: Arc::clone(&known.evidence),
                origin,
                degraded,
            })
            .await?;
        let journal = recording.elapsed();
        self.metrics
            .check(effect, &request.policy, origin, degraded, reading.elapsed());
        span::decided(&request.policy, effect, origin, degraded);
        Ok(Ruling {
            id,
            revision,
            decision,
            known,
            spent: Spent { decide, journal },
        })
    }
}
