//! The members of a line that are handed on beside the line, or decide how.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::{Map, Value};

/// Their names. A line has several times as much beside them, and building a value of all of it took most of the time of an export.
const NAMES: [&str; 11] = [
    "caller",
    "decision",
    "decision_id",
    "event",
    "identity_id",
    "index",
    "policy",
    "policy_revision",
    "reasons",
    "request_id",
    "verification_id",
];

/// These members of a line, as an object; empty if it is no object.
pub(super) fn members(line: &[u8]) -> Value {
    let read: Result<Members, _> = serde_json::from_slice(line);
    Value::Object(read.unwrap_or_default().0)
}

#[derive(Default)]
struct Members(Map<String, Value>);

#[derive(Deserialize)]
struct Name<'l>(#[serde(borrow)] Cow<'l, str>);

impl<'l> Deserialize<'l> for Members {
    fn deserialize<D: Deserializer<'l>>(line: D) -> Result<Self, D::Error> {
        line.deserialize_map(Read)
    }
}

struct Read;

impl<'l> Visitor<'l> for Read {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a line of the journal")
    }

    fn visit_map<A: MapAccess<'l>>(self, mut line: A) -> Result<Members, A::Error> {
        let mut members = Map::new();
        while let Some(Name(name)) = line.next_key()? {
            if NAMES.contains(&&*name) {
                members.insert(name.into_owned(), line.next_value()?);
            } else {
                line.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Members(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        audit::Brief,
        export::{
            severity::Severity,
            syslog::{EXAMPLE_ENTERPRISE, Sender},
        },
        policy::from_millis,
    };

    /// Of each kind of line, with each member that it may have.
    #[test]
    fn a_message_of_these_members_is_that_of_the_whole_line() {
        let sender = Sender {
            host: "-".into(),
            process: "-".into(),
            enterprise: EXAMPLE_ENTERPRISE,
        };
        let lines = include_str!("../../tests/golden/journal.jsonl").lines();
        let mut count = 0;
        for line in lines {
            let (whole, members) = (
                serde_json::from_str(line).unwrap(),
                members(line.as_bytes()),
            );
            let (whole, members): (Value, Value) = (whole, members);
            let message = |line| sender.message(line, from_millis(0));
            assert_eq!(message(&members), message(&whole), "{line}");
            let severity = |line| Severity::of(Brief::of(line));
            assert_eq!(severity(&members), severity(&whole), "{line}");
            count += 1;
        }
        assert!(count > 40);
    }

    #[test]
    fn what_is_no_object_has_no_members() {
        for line in ["", "7", "[]", "{\"index\":1", "{\"index\":1}x"] {
            assert_eq!(
                members(line.as_bytes()),
                Value::Object(Map::new()),
                "{line}"
            );
        }
    }
}
