//! Forward auth: a reverse proxy asks whether a request of somebody may pass, before it passes it on. The status alone decides; the body of
//! the request is never read, and nothing in the decision comes from anything but the policy in the path, the headers with the ids
//! and the token of the session.

mod metrics;
mod path;
mod target;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderValue, header::CONNECTION, request::Parts},
    response::{IntoResponse as _, Response},
    routing::any,
};
use tokio::sync::Semaphore;
use tracing::Instrument as _;

use self::{metrics::Metrics, target::Target};
use super::callers::HttpCallers;
use crate::{
    call::{Call, Deadline, Deadlines},
    callers::Caller,
    clock::Clock,
    deps::Deps,
    gate::Gate,
    gateway::{
        self, Answer, Outcome, Refusal, SessionContext, StepUpContext, StepUpUrlLog, answer, asked,
    },
    live::Live,
    log_throttle::{LogThrottle, throttled},
    peer::{self, Peer},
    policy::{PolicyName, VerificationId},
    request_id,
    ruling::Ruling,
    session::{SessionToken, Sessions},
    span,
};

/// Answers forward auth.
#[derive(Debug)]
pub struct ForwardAuth {
    gate: Arc<Gate>,
    live: Arc<Live>,
    sessions: Sessions,
    callers: HttpCallers,
    config: Config,
    in_flight: Semaphore,
    clock: Arc<dyn Clock>,
    log: LogThrottle,
    step_up_url_log: StepUpUrlLog,
    metrics: Metrics,
}

/// The settings of forward auth.
#[derive(Debug, Clone)]
pub struct Config {
    /// How long an answer may take, from the head of the request on.
    pub deadline: Duration,
    /// How gateways name the person, and how they are answered.
    pub gateway: gateway::Config,
}

/// A decision, or why there is none; with the policy that was asked for, once that is known.
type Checked = Result<Judged, (Refusal, Option<PolicyName>)>;

/// A decision, and what it is about.
struct Judged {
    policy: PolicyName,
    ruling: Ruling,
    /// The verification that was asked about, if the caller may begin step-ups about it.
    begins: Option<VerificationId>,
    /// What the session says of the person, for the page for step-ups.
    token: SessionToken,
}

/// The routes of forward auth. What follows the policy in a path is that of the person's request, and without effect.
pub(super) fn routes(forward_auth: Arc<ForwardAuth>) -> Router {
    Router::new()
        .route("/check", any(check))
        .route("/check/", any(check))
        .route("/check/{*path}", any(check))
        .with_state(forward_auth)
}

impl ForwardAuth {
    /// Answers by this gate. At most `in_flight` requests are answered at once.
    pub fn new(
        gate: Arc<Gate>,
        live: Arc<Live>,
        sessions: Sessions,
        callers: HttpCallers,
        config: Config,
        in_flight: usize,
        deps: &Deps,
    ) -> Result<Self, prometheus::Error> {
        Ok(Self {
            gate,
            live,
            sessions,
            callers,
            config,
            in_flight: Semaphore::new(in_flight.min(Semaphore::MAX_PERMITS)),
            clock: Arc::clone(&deps.clock),
            log: LogThrottle::default(),
            step_up_url_log: StepUpUrlLog::default(),
            metrics: Metrics::register(&deps.registry)?,
        })
    }

    /// Answers a request whose head this is, within the deadline.
    async fn answer(&self, head: &mut Parts) -> Answer {
        let target = Target::of(&head.uri, &head.headers);
        let hosts = &self.config.gateway.return_hosts;
        let original_url = hosts.original_url(&head.headers);
        let deadline = Deadline::within(self.config.deadline);
        let checked = deadline.enforce(self.check(head, target.policy, deadline));
        let checked = checked.await.unwrap_or(Err((Refusal::Late, None)));
        let judged = checked.as_ref().ok();
        let step = StepUpContext {
            is_browser: target.is_browser,
            original_url: original_url.as_ref(),
            begins: judged.and_then(|judged| judged.begins.as_ref()),
            email: judged.and_then(|judged| judged.token.email()),
        };
        let outcome = match &checked {
            Ok(judged) => Outcome::of(&judged.policy, &judged.ruling),
            Err((refusal, policy)) => {
                self.log(*refusal, policy.as_ref());
                Outcome::Refused(*refusal)
            }
        };
        self.metrics.count(outcome);
        let answer = answer(outcome, &self.config.gateway, step);
        if let Ok(judged) = &checked {
            let uptime = self.clock.moment().uptime;
            let log = &self.step_up_url_log;
            log.note(&head.headers, &answer, &judged.policy, uptime);
        }
        answer
    }

