//! A policy, and the set of policies that is in force together, named by the digest of its meaning.

use std::{collections::BTreeMap, fmt, fmt::Write as _, time::Duration};

use sha2::{Digest as _, Sha256};

use super::{
    effect::{Effect, Refusal},
    request::PolicyName,
    rule::{Requirement, Rule},
    text::Whole,
    time::Shown,
    yaml::{Location, quoted},
};

/// A compiled policy: rules, and how to treat the evidence that they judge.
#[derive(Debug, Clone)]
pub struct Policy {
    description: Option<String>,
    rules: Vec<Rule>,
    evidence: EvidenceTerms,
    reuse_allow: Duration,
    redirect: Option<Box<str>>,
    /// Where its name was read, for those who write policies. Means nothing.
    location: Option<Location>,
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

/// The policies that are in force together.
#[derive(Debug, Clone)]
pub struct PolicySet {
    policies: BTreeMap<PolicyName, Policy>,
    revision: Revision,
}

impl PolicySet {
    /// Makes a set, and names it.
    pub fn new(policies: BTreeMap<PolicyName, Policy>) -> Self {
        let revision = Revision::of(&policies);
        Self { policies, revision }
    }

    /// The policy of this name.
    pub fn find(&self, name: &PolicyName) -> Option<&Policy> {
        self.policies.get(name)
    }

    /// Every policy with its name, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&PolicyName, &Policy)> {
        self.policies.iter()
    }

    /// How many policies there are.
    pub fn len(&self) -> usize {
        self.policies.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.policies.is_empty()
    }

    /// The name of what the set means.
    pub fn revision(&self) -> Revision {
        self.revision
    }
}

/// 16 hexadecimal digits: the digest of what a set of policies means. Layout, comments, descriptions and the order of
/// files do not count; the order of rules does, because it is the order of reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Revision([u8; 8]);

impl Revision {
    fn of(policies: &BTreeMap<PolicyName, Policy>) -> Self {
        let mut canonical = String::from("verigate policy set 1\n");
        for (name, policy) in policies {
            // Writing to a `String` cannot fail.
            let _ = writeln!(canonical, "policy {name}\n{}", Canonical(policy));
        }
        let digest = Sha256::digest(canonical.as_bytes());
        let mut first = [0; 8];
        first
            .iter_mut()
            .zip(digest)
            .for_each(|(byte, digit)| *byte = digit);
        Self(first)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The one text of a policy's meaning. Texts of the author's are quoted in it, so that no two policies share it.
struct Canonical<'a>(&'a Policy);

impl fmt::Display for Canonical<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Policy {
            description: _,
            rules,
            evidence,
            reuse_allow,
            redirect,
            location: _,
        } = self.0;
        for rule in rules {
            let otherwise = Effect::from(rule.otherwise());
            let requirement = Whole(rule.requirement());
            writeln!(f, "rule {requirement} otherwise {otherwise}")?;
        }
        let EvidenceTerms {
            fresh_for,
            stale_for,
            unavailable,
        } = *evidence;
        writeln!(f, "fresh_for {}", Shown(fresh_for))?;
        writeln!(f, "stale_for {}", Shown(stale_for))?;
        writeln!(f, "unavailable {}", Effect::from(unavailable))?;
        if let Some(redirect) = redirect {
            writeln!(f, "redirect {}", quoted(redirect))?;
        }
        write!(f, "reuse_allow {}", Shown(*reuse_allow))
    }
}
