//! A folder of segments: files that end by size or age, named by the index of their first line. The chain goes on across them.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::{
    append_file::{AppendFile, FileState, as_u64, is_same, lock},
    aside::move_aside,
    chain::Chain,
    clock_jump::AHEAD_MAX,
    output::{Next, Output, OutputCheck, OutputError, Reopened, Resumed, name},
    own::{CutTail, Gap, GapReason, Own, PreviousFile},
    resume::{FileEnd, Lines, first_at, read_end},
    segment_file::{SegmentFile, compressed_name, segment_name, segments},
    settings::SegmentTerms,
};
use crate::policy::{Timestamp, between};

/// What is added to the name of a segment that cannot be gone on with.
const DAMAGED: &str = ".damaged";

/// The open segment of a folder.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// The folder, locked as long as it is open.
    lock: File,
    terms: SegmentTerms,
    segment: Segment,
    /// The one that comes after it.
    prepared: Option<Segment>,
    resumed: Option<Resumed>,
}

#[derive(Debug)]
struct Segment {
    path: PathBuf,
    file: AppendFile,
    opened_at: Timestamp,
    /// How many lines it has by now.
    lines: u64,
}

impl Folder {
    /// Opens the last segment of a folder, or a new one.
    pub(super) fn open(path: &Path, terms: SegmentTerms, now: Timestamp) -> io::Result<Self> {
        let folder = File::open(path)?;
        lock(&folder)?;
        let (segment, resumed) = match Found::look(path, now)? {
            Found::GoesOn(segment, resumed) => (segment, resumed),
            Found::Ended(resumed) => (Segment::create(path, resumed.first, now)?, resumed),
        };
        folder.sync_all()?;
        Ok(Self {
            path: path.to_owned(),
            lock: folder,
            terms,
            segment,
            prepared: None,
            resumed: Some(resumed),
        })
    }

    /// Goes on in another segment.
    fn put(&mut self, segment: Segment, gap: Option<GapReason>) -> Reopened {
        let previous = PreviousFile {
            name: name(&self.segment.path).into(),
            size: self.segment.file.whole(),
        };
        self.segment = segment;
        self.drop_prepared();
        Reopened {
            previous,
            gap,
            tail: None,
        }
    }

    /// Removes the segment that was prepared, if it is not the one that is written.
    fn drop_prepared(&mut self) {
        if let Some(prepared) = self.prepared.take()
            && prepared.path != self.segment.path
        {
            // An error leaves a file without a line, which counts nowhere.
            let _ = fs::remove_file(prepared.path);
        }
    }

    /// Locks the folder that the path names now, if that is another one: after a disk was repaired, or a folder put in its place.
    fn lock_named(&mut self) -> io::Result<()> {
        let named = File::open(&self.path)?;
        let is_same = match self.lock.metadata() {
            Ok(locked) => is_same(&named.metadata()?, &locked),
            Err(_) => false,
        };
        if !is_same {
            lock(&named)?;
            self.lock = named;
        }
        Ok(())
    }

    /// A new segment, whose name is on the disk.
    fn create(&mut self, next: Next) -> io::Result<Segment> {
        self.lock_named()?;
        let segment = Segment::create(&self.path, next.index, next.now)?;
        self.lock.sync_all()?;
        Ok(segment)
    }
}

impl Segment {
    /// Creates the segment that begins with this index. One of the same name that has nothing is replaced, and another one moved aside.
    fn create(folder: &Path, first: u64, now: Timestamp) -> io::Result<Self> {
        let path = folder.join(segment_name(first));
        match fs::metadata(&path) {
            Ok(metadata) if metadata.len() == 0 => fs::remove_file(&path)?,
            Ok(_) => move_aside(&path, DAMAGED)?,
            Err(_) => {}
        }
        let compressed = folder.join(compressed_name(first));
        if compressed.exists() {
            move_aside(&compressed, DAMAGED)?;
        }
        Ok(Self {
            file: AppendFile::create(&path)?,
            path,
            opened_at: now,
            lines: 0,
        })
    }
}

impl Output for Folder {
    fn resume(&mut self) -> Resumed {
        self.resumed.take().unwrap_or_default()
    }

