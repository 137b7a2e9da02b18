//! What follows from the verdicts on other requirements, where that is certain.

use std::collections::BTreeSet;

use super::{
    read::ReadRequirement,
    truth::{Truth, all_of},
};
use crate::{
    evidence::Scope,
    reason::ReasonCode,
    rule::{AttributeNotIn, Authenticated, IfAbsent, Requirement},
};

type Texts = BTreeSet<Box<str>>;

/// What follows for this requirement from those that are known at the same instant.
pub(super) fn derived<'r>(
    wanted: &Requirement,
    known: impl Iterator<Item = (&'r ReadRequirement, Truth)>,
) -> Truth {
    let known: Vec<(&ReadRequirement, Truth)> = known.collect();
    if let Requirement::Scopes(scopes) = wanted {
        let each = scopes.iter().map(|scope| of_scope(scope, &known));
        return all_of(&each.collect::<Vec<_>>());
    }
    let follows = known.iter().map(|(read, truth)| match read.requirement() {
        Some(requirement) => follows(wanted, requirement, *truth),
        None if read.is_list() => of_list(wanted, *truth),
        None => Truth::Unknown,
    });
    let mut follows = follows.filter(|truth| *truth != Truth::Unknown);
    follows.next().unwrap_or(Truth::Unknown)
}

/// Whether one scope's data may be used. What is needed of several is needed of each.
fn of_scope(scope: &Scope, known: &[(&ReadRequirement, Truth)]) -> Truth {
    let of = |(read, truth): &(&ReadRequirement, Truth)| match (read.requirement(), truth) {
        (Some(Requirement::Scopes(scopes)), Truth::Met) if scopes.contains(scope) => Truth::Met,
        (Some(Requirement::Scopes(scopes)), truth) if *scopes == [scope.clone()] => *truth,
        _ => Truth::Unknown,
    };
    let mut truth = known
        .iter()
        .map(of)
        .filter(|truth| *truth != Truth::Unknown);
    truth.next().unwrap_or(Truth::Unknown)
}

/// Why the data cannot be read that a requirement is about, if that is the reason.
fn unreadable(truth: Truth) -> Option<ReasonCode> {
    match truth {
        Truth::Unmet(Some(
            code
            @ (ReasonCode::ScopeNotGranted | ReasonCode::DataMissing | ReasonCode::DataInvalid),
        )) => Some(code),
        _ => None,
    }
}

/// An identity that cannot be read is on no list and not on no list.
fn of_list(wanted: &Requirement, truth: Truth) -> Truth {
    match (wanted, unreadable(truth)) {
        (Requirement::IdentityIn(_) | Requirement::IdentityNotIn(_), Some(code)) => {
            Truth::Unmet(Some(code))
        }
        _ => Truth::Unknown,
    }
}

/// What follows from one requirement.
fn follows(wanted: &Requirement, known: &Requirement, truth: Truth) -> Truth {
    use Requirement::{
        AgeAtLeast, AgeBelow, Attribute, AttributeNotIn as NotIn, Authenticated as Session,
        PhonePrefix, Project,
    };
    match (wanted, known) {
        (AgeAtLeast(_) | AgeBelow(_), AgeAtLeast(_) | AgeBelow(_)) => match unreadable(truth) {
            Some(code) => Truth::Unmet(Some(code)),
            None => of_age(wanted, known, truth),
        },
        (PhonePrefix(wanted), PhonePrefix(known)) => match unreadable(truth) {
            Some(code) => Truth::Unmet(Some(code)),
            None => of_phone(wanted, known, truth),
        },
        (Project(wanted), Project(known)) => of_texts(wanted, known, truth, |_| {
            (!known.contains("")).then_some(ReasonCode::ProjectNotAccepted)
        }),
        (Attribute(name, wanted), Attribute(other, known)) if name == other => {
            of_texts(wanted, known, truth, |_| {
                Some(ReasonCode::AttributeNotAccepted)
            })
        }
        (NotIn(wanted), NotIn(known)) => of_not_in(wanted, known, truth),
        (Session(wanted), Session(known)) => of_session(wanted, known, truth),
        _ => Truth::Unknown,
    }
}

