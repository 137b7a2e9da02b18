//! What the journal records of itself: where a file begins and ends, when a process began to write, and what is missing.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{chain::Chain, line::to_json, line_start::hex, merkle::Hash, sealing::SealedDataKey};
use crate::build_info::VERSION;

/// An event of the journal itself. The state of the tree is added when its line is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Own {
    /// A file begins, and goes on where this one ended.
    SegmentOpened(Option<PreviousFile>),
    /// The file ends.
    SegmentClosed,
    /// A process begins to write.
    Started,
    /// A clean end, after this number of lines of the process.
    Stopped { lines: u64 },
    /// The state of the tree alone.
    Tree,
    /// An unfinished line was cut.
    TailCut(CutTail),
    /// Lines are missing.
    Gap(Gap),
    /// Retention removed a file.
    SegmentRemoved(RemovedSegment),
    /// Facts are sealed with another data key from here on.
    FactsKey(SealedDataKey),
    /// Identifiers are recorded under another key than before the process began.
    IdentifierKey(IdentifierKeyChange),
    /// An operator changed something.
    Changed(ChangeEvent),
}

/// What an operator changed, as a line has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChangeEvent {
    /// Its name.
    pub event: &'static str,
    /// What else is known.
    #[serde(flatten)]
    pub members: Map<String, Value>,
}

/// The ids of the keys of identifiers: before the process began, and now. Absent where identifiers are not keyed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct IdentifierKeyChange {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) from: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) to: Option<Box<str>>,
}

/// What the lines that begin a file or a process say of the journal.
#[derive(Debug, Clone, Default)]
pub(super) struct Header {
    /// The name of the journal.
    pub(super) origin: Box<str>,
    /// The id of the key of identifiers, if they are keyed.
    pub(super) identifier_key: Option<Box<str>>,
    /// The data keys of which facts may follow.
    pub(super) facts_keys: Vec<SealedDataKey>,
}

/// The events whose lines have the state of the tree.
pub(super) const WITH_TREE: [&str; 3] = ["segment_opened", "journal_started", TREE];
/// The event that has nothing else.
const TREE: &str = "tree";
/// The last event of a file.
pub(super) const CLOSED: &str = "segment_closed";

/// A file that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PreviousFile {
    pub(super) name: Box<str>,
    /// In bytes, up to its last whole line.
    pub(super) size: u64,
}

/// What was cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct CutTail {
    pub(super) bytes: u64,
    /// In hex.
    pub(super) sha256: String,
}

/// What is missing, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Gap {
    pub(super) reason: GapReason,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) first_index: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last_index: Option<u64>,
}

/// Why lines are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GapReason {
    /// The file became shorter while it was written.
    TruncatedFromOutside,
    /// The file is not where it was.
    FileMissing,
    /// The file has lines that do not follow each other.
    FileUnreadable,
    /// The system did not confirm that the lines are on the disk. They are recorded again.
    SyncFailed,
    /// No state of the tree was found, so that a new journal begins.
    StateLost,
}

impl Serialize for GapReason {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl GapReason {
    /// Its name in a line.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::TruncatedFromOutside => "truncated_from_outside",
            Self::FileMissing => "file_missing",
            Self::FileUnreadable => "file_unreadable",
            Self::SyncFailed => "sync_failed",
            Self::StateLost => "state_lost",
        }
    }
}

/// A file that retention removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct RemovedSegment {
    pub(super) name: Box<str>,
    pub(super) first_index: u64,
    pub(super) last_index: u64,
    /// In hex; absent where its lines do not follow each other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last_hash: Option<String>,
    /// That of the tree over all lines up to its last one; absent in the same case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) root: Option<String>,
}

/// The body of a line.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Body<'b> {
    SegmentOpened {
        origin: &'b str,
        tree: Vec<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        previous_file: Option<PreviousFileBody<'b>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        identifier_key: Option<&'b str>,
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        facts_keys: &'b [SealedDataKey],
    },
    SegmentClosed {
        lines: u64,
        root: String,
    },
    JournalStarted {
        origin: &'b str,
        tree: Vec<String>,
        version: &'b str,
        #[serde(skip_serializing_if = "Option::is_none")]
        identifier_key: Option<&'b str>,
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        facts_keys: &'b [SealedDataKey],
    },
    JournalStopped {
        lines: u64,
    },
    Tree {
        tree: Vec<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        identifier_key: Option<&'b str>,
    },
    FactsKey {
        facts_keys: [&'b SealedDataKey; 1],
    },
    IdentifierKeyChanged(&'b IdentifierKeyChange),
    TailCut(&'b CutTail),
    Gap(&'b Gap),
    SegmentRemoved(&'b RemovedSegment),
}

#[derive(Serialize)]
struct PreviousFileBody<'b> {
    name: &'b str,
    size: u64,
    last_hash: String,
}

impl Own {
    /// The body of its line in a journal of which this is to be said, after these lines, in the file whose first line has this index.
    pub(super) fn body(&self, header: &Header, chain: &Chain, first: u64) -> Vec<u8> {
        let Header {
            origin, facts_keys, ..
        } = header;
        let identifier_key = header.identifier_key.as_deref();
        let tree = || chain.tree().subtrees().iter().map(base64).collect();
        let body = match self {
            Self::SegmentOpened(previous) => Body::SegmentOpened {
                origin,
                tree: tree(),
                previous_file: previous.as_ref().map(|file| PreviousFileBody {
                    name: &file.name,
                    size: file.size,
                    last_hash: hex(chain.previous()),
                }),
                identifier_key,
                facts_keys,
            },
            Self::SegmentClosed => Body::SegmentClosed {
                lines: chain.index().saturating_sub(first),
                root: base64(&chain.tree().root()),
            },
            Self::Started => Body::JournalStarted {
                origin,
                tree: tree(),
                version: VERSION,
                identifier_key,
                facts_keys,
            },
            Self::Stopped { lines } => Body::JournalStopped { lines: *lines },
            Self::Tree => Body::Tree {
                tree: tree(),
                identifier_key,
            },
            Self::FactsKey(key) => Body::FactsKey { facts_keys: [key] },
            Self::IdentifierKey(change) => Body::IdentifierKeyChanged(change),
            Self::TailCut(cut) => Body::TailCut(cut),
            Self::Gap(gap) => Body::Gap(gap),
            Self::SegmentRemoved(removed) => Body::SegmentRemoved(removed),
            Self::Changed(change) => return to_json(change),
        };
        to_json(&body)
    }

    /// The output was opened again; because an operator asked for that, or because its path names another file.
    pub(super) fn reopened(requested: bool) -> Self {
        let members = [("requested".to_owned(), Value::from(requested))];
        Self::Changed(ChangeEvent {
            event: "journal_reopened",
            members: Map::from_iter(members),
        })
    }

    /// Whether its line has the state of the tree.
    pub(super) fn has_tree(&self) -> bool {
        matches!(self, Self::SegmentOpened(_) | Self::Started | Self::Tree)
    }
}

/// The root of the tree over these lines, in base64.
pub(super) fn root(chain: &Chain) -> String {
    base64(&chain.tree().root())
}

fn base64(hash: &Hash) -> String {
    STANDARD.encode(hash)
}