    fn check(&mut self, _requested: bool, next: Next) -> Result<OutputCheck, OutputError> {
        let state = self.segment.file.state(&self.segment.path);
        let gap = match state {
            FileState::Same => return Ok(OutputCheck::Same),
            FileState::Truncated => GapReason::TruncatedFromOutside,
            FileState::Moved | FileState::Deleted => GapReason::FileMissing,
        };
        match self.create(next) {
            Ok(segment) => {
                self.segment.file.cut_unfinished();
                let reopened = self.put(segment, Some(gap));
                Ok(OutputCheck::Reopened(Some(reopened)))
            }
            Err(error) => Err(OutputError::not_reopened(&self.segment.path, state, error)),
        }
    }

    fn is_kept(&mut self) -> bool {
        self.segment.file.is_kept()
    }

    fn sync(&mut self) -> io::Result<()> {
        self.segment.file.sync()
    }

    fn cut_unfinished(&mut self) {
        self.segment.file.cut_unfinished();
    }

    fn finish(&mut self) {
        self.drop_prepared();
        self.segment.file.cut_unfinished();
    }

    fn replace(&mut self, next: Next) -> io::Result<Reopened> {
        let segment = self.create(next)?;
        Ok(self.put(segment, Some(GapReason::SyncFailed)))
    }

    fn is_full(&self, now: Timestamp) -> bool {
        let Segment {
            opened_at, lines, ..
        } = self.segment;
        let age = between(opened_at, now);
        // One that was begun with a clock that was ahead would not be old for as long.
        let is_old = age >= self.terms.age || between(now, opened_at) > AHEAD_MAX;
        // Its first line alone, or with the one of a process, is nothing to keep apart, but that time has passed.
        let has_ended = (is_old && lines > 2) || age >= self.terms.idle_age();
        has_ended || self.segment.file.len() >= self.terms.size
    }

    fn prepare(&mut self, next: Next) -> io::Result<()> {
        self.prepared = Some(self.create(next)?);
        Ok(())
    }

    fn go_on(&mut self, now: Timestamp) -> Option<Reopened> {
        let prepared = self.prepared.take()?;
        // What was written is confirmed already where it has to be; the length is then right without the end of the process.
        let _ = self.segment.file.sync_all();
        let opened_at = now;
        Some(self.put(
            Segment {
                opened_at,
                ..prepared
            },
            None,
        ))
    }
}

impl Write for Folder {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.segment.file.write(bytes)?;
        let written = bytes.get(..count).unwrap_or_default();
        let lines = written.split(|byte| *byte == b'\n').skip(1).count();
        self.segment.lines = self.segment.lines.saturating_add(as_u64(lines));
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.segment.file.flush()
    }
}

/// What a folder was left with.
enum Found {
    /// Its last segment goes on.
    GoesOn(Segment, Resumed),
    /// A new segment begins at `first`.
    Ended(Resumed),
}

impl Found {
    fn look(folder: &Path, now: Timestamp) -> io::Result<Self> {
        let segments = segments(folder)?;
        let mut gaps = holes(folder, &segments)?;
        let mut cut = Vec::new();
        for first in segments.iter().rev().copied() {
            let (path, file, FileEnd { whole, tail, lines }) = look_at(folder, first)?;
            let is_last = segments.last() == Some(&first) && gaps.iter().all(is_hole);
            match lines {
                // Of a process that was killed as it began the file.
                Lines::None if whole == 0 && file.is_some() => {
                    if tail.is_some() {
                        // Nothing says so yet.
                        move_aside(&path, DAMAGED)?;
                    } else {
                        fs::remove_file(&path)?;
                    }
                    cut.extend(tail);
                }
                Lines::Whole {
                    chain,
                    since_tree,
                    is_closed: false,
                    identifier_key,
                } if is_last && let Some(file) = file => {
                    let mut owed = vec![Own::Started];
                    owed.extend(tail.map(Own::TailCut));
                    owed.extend(gaps.into_iter().map(Own::Gap));
                    let segment = Segment {
                        opened_at: first_at(file.file())?.unwrap_or(now),
                        lines: chain.index().saturating_sub(first),
                        path,
                        file,
                    };
                    let resumed = Resumed {
                        chain,
                        since_tree,
                        first,
                        identifier_key,
                        owed,
                    };
                    return Ok(Self::GoesOn(segment, resumed));
                }
                Lines::Whole {
                    chain,
                    identifier_key,
                    ..
                } => {
                    cut.extend(tail);
                    let resumed = ended(segment_name(first), whole, cut, chain, gaps);
                    return Ok(Self::Ended(Resumed {
                        identifier_key,
                        ..resumed
                    }));
                }
                Lines::Broken {
                    chain: Some(chain),
                    last_index,
                } => {
                    gaps.push(unreadable(&path, Some(chain.index()), last_index));
                    let resumed = ended(segment_name(first), whole, cut, chain, gaps);
                    return Ok(Self::Ended(resumed));
                }
                Lines::None | Lines::Broken { .. } => {
                    gaps.push(unreadable(&path, Some(first), None));
                }
            }
        }
        Ok(Self::Ended(beginning(cut, gaps)))
    }
}

