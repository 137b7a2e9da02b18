//! Remedies in words, the same for the answer of a service and for a case that is explained locally.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    policy::{Decision, Shown},
    proto::{
        remedies::step_up_as_json,
        time,
        v1::{
            AmrGroup, Authenticate, GrantScopes, Remedy, RemedySet, Reverify, StepUp, Wait,
            remedy::Remedy as Kind,
        },
    },
};

/// The first set of remedies and all of them, as the JSON of the contract.
pub(super) fn as_json(decision: &Decision) -> (Value, Value) {
    let step_up = step_up_as_json(decision);
    let step_up = step_up.and_then(|message| serde_json::to_value(message).ok());
    let field = |name| {
        step_up
            .as_ref()
            .and_then(|step_up| step_up.get(name))
            .cloned()
    };
    let sets = |name| field(name).unwrap_or_else(|| json!([]));
    (sets("remedies"), sets("alternatives"))
}

/// What is needed, as labelled lines: one for each set of which one suffices, and one for each remedy of a set that has several,
/// because all of them are needed. A service that knows of no alternatives sends the remedies alone.
pub(super) fn needed(step_up: &StepUp) -> Vec<(&'static str, String)> {
    let only = RemedySet {
        remedies: step_up.remedies.clone(),
    };
    let sets = match step_up.alternatives.as_slice() {
        [] => std::slice::from_ref(&only),
        sets => sets,
    };
    let mut lines = Vec::new();
    for (index, set) in sets.iter().enumerate() {
        let label = if index == 0 { "needed" } else { "or" };
        match set.remedies.as_slice() {
            [] => {}
            [only] => lines.push((label, in_words(only))),
            several => {
                lines.push((label, "all of these:".to_owned()));
                lines.extend(
                    several
                        .iter()
                        .map(|one| ("", format!("- {}", in_words(one)))),
                );
            }
        }
    }
    lines
}

fn in_words(remedy: &Remedy) -> String {
    match &remedy.remedy {
        Some(Kind::Reverify(Reverify { max_age })) => {
            format!("verify again{}", younger(max_age.as_ref()))
        }
        Some(Kind::Authenticate(wanted)) => authenticate(wanted),
        Some(Kind::GrantScopes(GrantScopes { scopes })) => {
            format!("let the verification carry {}", scopes.join(" and "))
        }
        Some(Kind::Wait(Wait { until })) => {
            let Some(until) = until else {
                // A journal does not say it where that would reveal a birthday.
                return "come back later".to_owned();
            };
            let until = time::instant(*until);
            let until = until.map_or_else(|| "an invalid time".to_owned(), |at| at.to_string());
            format!("come back, not before {until}")
        }
        Some(Kind::Identify(_)) => "name the identity in the request".to_owned(),
        None => "a remedy that this version does not know".to_owned(),
    }
}

/// In one session: by one method of each group, at one of the context classes, less than so long ago.
fn authenticate(wanted: &Authenticate) -> String {
    let only = AmrGroup {
        amr: wanted.amr.clone(),
    };
    // A service that knows of no groups sends the methods alone.
    let groups = match wanted.amr_all_of.as_slice() {
        [] if !only.amr.is_empty() => std::slice::from_ref(&only),
        groups => groups,
    };
    let groups: Vec<String> = match groups {
        [one] => vec![one.amr.join(" or ")],
        several => several.iter().map(in_brackets).collect(),
    };
    let by = match groups.as_slice() {
        [] => String::new(),
        groups => format!(" by {}", groups.join(" and ")),
    };
    let at = match wanted.acr.as_slice() {
        [] => String::new(),
        classes => format!(" at {}", classes.join(" or ")),
    };
    format!("authenticate{by}{at}{}", younger(wanted.max_age.as_ref()))
}

/// The methods of one of several groups.
fn in_brackets(group: &AmrGroup) -> String {
    match group.amr.as_slice() {
        [one] => one.clone(),
        several => format!("({})", several.join(" or ")),
    }
}

fn younger(max_age: Option<&prost_types::Duration>) -> String {
    let age: Option<Duration> = max_age.map(time::elapsed);
    age.map_or_else(String::new, |age| format!(", younger than {}", Shown(age)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authenticate(groups: &[&[&str]], acr: &[&str]) -> Remedy {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let wanted = Authenticate {
            acr: owned(acr),
            amr: Vec::new(),
            max_age: Some(time::duration(Duration::from_hours(1))),
            amr_all_of: groups
                .iter()
                .map(|amr| AmrGroup { amr: owned(amr) })
                .collect(),
        };
        Remedy {
            remedy: Some(Kind::Authenticate(wanted)),
        }
    }

    fn reverify() -> Remedy {
        Remedy {
            remedy: Some(Kind::Reverify(Reverify { max_age: None })),
        }
    }

    fn text(sets: &[&[Remedy]]) -> String {
        let set = |remedies: &&[Remedy]| RemedySet {
            remedies: remedies.to_vec(),
        };
        let alternatives: Vec<RemedySet> = sets.iter().map(set).collect();
        let step_up = StepUp {
            remedies: alternatives[0].remedies.clone(),
            alternatives,
        };
        let lines = needed(&step_up).into_iter();
        let lines: Vec<String> = lines
            .map(|(label, text)| format!("{label:<6} {text}\n"))
            .collect();
        lines.concat()
    }

    #[test]
    fn what_is_needed_together_reads_as_all_of_these_and_a_choice_as_or() {
        let strong = authenticate(&[&["face", "hwk"], &["pwd"]], &["b"]);
        let any = authenticate(&[&["face", "hwk"]], &[]);
        expect_test::expect![[r"
            needed authenticate by face or hwk, younger than 1h
            or     all of these:
                   - verify again
                   - authenticate by (face or hwk) and pwd at b, younger than 1h
        "]]
        .assert_eq(&text(&[&[any], &[reverify(), strong]]));
    }

    #[test]
    fn a_service_that_knows_of_no_alternatives_is_understood_too() {
        let step_up = StepUp {
            remedies: vec![reverify(), reverify()],
            alternatives: Vec::new(),
        };
        assert_eq!(needed(&step_up).len(), 3);
        assert_eq!(needed(&StepUp::default()), []);
    }
}
