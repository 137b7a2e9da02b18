//! One policy: its rules, and how to treat the evidence that they judge.

use std::time::Duration;

use crate::{
    effect::Refusal,
    rule::{Requirement, Rule},
    yaml::Location,
};

/// A compiled policy: rules, and how to treat the evidence that they judge.
#[derive(Debug, Clone)]
pub struct Policy {
    pub(super) description: Option<String>,
    pub(super) rules: Vec<Rule>,
    pub(super) evidence: EvidenceTerms,
    pub(super) reuse_allow: Duration,
    pub(super) redirect: Option<Box<str>>,
    /// Where its name was read, for those who write policies. Means nothing.
    pub(super) location: Option<Location>,
}

/// How old evidence may be, and what happens without any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EvidenceTerms {
    /// How old our copy of the upstream's answer may be before it is asked again.
    pub fresh_for: Duration,
    /// How much older it may be when the upstream cannot be asked.
    pub stale_for: Duration,
    /// The answer when nothing usable is known.
    pub unavailable: Refusal,
}

impl Default for EvidenceTerms {
    fn default() -> Self {
        Self {
            fresh_for: Duration::from_mins(5),
            stale_for: Duration::ZERO,
            unavailable: Refusal::Deny,
        }
    }
}

impl Policy {
    /// Makes a policy. Where no rule is about the status, `status: [VERIFIED]` stands first.
    pub fn new(
        description: Option<String>,
        mut rules: Vec<Rule>,
        evidence: EvidenceTerms,
        reuse_allow: Duration,
    ) -> Self {
        let about_status = |rule: &Rule| matches!(rule.requirement(), Requirement::Status(_));
        if !rules.iter().any(about_status) {
            let verified = Requirement::Status(["VERIFIED".into()].into());
            rules.insert(0, Rule::new(verified, Refusal::Deny));
        }
        Self {
            description,
            rules,
            evidence,
            reuse_allow,
            redirect: None,
            location: None,
        }
    }

    /// The same, its name read here.
    pub fn read_at(mut self, location: Location) -> Self {
        self.location = Some(location);
        self
    }

    /// The same, with where a browser may be sent for a step-up.
    pub fn redirecting(mut self, redirect: Option<Box<str>>) -> Self {
        self.redirect = redirect;
        self
    }

    /// Where its name was read, if it was.
    pub fn location(&self) -> Option<&Location> {
        self.location.as_ref()
    }

    /// What the policy is for, in its author's words.
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// The rules, in the order of the file.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// How old evidence may be, and what happens without any.
    pub fn evidence(&self) -> EvidenceTerms {
        self.evidence
    }

    /// Where a browser may be sent for a step-up, if anywhere.
    pub fn redirect(&self) -> Option<&str> {
        self.redirect.as_deref()
    }

    /// How long an ALLOW may be reused at most; zero: not at all.
    pub fn reuse_allow(&self) -> Duration {
        self.reuse_allow
    }
}
