//! Access requests, by the first draft of the AuthZEN Access Request and Approval Profile (ARAP): a denial that verifying again would help says where
//! that can be requested; the request begins a step-up; and once the person has verified again, the same evaluation is judged by that.
//!
//! An approval grants nothing: it is looked at to say what to do next, and the decision is that of the evidence. What binds a request to its
//! denial, and a task to its caller, is signed: no state is kept for it, and nobody else can make it. With the key of the page for step-ups, if
//! there is one, so that a denial of one instance can be requested to be changed at another one; or else with a key of this process.

mod problem;

use std::{sync::Arc, time::Duration};

use axum::response::Response;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};
use uuid::Uuid;

pub(super) use self::problem::{Problem, problem};
use super::{
    answer::instant,
    config::{Config, PublicUrl},
    message, request,
};
use crate::{
    call::{Call, Deadline},
    callers::Caller,
    clock::Clock,
    deps::Deps,
    gateway::verifying_helps,
    json::StrictJson,
    policy::{Effect, PolicyName, Request, Timestamp, VerificationId, after, from_millis},
    ruling::Ruling,
    signatures::{Purpose, SigningKeys},
    step_up::{Begun, LoginHint, RedirectError, StepUp, StepUpRequest, StepUpState, StepUps},
};

/// The path of the endpoint.
pub(super) const ACCESS_REQUESTS: &str = "/access/v1/access-requests";
/// The capability in the metadata.
pub(super) const CAPABILITY: &str = "urn:openid:authzen:capability:access-request";
/// How long after a denial access can be requested.
const REQUESTABLE_FOR: Duration = Duration::from_mins(15);
/// How long after the end of its link an approval is known.
const APPROVED_FOR: Duration = Duration::from_hours(1);
/// What to do next where access can be requested again.
const REQUEST: &str = "request";
/// When to ask again for a task that is pending, in seconds.
const POLL_AFTER: u64 = 3;

/// Answers access requests.
#[derive(Debug)]
pub(super) struct AccessRequests {
    keys: Arc<SigningKeys>,
    step_ups: StepUps,
    endpoint: Box<str>,
    clock: Arc<dyn Clock>,
}

/// The longest id of an approval that is kept, in bytes. Ours are shorter.
const APPROVAL_BYTES_MAX: usize = 128;

/// The id of an approval that an evaluation carries in its context; empty if it has no form of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Approval(Box<str>);

impl Approval {
    /// The approval in this context.
    pub(super) fn of(context: message::Properties<'_>) -> Option<Self> {
        let approval = context.get("approval")?;
        let id = approval.get("id").and_then(StrictJson::text);
        let id = id.filter(|id| id.len() <= APPROVAL_BYTES_MAX);
        Some(Self(id.unwrap_or_default().into()))
    }
}

impl AccessRequests {
    /// Begins these step-ups. What is carried back is signed with `keys`, or with a key of this process: then an error if the system gives no
    /// random bytes.
    pub(super) fn new(
        step_ups: StepUps,
        public_url: &PublicUrl,
        keys: Option<Arc<SigningKeys>>,
        deps: &Deps,
    ) -> Result<Self, prometheus::Error> {
        let own = || SigningKeys::random().map(Arc::new);
        let keys = keys.map_or_else(own, Ok);
        Ok(Self {
            keys: keys.map_err(|error| prometheus::Error::Msg(error.to_string()))?,
            step_ups,
            endpoint: public_url.join(ACCESS_REQUESTS).into(),
            clock: Arc::clone(&deps.clock),
        })
    }

    fn seal(&self, parts: &[&str]) -> String {
        let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
        URL_SAFE_NO_PAD.encode(self.keys.tag(Purpose::AccessRequest, &parts))
    }

    fn is_seal(&self, parts: &[&str], seal: &str) -> bool {
        let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
        let seal = URL_SAFE_NO_PAD.decode(seal).unwrap_or_default();
        self.keys.is_tag(Purpose::AccessRequest, &parts, &seal)
    }

