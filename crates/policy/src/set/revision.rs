//! The digest of the meaning of a set of policies.

use std::{collections::BTreeMap, fmt, fmt::Write as _};

use sha2::{Digest as _, Sha256};

use super::policy::{EvidenceTerms, Policy};
use crate::{effect::Effect, request::PolicyName, text::Whole, time::Shown, yaml::quoted};

/// The digits of a revision.
const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// The digest of the meaning of a set of policies, shown as 16 hexadecimal digits: the first half of a SHA-256. Layout, comments,
/// descriptions and the order of files are not a part of it; the order of rules is, because it is the order of reasons.
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

impl Revision {
    /// The 16 digits, in ASCII.
    pub fn digits(self) -> [u8; 16] {
        let mut digits = [0; 16];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(self.0) {
            for (digit, half) in pair.iter_mut().zip([byte >> 4, byte & 15]) {
                // Half a byte is one of 16.
                *digit = DIGITS.get(usize::from(half)).copied().unwrap_or_default();
            }
        }
        digits
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(str::from_utf8(&self.digits()).unwrap_or_default())
    }
}

/// The canonical text of a policy's meaning. It quotes the author's texts, so that different policies have different texts.
struct Canonical<'a>(&'a Policy);

impl fmt::Display for Canonical<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Policy {
            description: _,
            rules,
            evidence,
            reuse_allow,
            redirect,
            allow_unrecorded,
            reads: _,
            attributes: _,
            leaves: _,
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
        if *allow_unrecorded {
            writeln!(f, "allow_unrecorded")?;
        }
        write!(f, "reuse_allow {}", Shown(*reuse_allow))
    }
}
