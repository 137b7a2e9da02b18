//! The check: from a request to a ruling. Read this file first.

mod freshness;
mod metrics;
mod clock_watch;
mod shadow;

use std::{borrow::Cow, sync::Arc, time::Duration};

use futures_util::FutureExt as _;
use tracing::{Instrument as _, Span};

use self::{clock_watch::ClockWatch, metrics::Metrics};
use crate::{
    call::Call,
    callers::{NotPermittedError, OverQuotaError},
    clock::{AnchoredClock, Clock as _, Reading, Stopwatch},
    deps::Deps,
    journal::{CallFacts, Entry, Journal, JournalError, Queued, Sets, UnrecordedError},
    live::Live,
    policy::{Facts, Policy, PolicyName, PolicySet, Request, Timestamp},
    provenance::Timings,
    refusals::Refusals,
    ruling::Ruling,
    source::{Known, LookupRequest, Priority, Source, Wait},
    span,
};

/// Answers checks. It caches no decision: each check is decided from evidence.
#[derive(Debug)]
pub struct Gate {
    live: Arc<Live>,
    source: Arc<dyn Source>,
    journal: Journal,
    refusals: Refusals,
    clock: Arc<AnchoredClock>,
    clock_watch: ClockWatch,
    metrics: Metrics,
}

/// One reading of the clock and the policies that were in force then: for one check, or for all checks of a batch.
#[derive(Debug, Clone)]
pub struct Snapshot {
    started: Reading,
    policies: Arc<PolicySet>,
    shadow: Option<Arc<PolicySet>>,
}

impl Snapshot {
    /// The instant.
    pub fn now(&self) -> Timestamp {
        self.started.moment.now
    }

    /// The policy of this name that was in force.
    pub fn policy(&self, name: &PolicyName) -> Option<&Policy> {
        self.policies.find(name)
    }

    /// The sets that the check is judged by: the one in force, then its shadow.
    fn sets(&self) -> Sets {
        Sets {
            in_force: Arc::clone(&self.policies),
            shadow: self.shadow.clone(),
        }
    }

    /// Measures the time since the snapshot.
    pub fn stopwatch(&self) -> Stopwatch {
        self.started.stopwatch
    }

    /// The time that has passed since.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

/// What a check that has begun has come to.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "a box would cost every check an allocation"
)]
pub enum FirstStep {
    /// It is decided, and being recorded.
    Recording(Recording),
    /// What it needs is not in memory.
    Absent(Admitted),
}

/// A check that the caller may make, and whose evidence has to be looked up. Only [`Gate::begin`] makes one.
#[derive(Debug)]
pub struct Admitted {
    request: Arc<Request>,
    /// Of the look-up.
    span: Span,
}

/// A decision that is being recorded: until then nobody may learn it.
#[must_use]
#[derive(Debug)]
pub struct Recording {
    queued: Queued,
    /// For how long it may be waited for, since it was decided.
    wait: Duration,
    /// Whether the policy permits that it is given although it cannot be recorded.
    allows_unrecorded: bool,
    /// When it was decided, since the check began.
    decided: Duration,
    request: Arc<Request>,
    ruling: Ruling,
}

