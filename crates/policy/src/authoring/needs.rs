//! What a policy reads: the facts of a verification and of a question, and the scopes to ask the vendor for.

use std::collections::BTreeSet;

use crate::{evidence::Scope, rule::Requirement, set::Policy};

/// What a policy reads. The status, the identifiers and the time of a verification are always read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// The scopes to ask the vendor for. `IDENTITY_ID` is always granted.
    pub scopes: BTreeSet<Scope>,
    /// Whether the verification's project is read.
    pub project: bool,
    /// Whether the question has to name an identity.
    pub identity: bool,
    /// Whether the question has to tell how the session was authenticated.
    pub authentication: bool,
    /// The attributes that the question has to carry.
    pub attributes: BTreeSet<Box<str>>,
    /// The time zones whose clocks are read.
    pub zones: BTreeSet<String>,
}

impl Policy {
    /// What it reads.
    pub fn needs(&self) -> Needs {
        let mut needs = Needs::default();
        for rule in self.rules() {
            needs.add(rule.requirement());
        }
        needs
    }
}

impl Needs {
    fn add(&mut self, requirement: &Requirement) {
        match requirement {
            Requirement::Status(_) | Requirement::VerifiedWithin(_) => {}
            Requirement::Scopes(scopes) => self.scopes.extend(scopes.iter().cloned()),
            Requirement::AgeAtLeast(_) | Requirement::AgeBelow(_) => {
                self.scopes.insert(Scope::DateOfBirth);
            }
            Requirement::PhonePrefix(_) => {
                self.scopes.insert(Scope::Phone);
            }
            Requirement::IdentityAsRequested => {
                self.identity = true;
                self.scopes.insert(Scope::IdentityId);
            }
            Requirement::IdentityIn(_) | Requirement::IdentityNotIn(_) => {
                self.scopes.insert(Scope::IdentityId);
            }
            Requirement::Project(_) => self.project = true,
            Requirement::Attribute(name, _) => {
                self.attributes.insert(name.clone());
            }
            Requirement::Authenticated(_) => self.authentication = true,
            Requirement::Schedule(schedule) => {
                self.zones.insert(schedule.zone().to_owned());
            }
            Requirement::AnyOf(parts) | Requirement::AllOf(parts) => {
                for part in parts {
                    self.add(part);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{PolicyName, SourceText, parse};

    fn needs(rules: &str) -> Needs {
        let text = format!("version: 1\npolicies: {{p: {{require: [{rules}]}}}}");
        let path = "p.yaml".to_owned();
        let no_lists = |_: &str, _: &str| Err("no file".to_owned());
        let set = parse(&[Arc::new(SourceText { path, text })], &no_lists).unwrap();
        let name = PolicyName::parse("p").unwrap();
        set.find(&name).unwrap().needs()
    }

    #[test]
    fn every_fact_that_a_rule_reads_is_needed() {
        let scope = |scope| Needs {
            scopes: BTreeSet::from([scope]),
            ..Needs::default()
        };
        for (rule, needed) in [
            ("verified_within: 1d", Needs::default()),
            ("status: [VERIFIED]", Needs::default()),
            ("scopes: [NAME]", scope(Scope::Name)),
            ("age_at_least: 18", scope(Scope::DateOfBirth)),
            ("age_below: 18", scope(Scope::DateOfBirth)),
            ("phone_prefix: ['+1']", scope(Scope::Phone)),
            ("identity_in: [a]", scope(Scope::IdentityId)),
            ("identity_not_in: [a]", scope(Scope::IdentityId)),
            (
                "identity: same_as_request",
                Needs {
                    identity: true,
                    ..scope(Scope::IdentityId)
                },
            ),
            (
                "project: [p]",
                Needs {
                    project: true,
                    ..Needs::default()
                },
            ),
            (
                "attribute: {name: site, in: [hq]}",
                Needs {
                    attributes: BTreeSet::from(["site".into()]),
                    ..Needs::default()
                },
            ),
            (
                "authenticated: {within: 1h}",
                Needs {
                    authentication: true,
                    ..Needs::default()
                },
            ),
            (
                "schedule: {days: [mon], from: '07:00', to: '08:00', zone: Europe/Berlin}",
                Needs {
                    zones: BTreeSet::from(["Europe/Berlin".to_owned()]),
                    ..Needs::default()
                },
            ),
        ] {
            assert_eq!(needs(rule), needed, "{rule}");
            let inside = format!("any_of: [all_of: [{rule}]]");
            assert_eq!(needs(&inside), needed, "{inside}");
        }
    }
}
