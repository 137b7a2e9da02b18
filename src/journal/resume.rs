//! How a journal that was written before goes on: its end is read backwards to the last line that has the state of the tree, and from
//! there forwards.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read as _, Seek as _, SeekFrom},
    os::unix::fs::FileExt as _,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::digest::{Context, SHA256};
use serde::Deserialize;

use super::{
    append_file::as_u64,
    chain::Chain,
    line_start::{LineStart, hex},
    merkle::{Hash, Tree},
    own::{CLOSED, CutTail, WITH_TREE},
};
use crate::policy::Timestamp;

/// Read at once.
const CHUNK: u64 = 1024 * 1024;
/// No prefix with the name of an event is longer.
const PREFIX_MAX: u64 = 256;
/// A longer line is not one of a journal: an answer has at most 64 KiB.
pub(super) const LINE_MAX: u64 = 1024 * 1024;

/// How a file ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FileEnd {
    /// The end of the last line that has a newline.
    pub(super) whole: u64,
    /// What follows it.
    pub(super) tail: Option<CutTail>,
    /// What its lines of version 2 are.
    pub(super) lines: Lines,
}

/// The lines of version 2 of a file, from its last state of the tree on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Lines {
    /// There are none.
    None,
    /// The journal goes on after them.
    Whole {
        chain: Chain,
        /// How many there are since the state of the tree.
        since_tree: u64,
        /// Whether the last one ends the file.
        is_closed: bool,
        /// The id of the key of identifiers, if they are keyed.
        identifier_key: Option<Box<str>>,
    },
    /// A line does not follow the one before.
    Broken {
        /// After the last line that does, if the state is known there.
        chain: Option<Chain>,
        /// The last index that the file names.
        last_index: Option<u64>,
    },
}

impl Lines {
    /// The index of the last line.
    pub(super) fn last_index(&self) -> Option<u64> {
        match self {
            Self::None => None,
            Self::Whole { chain, .. } => chain.index().checked_sub(1),
            Self::Broken { last_index, .. } => *last_index,
        }
    }
}

/// Reads the end of a file.
pub(super) fn read_end(file: &File) -> io::Result<FileEnd> {
    let len = file.metadata()?.len();
    let whole = rfind(file, len, 0, end_of_last_line)?.unwrap_or(0);
    Ok(FileEnd {
        whole,
        tail: cut_tail(file, whole, len)?,
        lines: read_lines(file, whole)?,
    })
}

fn cut_tail(file: &File, whole: u64, len: u64) -> io::Result<Option<CutTail>> {
    let bytes = len.saturating_sub(whole);
    if bytes == 0 {
        return Ok(None);
    }
    let mut context = Context::new(&SHA256);
    let mut at = whole;
    while at < len {
        let chunk = read(file, at, len.min(at.saturating_add(CHUNK)))?;
        context.update(&chunk);
        at = at.saturating_add(CHUNK);
    }
    let digest = context.finish();
    let hash = Hash::try_from(digest.as_ref()).unwrap_or_default();
    let sha256 = hex(&hash);
    Ok(Some(CutTail { bytes, sha256 }))
}

fn read_lines(file: &File, whole: u64) -> io::Result<Lines> {
    let start = rfind(file, whole, PREFIX_MAX, last_with_tree)?;
    let last_index = last_index(file, whole)?;
    let Some(start) = start else {
        return Ok(match last_index {
            None => Lines::None,
            Some(_) => Lines::Broken {
                chain: None,
                last_index,
            },
        });
    };
    let mut reader = file;
    reader.seek(SeekFrom::Start(start))?;
    let mut reader = BufReader::new(reader.take(whole.saturating_sub(start)));
    let (mut followed, mut line) = (Followed::default(), Vec::new());
    loop {
        line.clear();
        if (&mut reader).take(LINE_MAX).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        if !followed.push(&line) {
            let chain = followed.chain;
            return Ok(Lines::Broken { chain, last_index });
        }
    }
    Ok(followed.end())
}

/// Reads a file that cannot be read backwards, from its first line on, which has the state of the tree. What cannot be decoded is as a line that
/// does not follow the one before.
pub(super) fn read_through(mut reader: impl BufRead) -> io::Result<FileEnd> {
    let (mut followed, mut line) = (Followed::default(), Vec::new());
    let (mut whole, mut last_index) = (0_u64, None);
    let mut is_broken = false;
    loop {
        line.clear();
        match (&mut reader).take(LINE_MAX).read_until(b'\n', &mut line) {
            Ok(0) => break,
            Ok(length) => whole = whole.saturating_add(as_u64(length)),
            Err(error) if error.raw_os_error().is_some() => return Err(error),
            Err(_) => {
                is_broken = true;
                break;
            }
        }
        is_broken = is_broken || !followed.push(&line);
        last_index = LineStart::parse(&line)
            .map(|start| start.index)
            .or(last_index);
    }
    let lines = if is_broken {
        let chain = followed.chain;
        Lines::Broken { chain, last_index }
    } else {
        followed.end()
    };
    Ok(FileEnd {
        whole,
        tail: None,
        lines,
    })
}

/// Lines that follow each other, the first of which has the state of the tree.
#[derive(Default)]
struct Followed {
    /// After the last one.
    chain: Option<Chain>,
    since_tree: u64,
    is_closed: bool,
    /// Of the first line.
    identifier_key: Option<Box<str>>,
}