    /// Adds to the context of an answer how access can be requested, or what an approval came to if that is found in what is left of the deadline.
    /// Both are there only where the approval says to request it again.
    pub(super) async fn extend(
        &self,
        context: &mut Map<String, Value>,
        request: &Request,
        ruling: &Ruling,
        call: &Call,
        left: Deadline,
        approval: Option<&Approval>,
    ) {
        let effect = ruling.decision.effect();
        let mut is_requestable = true;
        if let Some(approval) = approval {
            let state = left.enforce(self.approval(approval, request, &call.caller));
            // What could not be found in time is asked for again.
            let state = state.await.unwrap_or(ApprovalState::Pending);
            match (effect, &state) {
                (Effect::Allow, ApprovalState::Approved { until }) => {
                    let until = instant(*until);
                    let approval = json!({ "id": &*approval.0, "approved_until": until });
                    context.insert("approval".to_owned(), approval);
                }
                (Effect::Allow, _) => {}
                (Effect::StepUp | Effect::Deny, state) => {
                    let (reason, next) = state.next_action();
                    is_requestable = next == REQUEST;
                    context.insert("reason".to_owned(), reason.into());
                    context.insert("next_action".to_owned(), next.into());
                    if let ApprovalState::Pending = state {
                        context.insert("retry_after".to_owned(), POLL_AFTER.into());
                    }
                }
            }
        }
        let permissions = &call.caller.permissions;
        let may_begin = permissions.permit_step_up(Some(&request.policy)).is_ok();
        let helps = effect == Effect::StepUp && verifying_helps(&ruling.decision);
        if helps && may_begin && is_requestable {
            self.offer(context, request, ruling, &call.caller);
        }
    }

    /// Says where access can be requested.
    fn offer(
        &self,
        context: &mut Map<String, Value>,
        request: &Request,
        ruling: &Ruling,
        caller: &Caller,
    ) {
        let id = ruling.id.to_string();
        let at = ruling.decision.decided_at();
        let expires_at = after(at, REQUESTABLE_FOR);
        let token = self.binding(
            &id,
            expires_at,
            &request.policy,
            &request.verification,
            caller,
        );
        context.insert("evaluation_id".to_owned(), id.into());
        context.insert("evaluated_at".to_owned(), instant(at));
        let reason = || "verification_required".into();
        context.entry("reason".to_owned()).or_insert_with(reason);
        let offer = json!({
            "endpoint": &*self.endpoint,
            "expires_at": instant(expires_at),
            "binding_token": token,
        });
        context.insert("access_request".to_owned(), offer);
    }

    /// What binds a request to its denial.
    fn binding(
        &self,
        evaluation: &str,
        expires_at: Timestamp,
        policy: &PolicyName,
        verification: &VerificationId,
        caller: &Caller,
    ) -> String {
        let expires = expires_at.as_millisecond().to_string();
        let caller = caller.id.as_str();
        let (policy, verification) = (policy.as_str(), verification.as_str());
        let seal = self.seal(&["denial", evaluation, &expires, policy, verification, caller]);
        format!("{expires}.{seal}")
    }

    /// Begins the step-up that a body requests.
    pub(super) async fn begin(
        &self,
        body: &[u8],
        config: &Config,
        call: &Call,
    ) -> Result<Response, Problem> {
        let request = self.step_up_request(body, config, &call.caller);
        let request = request.map_err(|problem| self.charged(problem, &call.caller))?;
        let begun = self.step_ups.begin(request, &call.caller);
        let begun = call.deadline.enforce(begun).await;
        let begun = begun
            .ok_or(Problem::Late)?
            .map_err(|error| Problem::of_step_up(&error))?;
        Ok(problem::created(&self.created(&begun, &call.caller)))
    }

    /// The problem of what begins nothing, which is charged to the rate of its caller like what does: another one if it asks too fast.
    fn charged(&self, problem: Problem, caller: &Caller) -> Problem {
        match (problem, self.count_call(caller)) {
            (problem @ Problem::NotPermitted(_), _) | (problem, Ok(())) => problem,
            (_, Err(too_fast)) => too_fast,
        }
    }

    fn count_call(&self, caller: &Caller) -> Result<(), Problem> {
        let counted = caller.count_call(self.clock.moment().uptime);
        counted.map_err(|over| Problem::OverQuota(over.retry_after))
    }

