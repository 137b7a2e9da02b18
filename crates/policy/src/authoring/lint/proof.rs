//! Proofs about policies, by the exact comparison of [`diff`](crate::authoring::diff). If a proof exceeds the work
//! budget, there is no warning.

use std::time::Duration;

use crate::{
    authoring::diff::{Direction, WorkBudget, policy_difference},
    effect::Refusal,
    request::PolicyName,
    rule::{Requirement, Rule},
    set::Policy,
};

/// The work budget of one policy.
const POLICY_STEPS_MAX: usize = 2_000_000;
/// The steps of building a policy for a proof, for each requirement in it, and one more for each text of its lists.
const REQUIREMENT_STEPS: usize = 4;

/// Proves what holds for every check of a policy, within a work budget.
#[derive(Debug)]
pub(super) struct Prover<'n> {
    name: &'n PolicyName,
    budget: WorkBudget,
    given: usize,
    /// Whether some statement was neither proved nor disproved.
    gave_up: bool,
}

impl<'n> Prover<'n> {
    /// A prover about the policy of this name, with no more than this many steps.
    pub(super) fn new(name: &'n PolicyName, steps_max: usize) -> Self {
        let given = steps_max.min(POLICY_STEPS_MAX);
        Self {
            name,
            budget: WorkBudget::new(given),
            given,
            gave_up: false,
        }
    }

    /// How many steps were used.
    pub(super) fn spent(&self) -> usize {
        self.given.saturating_sub(self.budget.remaining())
    }

    /// Whether some statement was neither proved nor disproved because the policy is too large.
    pub(super) fn gave_up(&self) -> bool {
        self.gave_up
    }

    /// Whether nothing more can be proved, because the policy is too large. To be asked before policies are built for a proof: a
    /// policy of ten thousand alternatives is built twice for each of them.
    pub(super) fn is_exhausted(&mut self) -> bool {
        self.gave_up |= self.budget.is_exhausted();
        self.budget.is_exhausted()
    }

    /// Whether some check is decided differently, in this direction; `None` if that is not known.
    fn differs(&mut self, policies: [&Policy; 2], direction: Direction) -> Option<bool> {
        for policy in policies {
            self.budget.spend(steps_of_building(policy));
        }
        let differs = if self.budget.is_exhausted() {
            None
        } else {
            let found = policy_difference(self.name, policies, direction, &mut self.budget);
            found.ok().map(|found| found.is_some())
        };
        self.gave_up |= differs.is_none();
        differs
    }

    /// Whether no check is decided more strictly by `new` than by `old`.
    pub(super) fn tightens_nothing(&mut self, old: &Policy, new: &Policy) -> bool {
        self.differs([old, new], Direction::Tightening) == Some(false)
    }

    /// Whether no check is decided less strictly by `new` than by `old`.
    pub(super) fn loosens_nothing(&mut self, old: &Policy, new: &Policy) -> bool {
        self.differs([old, new], Direction::Loosening) == Some(false)
    }

    /// Whether these other rules make the rule redundant.
    pub(super) fn finds_hidden(&mut self, rule: &Rule, others: &[&Rule]) -> bool {
        if self.is_exhausted() {
            return false;
        }
        let without: Vec<Rule> = others.iter().map(|other| (*other).clone()).collect();
        let mut with = without.clone();
        with.push(rule.clone());
        self.loosens_nothing(&Policy::of_exactly(with), &Policy::of_exactly(without))
    }

    /// Whether these can never hold together.
    pub(super) fn exclude_each_other<'r>(
        &mut self,
        requirements: impl IntoIterator<Item = &'r Requirement>,
    ) -> bool {
        if self.is_exhausted() {
            return false;
        }
        let strict = Policy::of_exactly(requirements.into_iter().map(denying).collect());
        let nothing = Requirement::Status([].into());
        let denies_all = Policy::of_exactly(vec![denying(&nothing)]);
        self.tightens_nothing(&strict, &denies_all)
    }

    /// Whether some check is allowed for which this requirement does not hold. `None` if that is not known.
    pub(super) fn allows_without(
        &mut self,
        rules: &[Rule],
        requirement: &Requirement,
    ) -> Option<bool> {
        if self.is_exhausted() {
            return None;
        }
        let rules = rules.iter().map(|rule| denying(rule.requirement()));
        let without = Policy::of_exactly(rules.collect());
        let mut with = without.rules().to_vec();
        with.push(denying(requirement));
        let with = Policy::of_exactly(with);
        self.differs([&without, &with], Direction::Tightening)
    }

    /// A smallest set of these that exclude each other, by their indices: without any one of them, the others do not. All of them
    /// are known to exclude each other.
    pub(super) fn smallest_contradiction(&mut self, all: &[&Requirement]) -> Vec<usize> {
        let mut kept: Vec<usize> = (0..all.len()).collect();
        for index in (0..all.len()).rev() {
            if self.is_exhausted() {
                break;
            }
            let others: Vec<usize> = kept.iter().copied().filter(|k| *k != index).collect();
            let requirements = others.iter().filter_map(|other| all.get(*other).copied());
            if self.exclude_each_other(requirements) {
                kept = others;
            }
        }
        kept
    }
}

/// A rule that denies where this requirement does not hold.
pub(super) fn denying(requirement: &Requirement) -> Rule {
    Rule::new(requirement.clone(), Refusal::Deny)
}

/// The steps of building a policy. Lists of identities are shared, and not copied.
fn steps_of_building(policy: &Policy) -> usize {
    let mut steps: usize = 0;
    for rule in policy.rules() {
        visit(rule.requirement(), &mut |requirement| {
            let texts = match requirement {
                Requirement::Status(texts)
                | Requirement::Project(texts)
                | Requirement::PhonePrefix(texts)
                | Requirement::Attribute(_, texts) => texts.len(),
                Requirement::AttributeNotIn(listed) => listed.values.len(),
                _ => 0,
            };
            steps = steps
                .saturating_add(REQUIREMENT_STEPS)
                .saturating_add(texts);
        });
    }
    steps
}

/// Calls `visit` with a requirement, and with each inside it.
pub(super) fn visit<'r>(requirement: &'r Requirement, visitor: &mut impl FnMut(&'r Requirement)) {
    visitor(requirement);
    if let Requirement::AnyOf(parts) | Requirement::AllOf(parts) = requirement {
        for part in parts {
            visit(part, visitor);
        }
    }
}

/// Each limit of the age of a verification in a policy.
pub(super) fn age_limits(policy: &Policy) -> Vec<Duration> {
    let mut limits = Vec::new();
    for rule in policy.rules() {
        visit(rule.requirement(), &mut |requirement| {
            if let Requirement::VerifiedWithin(limit) = requirement {
                limits.push(*limit);
            }
        });
    }
    limits
}
