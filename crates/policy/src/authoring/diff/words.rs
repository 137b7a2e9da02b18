//! Edits in words: `age_at_least: 21 -> 18`.

use std::collections::BTreeSet;

use super::{
    edits::{Connective, Edit, Step},
    matching,
};
use crate::{
    authoring::weekly::times_of_week,
    effect::Refusal,
    evidence::Scope,
    rule::{AttributeNotIn, Authenticated, Identities, IfAbsent, Requirement},
    text::Whole,
    time::Shown,
    yaml::scalar,
};

/// An edit in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditWords {
    /// The path of keys to what is edited: `any_of > all_of > schedule`.
    pub rule: String,
    /// The edited requirement of the old policy, as a policy writes it, with its `otherwise` if that differs.
    pub old: Option<String>,
    /// The edited requirement of the new policy, in the same way.
    pub new: Option<String>,
    /// The edit on a line: `age_at_least: 21 -> 18`.
    pub summary: String,
    /// Which alternative it is in, where it is in one: `for attribute site: [hq]`.
    pub place: Option<String>,
    /// What was added to a list and removed from it, if the edit changes a list.
    pub list: Option<ListEdit>,
}

/// What was added to a list and removed from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListEdit {
    /// The list: `identity_not_in: {file: blocked.txt}`, or the key of the requirement that has it.
    pub list: String,
    /// The texts that were added.
    pub came: Vec<String>,
    /// The texts that were removed.
    pub left: Vec<String>,
}

/// How many identities of a list are shown in full.
const IDENTITIES_MAX: usize = 50;
/// How many texts of a list are shown on a line.
const SHOWN_MAX: usize = 4;

impl EditWords {
    /// The words of an edit.
    pub(super) fn of(edit: &Edit<'_>) -> Self {
        let Step { old, new } = edit.edited;
        let [old_otherwise, new_otherwise] = edit.refusals().map(Some);
        let is_rule = edit.within.is_empty();
        let is_in_any = edit.within.iter().any(|(c, _)| *c == Connective::AnyOf);
        let whole = |requirement: Option<&Requirement>, otherwise: Option<Option<Refusal>>| {
            let requirement = in_full(requirement?);
            let otherwise = otherwise.flatten().filter(|_| is_rule);
            // Where only the requirement changed, the effect is the same on both sides.
            let shown = edit.is_otherwise || old.is_none() || new.is_none();
            Some(match otherwise.filter(|_| shown) {
                Some(otherwise) => format!("{requirement}, otherwise: {}", effect(otherwise)),
                None => requirement,
            })
        };
        let list = match (old, new) {
            (Some(old), Some(new)) if !edit.is_otherwise => ListEdit::of(old, new),
            _ => None,
        };
        let place = is_in_any.then(|| {
            let beside: Vec<String> = edit.beside.iter().map(|r| brief(r)).collect();
            match beside.as_slice() {
                [] => "in `any_of`".to_owned(),
                _ => format!("for {}", beside.join(", ")),
            }
        });
        Self {
            rule: path(edit),
            old: whole(old, old_otherwise),
            new: whole(new, new_otherwise),
            summary: summary(edit, list.as_ref()),
            place,
            list,
        }
    }

    /// The words of a change of `evidence.unavailable`.
    pub(super) fn of_outage([old, new]: [Refusal; 2]) -> Self {
        let [old, new] = [old, new].map(effect);
        Self {
            rule: "evidence.unavailable".to_owned(),
            summary: format!("evidence.unavailable: {old} -> {new}"),
            old: Some(old.to_owned()),
            new: Some(new.to_owned()),
            place: None,
            list: None,
        }
    }
}

impl ListEdit {
    /// The edit between two requirements that list texts of the same fact.
    fn of(old: &Requirement, new: &Requirement) -> Option<Self> {
        let (_, texts) = listed(old)?;
        let (list, new_texts) = listed(new)?;
        let not_in = |one: &BTreeSet<&str>, other: &BTreeSet<&str>| -> Vec<String> {
            one.difference(other).map(|&text| text.to_owned()).collect()
        };
        Some(Self {
            came: not_in(&new_texts, &texts),
            left: not_in(&texts, &new_texts),
            list,
        })
    }

