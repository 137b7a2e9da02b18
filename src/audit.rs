//! Reads journals: finds their files, streams their lines, verifies them, searches them, and proves single lines. Never writes one.
//!
//! Everything here takes at most the memory of some lines, whatever the journal's size, and no byte of a journal makes it panic.

mod files;
mod lines;
mod line;
mod brief;
mod stream;
mod search;
mod follow;
pub mod changes;
pub mod decision;
pub mod facts;
pub mod replay;
pub mod shadows;
pub mod proof;
pub mod verify;

pub use self::{
    brief::Brief,
    files::{FindError, JournalFile, JournalFiles},
    follow::{Follow, FollowError},
    line::{Kind, Line, LineError, Parsed},
    lines::{Ending, LINE_BYTES_MAX},
    search::{Record, Records, TimeRange, find},
    stream::{RawLine, ReadError, Stream},
};
