//! Decides evaluations, and counts and logs whatever comes of each.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::{Semaphore, SemaphorePermit};
use tracing::{Instrument as _, Span};

use super::{
    access_requests::{AccessRequests, Approval},
    answer::{Evaluated, Supported, answer},
    error::EvaluationError,
    metrics::Metrics,
};
use crate::{
    call::{Call, Deadline},
    clock::Clock,
    deps::Deps,
    gate::{Gate, Snapshot},
    log_throttle::{LogThrottle, throttled},
    policy::{PolicyName, Request},
    refusals::Refusals,
    span,
};

/// What the context of an evaluation says of its caller.
#[derive(Debug, Default)]
pub(super) struct Declared {
    /// What it can do.
    pub(super) supported: Supported,
    /// What was approved before.
    pub(super) approval: Option<Approval>,
}

/// Decides evaluations.
#[derive(Debug)]
pub(super) struct Evaluator {
    gate: Arc<Gate>,
    refusals: Refusals,
    in_flight: Semaphore,
    access_requests: Option<Arc<AccessRequests>>,
    clock: Arc<dyn Clock>,
    log: LogThrottle,
    metrics: Metrics,
}

impl Evaluator {
    /// Decides by this gate, at most `in_flight` at once.
    pub(super) fn new(
        gate: Arc<Gate>,
        refusals: Refusals,
        in_flight: usize,
        access_requests: Option<Arc<AccessRequests>>,
        deps: &Deps,
    ) -> Result<Self, prometheus::Error> {
        Ok(Self {
            gate,
            refusals,
            in_flight: Semaphore::new(in_flight.min(Semaphore::MAX_PERMITS)),
            access_requests,
            clock: Arc::clone(&deps.clock),
            log: LogThrottle::default(),
            metrics: Metrics::register(&deps.registry)?,
        })
    }

    /// The instant and the policies of the evaluations of one request.
    pub(super) fn snapshot(&self) -> Snapshot {
        self.gate.snapshot()
    }

    /// An evaluation begins; an error if it is one too many.
    pub(super) fn enter(&self) -> Result<SemaphorePermit<'_>, EvaluationError> {
        self.in_flight
            .try_acquire()
            .map_err(|_| EvaluationError::Shed)
    }

    /// Decides a request, unless it is an error already, as the check of this span, within the deadline of the call, which counts from the
    /// snapshot.
    pub(super) async fn evaluate(
        &self,
        request: Result<Arc<Request>, EvaluationError>,
        policy: Option<&PolicyName>,
        snapshot: &Snapshot,
        call: &Call,
        span: &Span,
    ) -> Evaluated {
        let evaluated = match request {
            Err(error) => Err(self.charged(error, policy, call)),
            Ok(request) => {
                let check = self.gate.check_at(snapshot, &request, call);
                let checked = check.instrument(span.clone()).await;
                checked.map_err(EvaluationError::from)
            }
        };
        match &evaluated {
            Ok(ruling) => self.count(ruling.decision.effect().as_str()),
            Err(error) => {
                span::refused(span, format_args!("{}", error.as_str()));
                self.refused(error, policy);
            }
        }
        evaluated
    }

    /// The error of what does not reach the gate, which does the same for what does. It is charged to the rate of its caller like a decision, so
    /// that what is malformed is not free: another error if the caller asks too fast. What was not looked at is not charged.
    pub(super) fn charged(
        &self,
        error: EvaluationError,
        policy: Option<&PolicyName>,
        call: &Call,
    ) -> EvaluationError {
        if let EvaluationError::Shed | EvaluationError::Late = error {
            return error;
        }
        let charged = call.caller.count_call(self.clock.moment().uptime);
        match (error, charged) {
            (EvaluationError::NotPermitted(error), _) => {
                self.refusals.not_permitted(&call.caller, error, policy);
                EvaluationError::NotPermitted(error)
            }
            (_, Err(over)) => EvaluationError::OverQuota(over.retry_after),
            (error, Ok(())) => error,
        }
    }

    /// The answer to what was evaluated for this request, if it is one, and what its context says, in what is left of the deadline.
    pub(super) async fn answer(
        &self,
        evaluated: &Evaluated,
        request: Option<&Request>,
        declared: &Declared,
        call: &Call,
        left: Deadline,
    ) -> Value {
        let mut answer = answer(evaluated, declared.supported);
        if let (Some(access), Ok(ruling), Some(request)) =
            (&self.access_requests, evaluated, request)
            && let Some(context) = answer.get_mut("context").and_then(Value::as_object_mut)
        {
            let approval = declared.approval.as_ref();
            let extended = access.extend(context, request, ruling, call, left, approval);
            extended.await;
        }
        answer
    }

    /// Counts and logs what is not decided, for this policy if that is known.
    pub(super) fn refused(&self, error: &EvaluationError, policy: Option<&PolicyName>) {
        self.count(error.as_str());
        let Some(hint) = error.hint() else { return };
        let reason = error.as_str();
        throttled!(
            self.log,
            self.clock.moment().uptime,
            warn,
            "authzen_refused" / reason,
            reason,
            policy = policy.map(PolicyName::as_str),
            %error,
            hint,
            "an evaluation was asked for that cannot be decided"
        );
    }

    /// Counts an outcome.
    pub(super) fn count(&self, outcome: &'static str) {
        self.metrics.count(outcome);
    }
}
