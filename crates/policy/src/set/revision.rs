//! The digest of what a set of policies means.

use std::{collections::BTreeMap, fmt, fmt::Write as _};

use sha2::{Digest as _, Sha256};

use super::policy::{EvidenceTerms, Policy};
use crate::{effect::Effect, request::PolicyName, text::Whole, time::Shown, yaml::quoted};

/// 16 hexadecimal digits: the digest of what a set of policies means. Layout, comments, descriptions and the order of
/// files do not count; the order of rules does, because it is the order of reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Revision([u8; 8]);

impl Revision {
    pub(super) fn of(policies: &BTreeMap<PolicyName, Policy>) -> Self {
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
