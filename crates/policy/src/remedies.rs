//! A smallest set of actions that lead to ALLOW.
//!
//! Four kinds of action change facts ([`Done`]), and waiting changes the time. Every combination is tried, fewer actions first:
//! the rules are evaluated as if its actions were done. What an action brings is not known, and is assumed to be what the
//! policy requires. So a remedy is advice, never evidence.

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

/// A smallest set of actions that makes every rule hold within ten years; empty if there is none. `credible` is when the
/// verification's own time is not in the future; a new verification always is credible.
pub(super) fn remedies(
    rules: &[Judged<'_>],
    given: &Given<'_>,
    credible: &When,
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
            credible.clone()
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
    let mut plan = Plan::new(done.reverify && !credible.contains(at));
    for judged in rules {
        plan.add(judged.rule.requirement(), given, done, at);
    }
    plan.remedies((at > now).then_some(at))
}

/// The actions that may change when these rules hold, or when the verification is credible. Any other action only makes a
/// combination larger.
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