    fn step_up_request(
        &self,
        body: &[u8],
        config: &Config,
        caller: &Caller,
    ) -> Result<StepUpRequest, Problem> {
        let not_permitted = Problem::NotPermitted;
        self.step_ups.permit(caller, None).map_err(not_permitted)?;
        let json =
            StrictJson::parse(body).map_err(|error| Problem::Malformed(error.to_string()))?;
        let evaluation = message::one(&json);
        let evaluation = evaluation.map_err(|error| Problem::Malformed(error.to_string()))?;
        let not_requestable = |what: &dyn ToString| Problem::NotRequestable(what.to_string());
        let policy = request::policy(&evaluation, config).map_err(|e| not_requestable(&e))?;
        let permitted = self.step_ups.permit(caller, Some(&policy));
        permitted.map_err(not_permitted)?;
        let verification = request::verification(&evaluation, config);
        let verification = verification.map_err(|error| not_requestable(&error))?;
        let id = self.bound(&json, &policy, &verification, caller)?;
        let login_hint = login_hint(&evaluation)?;
        let given = text(evaluation.context, "context.redirect_url")?.unwrap_or_default();
        let redirect = self.step_ups.redirect(caller, Some(&policy), given);
        let redirect = redirect.map_err(|error| match error {
            RedirectError::NotPermitted(error) => Problem::NotPermitted(error),
            other => Problem::NotRequestable(format!("`context.redirect_url` {other}")),
        })?;
        Ok(StepUpRequest {
            verification,
            policy,
            login_hint,
            redirect,
            // One denial makes one link, however often it is used.
            request_id: format!("access-request:{id}").into(),
        })
    }

    /// The id of the denial that a body is bound to.
    fn bound(
        &self,
        body: &StrictJson,
        policy: &PolicyName,
        verification: &VerificationId,
        caller: &Caller,
    ) -> Result<Box<str>, Problem> {
        let denial = body.get("denial").ok_or(Problem::InvalidBinding)?;
        let member = |name| denial.get(name).and_then(StrictJson::text);
        let (Some(id), Some(token)) = (member("evaluation_id"), member("binding_token")) else {
            return Err(Problem::InvalidBinding);
        };
        let expires = token.split('.').next().and_then(|text| text.parse().ok());
        let expires_at = from_millis(expires.ok_or(Problem::InvalidBinding)?);
        let (caller, policy) = (caller.id.as_str(), policy.as_str());
        let millis = expires_at.as_millisecond().to_string();
        let parts = ["denial", id, &millis, policy, verification.as_str(), caller];
        let seal = token.strip_prefix(&format!("{millis}."));
        if !seal.is_some_and(|seal| self.is_seal(&parts, seal)) {
            return Err(Problem::InvalidBinding);
        }
        if self.clock.now() >= expires_at {
            return Err(Problem::ExpiredDenial);
        }
        Ok(id.into())
    }

    /// The task of a step-up, for this caller alone.
    fn task_id(&self, id: Uuid, caller: &Caller) -> String {
        let id = id.to_string();
        let seal = self.seal(&["task", &id, caller.id.as_str()]);
        format!("{id}.{seal}")
    }

    /// The step-up of a task of this caller.
    async fn step_up(&self, task: &str, caller: &Caller) -> Option<StepUp> {
        let (id, seal) = task.split_once('.')?;
        let is_of_caller = self.is_seal(&["task", id, caller.id.as_str()], seal);
        let id = Uuid::try_parse(id).ok().filter(|_| is_of_caller)?;
        self.step_ups.find(id).await
    }

    fn created(&self, begun: &Begun, caller: &Caller) -> Value {
        let id = self.task_id(begun.id, caller);
        let status_endpoint = format!("{}/{id}", self.endpoint);
        json!({
            "task": {
                "id": id,
                "status": "pending",
                "status_endpoint": status_endpoint,
                "expires_at": instant(begun.expires_at),
                "links": { "review": &*begun.link.url },
            },
        })
    }

