//! What would make it ALLOW: a smallest set of things to do, worked out from when each requirement would hold if they were
//! done. What is not known is taken to be as the policy asks, so a remedy is advice, never evidence.

mod done;
mod hypothesis;
mod plan;

use self::{done::Done, plan::Plan};
use crate::{
    limits::YEARS_AHEAD,
    remedy::Remedy,
    rule::{Given, Judged},
    time::{Timestamp, anniversary},
    when::When,
};

/// A smallest set of things that makes every rule hold; nothing if nothing does. `may_be_judged` is when the guards let the
/// evidence be judged, which verifying again always mends.
pub(super) fn remedies(
    rules: &[Judged<'_>],
    given: &Given<'_>,
    may_be_judged: &When,
    now: Timestamp,
) -> Vec<Remedy> {
    let last = anniversary(now, YEARS_AHEAD);
    let mut best: Option<(usize, Done, Timestamp)> = None;
    let useful = useful(rules);
    for done in Done::combinations().filter(|done| done.is_within(useful)) {
        if best.is_some_and(|(count, ..)| count <= done.count()) {
            break;
        }
        let guard = if done.reverify {
            When::ALWAYS
        } else {
            may_be_judged.clone()
        };
        let rules = rules.iter().map(|judged| judged.holds_with(given, done));
        let all = When::all(std::iter::once(guard).chain(rules));
        if let Some(at) = all.next(true, now, last) {
            let count = done.count().saturating_add(usize::from(at > now));
            if best.is_none_or(|(least, ..)| count < least) {
                best = Some((count, done, at));
            }
        }
    }
    let Some((_, done, at)) = best else {
        return Vec::new();
    };
    let mut plan = Plan::new(done.reverify && !may_be_judged.contains(at));
    for judged in rules {
        plan.mend(judged.rule.requirement(), given, done, at);
    }
    plan.remedies((at > now).then_some(at))
}

/// The things that may change whether these rules hold. Verifying again always may: it mends evidence that may not be
/// judged. A combination with any other thing holds no earlier than the same without it.
fn useful(rules: &[Judged<'_>]) -> Done {
    let changes = |done: Done| {
        let mut rules = rules.iter();
        rules.any(|judged| judged.rule.requirement().is_changed_by(done))
    };
    let nothing = Done::default();
    Done {
        reverify: true,
        authenticate: changes(Done {
            authenticate: true,
            ..nothing
        }),
        grant: changes(Done {
            grant: true,
            ..nothing
        }),
        identify: changes(Done {
            identify: true,
            ..nothing
        }),
    }
}
