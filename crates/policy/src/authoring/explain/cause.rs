//! Why a decision changes at an instant: the requirements that begin or cease to hold there and so change the effect.

use std::{fmt, time::Duration};

use crate::{
    authoring::weekly::in_short,
    effect::Effect,
    judgement::Judgement,
    rule::{Judged, Requirement},
    time::{Timestamp, before},
    when::When,
};

/// The name of the verification's own time as a cause.
const NOT_IN_FUTURE: &str = "the verification's time";

/// A requirement that begins or ceases to hold and so changes the decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// The requirement, as a policy writes it; a schedule in short.
    pub what: String,
    /// How it changes.
    pub turn: Turn,
    /// The instant since which it has changed, if that is not the instant of the decision's change.
    pub since: Option<Timestamp>,
}

/// How a requirement changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It begins to hold.
    Begins,
    /// It no longer holds.
    Ends,
    /// A schedule begins to hold.
    Opens,
    /// A schedule no longer holds.
    Closes,
    /// The verification no longer claims to have been made in the future.
    Credible,
}

/// Shows what changes and how, without the instant.
impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let turn = match self.turn {
            Turn::Begins => "begins to hold",
            Turn::Ends => "no longer holds",
            Turn::Opens => "opens",
            Turn::Closes => "closes",
            Turn::Credible => "is no longer in the future",
        };
        write!(f, "{} {turn}", self.what)
    }
}

/// What is assumed of schedules.
#[derive(Debug, Clone, Copy)]
pub(super) enum Schedules {
    /// They hold at their times.
    AsTheyAre,
    /// Each holds always, or never.
    Fixed(bool),
    /// Each holds always or never, as it does at this instant.
    AsAt(Timestamp),
}

impl Schedules {
    /// The instants at which something holds, under the assumption.
    pub(super) fn apply(self, when: &When) -> When {
        match self {
            Self::AsTheyAre => when.clone(),
            Self::Fixed(hold) => when.with_schedules(hold),
            Self::AsAt(instant) => when.with_schedules_as_at(instant),
        }
    }
}

/// The instant just before this one: all edges are at whole milliseconds.
pub(super) fn just_before(instant: Timestamp) -> Timestamp {
    before(instant, Duration::from_millis(1))
}

/// All causes of the change of the effect at this instant, in the order of the policy; none if there is no change.
///
/// The effect becomes stricter because of the rules with the new effect that are no longer met. It becomes looser because of all
/// stricter rules that are met from then on. Within a rule, the causes are the parts that change as the rule does.
pub(super) fn causes(
    judgement: &Judgement<'_, '_>,
    at: Timestamp,
    schedules: Schedules,
) -> Vec<Cause> {
    let turns = Turns {
        judgement,
        at,
        schedules,
    };
    let credible = turns.turn_of(judgement.credible());
    let rules = judgement.rules().iter();
    let rules: Vec<(&Judged<'_>, Option<bool>)> = rules
        .map(|judged| (judged, turns.turn_of(&judged.holds)))
        .collect();
    let (old, new) = (turns.effect(just_before(at)), turns.effect(at));
    let mut causes = Vec::new();
    if credible == Some(true) && old > new {
        causes.push(Cause {
            what: NOT_IN_FUTURE.to_owned(),
            turn: Turn::Credible,
            since: None,
        });
    }
    for (judged, turn) in rules {
        let otherwise = Effect::from(judged.rule.otherwise());
        let is_cause = match turn {
            Some(false) => new > old && otherwise == new,
            Some(true) => new < old && otherwise > new,
            None => false,
        };
        if let (true, Some(holds)) = (is_cause, turn) {
            turns.write(judged.rule.requirement(), holds, &mut causes);
        }
    }
    causes
}

/// One instant, at which requirements may begin or cease to hold.
#[derive(Debug, Clone, Copy)]
struct Turns<'j, 'p, 'a> {
    judgement: &'j Judgement<'p, 'a>,
    at: Timestamp,
    schedules: Schedules,
}

impl Turns<'_, '_, '_> {
    fn effect(&self, instant: Timestamp) -> Effect {
        let terms = self.judgement.terms();
        let unmet = terms.filter(|term| !self.schedules.apply(term.holds).contains(instant));
        let strictest = unmet.map(|term| term.otherwise).max();
        strictest.unwrap_or(Effect::Allow)
    }

    /// Whether it holds from this instant on; `None` if it does not change there.
    fn turn_of(&self, when: &When) -> Option<bool> {
        let when = self.schedules.apply(when);
        let holds = when.contains(self.at);
        (holds != when.contains(just_before(self.at))).then_some(holds)
    }

    /// Adds the parts of a requirement that change as it does.
    fn write(&self, requirement: &Requirement, holds: bool, causes: &mut Vec<Cause>) {
        let parts = match requirement {
            Requirement::AnyOf(parts) | Requirement::AllOf(parts) => parts,
            leaf => {
                let cause = cause(leaf, holds);
                if !causes.contains(&cause) {
                    causes.push(cause);
                }
                return;
            }
        };
        for part in parts {
            if self.turn_of(&part.holds(self.judgement.given())) == Some(holds) {
                self.write(part, holds, causes);
            }
        }
    }
}

fn cause(leaf: &Requirement, holds: bool) -> Cause {
    let (what, turn) = match (leaf, holds) {
        (Requirement::Schedule(schedule), true) => (in_short(schedule), Turn::Opens),
        (Requirement::Schedule(schedule), false) => (in_short(schedule), Turn::Closes),
        (other, true) => (other.to_string(), Turn::Begins),
        (other, false) => (other.to_string(), Turn::Ends),
    };
    let what = match leaf {
        Requirement::Schedule(_) => format!("schedule {what}"),
        _ => what,
    };
    Cause {
        what,
        turn,
        since: None,
    }
}
