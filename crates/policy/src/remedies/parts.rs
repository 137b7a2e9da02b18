//! Parts of a plan that suffice without the rest. A group leaves a choice of methods, and each choice may satisfy the rules by another
//! path: either of "a password or a code" may suffice, although no single path through the rules requires exactly that group.

use std::collections::BTreeSet;

use super::{plan::Plan, session::SessionPlan, work::Work};

/// The least part of this plan that suffices, where these are all minimal plans that use the same kinds of action: without groups,
/// classes and scopes that are not needed, and at the greatest ages. `None` if nobody needs it, because something may be left out of
/// each session that it permits: see [`has_parts`]. What suffices and may not be the least part, where no work is left.
pub(super) fn least_part<'p>(
    mut plan: Plan<'p>,
    minimal: &[Plan<'p>],
    work: &Work,
) -> Option<Plan<'p>> {
    loop {
        let mut parts = fewer_demands(&plan, work);
        parts.extend(older(&plan, minimal));
        match parts
            .into_iter()
            .find_map(|part| sufficient(part, minimal, work))
        {
            Some(part) => plan = part,
            None => break,
        }
    }
    (!has_parts(&plan, minimal, work)).then_some(plan)
}

/// Whether something may be left out of each session that the plan permits, a method or the class, or a scope, and what is left makes
/// one of these plans suffice, if it has just been done: that asks for less, and only its ages are shorter. Such a part of a session
/// is a session of another plan, which is listed, or has such a part itself. `false` if there is too much to look at.
pub(super) fn has_parts<'m, 'p: 'm>(
    plan: &Plan<'p>,
    minimal: impl IntoIterator<Item = &'m Plan<'p>>,
    work: &Work,
) -> bool {
    let minimal: Vec<&Plan<'_>> = minimal
        .into_iter()
        .inspect(|minimal| work.spend(minimal.size()))
        .filter(|minimal| minimal.asks_no_more_but_a_session(plan))
        .collect();
    let leaves_scopes = |minimal: &Plan<'_>| minimal.scopes() < plan.scopes();
    work.spend(plan.size());
    let Some(session) = &plan.session else {
        return minimal.into_iter().any(leaves_scopes);
    };
    // A class that the plan does not name is one more thing to leave out.
    let Some(choices) = session.choices(&BTreeSet::new()) else {
        return false;
    };
    choices.each().all(|choice| {
        minimal.iter().any(|minimal| {
            work.spend(5);
            !work.is_spent()
                && minimal.is_done_by(&choice, work)
                && (leaves_scopes(minimal) || minimal.leaves_some_of(&choice, work))
        })
    })
}

/// Whether each session that the plan permits makes one of the minimal plans suffice, at the ages that it permits. `false` if there is
/// too much to look at.
pub(super) fn suffices(plan: &Plan<'_>, minimal: &[Plan<'_>], work: &Work) -> bool {
    let old_enough = minimal
        .iter()
        .filter(|minimal| minimal.permits_ages_of(plan));
    does_for_each(plan, old_enough, work).is_some()
}

/// The plan, if each session that it permits makes one of the minimal plans suffice; with the data of the plan that suffices with the
/// session that the whole policy is judged with. `None` if there is too much to look at.
fn sufficient<'p>(plan: Plan<'p>, minimal: &[Plan<'p>], work: &Work) -> Option<Plan<'p>> {
    let old_enough = minimal
        .iter()
        .filter(|minimal| minimal.permits_ages_of(&plan));
    let sufficient = does_for_each(&plan, old_enough, work)?;
    let granted = match (&plan.granted, &sufficient.granted) {
        (Some(granted), Some(data)) => Some(Box::new(granted.with_data_of(data))),
        (granted, _) => granted.clone(),
    };
    Some(Plan { granted, ..plan })
}

/// Whether each session that the plan permits makes one of the minimal plans suffice, if the session and the verification are as young
/// as that asks. `false` if there is too much to look at.
pub(super) fn suffices_if_new(plan: &Plan<'_>, minimal: &[Plan<'_>], work: &Work) -> bool {
    does_for_each(plan, minimal.iter(), work).is_some()
}

/// The minimal plan that suffices with the first session that this plan permits, if one does with each.
fn does_for_each<'m, 'p>(
    plan: &Plan<'p>,
    minimal: impl Iterator<Item = &'m Plan<'p>>,
    work: &Work,
) -> Option<&'m Plan<'p>> {
    let session = plan.session.as_ref()?;
    let minimal: Vec<&Plan<'_>> = minimal
        .inspect(|minimal| work.spend(minimal.size()))
        .filter(|minimal| minimal.asks_no_more_but_a_session(plan))
        .collect();
    let sessions = minimal
        .iter()
        .filter_map(|minimal| minimal.session.as_deref());
    let classes: BTreeSet<&str> = sessions.flat_map(SessionPlan::classes).collect();
    work.spend(plan.size());
    let choices = session.choices(&classes)?;
    let mut first = None;
    for choice in choices.each() {
        let mut minimal = minimal.iter().copied();
        let done = minimal.find(|minimal| {
            work.spend(5);
            !work.is_spent() && minimal.is_done_by(&choice, work)
        })?;
        first = first.or(Some(done));
    }
    first
}

/// The plan without one group, without the classes, or without one scope.
fn fewer_demands<'p>(plan: &Plan<'p>, work: &Work) -> Vec<Plan<'p>> {
    work.spend(plan.size().saturating_mul(plan.demands()));
    if work.is_spent() {
        return Vec::new();
    }
    let sessions = plan
        .session
        .as_deref()
        .into_iter()
        .flat_map(SessionPlan::parts);
    let mut parts: Vec<Plan<'p>> = sessions
        .map(|session| Plan {
            session: Some(Box::new(session)),
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
        .filter_map(|minimal| minimal.session.as_deref());
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
        session: Some(Box::new(session)),
        ..plan.clone()
    });
    let verification = older.map(|age| Plan {
        reverify: Some(age),
        ..plan.clone()
    });
    session.into_iter().chain(verification).collect()
}
