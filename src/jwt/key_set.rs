//! The keys of an issuer: a JSON Web Key Set (RFC 7517), as it was when it was read.

use std::collections::BTreeSet;

use jsonwebtoken::Algorithm;
use serde::Deserialize;
use serde_json::Value;

use super::{
    config::RsaAlgorithm,
    jwk::{Jwk, Key, SkipReason},
    rejected::Rejected,
};
use crate::json::Object;

/// The size of a set, in bytes.
pub(super) const SET_BYTES_MAX: usize = 256 * 1024;
/// The number of keys in a set.
const KEYS_MAX: usize = 64;

/// The keys of an issuer that verify tokens.
#[derive(Debug)]
pub(super) struct KeySet {
    keys: Vec<Key>,
    skipped: usize,
    reasons: BTreeSet<SkipReason>,
}

/// Why a text is not a usable key set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// It is not JSON of a set's form. The place is in the text, and nothing of the text is shown.
    #[error(
        "it is not a JSON Web Key Set (line {line}, column {column}): an object with a list `keys` is expected"
    )]
    NotAKeySet {
        /// The line.
        line: usize,
        /// The column.
        column: usize,
    },
    /// It has too many keys.
    #[error("it has {0} keys, and at most 64 are read")]
    TooManyKeys(usize),
    /// None of its keys can be used.
    #[error("none of its {keys} keys can be used{}", listed(.reasons))]
    NoUsableKey {
        /// How many there are.
        keys: usize,
        /// Why not, each reason once.
        reasons: Vec<&'static str>,
    },
}

fn listed(reasons: &[&str]) -> String {
    let separator = if reasons.is_empty() { "" } else { ": " };
    format!("{separator}{}", reasons.join("; "))
}

#[derive(Deserialize)]
struct WrittenSet {
    keys: Vec<Value>,
}

impl KeySet {
    /// Reads a set. Keys that cannot be used are skipped; there must be one that can.
    pub(super) fn parse(text: &[u8], rsa: RsaAlgorithm) -> Result<Self, KeySetError> {
        let Object(WrittenSet { keys: written }) =
            serde_json::from_slice(text).map_err(|error| KeySetError::NotAKeySet {
                line: error.line(),
                column: error.column(),
            })?;
        let count = written.len();
        if count > KEYS_MAX {
            return Err(KeySetError::TooManyKeys(count));
        }
        let (mut keys, mut reasons) = (Vec::new(), BTreeSet::new());
        for value in written {
            let jwk = Object::<Jwk>::deserialize(value).map_err(|_| SkipReason::Malformed);
            match jwk.and_then(|Object(jwk)| jwk.into_key(rsa, count == 1)) {
                Ok(key) => keys.push(key),
                Err(reason) => {
                    reasons.insert(reason);
                }
            }
        }
        let set = Self {
            skipped: count.saturating_sub(keys.len()),
            keys,
            reasons,
        };
        if set.keys.is_empty() {
            let reasons = set.reasons.iter().map(|reason| reason.as_str()).collect();
            return Err(KeySetError::NoUsableKey {
                keys: count,
                reasons,
            });
        }
        Ok(set)
    }

    /// The keys that a token may be signed with: those of its `kid`, if their algorithm is its own. A token without `kid` is signed by
    /// the only key there is, if that has none either.
    pub(super) fn find(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<impl Iterator<Item = &Key>, Rejected> {
        let is_named = move |key: &&Key| key.kid.as_deref() == kid;
        if !self.keys.iter().any(|key| is_named(&key)) {
            return Err(Rejected::UnknownKey);
        }
        let has_algorithm = move |key: &&Key| is_named(key) && key.algorithm == algorithm;
        if !self.keys.iter().any(|key| has_algorithm(&key)) {
            return Err(Rejected::WrongAlgorithm);
        }
        Ok(self.keys.iter().filter(has_algorithm))
    }

    /// How many keys can be used.
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// How many keys cannot be used.
    pub(super) fn skipped(&self) -> usize {
        self.skipped
    }

    /// Why keys cannot be used, each reason once.
    pub(super) fn skip_reasons(&self) -> String {
        let reasons: Vec<&str> = self.reasons.iter().map(|reason| reason.as_str()).collect();
        reasons.join("; ")
    }
}
