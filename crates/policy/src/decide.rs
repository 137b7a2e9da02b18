//! The product: [`Facts`] in, [`Decision`] out. [`Policy::decide`] is synchronous and total: no clock, no I/O, no error.
//!
//! Guards come first. A guard refuses evidence that the rules must not see: none, unusable, about another verification, or
//! implausible. What passes is evaluated by the rules to a [`Judgement`], and the decision is read from that.

use super::{
    decision::Decision,
    effect::{Effect, Refusal},
    evidence::{Evidence, Finding, Verification},
    judgement::{Credible, Judgement},
    limits::{PLAUSIBLE_SINCE_MS, SKEW, UNAVAILABLE_RETRY},
    reason::{Reason, ReasonCode},
    remedy::Remedy,
    request::Request,
    rule::{Given, Rule},
    set::Policy,
    time::{Timestamp, after, before, from_millis},
    when::Interval,
};

/// All inputs of a decision.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The request.
    pub request: &'a Request,
    /// The evidence.
    pub evidence: &'a Evidence,
    /// The instant for which to decide.
    pub now: Timestamp,
}

/// What a policy that is not in force would decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assessment {
    /// The effect.
    pub effect: Effect,
    /// One for each unmet rule, as [`Decision::reasons`].
    pub reasons: Vec<Reason>,
}

/// A refusal by a guard. Time does not change it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refused {
    effect: Refusal,
    code: ReasonCode,
}

impl Policy {
    /// Decides: by the guards first, then by the strictest unmet rule. ALLOW only if every rule holds.
    pub fn decide(&self, facts: &Facts<'_>) -> Decision {
        self.decide_by(&self.judgement(facts), facts.now)
    }

    /// Decides for two instants, where it is not known which of two clocks is right: the stricter decision counts, the one for
    /// `facts.now` if they are equally strict. It is as of `facts.now`, and promises nothing about time: it may not be reused, has
    /// neither a next change nor a remedy that waits for one, and its remedies suffice at both instants.
    pub fn decide_for_both(&self, facts: &Facts<'_>, other: Timestamp) -> Decision {
        let judgement = match self.judgement(facts) {
            Ok(judgement) => judgement,
            // A guard looks at no clock; nor does the wait for the end of an outage depend on which one is right.
            Err(refused) => return refused.decision(facts.now),
        };
        let ours = self.decision(&judgement, facts.now, Some(other));
        let others = self.decision(&judgement, other, Some(facts.now));
        let is_stricter = others.effect > ours.effect;
        let stricter = if is_stricter { others } else { ours };
        stricter.without_promises(facts.now)
    }

    /// The effect of [`Policy::decide`] without reasons, remedies and the next change. Not an answer: only a [`Decision`] is.
    pub fn effect(&self, facts: &Facts<'_>) -> Effect {
        let given = match self.given(facts) {
            Ok(given) => given,
            Err(refused) => return refused.effect.into(),
        };
        if !credible(given.verification).at.contains(facts.now) {
            return Effect::Deny;
        }
        let holds = |rule: &&Rule| rule.requirement().holds(&given).contains(facts.now);
        let unmet = self.rules().iter().filter(|rule| !holds(rule));
        let strictest = unmet.map(|rule| Effect::from(rule.otherwise())).max();
        strictest.unwrap_or(Effect::Allow)
    }

    /// The effect and the reasons of [`Policy::decide`], or of [`Policy::decide_for_both`] where there is another instant. Not an answer:
    /// it is for a policy that is not in force, and has neither remedies nor a promise about time.
    pub fn assess(&self, facts: &Facts<'_>, other: Option<Timestamp>) -> Assessment {
        let judgement = match self.judgement(facts) {
            Ok(judgement) => judgement,
            Err(refused) => {
                return Assessment {
                    effect: refused.effect.into(),
                    reasons: vec![Reason::of_guard(refused.effect, refused.code)],
                };
            }
        };
        let (mut effect, mut instant) = (judgement.effect_at(facts.now), facts.now);
        if let Some(other) = other {
            let at_other = judgement.effect_at(other);
            if at_other > effect {
                (effect, instant) = (at_other, other);
            }
        }
        let reasons = match effect {
            Effect::Allow => Vec::new(),
            Effect::StepUp | Effect::Deny => judgement.reasons(instant),
        };
        Assessment { effect, reasons }
    }

    /// Whether the evidence has kept what the policy reads. If not, nothing can be said of what it would decide.
    pub fn can_judge(&self, evidence: &Evidence) -> bool {
        match &evidence.finding {
            Finding::Present(verification) => verification.kept.include(self.reads()),
            Finding::Absent | Finding::Unusable(_) | Finding::Unknown => true,
        }
    }

