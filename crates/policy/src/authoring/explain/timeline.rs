//! How a decision changes with time: first the changes with another cause than a schedule, because they need action, then a few of
//! those that repeat every week.
//!
//! Between two instants at which something other than a schedule changes, the effect repeats weekly. Two effects describe it: the
//! one while every schedule holds, which is the loosest, and the one while none holds, which is the strictest.

use std::{collections::BTreeSet, time::Duration};

use super::cause::{Cause, Schedules, causes, just_before};
use crate::{
    authoring::weekly::in_short,
    effect::{Change, Effect},
    horizon::{Term, effect_at},
    judgement::Judgement,
    limits::YEARS_AHEAD,
    time::{Timestamp, anniversary, before},
    when::When,
};

/// How many changes with another cause than a schedule are listed.
const CHANGES_MAX: usize = 8;
/// How many changes that only schedules cause are listed.
const WEEKLY_MAX: usize = 4;
/// How many changes of a week are looked through: more than the rules of a policy have.
const STEPS_MAX: usize = 1024;
/// Within this time every schedule that ever opens and closes does so, except in hours that a change of the clocks skips.
const WEEK: Duration = Duration::from_hours(8 * 24);

/// The changes of a decision that only time causes.
#[derive(Debug, Clone, Default)]
pub struct Timeline {
    /// The changes with another cause than a schedule, in order. If such a cause occurs while the schedules keep the decision as
    /// it is, its change is the first later one that differs because of it, or the last change before it if there is none.
    pub changes: Vec<TimelineChange>,
    /// The first changes that only schedules cause.
    pub weekly: Vec<TimelineChange>,
    /// The schedules that change the decision, and how, from now on.
    pub schedules: Option<Alternation>,
    /// Why there are no more changes, if none of these changes shows it.
    pub ended: Vec<Cause>,
    /// Whether there are more changes than these.
    pub more: bool,
}

/// A change with its causes.
#[derive(Debug, Clone)]
pub struct TimelineChange {
    /// The first instant of the new effect.
    pub at: Timestamp,
    /// The new effect.
    pub to: Effect,
    /// All its causes.
    pub causes: Vec<Cause>,
}

/// The effect of schedules on a decision.
#[derive(Debug, Clone)]
pub struct Alternation {
    /// The schedules in short, such as `mon-fri 07:00-19:00 Europe/Berlin`.
    pub schedules: Vec<String>,
    /// The effect while all of them hold.
    pub inside: Effect,
    /// The effect while none of them does.
    pub outside: Effect,
}

/// The changes after `now`, with the evidence and the request as they are.
pub(super) fn timeline(judgement: &Judgement<'_, '_>, now: Timestamp) -> Timeline {
    let mut timeline = Timeline::default();
    let (open, closed) = (
        Rules::with(judgement, |when| when.with_schedules(true)),
        Rules::with(judgement, |when| when.with_schedules(false)),
    );
    let edges = edges(judgement, now);
    let following = edges.iter().skip(1).copied().map(Some).chain([None]);
    for (at, until) in edges.iter().copied().zip(following) {
        if timeline.changes.len() >= CHANGES_MAX {
            timeline.more = true;
            break;
        }
        let turned = Turned {
            judgement,
            now,
            at,
            until,
        };
        let is_for_good = open.effect_at(at) == closed.effect_at(at);
        match turned.change(is_for_good) {
            Some(change) => timeline.add(change),
            None if !is_for_good => timeline.ended.clear(),
            None => timeline.end(turned.since(turned.causes())),
        }
    }
    // A change near their end may affect the decision only after it.
    let last = anniversary(now, YEARS_AHEAD);
    timeline.changes.retain(|change| change.at <= last);
    timeline.changes.sort_by_key(|change| change.at);
    add_weekly(&mut timeline, judgement, now);
    let (inside, outside) = (open.effect_at(now), closed.effect_at(now));
    timeline.schedules = alternation(judgement, &timeline, (inside, outside));
    timeline
}

/// The instants within ten years at which something other than a schedule changes what the rules require.
fn edges(judgement: &Judgement<'_, '_>, now: Timestamp) -> BTreeSet<Timestamp> {
    let last = anniversary(now, YEARS_AHEAD);
    let edges = judgement.terms().flat_map(|term| term.holds.edges());
    let mut edges: BTreeSet<Timestamp> = edges.collect();
    edges.retain(|edge| *edge > now && *edge <= last);
    let at = |instant| Rules::with(judgement, |when| when.with_the_rest_as_at(instant));
    edges.retain(|edge| at(just_before(*edge)) != at(*edge));
    edges
}

impl Timeline {
    /// Notes why the changes end, unless that is known.
    fn end(&mut self, causes: Vec<Cause>) {
        if !causes.is_empty() {
            self.ended = causes;
        }
    }

    /// Adds a change, or only its causes if the change is there already.
    fn add(&mut self, change: TimelineChange) {
        let same = self.changes.iter_mut().find(|known| known.at == change.at);
        match same {
            Some(known) => {
                let known = &mut known.causes;
                let all = known.drain(..).chain(change.causes);
                *known = all
                    .collect::<Vec<_>>()
                    .into_iter()
                    .fold(Vec::new(), distinct);
            }
            None => self.changes.push(change),
        }
        self.ended.clear();
    }
}

