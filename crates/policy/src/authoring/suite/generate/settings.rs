//! Cases that detect changes of the settings of a policy: `fresh_for`, `stale_for`, `unavailable` and `reuse.allow`. Each case is one
//! millisecond before the limit of a setting, at the limit, or decided by the setting alone.

use std::time::Duration;

use super::{
    super::{
        case::{CachedCopy, Case, EvidenceUse, ValidUntil, verification_id},
        edge::MS,
    },
    at_edge::at,
    dates::midnight_years_before,
    policy::Generator,
};
use crate::{
    authoring::diff::{Direction, Witness, WorkBudget, policy_difference},
    effect::{Effect, Refusal},
    evidence::{BirthDate, Datum, Evidence, Finding, Verification},
    limits::AGE_YEARS_MAX,
    request::Request,
    rule::{Requirement, Rule},
    set::{EvidenceTerms, Policy},
    time::{Shown, Timestamp, before, between, from_millis},
};

/// 2026-01-05T12:00:00Z, a Monday.
const NOON_MS: i64 = 1_767_614_400_000;
const DAY: Duration = Duration::from_hours(24);

impl Generator<'_> {
    /// The cases of the settings. Their facts come from the case with the longest ALLOW, among these cases and those that a search
    /// finds; if the policy never allows, from another case.
    pub(super) fn setting_cases(&self, known: &[Case], budget: &mut WorkBudget) -> Vec<Case> {
        let bases: Vec<Case> = known
            .iter()
            .cloned()
            .chain(self.allowed(budget))
            .flat_map(|case| self.longer(&case))
            .collect();
        let allows = bases
            .iter()
            .filter(|case| self.effect(case) == Effect::Allow);
        let longest = allows.max_by_key(|case| self.lasts(case));
        let bare = || self.bare(Finding::Present(verified(from_millis(NOON_MS))));
        let base = longest.cloned().or_else(bare);
        let mut cases = Vec::new();
        if let Some(base) = &base {
            cases.extend(self.evidence_cases(base));
        }
        cases.extend(self.outage());
        cases.extend(longest.map(|case| self.reused(case)));
        cases
    }

    fn effect(&self, case: &Case) -> Effect {
        self.policy.effect(&case.facts())
    }

    /// How long the decision of a case stays.
    fn lasts(&self, case: &Case) -> Duration {
        let next_change = self.policy.decide(&case.facts()).next_change();
        next_change.map_or(Duration::MAX, |change| between(case.now, change.at))
    }

    /// A check that is allowed, if there is one.
    fn allowed(&self, budget: &mut WorkBudget) -> Option<Case> {
        let rules = self.policy.rules().iter().map(Rule::requirement);
        let denying = |requirement: Requirement| Rule::new(requirement, Refusal::Deny);
        let strict = Policy::of_exactly(rules.cloned().map(denying).collect());
        let nothing = Policy::of_exactly(vec![denying(Requirement::AnyOf(Vec::new()))]);
        let direction = Direction::Tightening;
        let found = policy_difference(self.name, [&strict, &nothing], direction, budget);
        found.ok().flatten().map(|witness| self.seed(witness))
    }

    /// The case, the case with a new verification and a new session, and the same with a birthday just passed.
    fn longer(&self, case: &Case) -> Vec<Case> {
        let now = case.now;
        let case = at(case, now);
        let mut fresh = case.clone();
        if let Some(session) = &mut fresh.request.authentication {
            session.auth_time = Some(now);
        }
        let Finding::Present(verification) = &mut fresh.evidence.finding else {
            return Vec::new();
        };
        verification.verified_at = Some(now);
        let mut all = Vec::new();
        for years in self.ages() {
            let mut young = fresh.clone();
            let birth = midnight_years_before(before(now, DAY.saturating_mul(2)), years);
            if let (Some(birth), Finding::Present(verification)) =
                (birth.and_then(BirthDate::at), &mut young.evidence.finding)
                && matches!(verification.born, Datum::Known(_))
            {
                verification.born = Datum::Known(birth);
                all.push(young);
            }
        }
        all.extend([fresh, case]);
        all
    }

    /// The ages from which a person is old enough for a rule, and 1.
    fn ages(&self) -> Vec<u16> {
        let begins = self
            .edges
            .iter()
            .filter_map(|placed| match placed.edge.requirement {
                Requirement::AgeAtLeast(years) if *years < AGE_YEARS_MAX => Some(*years),
                _ => None,
            });
        let mut ages: Vec<u16> = begins.chain([1]).collect();
        ages.sort_unstable();
        ages.dedup();
        ages
    }

    /// The cases about the age of evidence: at `fresh_for` while the upstream answers, and at the end of `stale_for` while it does not.
    fn evidence_cases(&self, base: &Case) -> Vec<Case> {
        let EvidenceTerms {
            fresh_for,
            stale_for,
            ..
        } = self.policy.evidence();
        let end = self.policy.max_stale();
        let fresh = format!("`fresh_for: {}`", Shown(fresh_for));
        let stale = format!("`stale_for: {}`", Shown(stale_for));
        let wanted = [
            (
                fresh_for.checked_sub(MS),
                false,
                EvidenceUse::Cached,
                format!("1 ms before {fresh}"),
            ),
            (
                Some(fresh_for),
                false,
                EvidenceUse::Fetched,
                format!("when {fresh}"),
            ),
            (
                end.checked_sub(MS),
                true,
                EvidenceUse::Stale,
                format!("1 ms before {stale}"),
            ),
            (
                Some(end),
                true,
                EvidenceUse::Unavailable,
                format!("when {stale}"),
            ),
        ];
        let cases = wanted
            .into_iter()
            .filter_map(|(age, upstream_down, used, when)| {
                let copy = CachedCopy {
                    age: age?,
                    upstream_down,
                };
                self.served(base, copy, used, format!("{}: {when} ends", self.name))
            });
        cases.collect()
    }

    /// The case with a cached copy of the evidence, if the copy is used in this way.
    fn served(
        &self,
        base: &Case,
        copy: CachedCopy,
        used: EvidenceUse,
        name: String,
    ) -> Option<Case> {
        let mut case = base.clone();
        let seen_at = before(case.now, copy.age);
        case.cached = Some(copy);
        case.evidence.seen_at = seen_at;
        if let Finding::Present(verification) = &mut case.evidence.finding {
            // No copy is older than the verification.
            verification.verified_at = verification.verified_at.map(|at| at.min(seen_at));
        }
        let (served, actual) = case.as_served(self.policy);
        // An age from before the calendar cannot be written.
        let is_written = between(seen_at, case.now) == copy.age;
        if actual != used || !is_written {
            return None;
        }
        let mut expecting = self.expecting(&served, name, case.now);
        expecting.expect.evidence = Some(used);
        Some(Case {
            evidence: case.evidence.clone(),
            cached: case.cached,
            ..expecting
        })
    }

    /// The case without evidence.
    fn outage(&self) -> Option<Case> {
        let unavailable = Effect::from(self.policy.evidence().unavailable);
        let name = format!("{}: `unavailable: {unavailable}` decides", self.name);
        let case = self.bare(Finding::Unknown)?;
        let mut case = self.expecting(&case, name, case.now);
        case.expect.evidence = Some(EvidenceUse::Unavailable);
        Some(case)
    }

    /// The case of an ALLOW with an instant until which it may be reused.
    fn reused(&self, case: &Case) -> Case {
        let allow = Shown(self.policy.reuse_allow());
        let name = format!("{}: `reuse.allow: {allow}` decides", self.name);
        let decision = self.policy.decide(&case.facts());
        let mut case = self.expecting(case, name, case.now);
        case.expect.valid_until = Some(ValidUntil::from(decision.valid_until()));
        case
    }

    /// A case with this finding and an empty request.
    fn bare(&self, finding: Finding) -> Option<Case> {
        let now = from_millis(NOON_MS);
        let id = verification_id()?;
        Some(self.seed(Witness {
            request: Request::bare(self.name.clone(), id),
            evidence: Evidence {
                finding,
                seen_at: now,
            },
            now,
        }))
    }
}

/// A verification with no other data than its time.
fn verified(at: Timestamp) -> Verification {
    Verification {
        status: Some("VERIFIED".into()),
        verified_at: Some(at),
        ..Verification::default()
    }
}
