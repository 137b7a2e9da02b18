//! The members of a JSON object from a token.

use std::{collections::BTreeMap, fmt};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, Visitor},
};
use serde_json::Value;

/// The members of a JSON object. A duplicate name is an error: two readers of one token could otherwise see two values. They may be
/// personal data, so `Debug` shows none.
#[derive(Default)]
pub(super) struct Members(BTreeMap<String, Value>);

impl Members {
    /// Decodes a part of a token: base64url without padding and in its one canonical form, of a JSON object.
    pub(super) fn decode(part: &str) -> Option<Self> {
        let json = URL_SAFE_NO_PAD.decode(part).ok()?;
        serde_json::from_slice(&json).ok()
    }

    /// A member.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// A text. `Err` if it is of another type.
    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, NotATextError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(NotATextError),
        }
    }

    /// The audience: one text, or a list of them. `None` if it is missing or anything else.
    pub(super) fn audiences(&self) -> Option<Vec<&str>> {
        match self.get("aud")? {
            Value::String(audience) => Some(vec![audience]),
            Value::Array(list) => list.iter().map(Value::as_str).collect(),
            _ => None,
        }
    }
}

/// A member is not a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a text")]
pub(super) struct NotATextError;

impl fmt::Debug for Members {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Members({} ..)", self.0.len())
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Members, A::Error> {
        let mut members = BTreeMap::new();
        while let Some((name, value)) = entries.next_entry::<String, Value>()? {
            if members.insert(name, value).is_some() {
                return Err(A::Error::custom("duplicate name"));
            }
        }
        Ok(Members(members))
    }
}
