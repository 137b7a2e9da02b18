//! Rules: a [`Requirement`], and the effect if it does not hold.

mod requirement;
mod unmet;

use std::sync::Arc;

pub(crate) use self::requirement::{AttributeNotIn, IfAbsent};
pub use self::requirement::{Authenticated, Given, Identities, Requirement};
use crate::{effect::Refusal, reason::Reason, time::Timestamp, when::When, yaml::Location};

/// A requirement, and the effect if it does not hold.
#[derive(Debug, Clone)]
pub struct Rule {
    requirement: Requirement,
    otherwise: Refusal,
    /// The requirement as a policy writes it, made once because every reason shows it.
    text: Arc<str>,
    /// Where it was read, for messages to authors. Not a part of its meaning.
    location: Option<Location>,
}

impl Rule {
    /// A rule that was not read from a text.
    pub fn new(requirement: Requirement, otherwise: Refusal) -> Self {
        let text = requirement.to_string().into();
        Self {
            requirement,
            otherwise,
            text,
            location: None,
        }
    }

    /// The same rule, read at this location.
    pub fn read_at(mut self, location: Location) -> Self {
        self.location = Some(location);
        self
    }

    /// The requirement.
    pub fn requirement(&self) -> &Requirement {
        &self.requirement
    }

    /// The effect if the requirement does not hold.
    pub fn otherwise(&self) -> Refusal {
        self.otherwise
    }

    /// The requirement as a policy writes it.
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// Where it was read, if it was read from a text.
    pub fn location(&self) -> Option<&Location> {
        self.location.as_ref()
    }

    /// Evaluates the requirement.
    pub(super) fn judge(&self, given: &Given<'_>) -> Judged<'_> {
        Judged {
            rule: self,
            holds: self.requirement.holds(given),
        }
    }
}

/// A rule that is evaluated with a request and a verification.
#[derive(Debug)]
pub(super) struct Judged<'p> {
    /// The rule.
    pub(super) rule: &'p Rule,
    /// The instants at which its requirement holds.
    pub(super) holds: When,
}

impl Judged<'_> {
    /// Why the rule is not met at this instant, if it is not. `given` is what it was evaluated with.
    pub(super) fn reason(&self, given: &Given<'_>, now: Timestamp) -> Option<Reason> {
        if self.holds.contains(now) {
            return None;
        }
        Some(Reason {
            code: self.rule.requirement.why_unmet(given, now),
            rule: Arc::clone(&self.rule.text),
            effect: self.rule.otherwise,
        })
    }
}

#[cfg(test)]
mod tests;
