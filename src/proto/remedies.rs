//! Remedies on the wire: the same message for an answer, for the journal, and for the JSON of the command line.

use prost_reflect::DynamicMessage;
use serde_json::{Map, Value};

use super::{
    json,
    time::{duration, timestamp},
    v1,
};
use crate::policy::{Decision, NewSession, Remedy, Scope};

/// What would make the decision ALLOW; `None` if it is ALLOW, or if nothing would.
pub fn step_up(decision: &Decision) -> Option<v1::StepUp> {
    step_up_of(decision.alternatives())
}

/// These sets, of which one suffices; `None` if there is none.
pub fn step_up_of(alternatives: &[Vec<Remedy>]) -> Option<v1::StepUp> {
    let sets = alternatives.iter().map(|set| remedy_set(set));
    let alternatives: Vec<v1::RemedySet> = sets.collect();
    let remedies = alternatives.first()?.remedies.clone();
    Some(v1::StepUp {
        remedies,
        alternatives,
    })
}

/// What would make the decision ALLOW as JSON, with the fields `remedies` and `alternatives`: both, or none.
pub fn step_up_as_json(decision: &Decision) -> Option<DynamicMessage> {
    json::as_json("StepUp", &step_up(decision)?)
}

/// What an object has of the fields of that JSON, and nothing else of it; `None` if that is nothing, or not of their form.
pub fn step_up_from_json(object: &Value) -> Option<v1::StepUp> {
    let fields = ["remedies", "alternatives"];
    let fields = fields
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), object.get(name)?.clone())));
    let fields: Map<String, Value> = fields.collect();
    let is_some = !fields.is_empty();
    is_some.then(|| json::from_json("StepUp", Value::Object(fields)))?
}

/// Remedies that are all needed.
fn remedy_set(remedies: &[Remedy]) -> v1::RemedySet {
    v1::RemedySet {
        remedies: remedies.iter().map(remedy).collect(),
    }
}

/// One remedy.
pub fn remedy(remedy: &Remedy) -> v1::Remedy {
    use v1::remedy::Remedy as Wire;
    let remedy = match remedy {
        Remedy::Reverify { max_age } => Wire::Reverify(v1::Reverify {
            max_age: max_age.map(duration),
        }),
        Remedy::Authenticate(session) => Wire::Authenticate(authenticate(session)),
        Remedy::GrantScopes(scopes) => Wire::GrantScopes(v1::GrantScopes {
            scopes: texts(scopes.iter().map(Scope::as_str)),
        }),
        Remedy::Identify => Wire::Identify(v1::Identify {}),
        Remedy::Wait(until) => Wire::Wait(v1::Wait {
            until: Some(timestamp(*until)),
        }),
    };
    v1::Remedy {
        remedy: Some(remedy),
    }
}

/// The groups of methods, and the only group also where clients that know of no groups read it.
fn authenticate(session: &NewSession) -> v1::Authenticate {
    let groups = session.amr_all_of.iter().map(|group| v1::AmrGroup {
        amr: texts(group.iter().map(AsRef::as_ref)),
    });
    let amr_all_of: Vec<v1::AmrGroup> = groups.collect();
    let amr = match amr_all_of.as_slice() {
        [only] => only.amr.clone(),
        _ => Vec::new(),
    };
    v1::Authenticate {
        acr: texts(session.acr_any.iter().map(AsRef::as_ref)),
        amr,
        max_age: Some(duration(session.max_age)),
        amr_all_of,
    }
}

fn texts<'t>(texts: impl Iterator<Item = &'t str>) -> Vec<String> {
    texts.map(str::to_owned).collect()
}
