//! `OpenID` AuthZEN Authorization API 1.0: a gateway asks whether a subject may do an action with a resource. The configuration says what of a
//! evaluation names the person and the policy.
//!
//! - What is asked clearly is answered 200, and `decision` is true for an ALLOW alone. What is about the call, as a body that is malformed or a
//!   caller that is not permitted, has a status of its own: 400, and never 415 or 422.
//! - Several evaluations are made by one reading of the clock and one snapshot of the policies. Each is counted, recorded and charged like one by
//!   itself.

mod config;
mod message;
mod error;
mod request;
mod answer;
mod response;
mod metrics;
mod access_requests;
mod evaluator;
mod evaluations;
pub(super) mod discovery;

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Path, Request, State},
    http::{Method, StatusCode, request::Parts},
    middleware::{Next, from_fn},
    response::Response,
    routing::any,
};
use tokio::sync::{Semaphore, SemaphorePermit};

pub use self::config::{
    ActionPattern, Config, InvalidActionPatternError, PolicySource, PublicUrl, VerificationSource,
};
use self::{
    access_requests::{ACCESS_REQUESTS, AccessRequests, problem},
    error::EvaluationError,
    evaluations::Evaluations,
    evaluator::Evaluator,
    message::{Asked, MalformedError},
    response::{Rejected, failed, request_id, with_unread_body},
};
use super::{body, callers::HttpCallers};
use crate::{
    call::{Call, Deadline, Deadlines},
    callers::Caller,
    clock::Clock,
    deps::Deps,
    gate::Gate,
    json::StrictJson,
    peer::{self, Peer},
    request_id::{REQUEST_ID, of_header},
    signatures::SigningKeys,
    step_up::StepUps,
};

/// The path of the endpoint for one evaluation, and of that for several.
const EVALUATION: &str = "/access/v1/evaluation";
const EVALUATIONS: &str = "/access/v1/evaluations";
/// Every other path of the API, none of which is served.
const OTHERS: &str = "/access/v1/{*path}";

/// The longest body of one evaluation and of several, in bytes.
const EVALUATION_BYTES_MAX: usize = 16 * 1024;
const EVALUATIONS_BYTES_MAX: usize = 1024 * 1024;
/// Evaluations that one request may ask for.
const EVALUATIONS_MAX: usize = 256;

/// Bodies of several evaluations that are read at once: each takes some fifteen times its memory until its evaluations are ready.
const READ_AT_ONCE_MAX: usize = 4;

/// Answers AuthZEN.
#[derive(Debug)]
pub struct Authzen {
    evaluator: Evaluator,
    callers: HttpCallers,
    config: Config,
    access_requests: Option<Arc<AccessRequests>>,
    reading: Semaphore,
    clock: Arc<dyn Clock>,
}

/// Which of the endpoints is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Endpoint {
    One,
    Several,
}

/// The routes of AuthZEN, also below the path of the public address.
pub(super) fn routes(authzen: Arc<Authzen>) -> Router {
    let below = authzen.config.public_url.as_ref().map(PublicUrl::path);
    let below = below.filter(|path| !path.is_empty()).map(str::to_owned);
    let mut routes = Router::new().without_v07_checks();
    for path in [String::new()].into_iter().chain(below) {
        routes = routes
            .route(&format!("{path}{EVALUATION}"), any(evaluation))
            .route(&format!("{path}{EVALUATIONS}"), any(evaluations))
            .route(&format!("{path}{ACCESS_REQUESTS}"), any(access_request))
            .route(&format!("{path}{ACCESS_REQUESTS}/{{task}}"), any(task))
            .route(&format!("{path}{OTHERS}"), any(nothing));
    }
    routes.with_state(authzen)
}

/// These routes, each of whose responses sends the request ID back.
pub(super) fn echoing(routes: Router) -> Router {
    routes.layer(from_fn(echo_request_id))
}

