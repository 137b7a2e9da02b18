//! The product: facts in, decision out. Synchronous and total: no clock, no I/O, and nothing that can fail.

use std::{cmp::Reverse, sync::Arc};

use super::{
    decision::Decision,
    effect::{Effect, Refusal},
    evidence::{Evidence, Finding, Verification},
    horizon::{Term, effect_at, next_change},
    limits::{PLAUSIBLE_SINCE_MS, SKEW},
    reason::{Reason, ReasonCode},
    remedy::remedies,
    request::Request,
    rule::Given,
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

impl Policy {
    /// Decides. Guards come first, then the strictest unmet rule; ALLOW only if every rule holds.
    pub fn decide(&self, facts: &Facts<'_>) -> Decision {
        match self.given(facts) {
            Ok(given) => self.judge(&given, facts.now),
            Err((refusal, code)) => refuse(facts.now, refusal, code),
        }
    }

    /// What `decide` decides, without reasons, remedies and what time will bring. It lets nobody in: only a `Decision` does.
    pub fn effect(&self, facts: &Facts<'_>) -> Effect {
        match self.given(facts) {
            Ok(given) => effect_at(&self.terms(&given), facts.now),
            Err((refusal, _)) => refusal.into(),
        }
    }

    /// What the rules judge; or the refusal that comes before them, which time does not change.
    fn given<'a>(&self, facts: &Facts<'a>) -> Result<Given<'a>, (Refusal, ReasonCode)> {
        let deny = |code| Err((Refusal::Deny, code));
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
            Finding::Unknown => Err((self.evidence().unavailable, ReasonCode::EvidenceUnavailable)),
        }
    }

    /// What the rules judge at this instant; nothing where a guard refuses it or nothing is known.
    pub(super) fn judged<'a>(&self, facts: &Facts<'a>) -> Option<Given<'a>> {
        let given = self.given(facts).ok()?;
        let in_future = !not_in_future(given.verification).contains(facts.now);
        (!in_future).then_some(given)
    }

    /// When the guard of the future and each rule hold, and what they ask for otherwise.
    fn terms(&self, given: &Given<'_>) -> Vec<Term> {
        let guard = Term {
            holds: When::Window(not_in_future(given.verification)),
            otherwise: Effect::Deny,
        };
        let rules = self.rules().iter().map(|rule| Term {
            holds: rule.requirement().holds(given),
            otherwise: rule.otherwise().into(),
        });
        std::iter::once(guard).chain(rules).collect()
    }

    /// Judges by the rules a verification that may be judged.
    fn judge(&self, given: &Given<'_>, now: Timestamp) -> Decision {
        let not_in_future = not_in_future(given.verification);
        let terms = self.terms(given);
        let effect = effect_at(&terms, now);
        let next_change = next_change(&terms, now);
        let reasons = if not_in_future.contains(now) {
            self.reasons(given, now)
        } else {
            vec![guarded(Refusal::Deny, ReasonCode::VerifiedAtInFuture)]
        };
        let remedies = if effect == Effect::Allow {
            Vec::new()
        } else {
            remedies(self.rules(), given, &When::Window(not_in_future), now)
        };
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

    /// One for each unmet rule, strictest first, then in the order of the policy.
    fn reasons(&self, given: &Given<'_>, now: Timestamp) -> Vec<Reason> {
        let mut reasons: Vec<Reason> = self
            .rules()
            .iter()
            .filter_map(|rule| rule.reason(given, now))
            .collect();
        reasons.sort_by_key(|reason| Reverse(reason.effect));
        reasons
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

/// A refusal that no rule of the policy is behind, and that time does not change.
fn refuse(now: Timestamp, refusal: Refusal, code: ReasonCode) -> Decision {
    Decision {
        effect: refusal.into(),
        reasons: vec![guarded(refusal, code)],
        next_change: None,
        decided_at: now,
        valid_until: None,
        remedies: Vec::new(),
    }
}

fn guarded(effect: Refusal, code: ReasonCode) -> Reason {
    Reason {
        code,
        rule: Arc::from("guard"),
        effect,
    }
}