    /// What was added and removed, on a line: `+lab, -hq and 3 more`.
    pub fn summary(&self) -> String {
        let some = |sign: char, texts: &[String]| {
            let shown = texts.iter().take(SHOWN_MAX);
            let mut shown: Vec<String> = shown
                .map(|text| {
                    if text.starts_with(['+', '-']) {
                        format!("{sign}\"{text}\"")
                    } else {
                        format!("{sign}{text}")
                    }
                })
                .collect();
            match texts.len().saturating_sub(SHOWN_MAX) {
                0 => {}
                more => shown.push(format!("{sign}{more} more")),
            }
            shown
        };
        let parts = some('+', &self.came).into_iter();
        let parts: Vec<String> = parts.chain(some('-', &self.left)).collect();
        parts.join(" ")
    }
}

/// The path of keys to what is edited.
fn path(edit: &Edit<'_>) -> String {
    let mut keys: Vec<String> = edit
        .within
        .iter()
        .map(|(connective, _)| match connective {
            Connective::AllOf => "all_of".to_owned(),
            Connective::AnyOf => "any_of".to_owned(),
        })
        .collect();
    let edited = edit.edited.new.or(edit.edited.old);
    keys.extend(edited.map(key));
    keys.join(" > ")
}

fn summary(edit: &Edit<'_>, list: Option<&ListEdit>) -> String {
    let [old_otherwise, new_otherwise] = edit.refusals();
    let arrow = |old: &str, new: &str| format!("{old} -> {new}");
    let otherwise = |refusal: Option<Refusal>| {
        let shown = refusal.filter(|_| edit.within.is_empty());
        shown.map_or_else(String::new, |r| format!(", otherwise: {}", effect(r)))
    };
    match (edit.edited.old, edit.edited.new) {
        (Some(_), Some(new)) if edit.is_otherwise => {
            let effects = [old_otherwise, new_otherwise].map(|r| r.map_or("none", effect));
            format!(
                "{}, otherwise: {} -> {}",
                brief(new),
                effects[0],
                effects[1]
            )
        }
        (Some(old), Some(new)) => match (list, old, new) {
            (Some(list), ..) => format!("{}: {}", list.list, list.summary()),
            (_, Requirement::Authenticated(old), Requirement::Authenticated(new)) => {
                format!("authenticated: {}", session_edit(old, new))
            }
            (_, Requirement::Schedule(old), Requirement::Schedule(new)) if old.shares_zone(new) => {
                let [old, new_times] = [old, new].map(|s| times_of_week(&s.intervals()));
                format!("schedule: {} {}", arrow(&old, &new_times), new.zone())
            }
            _ if key(old) == key(new) => {
                format!("{}: {}", key(new), arrow(&value(old), &value(new)))
            }
            _ => arrow(&brief(old), &brief(new)),
        },
        (None, Some(new)) => format!("added {}{}", brief(new), otherwise(new_otherwise)),
        (Some(old), None) => format!("removed {}{}", brief(old), otherwise(old_otherwise)),
        (None, None) => String::new(),
    }
}

fn session_edit(old: &Authenticated, new: &Authenticated) -> String {
    let mut parts = Vec::new();
    if old.within != new.within {
        parts.push(format!(
            "within {} -> {}",
            Shown(old.within),
            Shown(new.within)
        ));
    }
    for (name, old, new) in [
        ("amr_any", &old.amr_any, &new.amr_any),
        ("acr_any", &old.acr_any, &new.acr_any),
    ] {
        match (old.is_empty(), new.is_empty()) {
            _ if old == new => {}
            (false, false) => {
                let edit = ListEdit {
                    list: name.to_owned(),
                    came: new
                        .difference(old)
                        .map(|text| (**text).to_owned())
                        .collect(),
                    left: old
                        .difference(new)
                        .map(|text| (**text).to_owned())
                        .collect(),
                };
                parts.push(format!("{name} {}", edit.summary()));
            }
            // An empty list requires nothing.
            (true, _) => parts.push(format!("{name} any -> {}", texts(new.iter()))),
            (_, true) => parts.push(format!("{name} {} -> any", texts(old.iter()))),
        }
    }
    parts.join(", ")
}

/// A requirement as a policy writes it, with the identities of a short list, and the number of identities of a long one.
fn in_full(requirement: &Requirement) -> String {
    match requirement {
        Requirement::IdentityIn(listed) | Requirement::IdentityNotIn(listed) => {
            let count = listed.ids.len();
            match &listed.file {
                None if count <= IDENTITIES_MAX => Whole(requirement).to_string(),
                None => requirement.to_string(),
                Some(_) => format!("{requirement} ({count} identities)"),
            }
        }
        _ => requirement.to_string(),
    }
}

