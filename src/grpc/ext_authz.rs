//! Envoy's external authorization, `envoy.service.auth.v3.Authorization`.
//!
//! - To Envoy an error of gRPC is no denial: with `failure_mode_allow`, it lets the request pass. So every call is answered OK, and the
//!   status inside of the answer says what the request gets: what goes wrong in the handler or before it is an error of ours until the very
//!   end, where `without_errors` makes a denial of it.
//! - An answer without a status lets the request pass too. Answers are made in one place, by an exhaustive match: see `answer`.
//! - The policy is what the route says (`context_extensions`), and nothing that a client sends.

mod answer;
mod asked;
mod claims;
mod config;
mod headers;

use std::sync::Arc;

use axum::response::Response as HttpResponse;
use tonic::{Code, Response, Status};
use tracing::Instrument as _;

pub use self::config::{ClaimNames, Config};
use self::{
    answer::{check_response, refused},
    asked::{AuthzRequest, RequestContext},
};
use super::{
    incoming_call::IncomingCall,
    status,
    unary::{self, AnswerBody},
};
use crate::{
    call::Call,
    clock::Clock,
    gate::Gate,
    gateway::{Outcome, StepUpContext, StepUpUrlLog, answer},
    live::Live,
    policy::PolicyName,
    proto::ext_authz::envoy::service::auth::v3::{AttributeContext, CheckRequest, CheckResponse},
    ruling::Ruling,
    session::Sessions,
    span,
};

/// Answers Envoy.
#[derive(Debug)]
pub(super) struct ExtAuthz {
    pub(super) gate: Arc<Gate>,
    pub(super) live: Arc<Live>,
    pub(super) sessions: Sessions,
    pub(super) config: Arc<Config>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) step_up_url_log: StepUpUrlLog,
}

impl ExtAuthz {
    /// Answers a request of Envoy.
    pub(super) async fn check(
        &self,
        incoming: IncomingCall<'_, CheckRequest>,
    ) -> Result<Response<CheckResponse>, Status> {
        let attributes = incoming.message.attributes.unwrap_or_default();
        let name = attributes.context_extensions.get("policy");
        let name = name.map(String::as_str).unwrap_or_default();
        incoming.observed.note_policy(name);
        let policy = PolicyName::parse(name).map_err(|error| {
            let hint = "`context_extensions` of the route must have `policy`, the name of a policy";
            Status::failed_precondition(format!("{hint}: {error}"))
        })?;
        let situation = self.situation(&attributes)?;
        let headers = situation.headers_of_call(incoming.headers);
        let call = incoming.context.with_trace_of(headers);
        let answered = self.answer(policy, &attributes, &situation, call.clone());
        let answered = call.deadline.to_answer().enforce(answered).await;
        answered.ok_or_else(status::deadline_exceeded)?
    }

    /// What Envoy says of a request.
    fn situation(&self, attributes: &AttributeContext) -> Result<RequestContext, Status> {
        let session = self.sessions.config().map(|config| &config.header);
        let situation = RequestContext::of(attributes, &self.config.gateway, session);
        situation.map_err(Status::invalid_argument)
    }

    /// The answer to a request about this policy.
    async fn answer(
        &self,
        policy: PolicyName,
        attributes: &AttributeContext,
        situation: &RequestContext,
        call: Call,
    ) -> Result<Response<CheckResponse>, Status> {
        let now = self.clock.now();
        let wait_max = call.deadline.wait_max();
        let token = self
            .sessions
            .authenticate(&situation.headers, now, wait_max);
        let token = token.await;
        let policies = self.live.current();
        let asked = AuthzRequest {
            policy: policy.clone(),
            in_force: policies.find(&policy),
            situation,
            metadata: attributes.metadata_context.as_ref(),
            config: &self.config,
            token: &token,
            session: self.sessions.config(),
            permissions: &call.caller.permissions,
            now,
        };
        let asked = asked.request()?;
        let verification = &asked.request.verification;
        let (headers, original) = (&situation.headers, situation.original_url.as_ref());
        let hand_ons = self.config.gateway.hand_ons.as_ref();
        let handed_on = hand_ons.and_then(|ours| ours.brought(headers, original, verification));
        let call = call.with_proven(asked.proven).with_handed_on(handed_on);
        let span = span::check(&call.trace, call.caller.id.as_str());
        let request = Arc::new(asked.request);
        let checked = self.gate.check(&request, &call).instrument(span.clone());
        let ruling = checked.await.map_err(|error| {
            let status = status::check_error(&error);
            span::refused(&span, status.code());
            status
        })?;
        let may_begin = call.caller.permissions.permit_step_up(Some(&policy));
        let step = StepUpContext {
            is_browser: situation.is_browser,
            original_url: situation.original_url.as_ref(),
            begins: may_begin.ok().map(|()| &request.verification),
            email: token.email(),
        };
        let response = self.response(&policy, &ruling, situation, step);
        Ok(Response::new(response))
    }

    fn response(
        &self,
        policy: &PolicyName,
        ruling: &Ruling,
        situation: &RequestContext,
        step: StepUpContext<'_>,
    ) -> CheckResponse {
        let gateway = &self.config.gateway;
        let answer = answer(Outcome::of(policy, ruling), gateway, step);
        let uptime = self.clock.moment().uptime;
        let log = &self.step_up_url_log;
        log.note(&situation.headers, &answer, policy, uptime);
        let metadata = answer::metadata(policy, ruling);
        check_response(&answer, &situation.own_headers, Some(metadata))
    }
}

/// The same response if it is an answer of the method. What is an error, of the handler or from before it, becomes a denial.
pub(super) fn without_errors(
    response: HttpResponse<AnswerBody>,
    config: &Config,
) -> HttpResponse<AnswerBody> {
    let status = Status::from_header_map(response.headers());
    let status = match (status, response.status()) {
        (None, http::StatusCode::OK) => return response,
        (Some(status), _) => status,
        (None, other) => Status::new(Code::Unknown, format!("HTTP status {other}")),
    };
    unary::ok(&refused(&status, &config.gateway), None).map(AnswerBody::Message)
}

#[cfg(test)]
mod tests;
