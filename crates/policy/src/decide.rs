//! The product: facts in, decision out. Synchronous and total: no clock, no I/O, and nothing that can fail.

use super::{
    decision::Decision,
    effect::{Effect, Refusal},
    evidence::{Evidence, Finding, Verification},
    judgement::Judgement,
    limits::{PLAUSIBLE_SINCE_MS, SKEW},
    reason::{Reason, ReasonCode},
    request::Request,
    rule::{Given, Rule},
    set::Policy,
    time::{Timestamp, after, before, from_millis},
    when::{When, Window},
};

/// All that a decision rests on.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The question.
    pub request: &'a Request,
    /// What is known.
    pub evidence: &'a Evidence,
    /// The instant to decide for.
    pub now: Timestamp,
}

/// A refusal that comes before the rules, and that time does not change.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refused {
    effect: Refusal,
    code: ReasonCode,
}

impl Policy {
    /// Decides. Guards come first, then the strictest unmet rule; ALLOW only if every rule holds.
    pub fn decide(&self, facts: &Facts<'_>) -> Decision {
        self.decide_by(&self.judgement(facts), facts.now)
    }

    /// What `decide` decides, without reasons, remedies and what time will bring. It lets nobody in: only a `Decision` does.
    pub fn effect(&self, facts: &Facts<'_>) -> Effect {
        let given = match self.given(facts) {
            Ok(given) => given,
            Err(refused) => return refused.effect.into(),
        };
        if !not_in_future(given.verification).contains(facts.now) {
            return Effect::Deny;
        }
        let holds = |rule: &&Rule| rule.requirement().holds(&given).contains(facts.now);
        let unmet = self.rules().iter().filter(|rule| !holds(rule));
        let strictest = unmet.map(|rule| Effect::from(rule.otherwise())).max();
        strictest.unwrap_or(Effect::Allow)
    }

    /// Evaluates the rules; or the refusal that comes before them.
    pub(super) fn judgement<'p, 'a>(
        &'p self,
        facts: &Facts<'a>,
    ) -> Result<Judgement<'p, 'a>, Refused> {
        let given = self.given(facts)?;
        let credible = When::Window(not_in_future(given.verification));
        Ok(Judgement::of(self, given, credible))
    }

    /// The decision at this instant that follows from a judgement.
    pub(super) fn decide_by(
        &self,
        judgement: &Result<Judgement<'_, '_>, Refused>,
        now: Timestamp,
    ) -> Decision {
        match judgement {
            Ok(judgement) => self.decision(judgement, now),
            Err(refused) => refused.decision(now),
        }
    }

    /// What the rules judge at this instant; nothing where a guard refuses it or nothing is known.
    pub(super) fn judged<'a>(&self, facts: &Facts<'a>) -> Option<Given<'a>> {
        let given = self.given(facts).ok()?;
        let credible = not_in_future(given.verification).contains(facts.now);
        credible.then_some(given)
    }

    /// What the rules judge; or the refusal that comes before them.
    fn given<'a>(&self, facts: &Facts<'a>) -> Result<Given<'a>, Refused> {
        let deny = |code| {
            Err(Refused {
                effect: Refusal::Deny,
                code,
            })
        };
        match &facts.evidence.finding {
            Finding::Present(verification) => match guard(verification, facts) {
                Some(code) => deny(code),
                None => Ok(Given {
                    request: facts.request,
                    verification,
                }),
            },
            Finding::Absent => deny(ReasonCode::VerificationNotFound),
            Finding::Unusable(_) => deny(ReasonCode::EvidenceInvalid),
            Finding::Unknown => Err(Refused {
                effect: self.evidence().unavailable,
                code: ReasonCode::EvidenceUnavailable,
            }),
        }
    }

    fn decision(&self, judgement: &Judgement<'_, '_>, now: Timestamp) -> Decision {
        let effect = judgement.effect_at(now);
        let next_change = judgement.next_change(now);
        let (mut reasons, mut remedies) = (Vec::new(), Vec::new());
        if effect > Effect::Allow {
            reasons = judgement.reasons(now);
            remedies = judgement.remedies(now);
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
            remedies,
        }
    }
}

/// Why this evidence may not be judged at all, now or ever.
fn guard(verification: &Verification, facts: &Facts<'_>) -> Option<ReasonCode> {
    let about_another = !verification.is_about(&facts.request.verification);
    let implausible = verification
        .verified_at
        .is_some_and(|at| at < from_millis(PLAUSIBLE_SINCE_MS));
    (about_another || implausible).then_some(ReasonCode::EvidenceInvalid)
}

/// The instants at which the verification does not claim to have been made in the future.
fn not_in_future(verification: &Verification) -> Window {
    verification
        .verified_at
        .map_or(Window::ALWAYS, |at| Window::from(before(at, SKEW)))
}

impl Refused {
    fn decision(self, now: Timestamp) -> Decision {
        Decision {
            effect: self.effect.into(),
            reasons: vec![Reason::of_guard(self.effect, self.code)],
            next_change: None,
            decided_at: now,
            valid_until: None,
            remedies: Vec::new(),
        }
    }
}