impl Authzen {
    /// Answers by this gate. At most `in_flight` evaluations are made at once. `keys` sign what access requests carry, if they are configured.
    pub fn new(
        gate: Arc<Gate>,
        callers: HttpCallers,
        step_ups: StepUps,
        config: Config,
        in_flight: usize,
        keys: Option<Arc<SigningKeys>>,
        deps: &Deps,
    ) -> Result<Self, prometheus::Error> {
        let public_url = config.public_url.as_ref();
        let access_requests = public_url.filter(|_| config.access_requests);
        let access_requests =
            access_requests.map(|url| AccessRequests::new(step_ups, url, keys, deps));
        let access_requests = access_requests.transpose()?.map(Arc::new);
        Ok(Self {
            evaluator: Evaluator::new(
                gate,
                callers.refusals.clone(),
                in_flight,
                access_requests.clone(),
                deps,
            )?,
            access_requests,
            reading: Semaphore::new(READ_AT_ONCE_MAX),
            callers,
            config,
            clock: Arc::clone(&deps.clock),
        })
    }

    /// The settings.
    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    /// The response to a request, within the deadline.
    async fn respond(&self, request: Request, endpoint: Endpoint) -> Response {
        let version = request.version();
        let (mut head, body) = request.into_parts();
        let bytes_max = match endpoint {
            Endpoint::One => EVALUATION_BYTES_MAX,
            Endpoint::Several => EVALUATIONS_BYTES_MAX,
        };
        let (call, body, _permit) = match self.call(&mut head, body, bytes_max).await {
            Ok(call) => call,
            Err(response) => return with_unread_body(response, version),
        };
        let id = of_header(&head.headers);
        match self.evaluations(body, endpoint, &call, &id).await {
            Ok(evaluations) => evaluations.response(&self.evaluator, &call).await,
            Err(error) => self.fail(&self.evaluator.charged(error, None, &call)),
        }
    }

    /// Admits a request, and reads its body, within the deadline; or the response to it. The permit is held as long as it is in flight.
    async fn call(
        &self,
        head: &mut Parts,
        body: Body,
        bytes_max: usize,
    ) -> Result<(Call, Bytes, SemaphorePermit<'_>), Response> {
        let deadline = Deadline::within(self.config.deadline);
        let began = self.clock.read();
        let caller = self.admit(head, &Method::POST, deadline).await;
        let caller = caller.map_err(|rejected| self.reject(rejected))?;
        let permit = self.evaluator.enter().map_err(|shed| self.fail(&shed))?;
        let left = deadline.after(began.elapsed());
        let body = body::read(&head.headers, body, bytes_max, left).await;
        let body = body.map_err(|error| self.reject(error.into()))?;
        head.extensions.insert(deadline.after(began.elapsed()));
        head.extensions.insert(caller);
        let call = Call::of(&head.headers, &head.extensions, self.deadlines());
        Ok((call, body, permit))
    }

    /// Who asks, first of all: nobody else learns what is wrong with a request.
    async fn admit(
        &self,
        head: &Parts,
        method: &Method,
        deadline: Deadline,
    ) -> Result<Caller, Rejected> {
        let caller = self.caller(head, deadline).await?;
        request_id(&head.headers)?;
        if head.method != method {
            return Err(Rejected::Method(if method == Method::GET {
                "GET"
            } else {
                "POST"
            }));
        }
        Ok(caller)
    }

    async fn caller(&self, head: &Parts, deadline: Deadline) -> Result<Caller, Rejected> {
        let peer = Peer::of(&head.extensions);
        let HttpCallers { callers, refusals } = &self.callers;
        let within = deadline.wait_max();
        let caller = callers.authenticate_within(&head.headers, peer, within);
        caller.await.map_err(|error| {
            refusals.unauthenticated(peer::ip_of(&head.extensions), error);
            Rejected::NoCaller
        })
    }

