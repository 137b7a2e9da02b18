//! Parts of a plan that suffice without the rest. A group leaves a choice of methods, and each choice may satisfy the rules by another
//! path: either of "a password or a code" may suffice, although no single path through the rules requires exactly that group.

use std::collections::BTreeSet;

use super::{
    plan::Plan,
    session::{Choice, SessionPlan},
};

/// The smallest part of this plan that suffices, if these are all minimal plans with the same kinds of action: without unneeded groups,
/// classes and scopes, and with the greatest ages. `None` if a part with shorter ages suffices if its actions are taken as just done:
/// that part requires less, apart from its shorter ages.
pub(super) fn least_part<'p>(mut plan: Plan<'p>, minimal: &[Plan<'p>]) -> Option<Plan<'p>> {
    loop {
        let mut parts = fewer_demands(&plan);
        parts.extend(older(&plan, minimal));
        match parts.into_iter().find(|part| suffices(part, minimal)) {
            Some(part) => plan = part,
            None => break,
        }
    }
    let mut parts = fewer_demands(&plan).into_iter();
    (!parts.any(|part| suffices_if_new(&part, minimal))).then_some(plan)
}

/// Whether each session that the plan permits makes one of the minimal plans suffice. `false` if there are too many to try.
fn suffices(plan: &Plan<'_>, minimal: &[Plan<'_>]) -> bool {
    let old_enough: Vec<Plan<'_>> = minimal
        .iter()
        .filter(|minimal| minimal.permits_ages_of(plan))
        .cloned()
        .collect();
    suffices_if_new(plan, &old_enough)
}

/// The same, if the session and the verification are as young as each minimal plan asks.
pub(super) fn suffices_if_new(plan: &Plan<'_>, minimal: &[Plan<'_>]) -> bool {
    let Some(session) = &plan.session else {
        return false;
    };
    let sessions = || {
        minimal
            .iter()
            .filter_map(|minimal| minimal.session.as_ref())
    };
    let classes: BTreeSet<&str> = sessions().flat_map(SessionPlan::classes).collect();
    let choices = session.choices(&classes);
    let does = |choice: &Choice<'_>| {
        minimal
            .iter()
            .any(|minimal| minimal.is_done_by(plan, choice))
    };
    choices.is_some_and(|choices| choices.iter().all(does))
}

/// The plan without one group, without the classes, or without one scope.
fn fewer_demands<'p>(plan: &Plan<'p>) -> Vec<Plan<'p>> {
    let sessions = plan.session.iter().flat_map(SessionPlan::parts);
    let mut parts: Vec<Plan<'p>> = sessions
        .map(|session| Plan {
            session: Some(session),
            ..plan.clone()
        })
        .collect();
    if let Some(granted) = plan
        .granted
        .as_ref()
        .filter(|granted| granted.scopes.len() > 1)
    {
        for scope in &granted.scopes {
            let mut fewer = granted.clone();
            fewer.scopes.remove(scope);
            parts.push(Plan {
                granted: Some(fewer),
                ..plan.clone()
            });
        }
    }
    parts
}

/// The plan with a session, or a verification, of the next greater age of these plans.
fn older<'p>(plan: &Plan<'p>, minimal: &[Plan<'p>]) -> Vec<Plan<'p>> {
    let sessions = minimal
        .iter()
        .filter_map(|minimal| minimal.session.as_ref());
    let ages = sessions.map(SessionPlan::max_age);
    let session = plan
        .session
        .as_ref()
        .and_then(|session| session.older(ages));
    let ages = minimal.iter().filter_map(|minimal| minimal.reverify);
    let older = ages
        .filter(|age| plan.reverify.is_some_and(|known| *age > known))
        .min();
    let session = session.map(|session| Plan {
        session: Some(session),
        ..plan.clone()
    });
    let verification = older.map(|age| Plan {
        reverify: Some(age),
        ..plan.clone()
    });
    session.into_iter().chain(verification).collect()
}
