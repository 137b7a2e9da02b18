//! One line of a journal: what it begins with, its hash, and what it is.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    journal::{
        LineStart,
        merkle::{Hash, Tree, leaf_hash},
    },
    json::StrictJson,
    policy::Timestamp,
};

/// The version of the format that is read here.
const VERSION: u64 = 2;
/// What a line with a newline is.
#[derive(Debug)]
pub enum Parsed {
    /// A line of version 2.
    Chained(Box<Line>),
    /// A line of the first format, which has no version and is in no chain.
    Unchained,
}

/// A line of version 2.
#[derive(Debug)]
pub struct Line {
    /// Its place in the journal.
    pub index: u64,
    /// What it says that the hash of the line before is.
    pub previous: Hash,
    /// When it was recorded or decided.
    pub at: Timestamp,
    /// Its own hash.
    pub hash: Hash,
    /// What it records.
    pub kind: Kind,
    /// All of its members.
    pub json: StrictJson,
}

/// What a line records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A decision.
    Decision,
    /// The event of this name.
    Event(Box<str>),
}

/// Why bytes are no line of a journal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// Not JSON, or an object with a member twice.
    #[error("it is {0}")]
    NotJson(String),
    /// JSON, but no object.
    #[error("it is no JSON object")]
    NoObject,
    /// Of another version.
    #[error("its version is not {VERSION}")]
    OtherVersion,
    /// It has not the form of a line.
    #[error(
        "it does not begin with `v`, `index`, `previous` and `at`, in this order, without spaces, each in its form"
    )]
    OtherStart,
    /// It has a member of version 2, and no version.
    #[error("it has `{0}`, but not `v`")]
    NoVersion(&'static str),
    /// It is neither a decision nor an event.
    #[error("it has neither `decision` nor `event`")]
    NoKind,
}

impl Parsed {
    /// Reads a line, with its newline.
    pub fn parse(bytes: &[u8]) -> Result<Self, LineError> {
        let text = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let json =
            StrictJson::parse(text).map_err(|error| LineError::NotJson(error.to_string()))?;
        let members = json.members().ok_or(LineError::NoObject)?;
        if json.get("v").is_none() {
            let has = |name: &&&str| members.iter().any(|(other, _)| **other == ***name);
            return match ["index", "previous"].iter().find(has) {
                Some(name) => Err(LineError::NoVersion(name)),
                None => Ok(Self::Unchained),
            };
        }
        let version = json.get("v").and_then(StrictJson::scalar);
        if version.as_deref() != Some("2") {
            return Err(LineError::OtherVersion);
        }
        let start = LineStart::parse(text).ok_or(LineError::OtherStart)?;
        let kind = kind(&json).ok_or(LineError::NoKind)?;
        Ok(Self::Chained(Box::new(Line {
            index: start.index,
            previous: start.previous,
            at: start.at,
            hash: leaf_hash(bytes),
            kind,
            json,
        })))
    }
}

impl Line {
    /// Whether it is the event of this name.
    pub fn is_event(&self, name: &str) -> bool {
        matches!(&self.kind, Kind::Event(event) if **event == *name)
    }

    /// A member that is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.json.get(name).and_then(StrictJson::text)
    }

    /// The state of the tree over the lines before this one, if it has one that fits its index.
    pub fn tree(&self) -> Option<Tree> {
        let hashes = self.json.get("tree")?.items()?.iter().map(|item| {
            let hash = STANDARD.decode(item.text()?).ok()?;
            Hash::try_from(hash).ok()
        });
        Tree::from_subtrees(self.index, hashes.collect::<Option<_>>()?)
    }

    /// A member that is a whole number and not negative.
    pub fn number(&self, name: &str) -> Option<u64> {
        number(&self.json, name)
    }
}

/// A member of an object that is a whole number and not negative.
pub(super) fn number(object: &StrictJson, name: &str) -> Option<u64> {
    match object.get(name)? {
        StrictJson::Integer(number) => u64::try_from(*number).ok(),
        _ => None,
    }
}

fn kind(json: &StrictJson) -> Option<Kind> {
    if json.get("decision").is_some() {
        return Some(Kind::Decision);
    }
    let event = json.get("event")?.text()?;
    Some(Kind::Event(event.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZEROS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

    fn line(index: &str, at: &str, rest: &str) -> String {
        format!("{{\"v\":2,\"index\":{index},\"previous\":\"{ZEROS}\",\"at\":\"{at}\"{rest}}}\n")
    }

    const AT: &str = "2026-01-31T12:00:00.000Z";

    #[test]
    fn a_line_is_read_with_its_start_its_hash_and_its_kind() {
        let text = line("7", AT, ",\"event\":\"tree\",\"tree\":[]");
        let Ok(Parsed::Chained(read)) = Parsed::parse(text.as_bytes()) else {
            panic!("{text}");
        };
        assert_eq!((read.index, read.previous), (7, [0; 32]));
        assert_eq!(read.at.to_string(), "2026-01-31T12:00:00Z");
        assert!(read.is_event("tree") && !read.is_event("gap"));
        assert_eq!(read.hash, leaf_hash(text.as_bytes()));
        assert_eq!(
            crate::journal::from_hex(&crate::journal::hex(&read.hash)),
            Some(read.hash)
        );
        let decision = line("7", AT, ",\"decision\":\"allow\"");
        let Ok(Parsed::Chained(read)) = Parsed::parse(decision.as_bytes()) else {
            panic!("{decision}");
        };
        assert_eq!(read.kind, Kind::Decision);
    }

    #[test]
    fn a_line_of_another_form_is_rejected() {
        let event = ",\"event\":\"x\"";
        for (text, expected) in [
            (line("07", AT, event), "not JSON"),
            (line("-7", AT, event), "does not begin"),
            (line("7.0", AT, event), "does not begin"),
            (line("18446744073709551616", AT, event), "does not begin"),
            (line("7", "2026-01-31T12:00:00Z", event), "does not begin"),
            (
                line("7", "2026-01-31T12:00:00.000+00:00", event),
                "does not begin",
            ),
            (
                line("7", "2026-02-31T12:00:00.000Z", event),
                "does not begin",
            ),
            (line("7", AT, ""), "does not begin"),
            (line("7", AT, ",\"event\":7"), "neither"),
            (
                line("7", AT, ",\"event\":\"x\",\"event\":\"y\""),
                "not JSON",
            ),
            (line("7", AT, event).replace(":2,", ":3,"), "version"),
            (
                line("7", AT, event).replace("{\"v", "{ \"v"),
                "does not begin",
            ),
            (
                line("7", AT, event).replace("\"v\"", "\"w\""),
                "but not `v`",
            ),
            (
                line("7", AT, event).replace("000000", "00000G"),
                "does not begin",
            ),
            (line("7", AT, event).replace("\"}", "\"}x"), "not JSON"),
            ("[]\n".to_owned(), "no JSON object"),
            ("\n".to_owned(), "not JSON"),
        ] {
            let error = Parsed::parse(text.as_bytes()).expect_err(&text).to_string();
            assert!(error.contains(expected), "{text}{error}");
        }
        let first = b"{\"at\":\"2026-01-31T12:00:00.000Z\",\"decision\":\"allow\"}\n";
        assert!(matches!(Parsed::parse(first), Ok(Parsed::Unchained)));
    }
}