    /// What a body asks, ready to be decided by one snapshot. Nothing of the body is kept.
    async fn evaluations(
        &self,
        body: Bytes,
        endpoint: Endpoint,
        call: &Call,
        id: &str,
    ) -> Result<Evaluations, EvaluationError> {
        // First, because the deadline counts from there.
        let snapshot = self.evaluator.snapshot();
        let _reading = match endpoint {
            Endpoint::One => None,
            Endpoint::Several => {
                let turn = call.deadline.enforce(self.reading.acquire()).await;
                Some(turn.and_then(Result::ok).ok_or(EvaluationError::Late)?)
            }
        };
        let json = StrictJson::parse(&body).map_err(MalformedError::from)?;
        drop(body);
        let asked = match endpoint {
            Endpoint::One => Asked::One(message::one(&json)?),
            Endpoint::Several => message::several(&json, EVALUATIONS_MAX)?,
        };
        Ok(Evaluations::of(asked, &self.config, snapshot, call, id).await)
    }

    fn reject(&self, rejected: Rejected) -> Response {
        self.evaluator.count(rejected.as_str());
        rejected.response()
    }

    /// The response where there is nothing but this error.
    fn fail(&self, error: &EvaluationError) -> Response {
        self.evaluator.refused(error, None);
        failed(error)
    }

    /// Those of a call over HTTP, whatever its headers say.
    fn deadlines(&self) -> Deadlines {
        Deadlines {
            default: self.config.deadline,
            longest: self.config.deadline,
        }
    }
}

async fn evaluation(State(authzen): State<Arc<Authzen>>, request: Request) -> Response {
    authzen.respond(request, Endpoint::One).await
}

async fn evaluations(State(authzen): State<Arc<Authzen>>, request: Request) -> Response {
    authzen.respond(request, Endpoint::Several).await
}

/// Requests access after a denial.
async fn access_request(State(authzen): State<Arc<Authzen>>, request: Request) -> Response {
    let Some(access) = authzen.access_requests.clone() else {
        return nothing(State(authzen), request).await;
    };
    let version = request.version();
    let (mut head, body) = request.into_parts();
    let call = authzen.call(&mut head, body, EVALUATION_BYTES_MAX).await;
    let (call, body, _permit) = match call {
        Ok(call) => call,
        Err(response) => return with_unread_body(response, version),
    };
    let begun = access.begin(&body, &authzen.config, &call).await;
    begun.unwrap_or_else(|refused| problem(&refused))
}

/// Shows the state of an access request.
async fn task(
    State(authzen): State<Arc<Authzen>>,
    Path(task): Path<String>,
    request: Request,
) -> Response {
    let Some(access) = authzen.access_requests.clone() else {
        return nothing(State(authzen), request).await;
    };
    let version = request.version();
    let (head, _unread) = request.into_parts();
    let deadline = Deadline::within(authzen.config.deadline);
    let began = authzen.clock.read();
    let response = match authzen.admit(&head, &Method::GET, deadline).await {
        Ok(caller) => match authzen.evaluator.enter() {
            Ok(_permit) => {
                let left = deadline.after(began.elapsed());
                let shown = access.status(&task, &caller, left).await;
                shown.unwrap_or_else(|refused| problem(&refused))
            }
            Err(shed) => authzen.fail(&shed),
        },
        Err(rejected) => authzen.reject(rejected),
    };
    with_unread_body(response, version)
}

/// A path of the API that is not served, such as searches: a service that answers who may do something would have to know everybody.
async fn nothing(State(authzen): State<Arc<Authzen>>, request: Request) -> Response {
    let version = request.version();
    let (head, _unread) = request.into_parts();
    let deadline = Deadline::within(authzen.config.deadline);
    let response = match authzen.caller(&head, deadline).await {
        Ok(_) => response::error(StatusCode::NOT_FOUND, "there is no such endpoint"),
        Err(rejected) => authzen.reject(rejected),
    };
    with_unread_body(response, version)
}

/// Sends the request ID back, whatever its response is.
async fn echo_request_id(request: Request, next: Next) -> Response {
    let id = request_id(request.headers());
    let mut response = next.run(request).await;
    if let Ok(Some(id)) = id {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}
