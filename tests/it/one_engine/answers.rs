//! What the answer to a check says, in one form for every way.

use serde_json::{Value, json};
use verigate::{
    policy::Timestamp,
    proto::{json::as_json, v1::CheckAccessResponse},
};

use crate::world::{at, instant};

/// What an answer says. What a way does not carry is `None`.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    pub decision: String,
    pub reasons: Vec<String>,
    valid_until: Option<Timestamp>,
    next_change: Option<(Timestamp, String)>,
    remedies: Value,
}

impl Answered {
    pub fn of_grpc(answer: &CheckAccessResponse) -> Self {
        let named = |name: &str, prefix: &str| name.trim_start_matches(prefix).to_owned();
        let decision = |name: &str| named(name, "DECISION_").to_lowercase();
        let reasons = answer.reasons.iter();
        let step_up = answer.step_up.as_ref().map(|step_up| {
            let step_up = as_json("StepUp", step_up).unwrap();
            serde_json::to_value(step_up).unwrap()
        });
        Self {
            decision: decision(answer.decision().as_str_name()),
            reasons: reasons
                .map(|reason| named(reason.code().as_str_name(), "REASON_CODE_"))
                .collect(),
            valid_until: instant(answer.valid_until.as_ref()),
            next_change: answer.next_change.as_ref().map(|change| {
                let to = decision(change.to().as_str_name());
                (instant(change.at.as_ref()).unwrap(), to)
            }),
            remedies: both(&step_up.unwrap_or_default()),
        }
    }

    pub fn of_authzen(answer: &Value) -> Self {
        let context = &answer["context"];
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let effect = |value: &Value| text(value).to_lowercase();
        let decision = effect(&context["outcome"]);
        assert_eq!(answer["decision"], decision == "allow", "{answer}");
        let change = &context["next_change"];
        Self {
            decision,
            reasons: (context["reasons"].as_array().unwrap().iter())
                .map(|reason| text(&reason["code"]))
                .collect(),
            valid_until: context["valid_until"].as_str().map(at),
            next_change: change["at"]
                .as_str()
                .map(|at_| (at(at_), effect(&change["to"]))),
            remedies: both(context),
        }
    }

    /// What the challenge of a gateway says of these remedies: an authentication where it alone leads to ALLOW, or else to verify again where nobody
    /// has to wait for that.
    pub fn challenge(&self) -> Option<String> {
        if self.decision != "step_up" {
            return None;
        }
        let sets = self.remedies[1].as_array().unwrap().iter();
        let sets: Vec<&[Value]> = sets
            .map(|set| set["remedies"].as_array().unwrap().as_slice())
            .collect();
        let has = |set: &[Value], kind: &str| set.iter().any(|remedy| remedy.get(kind).is_some());
        let alone = sets.iter().find_map(|set| match set {
            [one] => one.get("authenticate"),
            _ => None,
        });
        let verifies =
            |set: &&[Value]| (has(set, "reverify") || has(set, "grantScopes")) && !has(set, "wait");
        Some(match alone {
            Some(session) => {
                let classes = session["acr"].as_array().into_iter().flatten();
                let classes: Vec<&str> = classes.map(|class| class.as_str().unwrap()).collect();
                let age = session["maxAge"].as_str().unwrap().trim_end_matches('s');
                format!(
                    "insufficient_user_authentication|{}|{age}",
                    classes.join(" ")
                )
            }
            None if sets.iter().any(verifies) => "verification_required||".to_owned(),
            None => "||".to_owned(),
        })
    }

    /// What `explain` says has every rule that is not met; those of the reasons are among them.
    pub fn of_explanation(explained: &Value, reasons: &[String]) -> Self {
        let unmet = explained["rules"].as_array().unwrap().iter();
        let unmet = unmet
            .map(|rule| &rule["reason"])
            .chain([&explained["guard"]]);
        let unmet: Vec<&str> = unmet.filter_map(Value::as_str).collect();
        let known = |reason: &&String| unmet.contains(&reason.as_str());
        let change = &explained["next_change"];
        Self {
            decision: explained["decision"].as_str().unwrap().to_owned(),
            reasons: reasons.iter().filter(known).cloned().collect(),
            valid_until: explained["reusable_until"].as_str().map(at),
            next_change: (change["at"].as_str())
                .map(|at_| (at(at_), change["to"].as_str().unwrap().to_owned())),
            remedies: both(explained),
        }
    }
}

/// What a challenge (`WWW-Authenticate`) of a gateway says: its error, and for an authentication its classes and its age.
pub fn read_challenge(text: &str) -> String {
    let part = |name: &str| {
        let rest = text.split(&format!("{name}=\"")).nth(1);
        rest.map_or("", |rest| rest.split('"').next().unwrap())
            .to_owned()
    };
    assert!(text.starts_with("Bearer"), "{text}");
    ["error", "acr_values", "max_age"].map(part).join("|")
}

/// What would lead to ALLOW: the first set, and every set.
fn both(json: &Value) -> Value {
    let sets = |name: &str| json.get(name).cloned().unwrap_or_else(|| json!([]));
    json!([sets("remedies"), sets("alternatives")])
}