fn distinct(mut causes: Vec<Cause>, cause: Cause) -> Vec<Cause> {
    if !causes.contains(&cause) {
        causes.push(cause);
    }
    causes
}

/// An instant at which something other than a schedule changes.
struct Turned<'j, 'p, 'a> {
    judgement: &'j Judgement<'p, 'a>,
    now: Timestamp,
    at: Timestamp,
    /// The next such instant.
    until: Option<Timestamp>,
}

impl Turned<'_, '_, '_> {
    /// The resulting change of the decision: at that instant, if the decision changes then; otherwise the first later change that
    /// differs because of it, or the last one before, if the decision does not change any more.
    fn change(&self, is_for_good: bool) -> Option<TimelineChange> {
        let (change, since) = if let Some(to) = self.changes_at_once() {
            (Change { at: self.at, to }, Vec::new())
        } else if let Some(change) = self.first_other() {
            let then = Schedules::AsAt(change.at);
            (change, self.since(causes(self.judgement, self.at, then)))
        } else {
            let causes = self.causes();
            let is_end = is_for_good && !causes.is_empty();
            let change = self.last_before().filter(|_| is_end)?;
            (change, self.since(causes))
        };
        let mut causes = causes(self.judgement, change.at, Schedules::AsTheyAre);
        causes.extend(since);
        Some(TimelineChange {
            at: change.at,
            to: change.to,
            causes,
        })
    }

    /// Why the effect changes at that instant, inside or outside the schedules.
    fn causes(&self) -> Vec<Cause> {
        let fixed = |hold| causes(self.judgement, self.at, Schedules::Fixed(hold));
        let both = fixed(true).into_iter().chain(fixed(false));
        both.fold(Vec::new(), distinct)
    }

    /// These causes, marked with that instant.
    fn since(&self, causes: Vec<Cause>) -> Vec<Cause> {
        let since = Some(self.at);
        let causes = causes.into_iter();
        causes.map(|cause| Cause { since, ..cause }).collect()
    }

    fn changes_at_once(&self) -> Option<Effect> {
        let old = self.judgement.effect_at(just_before(self.at));
        let new = self.judgement.effect_at(self.at);
        (old != new).then_some(new)
    }

    /// The first change that would be different, or missing, without what changed at that instant.
    fn first_other(&self) -> Option<Change> {
        let before = just_before(self.at);
        let unturned = Rules::with(self.judgement, |when| when.with_the_rest_as_at(before));
        let is_before_next = |change: &Change| self.until.is_none_or(|until| change.at < until);
        self.changes_after(self.at)
            .take_while(is_before_next)
            .find(|change| unturned.effect_at(change.at) != change.to)
    }

    /// The last change before it.
    fn last_before(&self) -> Option<Change> {
        let from = before(self.at, WEEK).max(self.now);
        let changes = self.changes_after(from);
        changes.take_while(|change| change.at < self.at).last()
    }

    fn changes_after(&self, from: Timestamp) -> impl Iterator<Item = Change> {
        changes_after(self.judgement, from)
    }
}

/// The changes of the decision after this instant, some of them.
fn changes_after(judgement: &Judgement<'_, '_>, from: Timestamp) -> impl Iterator<Item = Change> {
    let first = judgement.next_change(from);
    let following = |change: &Change| judgement.next_change(change.at);
    std::iter::successors(first, following).take(STEPS_MAX)
}

/// Adds the first changes that only schedules cause, and whether there are more.
fn add_weekly(timeline: &mut Timeline, judgement: &Judgement<'_, '_>, now: Timestamp) {
    for change in changes_after(judgement, now) {
        if timeline.changes.iter().any(|known| known.at == change.at) {
            continue;
        }
        if timeline.weekly.len() >= WEEKLY_MAX {
            timeline.more = true;
            break;
        }
        timeline.weekly.push(TimelineChange {
            at: change.at,
            to: change.to,
            causes: causes(judgement, change.at, Schedules::AsTheyAre),
        });
    }
}

/// The schedules by which the decision changes.
fn alternation(
    judgement: &Judgement<'_, '_>,
    timeline: &Timeline,
    (inside, outside): (Effect, Effect),
) -> Option<Alternation> {
    if timeline.weekly.is_empty() {
        return None;
    }
    let schedules = judgement
        .rules()
        .iter()
        .flat_map(|rule| rule.holds.schedules());
    let mut schedules: Vec<String> = schedules.map(in_short).collect();
    schedules.sort();
    schedules.dedup();
    Some(Alternation {
        schedules,
        inside,
        outside,
    })
}

/// The rules of a judgement, changed.
#[derive(PartialEq)]
struct Rules(Vec<(When, Effect)>);

impl Rules {
    fn with(judgement: &Judgement<'_, '_>, change: impl Fn(&When) -> When) -> Self {
        let terms = judgement.terms();
        Self(
            terms
                .map(|term| (change(term.holds), term.otherwise))
                .collect(),
        )
    }

    fn terms(&self) -> impl Iterator<Item = Term<'_>> + Clone {
        self.0.iter().map(|(holds, otherwise)| Term {
            holds,
            otherwise: *otherwise,
        })
    }

    fn effect_at(&self, instant: Timestamp) -> Effect {
        effect_at(self.terms(), instant)
    }
}