    /// Who asks first of all: nobody else learns what a path would be.
    async fn check(
        &self,
        head: &mut Parts,
        policy: Result<PolicyName, Refusal>,
        deadline: Deadline,
    ) -> Checked {
        let began = self.clock.read();
        let caller = self.caller(head).await.map_err(|refusal| (refusal, None))?;
        let policy = policy.map_err(|refusal| (refusal, None))?;
        let refused = |refusal| (refusal, Some(policy.clone()));
        let Ok(_permit) = self.in_flight.try_acquire() else {
            return Err(refused(Refusal::Shed));
        };
        let left = deadline.after(began.elapsed());
        let now = self.clock.now();
        let token = self
            .sessions
            .authenticate(&head.headers, now, left.wait_max());
        let token = token.await;
        let attested = SessionContext {
            token: &token,
            config: self.sessions.config(),
        };
        let policies = self.live.current();
        let in_force = policies.find(&policy);
        let gateway = &self.config.gateway;
        let asked = asked(policy.clone(), &head.headers, gateway, attested, in_force);
        let mut asked = asked.map_err(&refused)?;
        asked.request.id = request_id::of_header(&head.headers);
        head.extensions.insert(deadline.after(began.elapsed()));
        head.extensions.insert(caller);
        let call = Call::of(&head.headers, &head.extensions, self.deadlines());
        let call = call.with_proven(asked.proven);
        let span = span::check(&call.trace, call.caller.id.as_str());
        let request = Arc::new(asked.request);
        let ruling = self.gate.check(&request, &call).instrument(span.clone());
        let ruling = ruling.await.map_err(|error| {
            let refusal = Refusal::from(&error);
            span::refused(&span, refusal);
            refused(refusal)
        })?;
        let may_begin = call.caller.permissions.permit_step_up(Some(&policy));
        Ok(Judged {
            begins: may_begin.ok().map(|()| request.verification.clone()),
            policy,
            ruling,
            token,
        })
    }

    async fn caller(&self, head: &Parts) -> Result<Caller, Refusal> {
        let peer = Peer::of(&head.extensions);
        let HttpCallers { callers, refusals } = &self.callers;
        let caller = callers.authenticate(&head.headers, peer).await;
        caller.map_err(|error| {
            refusals.unauthenticated(peer::ip_of(&head.extensions), error);
            Refusal::NoCaller
        })
    }

    /// That of a call over HTTP, whatever its headers say.
    fn deadlines(&self) -> Deadlines {
        Deadlines {
            default: self.config.deadline,
            longest: self.config.deadline,
        }
    }

    fn log(&self, refusal: Refusal, policy: Option<&PolicyName>) {
        let Some(hint) = refusal.hint() else { return };
        let reason = refusal.as_str();
        throttled!(
            self.log,
            self.clock.moment().uptime,
            warn,
            "forward_auth_refused" / reason,
            reason,
            policy = policy.map(PolicyName::as_str),
            hint,
            "a gateway asked for what cannot be decided, and must not let it pass"
        );
    }
}

async fn check(State(forward_auth): State<Arc<ForwardAuth>>, request: Request) -> Response {
    let (mut head, _unread) = request.into_parts();
    let answer = forward_auth.answer(&mut head).await;
    let mut response = (answer.status(), answer.body().to_owned()).into_response();
    let headers = response.headers_mut();
    headers.clear();
    for (name, value) in answer.own_headers().iter().chain(answer.other_headers()) {
        headers.insert(name, value.clone());
    }
    if target::has_body(head.version, &head.headers) {
        // The connection cannot be used again, because the body is not read. Said, so that no other request is sent over it.
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
