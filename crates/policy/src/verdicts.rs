//! What a decision rests on, without anything of a person's: for each requirement that policies read whether it held, why not, and between
//! which instants that stays so. With these a decision can be made again after the facts are gone.
//!
//! A verdict is about a requirement without parts: those of `any_of` and `all_of` follow from their parts. The bounds of one that reads a
//! date of birth would reveal the birthday, so that its window is the instant alone.

use std::time::Duration;

use super::{
    decide::Facts,
    evidence::{DataKinds, Finding, Verification},
    limits::YEARS_AHEAD,
    reason::ReasonCode,
    rule::Given,
    set::{Leaf, Policy},
    time::{Timestamp, after, anniversary},
    when::{Interval, When},
};

/// The precision of instants.
const INSTANT: Duration = Duration::from_millis(1);

/// Whether a requirement held, and between which instants that stays so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequirementVerdict<'p> {
    /// The requirement, as a policy writes it. Identities are not in it.
    pub requirement: &'p str,
    /// Whether it reads a date of birth: its windows are one instant each then, because their bounds would reveal the birthday.
    pub reads_birth: bool,
    /// At the instant of the decision; `None` if that is not known, because the evidence does not say.
    pub window: Option<Window>,
    /// At the other instant of a decision for two, if the first window is not about it.
    pub other: Option<Window>,
}

/// Whether something holds, and between which instants that is certain with the same evidence and request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// `None` if it holds, otherwise why not.
    pub unmet: Option<ReasonCode>,
    /// The first instant; `None` if it was always so.
    pub from: Option<Timestamp>,
    /// The first instant that is not certain any more; `None` if it stays so for ever.
    pub until: Option<Timestamp>,
}

impl Window {
    /// Whether it is about this instant.
    pub fn contains(&self, instant: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= instant)
            && self.until.is_none_or(|until| instant < until)
    }
}

/// The verdicts on what these policies read, each requirement once, in the order of the policies and of their rules. `other` is the other
/// instant of a decision for two.
pub fn verdicts<'p>(
    policies: impl IntoIterator<Item = &'p Policy, IntoIter: Clone>,
    facts: &Facts<'_>,
    other: Option<Timestamp>,
) -> Vec<RequirementVerdict<'p>> {
    let nothing = Verification::default();
    let policies = policies.into_iter();
    let leaves = policies.clone().map(|policy| policy.leaves().len());
    let mut verdicts = Vec::with_capacity(leaves.sum());
    for (n, policy) in policies.clone().enumerate() {
        let before = policies.clone().take(n).flat_map(Policy::leaves);
        let is_known = |leaf: &&Leaf| before.clone().any(|known| known.meaning == leaf.meaning);
        let new = policy.leaves().iter().filter(|leaf| !is_known(leaf));
        verdicts.extend(new.map(|leaf| leaf.verdict(facts, &nothing, other)));
    }
    verdicts
}

impl Leaf {
    /// `nothing` stands for the evidence where it is not read.
    fn verdict(
        &self,
        facts: &Facts<'_>,
        nothing: &Verification,
        other: Option<Timestamp>,
    ) -> RequirementVerdict<'_> {
        let verification = match &facts.evidence.finding {
            _ if !self.reads_evidence => Some(nothing),
            Finding::Present(verification)
                if verification.is_about(&facts.request.verification)
                    && verification.kept.include(self.reads) =>
            {
                Some(verification)
            }
            Finding::Present(_) | Finding::Absent | Finding::Unusable(_) | Finding::Unknown => None,
        };
        let given = verification.map(|verification| Given {
            request: facts.request,
            verification,
        });
        let window = given.map(|given| self.window(&given, facts.now));
        let is_elsewhere =
            |other: &Timestamp| window.is_some_and(|window| !window.contains(*other));
        let other = other.filter(is_elsewhere);
        RequirementVerdict {
            requirement: &self.text,
            reads_birth: self.reads_birth(),
            window,
            other: other.and_then(|other| given.map(|given| self.window(&given, other))),
        }
    }

    fn reads_birth(&self) -> bool {
        self.reads.include(DataKinds::BIRTH)
    }

    fn window(&self, given: &Given<'_>, now: Timestamp) -> Window {
        let when = self.requirement.holds(given);
        let holds = when.contains(now);
        let (from, until) = match when {
            _ if self.reads_birth() => (Some(now), Some(after(now, INSTANT))),
            When::Interval(interval) => bounds(interval, now),
            // What is before is not looked for.
            When::Weekly(_) | When::All(_) | When::Any(_) => {
                let last = anniversary(now, YEARS_AHEAD);
                (Some(now), when.next(!holds, now, last))
            }
        };
        Window {
            unmet: (!holds).then(|| self.requirement.why_unmet(given, now)),
            from,
            until,
        }
    }
}

/// The last edge of the interval that is not after this instant, and the first one after it.
fn bounds(interval: Interval, now: Timestamp) -> (Option<Timestamp>, Option<Timestamp>) {
    let from = interval.edges().filter(|edge| *edge <= now).max();
    (from, interval.edge(now))
}

#[cfg(test)]
mod tests;