/// Why a check has no ruling. DENY and STEP_UP are rulings, not errors.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The caller may not ask this. Said before anything else is looked at.
    #[error(transparent)]
    NotPermitted(#[from] NotPermittedError),
    /// The calls of the caller come too fast.
    #[error("the calls of this caller come too fast")]
    OverRate(#[source] OverQuotaError),
    /// No policy has this name.
    #[error("there is no policy `{0}`")]
    NoSuchPolicy(PolicyName),
    /// The caller has used its quota of fetches, and nothing usable is cached.
    #[error("too many verifications that are not cached were requested")]
    OverQuota(#[from] OverQuotaError),
    /// The time of the call was over before it was known what evidence there is.
    #[error("the deadline was over before there was evidence")]
    Late,
    /// The decision could not be recorded, so it must not be used.
    #[error("the decision could not be recorded")]
    NotRecorded(#[from] JournalError),
}

impl Gate {
    /// A gate over the policies in force and a source of evidence.
    pub fn new(
        live: Arc<Live>,
        source: Arc<dyn Source>,
        journal: Journal,
        refusals: Refusals,
        deps: &Deps,
    ) -> Result<Self, prometheus::Error> {
        Ok(Self {
            metrics: Metrics::register(&deps.registry, Arc::clone(&live))?,
            live,
            source,
            journal,
            refusals,
            clock: Arc::clone(&deps.anchored),
            clock_watch: ClockWatch::default(),
        })
    }

    /// Reads the clock, and takes the policies in force.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            started: self.clock.read(),
            policies: self.live.current(),
            shadow: self.live.current_shadow(),
        }
    }

    /// Decides one request by itself: see [`Self::check_at`].
    pub async fn check(&self, request: &Arc<Request>, call: &Call) -> Result<Ruling, CheckError> {
        self.check_at(&self.snapshot(), request, call).await
    }

    /// Decides a request, if the caller may make it, by this snapshot. The call's deadline counts from there, and evidence is waited for no longer than it
    /// allows. Where our clock and the vendor's are apart, both instants are judged, and the stricter decision counts.
    pub async fn check_at(
        &self,
        snapshot: &Snapshot,
        request: &Arc<Request>,
        call: &Call,
    ) -> Result<Ruling, CheckError> {
        let recording = match self.begin(snapshot, request, call)? {
            FirstStep::Recording(recording) => recording,
            // Apart, so that a check that is answered from memory does not carry the state of a fetch.
            FirstStep::Absent(admitted) => {
                Box::pin(self.look_up_and_decide(snapshot, admitted, call)).await?
            }
        };
        self.recorded(recording, snapshot.stopwatch()).await
    }

    /// Decides a request by this snapshot, if the caller may make it and what it needs is in memory. Waits for nothing: nearly every check is
    /// decided here, without a future.
    pub fn begin(
        &self,
        snapshot: &Snapshot,
        request: &Arc<Request>,
        call: &Call,
    ) -> Result<FirstStep, CheckError> {
        let policy = self.admit(snapshot, request, call)?;
        let span = span::look_up();
        let known = span.in_scope(|| self.look_up_now(snapshot, policy, request, call));
        let Some(known) = known else {
            let request = Arc::clone(request);
            return Ok(FirstStep::Absent(Admitted { request, span }));
        };
        drop(span);
        let recording = self.decide(snapshot, policy, request, call, known);
        Ok(FirstStep::Recording(recording))
    }

    /// Decides a check that was admitted by this snapshot, once what is not in memory was looked up.
    pub async fn look_up_and_decide(
        &self,
        snapshot: &Snapshot,
        admitted: Admitted,
        call: &Call,
    ) -> Result<Recording, CheckError> {
        let Admitted { request, span } = admitted;
        let policy = asked_policy(snapshot, &request)?;
        let look_up = self.look_up(snapshot, policy, &request, call);
        let known = look_up.instrument(span).await?;
        Ok(self.decide(snapshot, policy, &request, call, known))
    }

    /// Judges what is known, and queues the decision to be recorded.
    fn decide(
        &self,
        snapshot: &Snapshot,
        policy: &Policy,
        request: &Arc<Request>,
        call: &Call,
        known: Known,
    ) -> Recording {
        let ruling = self.rule(snapshot, policy, request, known);
        let decided = snapshot.elapsed();
        let mut entry = Entry::new(request, call_facts(call), ruling, snapshot.sets());
        let queued = self.journal.queue(&mut entry);
        Recording {
            queued,
            // Some of what is kept back for the answer is time for its record.
            wait: call.deadline.to_record().after(decided).left(),
            allows_unrecorded: policy.allows_unrecorded(),
            decided,
            request: entry.request,
            ruling: entry.ruling,
        }
    }

    /// Whether a decision is recorded already, or cannot be.
    pub fn is_recorded(&self, recording: &Recording) -> bool {
        self.journal.is_recorded(&recording.queued)
    }

    /// Waits until a decision is recorded, for as long as it may since it was made. The time of its check is by this stopwatch.
    ///
    /// Not an `async fn`: that would hold the decision twice, and each call has room for what it holds.
    pub fn recorded(
        &self,
        recording: Recording,
        stopwatch: Stopwatch,
    ) -> impl Future<Output = Result<Ruling, CheckError>> + Send + use<'_> {
        let Recording {
            queued,
            wait,
            allows_unrecorded,
            decided,
            request,
            mut ruling,
        } = recording;
        let since = stopwatch.elapsed().saturating_sub(decided);
        let recorded = self
            .journal
            .recorded_within(wait.saturating_sub(since), queued);
        recorded.map(move |recorded| {
            if let Err(UnrecordedError { error, is_queued }) = recorded {
                // A policy may permit that a decision is given although it cannot be recorded.
                if !allows_unrecorded {
                    return Err(error.into());
                }
                let at = ruling.decision.decided_at();
                self.journal
                    .count_unrecorded(&request.policy, at, is_queued);
                self.metrics.unrecorded();
            }
            let recorded = stopwatch.elapsed();
            ruling.timings.journal = recorded.saturating_sub(decided);
            self.metrics.check(&request.policy, &ruling, recorded);
            span::decided(&request.policy, &ruling);
            Ok(ruling)
        })
    }

    /// What is in memory, if it is enough.
    fn look_up_now(
        &self,
        snapshot: &Snapshot,
        policy: &Policy,
        request: &Request,
        call: &Call,
    ) -> Option<Known> {
        // What a browser has brought is looked at too, and that may be in memory or not.
        if call.handed_on.is_some() {
            return None;
        }
        let lookup = lookup_request(policy, call, &snapshot.started);
        let id = &request.verification;
        freshness::look_up_now(&*self.source, policy, id, &lookup)
    }

    /// What the source finds in the time that the call has.
    async fn look_up(
        &self,
        snapshot: &Snapshot,
        policy: &Policy,
        request: &Request,
        call: &Call,
    ) -> Result<Known, CheckError> {
        let lookup = lookup_request(policy, call, &snapshot.started);
        let about = (&request.verification, call.handed_on.as_deref());
        let source = &*self.source;
        let look_up = freshness::look_up(source, policy, about, lookup, &snapshot.started);
        let deadline = call.deadline.after(snapshot.elapsed());
        let found = deadline.enforce(look_up).await;
        Ok(found.ok_or(CheckError::Late)??)
    }

    /// The policy that the caller asks, if it may do so now.
    fn admit<'s>(
        &self,
        snapshot: &'s Snapshot,
        request: &Request,
        call: &Call,
    ) -> Result<&'s Policy, CheckError> {
        self.permit(request, call)?;
        let uptime = snapshot.started.moment.uptime;
        let too_fast = call.caller.count_call(uptime);
        too_fast.map_err(CheckError::OverRate)?;
        asked_policy(snapshot, request)
    }

    /// Judges what is known.
    fn rule(
        &self,
        snapshot: &Snapshot,
        policy: &Policy,
        request: &Request,
        known: Known,
    ) -> Ruling {
        let Snapshot {
            started,
            policies,
            shadow,
        } = snapshot;
        let now = started.moment;
        let looked_up = started.elapsed();
        let facts = Facts {
            request: &judged_request(request, &known),
            evidence: &known.evidence,
            // A clock that was set back must not make cached evidence younger.
            now: now.now.max(known.not_before),
        };
        // After the lookup: its response may have shown that the clocks are apart.
        let vendor_at = self.clock.vendor_if_apart(started);
        self.clock_watch.log(started, vendor_at);
        let decision = match vendor_at {
            None => policy.decide(&facts),
            Some(vendor_at) => policy.decide_for_both(&facts, vendor_at),
        };
        let shadow = shadow.as_deref();
        Ruling {
            shadow: shadow.map(|shadow| shadow::judge(shadow, &facts, vendor_at)),
            id: now.uuid(),
            revision: policies.revision(),
            decision,
            vendor_at,
            degraded: known.degraded() || vendor_at.is_some(),
            is_pending: known.is_pending(),
            fresh_until: freshness::fresh_until(policy, &known).filter(|_| vendor_at.is_none()),
            origin: known.origin,
            successor: known.succession.successor().cloned(),
            timings: Timings {
                decide: started.elapsed().saturating_sub(looked_up),
                ..known.timings
            },
            evidence: known.evidence,
        }
    }

    /// Whether the caller may ask this. First of all, and here, so that no adapter can leave it out.
    fn permit(&self, request: &Request, call: &Call) -> Result<(), NotPermittedError> {
        let permitted = call.caller.permissions.permit_check(request, call.proven);
        permitted.inspect_err(|error| {
            let refusals = &self.refusals;
            refusals.not_permitted(&call.caller, *error, Some(&request.policy));
        })
    }
}

