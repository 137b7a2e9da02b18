//! One rule: a requirement, when it holds, and why it does not. A new requirement is one variant and one arm in each
//! `match` of this file, of `text.rs`, and of `parse.rs`.

mod requirement;
mod unmet;

use std::sync::Arc;

pub use self::requirement::{Authenticated, Given, Identities, Requirement};
use crate::{effect::Refusal, reason::Reason, time::Timestamp, when::When, yaml::Location};

/// A requirement, and what happens where it does not hold.
#[derive(Debug, Clone)]
pub struct Rule {
    requirement: Requirement,
    otherwise: Refusal,
    /// The requirement as the policy would write it, made once because every reason shows it.
    text: Arc<str>,
    /// Where it was read, for those who write policies. Means nothing.
    location: Option<Location>,
}

impl Rule {
    /// Joins the two.
    pub fn new(requirement: Requirement, otherwise: Refusal) -> Self {
        let text = requirement.to_string().into();
        Self {
            requirement,
            otherwise,
            text,
            location: None,
        }
    }

    /// The same, read here.
    pub fn read_at(mut self, location: Location) -> Self {
        self.location = Some(location);
        self
    }

    /// What has to hold.
    pub fn requirement(&self) -> &Requirement {
        &self.requirement
    }

    /// What happens where it does not.
    pub fn otherwise(&self) -> Refusal {
        self.otherwise
    }

    /// The requirement as the policy would write it.
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// Where it was read, if it was.
    pub fn location(&self) -> Option<&Location> {
        self.location.as_ref()
    }

    /// Evaluates it.
    pub(super) fn judge(&self, given: &Given<'_>) -> Judged<'_> {
        Judged {
            rule: self,
            holds: self.requirement.holds(given),
        }
    }
}

/// A rule, and when it holds with the facts that it was evaluated with.
#[derive(Debug)]
pub(super) struct Judged<'p> {
    /// The rule.
    pub(super) rule: &'p Rule,
    /// The instants at which its requirement holds.
    pub(super) holds: When,
}

impl Judged<'_> {
    /// Why the rule is not met at this instant, if it is not. Given are the facts that it was evaluated with.
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
