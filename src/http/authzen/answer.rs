//! What an evaluation is answered. This is the only place that says `decision`, and it says true for an ALLOW and nothing else.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::error::EvaluationError;
use crate::{
    gateway::{acr_values, authentication_alone, whole_seconds},
    policy::{Effect, NewSession, Reason, Timestamp, rfc3339},
    proto::remedies::step_up_as_json,
    ruling::Ruling,
};

/// The obligation that a gateway declares and gets: the person must authenticate again.
pub(super) const STEP_UP: &str = "step-up";
/// When to ask again while the vendor is being asked, in seconds.
const PENDING_RETRY_AFTER: u64 = 1;

/// What an evaluation came to.
pub(super) type Evaluated = Result<Ruling, EvaluationError>;

/// What the gateway can do, as it declares in the context of its evaluation.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Supported {
    /// The obligation to have the person authenticate again.
    pub(super) step_up: bool,
}

/// The answer to an evaluation.
pub(super) fn answer(evaluated: &Evaluated, supported: Supported) -> Value {
    match evaluated {
        Err(error) => refused(error),
        Ok(ruling) => {
            let mut context = context(ruling);
            let effect = ruling.decision.effect();
            context.insert("outcome".to_owned(), outcome(effect).into());
            match effect {
                Effect::Allow => {}
                Effect::Deny => remedies(ruling, &mut context),
                Effect::StepUp => {
                    remedies(ruling, &mut context);
                    step_up(ruling, supported, &mut context);
                }
            }
            json!({ "decision": is_permitted(evaluated), "context": context })
        }
    }
}

/// Whether it is permitted.
pub(super) fn is_permitted(evaluated: &Evaluated) -> bool {
    match evaluated {
        Err(_) => false,
        Ok(ruling) => match ruling.decision.effect() {
            Effect::Allow => true,
            Effect::StepUp | Effect::Deny => false,
        },
    }
}

/// The answer without a decision: as the examples of AuthZEN have it.
fn refused(error: &EvaluationError) -> Value {
    let mut context = json!({
        "error": { "status": error.status(), "message": error.to_string() },
    });
    if let (Some(after), Some(context)) = (error.retry_after(), context.as_object_mut()) {
        context.insert("retry_after".to_owned(), whole_seconds(after).into());
    }
    json!({ "decision": false, "context": context })
}

/// What every decision says.
fn context(ruling: &Ruling) -> Map<String, Value> {
    let decision = &ruling.decision;
    let reasons: Vec<Value> = decision.reasons().iter().map(reason).collect();
    let mut context = Map::new();
    let mut say = |name: &str, value: Value| context.insert(name.to_owned(), value);
    say("decision_id", ruling.id.to_string().into());
    say("policy_revision", ruling.revision.to_string().into());
    say("decided_at", instant(decision.decided_at()));
    say("reasons", reasons.into());
    if let Some(until) = decision.valid_until() {
        say("valid_until", instant(until));
    }
    if let Some(valid_for) = decision.valid_for() {
        say("valid_for", valid_for.as_secs().into());
    }
    if let Some(change) = decision.next_change() {
        let change = json!({ "at": instant(change.at), "to": outcome(change.to) });
        say("next_change", change);
    }
    if ruling.degraded {
        say("degraded", true.into());
    }
    if ruling.is_pending {
        say("retry_after", PENDING_RETRY_AFTER.into());
    }
    context
}

fn reason(reason: &Reason) -> Value {
    json!({
        "code": reason.code.as_str(),
        "rule": &*reason.rule,
        "effect": outcome(reason.effect.into()),
        "message": reason.code.in_words(),
    })
}

fn outcome(effect: Effect) -> &'static str {
    match effect {
        Effect::Allow => "ALLOW",
        Effect::StepUp => "STEP_UP",
        Effect::Deny => "DENY",
    }
}

/// To the millisecond, as the journal has it.
pub(super) fn instant(instant: Timestamp) -> Value {
    rfc3339(instant).into()
}

/// What would lead to ALLOW, as over gRPC.
fn remedies(ruling: &Ruling, context: &mut Map<String, Value>) {
    let remedies = step_up_as_json(&ruling.decision).and_then(|all| serde_json::to_value(all).ok());
    if let Some(Value::Object(remedies)) = remedies {
        context.extend(remedies);
    }
}

/// Where an authentication alone leads to ALLOW, it is also said by the members that AuthZEN's text shows, and by the obligation of its draft.
fn step_up(ruling: &Ruling, supported: Supported, context: &mut Map<String, Value>) {
    let Some(session) = authentication_alone(&ruling.decision) else {
        return;
    };
    // `None`: no class that is needed can be named, so that no list of classes would say what is needed.
    let classes = acr_values(session);
    let methods = methods(session);
    let mut say = |name: &str, value: Value| context.insert(name.to_owned(), value);
    if let Some(classes) = classes.as_deref().filter(|classes| !classes.is_empty()) {
        say("acr_values", classes.into());
    }
    if !methods.is_empty() {
        say("amr_values", methods.join(" ").into());
    }
    say("max_age", session.max_age.as_secs().into());
    // It must name a class, and cannot say that any is enough.
    let class = classes
        .as_deref()
        .and_then(|classes| classes.split(' ').next());
    let class = class.filter(|class| !class.is_empty());
    if let (true, Some(class)) = (supported.step_up, class) {
        let mut properties = json!({ "acr_value": class });
        if let (false, Some(properties)) = (methods.is_empty(), properties.as_object_mut()) {
            properties.insert("amr_values".to_owned(), methods.into());
        }
        let id = ruling.id.to_string();
        say(
            "obligations",
            json!([{ "id": id, "type": STEP_UP, "properties": properties }]),
        );
    }
}

/// The methods that can be named in a list with blanks between them: where one of several is enough, all of them; where one of each group is
/// needed, the first of each.
fn methods(session: &NewSession) -> Vec<&str> {
    match session.amr_all_of.as_slice() {
        [group] => nameable(group).collect(),
        groups => groups
            .iter()
            .filter_map(|group| nameable(group).next())
            .collect(),
    }
}

fn nameable(group: &BTreeSet<Box<str>>) -> impl Iterator<Item = &str> {
    let methods = group.iter().map(AsRef::as_ref);
    methods.filter(|method: &&str| !method.is_empty() && !method.contains(' '))
}

#[cfg(test)]
mod tests;