/// A segment as a process has left it: where it is, how it ends and, unless it is compressed, what is written to. A torn tail behind whole lines is
/// cut.
fn look_at(folder: &Path, first: u64) -> io::Result<(PathBuf, Option<AppendFile>, FileEnd)> {
    let path = folder.join(segment_name(first));
    if !path.exists() {
        let end = SegmentFile::open(folder, first)?.end()?;
        return Ok((folder.join(compressed_name(first)), None, end));
    }
    let mut file = AppendFile::open(&path)?;
    let end = read_end(file.file())?;
    if end.tail.is_some() && matches!(end.lines, Lines::Whole { .. }) {
        file.cut(end.whole)?;
    }
    Ok((path, Some(file), end))
}

/// The journal goes on in a new segment after the one of this name.
fn ended(name: String, size: u64, cut: Vec<CutTail>, chain: Chain, gaps: Vec<Gap>) -> Resumed {
    let previous = PreviousFile {
        name: name.into(),
        size,
    };
    let mut owed = vec![Own::SegmentOpened(Some(previous)), Own::Started];
    owed.extend(cut.into_iter().map(Own::TailCut));
    owed.extend(gaps.into_iter().map(Own::Gap));
    Resumed {
        first: chain.index(),
        chain,
        owed,
        ..Resumed::default()
    }
}

/// A journal begins, since nothing is left to go on with.
fn beginning(cut: Vec<CutTail>, gaps: Vec<Gap>) -> Resumed {
    let mut owed = vec![Own::SegmentOpened(None), Own::Started];
    owed.extend(cut.into_iter().map(Own::TailCut));
    if !gaps.is_empty() {
        owed.push(Own::Gap(Gap {
            reason: GapReason::StateLost,
            file: None,
            first_index: None,
            last_index: None,
        }));
    }
    owed.extend(gaps.into_iter().map(Own::Gap));
    Resumed {
        owed,
        ..Resumed::default()
    }
}

/// The files that are missing between these segments.
fn holes(folder: &Path, segments: &[u64]) -> io::Result<Vec<Gap>> {
    let mut gaps = Vec::new();
    for pair in segments.windows(2) {
        let [first, next] = *pair else { continue };
        let last = SegmentFile::open(folder, first)?.last_index(folder, first, next)?;
        let expected = last.and_then(|last| last.checked_add(1));
        if let Some(expected) = expected.filter(|expected| *expected < next) {
            gaps.push(Gap {
                reason: GapReason::FileMissing,
                file: Some(segment_name(expected).into()),
                first_index: Some(expected),
                last_index: next.checked_sub(1),
            });
        }
    }
    Ok(gaps)
}

fn is_hole(gap: &Gap) -> bool {
    gap.reason == GapReason::FileMissing
}

fn unreadable(path: &Path, first_index: Option<u64>, last_index: Option<u64>) -> Gap {
    Gap {
        reason: GapReason::FileUnreadable,
        file: Some(name(path).into()),
        first_index,
        last_index,
    }
}
