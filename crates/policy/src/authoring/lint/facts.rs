//! Which facts a rule reads, and which rules share facts: only these can hide each other. This keeps proofs small, because most rules
//! of a policy share no facts.

use std::collections::BTreeSet;

use super::proof::visit;
use crate::{
    evidence::Scope,
    rule::{AttributeNotIn, Requirement, Rule},
};

/// A fact, or several facts that depend on each other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Fact<'r> {
    Status,
    VerifiedAt,
    /// The instant of the check, and the date of birth: whether a birthday has passed depends on the instant.
    Instant,
    Phone,
    /// The verified identity, and the one that the request names.
    Identity,
    Project,
    Scope(&'r str),
    Attribute(&'r str),
    /// When and how the session was authenticated.
    Session,
}

/// The rules of a policy that are connected with this one by shared facts, directly or through other rules, and this rule itself. A
/// rule without effect among them has no effect in the whole policy.
pub(super) fn related(rules: &[Rule], index: usize) -> Vec<usize> {
    let facts: Vec<BTreeSet<Fact<'_>>> = rules.iter().map(facts_of).collect();
    let mut known = facts.get(index).cloned().unwrap_or_default();
    let mut related = BTreeSet::from([index]);
    loop {
        let near = facts.iter().enumerate();
        let near =
            near.filter(|(other, facts)| !related.contains(other) && !facts.is_disjoint(&known));
        let near: Vec<usize> = near.map(|(other, _)| other).collect();
        if near.is_empty() {
            return related.into_iter().collect();
        }
        known.extend(
            near.iter()
                .filter_map(|other| facts.get(*other))
                .flatten()
                .cloned(),
        );
        related.extend(near);
    }
}

fn facts_of(rule: &Rule) -> BTreeSet<Fact<'_>> {
    let mut facts = BTreeSet::new();
    visit(rule.requirement(), &mut |requirement| match requirement {
        Requirement::Status(_) => drop(facts.insert(Fact::Status)),
        Requirement::VerifiedWithin(_) => drop(facts.insert(Fact::VerifiedAt)),
        Requirement::Scopes(scopes) => facts.extend(scopes.iter().map(fact_of_scope)),
        Requirement::AgeAtLeast(_) | Requirement::AgeBelow(_) | Requirement::Schedule(_) => {
            facts.insert(Fact::Instant);
        }
        Requirement::PhonePrefix(_) => drop(facts.insert(Fact::Phone)),
        Requirement::IdentityAsRequested
        | Requirement::IdentityIn(_)
        | Requirement::IdentityNotIn(_) => drop(facts.insert(Fact::Identity)),
        Requirement::Project(_) => drop(facts.insert(Fact::Project)),
        Requirement::Attribute(name, _)
        | Requirement::AttributeNotIn(AttributeNotIn { name, .. }) => {
            facts.insert(Fact::Attribute(name));
        }
        Requirement::Authenticated(_) => drop(facts.insert(Fact::Session)),
        Requirement::AnyOf(_) | Requirement::AllOf(_) => {}
    });
    facts
}

fn fact_of_scope(scope: &Scope) -> Fact<'_> {
    match scope {
        Scope::IdentityId => Fact::Identity,
        Scope::DateOfBirth => Fact::Instant,
        Scope::Phone => Fact::Phone,
        Scope::Name | Scope::Other(_) => Fact::Scope(scope.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::policy;

    #[test]
    fn rules_are_related_by_the_facts_that_they_share_directly_or_through_others() {
        let policy = policy(
            "verified_within: 30d, scopes: [NAME], any_of: [verified_within: 1d, authenticated: {within: 1h}], \
             authenticated: {within: 2h}, age_at_least: 18, scopes: [DATE_OF_BIRTH], attribute: {name: a, in: [x]}, \
             attribute: {name: b, in: [x]}",
        );
        // The first is the default rule about the status.
        let of = |index| related(policy.rules(), index);
        assert_eq!(of(0), [0]);
        assert_eq!(of(1), [1, 3, 4]);
        assert_eq!(of(4), [1, 3, 4]);
        assert_eq!(of(2), [2]);
        assert_eq!(of(5), [5, 6]);
        assert_eq!(of(7), [7]);
        assert_eq!(of(8), [8]);
    }
}
