//! `policy needs`: the facts of a verification and of a request that a policy reads, and the scopes to ask the vendor for.

use std::collections::BTreeSet;

use crate::{evidence::Scope, rule::Requirement, set::Policy};

/// What a policy reads. The status, the identifiers and the time of a verification are always read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// The scopes to ask the vendor for. `IDENTITY_ID` is always granted.
    pub scopes: BTreeSet<Scope>,
    /// Whether the verification's project is read.
    pub project: bool,
    /// Whether the request has to name an identity.
    pub identity: bool,
    /// Whether the request has to say how the session was authenticated.
    pub authentication: bool,
    /// The attributes that the request has to carry.
    pub attributes: BTreeSet<Box<str>>,
    /// The time zones whose clocks are read.
    pub zones: BTreeSet<String>,
}

impl Policy {
    /// The facts that it reads.
    pub fn needs(&self) -> Needs {
        let mut needs = Needs {
            attributes: self.attributes().clone(),
            ..Needs::default()
        };
        for rule in self.rules() {
            needs.add(rule.requirement());
        }
        needs
    }
}

impl Needs {
    fn add(&mut self, requirement: &Requirement) {
        match requirement {
            // The policy itself knows its attributes.
            Requirement::Status(_)
            | Requirement::VerifiedWithin(_)
            | Requirement::Attribute(..)
            | Requirement::AttributeNotIn(_) => {}
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
mod tests;
