//! The keys of an issuer: a JSON Web Key Set (RFC 7517), as it was when it was read.

use std::{collections::BTreeSet, fmt};

use jsonwebtoken::Algorithm;
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, Visitor},
};
use serde_json::Value;

use super::{
    config::RsaAlgorithm,
    jwk::{Jwk, Key, SkipReason},
    rejected::Rejected,
    unambiguous::Unambiguous,
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
    #[error("it is not a JSON Web Key Set (line {line}, column {column}): {FORM}")]
    NotAKeySet {
        /// The line.
        line: usize,
        /// The column.
        column: usize,
    },
    /// It has two members of the same name. Where a key has them, that key alone is skipped.
    #[error("it has two members of the same name (line {line}, column {column})")]
    Ambiguous {
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

/// The keys of a set, each `None` if it is ambiguous.
struct WrittenSet {
    keys: Vec<Option<Value>>,
}

/// What is expected of a set, and what else may be wrong with its members.
const FORM: &str = "an object with a list `keys` is expected";
const DUPLICATE: &str = "two members of the same name";

impl<'de> Deserialize<'de> for WrittenSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(SetVisitor)
    }
}

struct SetVisitor;

impl<'de> Visitor<'de> for SetVisitor {
    type Value = WrittenSet;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(FORM)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<WrittenSet, A::Error> {
        let (mut names, mut keys) = (BTreeSet::new(), None);
        while let Some(name) = members.next_key::<String>()? {
            let is_ambiguous = if name == "keys" {
                let written: Vec<Unambiguous> = members.next_value()?;
                keys = Some(written.into_iter().map(|Unambiguous(key)| key).collect());
                false
            } else {
                let Unambiguous(value) = members.next_value()?;
                value.is_none()
            };
            if is_ambiguous || !names.insert(name) {
                return Err(A::Error::custom(DUPLICATE));
            }
        }
        let keys = keys.ok_or_else(|| A::Error::custom(FORM))?;
        Ok(WrittenSet { keys })
    }
}

fn unusable(error: &serde_json::Error) -> KeySetError {
    let (line, column) = (error.line(), error.column());
    if error.to_string().starts_with(DUPLICATE) {
        KeySetError::Ambiguous { line, column }
    } else {
        KeySetError::NotAKeySet { line, column }
    }
}

impl KeySet {
    /// Reads a set. Keys that cannot be used are skipped; there must be one that can.
    pub(super) fn parse(text: &[u8], rsa: RsaAlgorithm) -> Result<Self, KeySetError> {
        let WrittenSet { keys: written } =
            serde_json::from_slice(text).map_err(|error| unusable(&error))?;
        let count = written.len();
        if count > KEYS_MAX {
            return Err(KeySetError::TooManyKeys(count));
        }
        let (mut keys, mut reasons) = (Vec::new(), BTreeSet::new());
        for value in written {
            let value = value.ok_or(SkipReason::Ambiguous);
            let jwk = value.and_then(|value| {
                Object::<Jwk>::deserialize(value).map_err(|_| SkipReason::Malformed)
            });
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