impl Followed {
    /// Adds a line; whether it follows the one before.
    fn push(&mut self, line: &[u8]) -> bool {
        let Some(after) = follow(self.chain.as_ref(), line) else {
            return false;
        };
        if self.chain.is_none() {
            let with_tree = serde_json::from_slice::<WithTree>(line);
            self.identifier_key = with_tree.ok().and_then(|line| line.identifier_key);
        }
        self.is_closed = LineStart::parse(line).is_some_and(|prefix| prefix.is_event(CLOSED));
        self.since_tree = self.since_tree.saturating_add(1);
        self.chain = Some(after);
        true
    }

    fn end(self) -> Lines {
        let Self {
            since_tree,
            is_closed,
            identifier_key,
            chain,
        } = self;
        chain.map_or(Lines::None, |chain| Lines::Whole {
            chain,
            since_tree,
            is_closed,
            identifier_key,
        })
    }
}

/// The chain after a line: the first one has the state of the tree, and each other one follows the one before.
fn follow(chain: Option<&Chain>, line: &[u8]) -> Option<Chain> {
    let prefix = LineStart::parse(line)?;
    let mut chain = match chain {
        None => chain_before(&prefix, line)?,
        Some(chain) => {
            let follows = prefix.index == chain.index() && prefix.previous == *chain.previous();
            follows.then(|| chain.clone())?
        }
    };
    line.ends_with(b"\n").then(|| chain.push(line))?;
    Some(chain)
}

#[derive(Deserialize)]
struct WithTree {
    tree: Vec<String>,
    identifier_key: Option<Box<str>>,
}

/// The chain before a line that has the state of the tree.
fn chain_before(prefix: &LineStart<'_>, line: &[u8]) -> Option<Chain> {
    let WithTree { tree, .. } = serde_json::from_slice(line).ok()?;
    let subtrees = tree.iter().map(|root| {
        let root = STANDARD.decode(root).ok()?;
        Hash::try_from(root).ok()
    });
    let tree = Tree::from_subtrees(prefix.index, subtrees.collect::<Option<_>>()?)?;
    Some(Chain::after(tree, prefix.previous))
}

/// Where the last line of this window begins that has the state of the tree.
fn last_with_tree(window: &[u8], from: u64) -> Option<u64> {
    let mut end = window.len();
    loop {
        let before = window.get(..end)?;
        let newline = before.iter().rposition(|byte| *byte == b'\n');
        // What is before the first newline begins a line only at the start of the file.
        let start = match newline {
            Some(newline) => newline.checked_add(1)?,
            None if from == 0 => 0,
            None => return None,
        };
        let prefix = window.get(start..).and_then(LineStart::parse);
        if prefix.is_some_and(|prefix| WITH_TREE.iter().any(|name| prefix.is_event(name))) {
            return from.checked_add(as_u64(start));
        }
        end = newline?;
    }
}

/// The index of the last whole line of a file, if that is of version 2.
pub(super) fn last_line_index(file: &File) -> io::Result<Option<u64>> {
    let len = file.metadata()?.len();
    let whole = rfind(file, len, 0, end_of_last_line)?;
    last_index(file, whole.unwrap_or(0))
}

/// The end of the last line of this window.
fn end_of_last_line(window: &[u8], from: u64) -> Option<u64> {
    let at = window.iter().rposition(|byte| *byte == b'\n')?;
    from.checked_add(as_u64(at))?.checked_add(1)
}

fn last_index(file: &File, whole: u64) -> io::Result<Option<u64>> {
    let before = whole.saturating_sub(1);
    let start = rfind(file, before, 0, end_of_last_line)?.unwrap_or(0);
    let end = whole.min(start.saturating_add(PREFIX_MAX));
    let line = read(file, start, end)?;
    Ok(LineStart::parse(&line).map(|prefix| prefix.index))
}

/// The index of the first line of version 2 of a file, if that is its first line.
pub(super) fn first_index(file: &File) -> io::Result<Option<u64>> {
    let len = file.metadata()?.len();
    let line = read(file, 0, len.min(PREFIX_MAX))?;
    Ok(LineStart::parse(&line).map(|prefix| prefix.index))
}

/// When the first line of a file was recorded.
pub(super) fn first_at(file: &File) -> io::Result<Option<Timestamp>> {
    let len = file.metadata()?.len();
    let line = read(file, 0, len.min(PREFIX_MAX))?;
    Ok(LineStart::parse(&line).map(|start| start.at))
}

/// Looks through a file from its end, in windows that overlap by this much; what is found in one, which begins there.
fn rfind(
    file: &File,
    end: u64,
    overlap: u64,
    find: impl Fn(&[u8], u64) -> Option<u64>,
) -> io::Result<Option<u64>> {
    let mut to = end;
    while to > 0 {
        let from = to.saturating_sub(CHUNK);
        let window = read(file, from, end.min(to.saturating_add(overlap)))?;
        if let Some(found) = find(&window, from) {
            return Ok(Some(found));
        }
        to = from;
    }
    Ok(None)
}

/// Reads what is between two places.
fn read(file: &File, from: u64, to: u64) -> io::Result<Vec<u8>> {
    let length = usize::try_from(to.saturating_sub(from)).unwrap_or(0);
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, from)?;
    Ok(bytes)
}
