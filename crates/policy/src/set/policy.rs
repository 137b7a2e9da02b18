//! One policy: its rules, and how to treat the evidence that they judge.

use std::{
    collections::BTreeSet,
    sync::{Arc, OnceLock},
    time::Duration,
};

use super::leaf::Leaf;
use crate::{
    effect::Refusal,
    evidence::DataKinds,
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
    pub(super) allow_unrecorded: bool,
    /// The kinds of a person's data that the rules read. Follows from them.
    pub(super) reads: DataKinds,
    /// The attributes of a request that the rules read. Follows from them.
    pub(super) attributes: BTreeSet<Box<str>>,
    /// The requirements without parts that the rules consist of. Follows from them; made when it is first used.
    pub(super) leaves: OnceLock<Arc<[Leaf]>>,
    /// Where its name was read, for messages to authors. Not a part of its meaning.
    pub(super) location: Option<Location>,
}

/// How old evidence may be, and the effect without any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EvidenceTerms {
    /// The max age of evidence: the upstream is asked again for older evidence.
    pub fresh_for: Duration,
    /// How much older it may be if the upstream cannot be asked (stale-if-error).
    pub stale_for: Duration,
    /// The effect if the upstream cannot be asked, and there is no evidence that is recent enough.
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
    /// A policy that was not read from a text. If no rule is about the status, `status: [VERIFIED]` becomes the first rule.
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
            reads: reads(&rules),
            attributes: attributes(&rules),
            rules,
            evidence,
            reuse_allow,
            redirect: None,
            leaves: OnceLock::new(),
            allow_unrecorded: false,
            location: None,
        }
    }

    /// A policy of exactly these rules, without the one about the status that every other policy has. It is for comparisons: a part of a
    /// policy, or one that is taken apart. Never in force.
    pub(crate) fn of_exactly(rules: Vec<Rule>) -> Self {
        Self {
            description: None,
            reads: reads(&rules),
            attributes: attributes(&rules),
            rules,
            evidence: EvidenceTerms::default(),
            reuse_allow: Duration::ZERO,
            redirect: None,
            leaves: OnceLock::new(),
            allow_unrecorded: false,
            location: None,
        }
    }

    /// The same policy, its name read at this location.
    pub fn read_at(mut self, location: Location) -> Self {
        self.location = Some(location);
        self
    }

    /// The same policy, with the URL to which a browser may be sent for a step-up.
    pub fn redirecting(mut self, redirect: Option<Box<str>>) -> Self {
        self.redirect = redirect;
        self
    }

    /// The same policy; whether its decisions are given also while they cannot be recorded.
    pub fn allowing_unrecorded(mut self, allow: bool) -> Self {
        self.allow_unrecorded = allow;
        self
    }

    /// Where its name was read, if it was read from a text.
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

    /// The kinds of a person's data that it reads. Evidence that has not kept them is none for it.
    pub fn reads(&self) -> DataKinds {
        self.reads
    }

    /// The attributes of a request that it reads. No other has an effect on a decision.
    pub fn attributes(&self) -> &BTreeSet<Box<str>> {
        &self.attributes
    }

    /// The requirements without parts that the rules consist of, in their order, each once.
    pub(crate) fn leaves(&self) -> &[Leaf] {
        self.leaves.get_or_init(|| Leaf::of(&self.rules))
    }

    /// How old evidence may be, and the effect without any.
    pub fn evidence(&self) -> EvidenceTerms {
        self.evidence
    }

    /// Whether a verification with this status may satisfy the policy, whatever else is known of it. If not, only another status can.
    pub fn accepts_status(&self, status: Option<&str>) -> bool {
        let mut requirements = self.rules.iter().map(Rule::requirement);
        requirements.all(|requirement| requirement.may_hold_with(status))
    }

    /// The URL to which a browser may be sent for a step-up, if any.
    pub fn redirect(&self) -> Option<&str> {
        self.redirect.as_deref()
    }

    /// Whether its decisions are given also while they cannot be recorded.
    pub fn allows_unrecorded(&self) -> bool {
        self.allow_unrecorded
    }

    /// How long an ALLOW may be reused at most; zero: it must not be.
    pub fn reuse_allow(&self) -> Duration {
        self.reuse_allow
    }
}

fn reads(rules: &[Rule]) -> DataKinds {
    let requirements = rules.iter().map(Rule::requirement);
    requirements.map(Requirement::reads).collect()
}

fn attributes(rules: &[Rule]) -> BTreeSet<Box<str>> {
    let mut names = BTreeSet::new();
    for rule in rules {
        rule.requirement().add_attributes(&mut names);
    }
    names
}
