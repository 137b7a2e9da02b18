//! Finds lines by time and by what they say. Lines are nearly in the order of their time, so that a binary search finds where to begin.

use std::{
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    sync::Arc,
    time::Duration,
};

use serde_json::Value;

use super::{
    files::{JournalFile, JournalFiles},
    lines::{Ending, LINE_BYTES_MAX},
    stream::{RawLine, ReadError, Stream},
};
use crate::{
    journal::LineStart,
    policy::{Timestamp, after, before, from_millis},
};

/// How far the times of lines may be out of order: no decision waits longer until it is recorded.
const DISORDER_MAX: Duration = Duration::from_mins(5);
/// The binary search ends at ranges that are this small, in bytes.
const RANGE_MIN: u64 = 64 * 1024;

/// A time range: from `since` on, before `until`.
#[derive(Debug, Clone, Copy, Default)]
pub struct TimeRange {
    /// The first instant.
    pub since: Option<Timestamp>,
    /// The first instant behind it.
    pub until: Option<Timestamp>,
}

impl TimeRange {
    /// Whether the range has this instant.
    pub fn has(&self, at: Timestamp) -> bool {
        self.since.is_none_or(|since| at >= since) && self.until.is_none_or(|until| at < until)
    }
}

/// The lines of a time range that are JSON objects, in the order of the journal.
#[derive(Debug)]
pub struct Records {
    stream: Stream,
    range: TimeRange,
    /// Lines that could not be read as a record.
    pub unreadable: u64,
}

/// A line as a record.
#[derive(Debug)]
pub struct Record {
    /// The line as it is in its file.
    pub raw: RawLine,
    /// Its members.
    pub value: Value,
    /// When.
    pub at: Timestamp,
}

impl Records {
    /// The records of this time range. Begins to read where the range begins.
    pub fn open(journal: &JournalFiles, range: TimeRange) -> Result<Self, ReadError> {
        let (files, offset) = match range.since {
            Some(since) => beginning(&journal.files, before(since, DISORDER_MAX))?,
            None => (journal.files.clone(), 0),
        };
        Ok(Self {
            stream: Stream::at(files, offset)?,
            range,
            unreadable: 0,
        })
    }

    /// The next record; `None` where the range ends.
    pub fn next_record(&mut self) -> Result<Option<Record>, ReadError> {
        while let Some(raw) = self.stream.next_line()? {
            // A line that is being written is none yet.
            if raw.ending == Ending::Torn {
                continue;
            }
            let value = serde_json::from_slice(&raw.bytes).ok();
            let value = value.filter(|value: &Value| value.is_object());
            let at = value
                .as_ref()
                .and_then(|value| value.get("at")?.as_str()?.parse().ok());
            let (Some(value), Some(at)) = (value, at) else {
                self.unreadable = self.unreadable.saturating_add(1);
                continue;
            };
            if self.is_over(at) {
                return Ok(None);
            }
            if self.range.has(at) {
                return Ok(Some(Record { raw, value, at }));
            }
        }
        Ok(None)
    }

    /// Whether no later line can be in the range.
    fn is_over(&self, at: Timestamp) -> bool {
        let until = self.range.until;
        until.is_some_and(|until| at > after(until, DISORDER_MAX))
    }
}

/// The decision with this id: first where its time says that it is, then everywhere.
pub fn find(journal: &JournalFiles, id: &str) -> Result<Option<Record>, ReadError> {
    if let Some(range) = range_of(id) {
        let found = find_in(journal, id, range)?;
        if found.is_some() || journal.files.iter().any(|file| file.is_stdin()) {
            return Ok(found);
        }
    }
    find_in(journal, id, TimeRange::default())
}

fn find_in(
    journal: &JournalFiles,
    id: &str,
    range: TimeRange,
) -> Result<Option<Record>, ReadError> {
    let mut records = Records::open(journal, range)?;
    while let Some(record) = records.next_record()? {
        let decision_id = record.value.get("decision_id").and_then(Value::as_str);
        if decision_id == Some(id) {
            return Ok(Some(record));
        }
    }
    Ok(None)
}

/// When a decision with this id was made: its first 48 bits are milliseconds.
fn range_of(id: &str) -> Option<TimeRange> {
    let id = uuid::Uuid::parse_str(id).ok()?;
    let (seconds, nanos) = id.get_timestamp()?.to_unix();
    let millis = i64::try_from(seconds).ok()?.checked_mul(1000)?;
    let at = from_millis(millis.checked_add(i64::from(nanos / 1_000_000))?);
    Some(TimeRange {
        since: Some(before(at, DISORDER_MAX)),
        until: Some(after(at, DISORDER_MAX)),
    })
}

/// The files from the one on in which lines of this time begin, and where they begin in it.
fn beginning(
    files: &[Arc<JournalFile>],
    since: Timestamp,
) -> Result<(Vec<Arc<JournalFile>>, u64), ReadError> {
    let (mut low, mut high) = (0, files.len());
    // Files before `low` begin earlier, those from `high` on do not.
    while low < high {
        let middle = low.midpoint(high);
        match files.get(middle).map(first_time).transpose()?.flatten() {
            Some(at) if at < since => low = middle.saturating_add(1),
            _ => high = middle,
        }
    }
    let first = low.saturating_sub(1);
    let rest = files.get(first..).unwrap_or_default().to_vec();
    let offset = match rest.first().filter(|file| file.is_seekable()) {
        Some(file) => offset_of(file, since)
            .map_err(|error| ReadError::Unreadable(file.path.clone(), error))?,
        None => 0,
    };
    Ok((rest, offset))
}

/// The time of the first line of a file; `None` if it has none.
fn first_time(file: &Arc<JournalFile>) -> Result<Option<Timestamp>, ReadError> {
    if file.is_stdin() {
        return Ok(None);
    }
    let mut stream = Stream::of(vec![Arc::clone(file)]);
    let line = stream.next_line()?;
    Ok(line.and_then(|line| time_of(&line.bytes)))
}

/// A place in the file where a line begins, before which all lines are earlier than this.
fn offset_of(file: &JournalFile, since: Timestamp) -> io::Result<u64> {
    let mut file = match File::open(&file.path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    // The line at `low` is earlier, or it is the beginning.
    let (mut low, mut high) = (0, file.metadata()?.len());
    while high.saturating_sub(low) > RANGE_MIN {
        let middle = low.midpoint(high);
        match line_behind(&mut file, middle, high)? {
            Some((offset, at)) if at < since => low = offset,
            _ => high = middle,
        }
    }
    Ok(low)
}

/// The first line that begins behind this offset and before `end` and has a time: where it begins, and its time.
fn line_behind(file: &mut File, offset: u64, end: u64) -> io::Result<Option<(u64, Timestamp)>> {
    file.seek(SeekFrom::Start(offset))?;
    let max = u64::try_from(LINE_BYTES_MAX).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    let mut read = file.take(max.saturating_mul(2).min(end.saturating_sub(offset)));
    read.read_to_end(&mut bytes)?;
    let mut at = offset;
    for (number, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let time = time_of(line).filter(|_| number > 0 && line.ends_with(b"\n"));
        if let Some(time) = time {
            return Ok(Some((at, time)));
        }
        at = at.saturating_add(u64::try_from(line.len()).unwrap_or(u64::MAX));
    }
    Ok(None)
}

/// When a line was recorded or decided.
fn time_of(line: &[u8]) -> Option<Timestamp> {
    if let Some(start) = LineStart::parse(line) {
        return Some(start.at);
    }
    let value: Value = serde_json::from_slice(line).ok()?;
    value.get("at")?.as_str()?.parse().ok()
}