/// The key of a requirement; for an attribute, with its name.
fn key(requirement: &Requirement) -> String {
    match requirement {
        Requirement::Attribute(name, _)
        | Requirement::AttributeNotIn(AttributeNotIn { name, .. }) => format!("attribute {name}"),
        _ => {
            let text = requirement.to_string();
            let key = text.split_once(':').map_or(&*text, |(key, _)| key);
            key.to_owned()
        }
    }
}

/// A requirement on a line, with the beginning of a long list.
fn brief(requirement: &Requirement) -> String {
    match requirement {
        Requirement::AllOf(parts) => {
            let parts: Vec<String> = parts.iter().map(brief).collect();
            parts.join(" and ")
        }
        _ => format!("{}: {}", key(requirement), value(requirement)),
    }
}

/// What follows the key of a requirement.
fn value(requirement: &Requirement) -> String {
    match requirement {
        Requirement::Schedule(schedule) => {
            format!(
                "{} {}",
                times_of_week(&schedule.intervals()),
                schedule.zone()
            )
        }
        Requirement::Authenticated(session) => {
            let mut parts = vec![format!("within {}", Shown(session.within))];
            for (name, list) in [("amr_any", &session.amr_any), ("acr_any", &session.acr_any)] {
                if !list.is_empty() {
                    parts.push(format!("{name} {}", texts(list.iter())));
                }
            }
            parts.join(", ")
        }
        Requirement::Scopes(scopes) => texts(scopes.iter().map(Scope::as_str)),
        Requirement::IdentityIn(Identities {
            file: Some(file), ..
        })
        | Requirement::IdentityNotIn(Identities {
            file: Some(file), ..
        }) => {
            format!("{{file: {}}}", scalar(file))
        }
        Requirement::AnyOf(parts) => {
            let parts: Vec<String> = parts.iter().map(brief).collect();
            format!("[{}]", parts.join(" or "))
        }
        Requirement::AllOf(_) => brief(requirement),
        Requirement::Status(list)
        | Requirement::PhonePrefix(list)
        | Requirement::Project(list)
        | Requirement::Attribute(_, list) => texts(list.iter()),
        Requirement::AttributeNotIn(listed) => {
            let values = texts(listed.values.iter());
            match listed.if_absent {
                IfAbsent::Holds => format!("missing or not in {values}"),
                IfAbsent::Fails => format!("not in {values}"),
            }
        }
        Requirement::IdentityIn(Identities { ids, .. })
        | Requirement::IdentityNotIn(Identities { ids, .. }) => texts(ids.iter()),
        Requirement::VerifiedWithin(_)
        | Requirement::AgeAtLeast(_)
        | Requirement::AgeBelow(_)
        | Requirement::IdentityAsRequested => {
            let text = requirement.to_string();
            let value = text.split_once(": ").map_or(&*text, |(_, value)| value);
            value.to_owned()
        }
    }
}

/// A list with its first texts.
fn texts(texts: impl ExactSizeIterator<Item = impl AsRef<str>>) -> String {
    let more = texts.len().saturating_sub(SHOWN_MAX);
    let shown = texts.take(SHOWN_MAX).map(|text| text.as_ref().to_owned());
    let mut shown: Vec<String> = shown.collect();
    if more > 0 {
        shown.push(format!("and {more} more"));
    }
    format!("[{}]", shown.join(", "))
}

/// What a requirement lists, and what that list is called.
fn listed(requirement: &Requirement) -> Option<(String, BTreeSet<&str>)> {
    let texts: BTreeSet<&str> = match requirement {
        Requirement::Scopes(scopes) => scopes.iter().map(Scope::as_str).collect(),
        other => matching::listed(other)?
            .1
            .iter()
            .map(AsRef::as_ref)
            .collect(),
    };
    let name = match requirement {
        Requirement::IdentityIn(Identities { file: Some(_), .. })
        | Requirement::IdentityNotIn(Identities { file: Some(_), .. }) => brief(requirement),
        _ => key(requirement),
    };
    Some((name, texts))
}

fn effect(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::StepUp => "step_up",
        Refusal::Deny => "deny",
    }
}