fn asked_policy<'s>(snapshot: &'s Snapshot, request: &Request) -> Result<&'s Policy, CheckError> {
    let policy = snapshot.policy(&request.policy);
    policy.ok_or_else(|| CheckError::NoSuchPolicy(request.policy.clone()))
}

/// The request that the evidence is about: one about the later verification, where its evidence is judged.
fn judged_request<'r>(request: &'r Request, known: &Known) -> Cow<'r, Request> {
    match known.succession.successor() {
        None => Cow::Borrowed(request),
        Some(successor) => Cow::Owned(Request {
            verification: successor.clone(),
            ..request.clone()
        }),
    }
}

/// What is recorded of a call.
fn call_facts(call: &Call) -> CallFacts {
    CallFacts {
        caller: call.caller.id.clone(),
        peer: call.peer,
        deadline: call.deadline.left(),
    }
}

/// What the policy requires of evidence, and how long the call can wait for it.
fn lookup_request(policy: &Policy, call: &Call, started: &Reading) -> LookupRequest {
    let terms = policy.evidence();
    let deadline = call.deadline.after(started.elapsed());
    LookupRequest {
        at: started.moment,
        max_age: terms.fresh_for,
        max_stale: policy.max_stale(),
        reads: policy.reads(),
        wait: Wait::AtMost(deadline.wait_max()),
        caller: call.caller.id.clone(),
        priority: Priority::Cold,
        failed_before: false,
    }
}
