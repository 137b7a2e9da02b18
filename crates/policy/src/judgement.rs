//! The rules of a policy, evaluated with one request and one verification.
//!
//! Each rule is evaluated once, to the instants at which it holds ([`Judged`]). The effect at any instant, its next change and
//! the reasons are read from that; only the [`remedies`](super::remedies) evaluate rules again, with other facts.

use std::cmp::Reverse;

use super::{
    effect::{Change, Effect, Refusal},
    horizon::{Term, effect_at, next_change},
    reason::{Reason, ReasonCode},
    remedies::alternatives,
    remedy::Remedy,
    rule::{Given, Judged},
    set::Policy,
    time::Timestamp,
    when::{Interval, When},
};

/// When the verification's own time is credible, and the reason if it is not.
#[derive(Debug, Clone, Copy)]
pub(super) struct Credible {
    pub(super) at: Interval,
    pub(super) otherwise: ReasonCode,
}

/// The evaluated rules of a policy.
#[derive(Debug)]
pub(super) struct Judgement<'p, 'a> {
    given: Given<'a>,
    /// When the verification's own time is credible; otherwise the effect is DENY, whatever the rules say.
    credible: When,
    /// The reason if it is not credible.
    incredible: ReasonCode,
    rules: Vec<Judged<'p>>,
}

impl<'p, 'a> Judgement<'p, 'a> {
    /// Evaluates every rule.
    pub(super) fn of(policy: &'p Policy, given: Given<'a>, credible: Credible) -> Self {
        let rules = policy.rules().iter().map(|rule| rule.judge(&given));
        Self {
            rules: rules.collect(),
            given,
            credible: When::Interval(credible.at),
            incredible: credible.otherwise,
        }
    }

    /// The request and the verification.
    pub(super) fn given(&self) -> &Given<'a> {
        &self.given
    }

    /// The rules, in the order of the policy.
    pub(super) fn rules(&self) -> &[Judged<'p>] {
        &self.rules
    }

    /// Whether the rules decide at this instant.
    pub(super) fn is_credible(&self, instant: Timestamp) -> bool {
        self.credible.contains(instant)
    }

    /// When the verification's own time is not in the future.
    pub(super) fn credible(&self) -> &When {
        &self.credible
    }

    /// The effect at this instant.
    pub(super) fn effect_at(&self, instant: Timestamp) -> Effect {
        effect_at(self.terms(), instant)
    }

    /// The first change of the effect after this instant.
    pub(super) fn next_change(&self, after: Timestamp) -> Option<Change> {
        next_change(self.terms(), after)
    }

    /// When each rule holds, and the effect when it does not. The first entry is that the verification is not in the future.
    pub(super) fn terms(&self) -> impl Iterator<Item = Term<'_>> + Clone {
        let credible = Term {
            holds: &self.credible,
            otherwise: Effect::Deny,
        };
        let rules = self.rules.iter().map(|judged| Term {
            holds: &judged.holds,
            otherwise: judged.rule.otherwise().into(),
        });
        std::iter::once(credible).chain(rules)
    }

    /// One for each rule that is not met at this instant: strictest first, then in the order of the policy.
    pub(super) fn reasons(&self, instant: Timestamp) -> Vec<Reason> {
        if !self.is_credible(instant) {
            return vec![Reason::of_guard(Refusal::Deny, self.incredible)];
        }
        let reason = |judged: &Judged<'_>| judged.reason(&self.given, instant);
        let mut reasons: Vec<Reason> = self.rules.iter().filter_map(reason).collect();
        reasons.sort_by_key(|reason| Reverse(reason.effect));
        reasons
    }

    /// The sets of actions that lead to ALLOW.
    pub(super) fn alternatives(
        &self,
        now: Timestamp,
        other: Option<Timestamp>,
    ) -> Vec<Vec<Remedy>> {
        alternatives(&self.rules, &self.given, &self.credible, now, other)
    }
}