    /// The state of a task, by this deadline.
    pub(super) async fn status(
        &self,
        task: &str,
        caller: &Caller,
        deadline: Deadline,
    ) -> Result<Response, Problem> {
        self.count_call(caller)?;
        let step_up = deadline.enforce(self.step_up(task, caller)).await;
        let step_up = step_up.ok_or(Problem::Late)?;
        let step_up = step_up.ok_or(Problem::UnknownTask)?;
        let state = self.state(&step_up);
        let mut body = json!({
            "task": {
                "id": task,
                "status": state.as_str(),
                "status_endpoint": format!("{}/{task}", self.endpoint),
                "expires_at": instant(step_up.expires_at),
            },
        });
        if let (ApprovalState::Approved { until }, Some(body)) = (&state, body.as_object_mut()) {
            let approval = json!({ "id": task, "approved_until": instant(*until) });
            let result = json!({ "mode": "reevaluate", "approval": approval });
            body.insert("result".to_owned(), result);
        }
        let after = matches!(state, ApprovalState::Pending).then_some(POLL_AFTER);
        Ok(problem::state(&body, after))
    }

    fn state(&self, step_up: &StepUp) -> ApprovalState {
        let now = self.clock.now();
        let until = after(step_up.expires_at, APPROVED_FOR);
        match step_up.state {
            StepUpState::Succeeded { .. } if now < until => ApprovalState::Approved { until },
            // The person can still pass by the same link.
            StepUpState::Pending | StepUpState::Failed if now < step_up.expires_at => {
                ApprovalState::Pending
            }
            StepUpState::Succeeded { .. } | StepUpState::Pending | StepUpState::Failed => {
                ApprovalState::Expired
            }
        }
    }

    /// What an approval is for this request of this caller.
    async fn approval(
        &self,
        approval: &Approval,
        request: &Request,
        caller: &Caller,
    ) -> ApprovalState {
        match self.step_up(&approval.0, caller).await {
            None => ApprovalState::Unverifiable,
            Some(step_up)
                if step_up.verification != request.verification
                    || step_up.policy != request.policy =>
            {
                ApprovalState::OutOfScope
            }
            Some(step_up) => self.state(&step_up),
        }
    }
}

/// What a task or an approval came to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum ApprovalState {
    Pending,
    Approved { until: Timestamp },
    Expired,
    OutOfScope,
    Unverifiable,
}

impl ApprovalState {
    /// The status of a task.
    fn as_str(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved { .. } => "approved",
            Self::Expired => "expired",
            Self::OutOfScope | Self::Unverifiable => "failed",
        }
    }

    /// Why an evaluation with it is denied, and what to do next.
    fn next_action(&self) -> (&'static str, &'static str) {
        match self {
            Self::Pending => ("grant_pending", "retry"),
            Self::Approved { .. } => ("policy_denied", "none"),
            Self::Expired => ("approval_expired", REQUEST),
            Self::OutOfScope => ("out_of_scope", REQUEST),
            Self::Unverifiable => ("approval_unverifiable", "none"),
        }
    }
}

/// Whose step-up it is, by the first of two members that is there.
fn login_hint(evaluation: &message::Evaluation<'_>) -> Result<LoginHint, Problem> {
    let mut place = "context.login_hint";
    let mut address = text(evaluation.context, place)?;
    if address.is_none() {
        place = "subject.properties.email";
        address = text(evaluation.subject.properties, place)?;
    }
    let address = address.ok_or_else(|| {
        let missing = "`context.login_hint` or `subject.properties.email` is needed";
        Problem::NotRequestable(missing.to_owned())
    })?;
    let hint = LoginHint::parse(address);
    hint.map_err(|error| Problem::NotRequestable(format!("`{place}` {error}")))
}

/// The member that is the last of this place, which is a text if it is there.
fn text<'b>(members: message::Properties<'b>, place: &str) -> Result<Option<&'b str>, Problem> {
    let name = place.rsplit('.').next().unwrap_or(place);
    let value = members.get(name).map(StrictJson::text);
    match value {
        None => Ok(None),
        Some(Some(text)) => Ok(Some(text)),
        Some(None) => Err(Problem::NotRequestable(format!(
            "`{place}` is not a string"
        ))),
    }
}

#[cfg(test)]
mod tests;