    /// Evaluates the rules, or returns the refusal by a guard.
    pub(super) fn judgement<'p, 'a>(
        &'p self,
        facts: &Facts<'a>,
    ) -> Result<Judgement<'p, 'a>, Refused> {
        let given = self.given(facts)?;
        Ok(Judgement::of(self, given, credible(given.verification)))
    }

    /// The decision for this instant.
    pub(super) fn decide_by(
        &self,
        judgement: &Result<Judgement<'_, '_>, Refused>,
        now: Timestamp,
    ) -> Decision {
        match judgement {
            Ok(judgement) => self.decision(judgement, now, None),
            Err(refused) => refused.decision(now),
        }
    }

    /// The input of the rules; none if a guard refuses the evidence at this instant.
    pub(super) fn judged<'a>(&self, facts: &Facts<'a>) -> Option<Given<'a>> {
        let given = self.given(facts).ok()?;
        let is_credible = credible(given.verification).at.contains(facts.now);
        is_credible.then_some(given)
    }

    /// The input of the rules, or the refusal by a guard that time does not change.
    fn given<'a>(&self, facts: &Facts<'a>) -> Result<Given<'a>, Refused> {
        let unavailable = Refused {
            effect: self.evidence().unavailable,
            code: ReasonCode::EvidenceUnavailable,
        };
        let deny = |code| {
            Err(Refused {
                effect: Refusal::Deny,
                code,
            })
        };
        match &facts.evidence.finding {
            Finding::Present(verification)
                if verification.is_about(&facts.request.verification) =>
            {
                // What was not kept is not missing at the vendor: nothing is known of it.
                if !verification.kept.include(self.reads()) {
                    return Err(unavailable);
                }
                Ok(Given {
                    request: facts.request,
                    verification,
                })
            }
            Finding::Absent => deny(ReasonCode::VerificationNotFound),
            Finding::Present(_) | Finding::Unusable(_) => deny(ReasonCode::EvidenceInvalid),
            Finding::Unknown => Err(unavailable),
        }
    }

    /// The decision for this instant, with remedies that suffice also at the other one.
    fn decision(
        &self,
        judgement: &Judgement<'_, '_>,
        now: Timestamp,
        other: Option<Timestamp>,
    ) -> Decision {
        let effect = judgement.effect_at(now);
        let next_change = judgement.next_change(now);
        let (mut reasons, mut alternatives) = (Vec::new(), Vec::new());
        if effect > Effect::Allow {
            reasons = judgement.reasons(now);
            alternatives = judgement.alternatives(now, other);
        }
        let valid_until = (effect == Effect::Allow)
            .then(|| after(now, self.reuse_allow()))
            .map(|cap| next_change.map_or(cap, |change| change.at.min(cap)))
            .filter(|until| *until > now);
        Decision {
            effect,
            reasons,
            next_change,
            decided_at: now,
            valid_until,
            alternatives,
        }
    }
}

/// When the verification's own time is credible: never if it is before the vendor existed, and not while it is in the future.
fn credible(verification: &Verification) -> Credible {
    credible_at(verification.verified_at)
}

/// The same, of the time at which a verification was made.
pub(super) fn credible_at(verified_at: Option<Timestamp>) -> Credible {
    let (at, otherwise) = match verified_at {
        None => (Interval::ALWAYS, ReasonCode::EvidenceInvalid),
        Some(at) if at < from_millis(PLAUSIBLE_SINCE_MS) => {
            (Interval::NEVER, ReasonCode::EvidenceInvalid)
        }
        Some(at) => (
            Interval::from(before(at, SKEW)),
            ReasonCode::VerifiedAtInFuture,
        ),
    };
    Credible { at, otherwise }
}

impl Refused {
    /// The decision. In an outage only a later check may help. A STEP_UP says when to check again, so that the PEP does not repeat the
    /// step-up.
    fn decision(self, now: Timestamp) -> Decision {
        let is_outage = self.code == ReasonCode::EvidenceUnavailable;
        let again = is_outage && self.effect == Refusal::StepUp;
        let wait = again.then(|| vec![Remedy::Wait(after(now, UNAVAILABLE_RETRY))]);
        Decision {
            effect: self.effect.into(),
            reasons: vec![Reason::of_guard(self.effect, self.code)],
            next_change: None,
            decided_at: now,
            valid_until: None,
            alternatives: wait.into_iter().collect(),
        }
    }
}