fn of_age(wanted: &Requirement, known: &Requirement, truth: Truth) -> Truth {
    use Requirement::{AgeAtLeast, AgeBelow};
    let is = |reason| truth == Truth::Unmet(Some(reason));
    let met = truth == Truth::Met;
    match (wanted, known) {
        (AgeAtLeast(wanted), AgeAtLeast(known)) if met && wanted <= known => Truth::Met,
        (AgeBelow(wanted), AgeAtLeast(known)) if met && wanted <= known => {
            Truth::Unmet(Some(ReasonCode::OverAge))
        }
        (AgeAtLeast(wanted), AgeAtLeast(known)) if is(ReasonCode::UnderAge) && wanted >= known => {
            truth
        }
        (AgeBelow(wanted), AgeBelow(known)) if met && wanted >= known => Truth::Met,
        (AgeAtLeast(wanted), AgeBelow(known)) if met && wanted >= known => {
            Truth::Unmet(Some(ReasonCode::UnderAge))
        }
        (AgeBelow(wanted), AgeBelow(known)) if is(ReasonCode::OverAge) && wanted <= known => truth,
        _ => Truth::Unknown,
    }
}

fn of_phone(wanted: &Texts, known: &Texts, truth: Truth) -> Truth {
    let within = |one: &Texts, other: &Texts| {
        one.iter()
            .all(|one| other.iter().any(|other| one.starts_with(&**other)))
    };
    let apart = |one: &Texts, other: &Texts| {
        let related = |a: &str, b: &str| a.starts_with(b) || b.starts_with(a);
        !one.iter()
            .any(|one| other.iter().any(|other| related(one, other)))
    };
    let not_accepted = Truth::Unmet(Some(ReasonCode::PhoneNotAccepted));
    match truth {
        Truth::Met if within(known, wanted) => Truth::Met,
        Truth::Met if apart(known, wanted) => not_accepted,
        truth if truth == not_accepted && within(wanted, known) => truth,
        _ => Truth::Unknown,
    }
}

/// Of a value that is to be one of these. `otherwise` is the reason if it is known to be another.
fn of_texts(
    wanted: &Texts,
    known: &Texts,
    truth: Truth,
    otherwise: impl Fn(&Texts) -> Option<ReasonCode>,
) -> Truth {
    match truth {
        Truth::Met if known.is_subset(wanted) => Truth::Met,
        Truth::Met if known.is_disjoint(wanted) => Truth::Unmet(otherwise(known)),
        Truth::Unmet(code) if wanted.is_subset(known) => Truth::Unmet(code),
        _ => Truth::Unknown,
    }
}

fn of_not_in(wanted: &AttributeNotIn, known: &AttributeNotIn, truth: Truth) -> Truth {
    let is_as_strict = wanted.if_absent == known.if_absent || wanted.if_absent == IfAbsent::Holds;
    if wanted.name != known.name || truth != Truth::Met || !is_as_strict {
        return Truth::Unknown;
    }
    if wanted.values.is_subset(&known.values) {
        Truth::Met
    } else {
        Truth::Unknown
    }
}

/// A session that is authenticated as recently as that is so within a longer time too.
fn of_session(wanted: &Authenticated, known: &Authenticated, truth: Truth) -> Truth {
    if wanted.amr_any != known.amr_any || wanted.acr_any != known.acr_any {
        return Truth::Unknown;
    }
    match truth {
        Truth::Met if wanted.within >= known.within => Truth::Met,
        Truth::Unmet(code) if wanted.within <= known.within => Truth::Unmet(code),
        _ => Truth::Unknown,
    }
}
