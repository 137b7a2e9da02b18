//! The lines of one file, one at a time, with where they are. A line that is too long is passed over, not kept.

use std::io::{self, BufRead, Read as _};

/// The length of a line, in bytes. The lines of a journal are far shorter.
pub const LINE_BYTES_MAX: usize = 1024 * 1024;

/// How a line ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With a newline.
    Whole,
    /// With the end of the file, without a newline.
    Torn,
    /// With a newline, more than [`LINE_BYTES_MAX`] bytes later. Only its beginning is kept.
    TooLong,
}

/// Reads the lines of a file.
pub(super) struct LineReader {
    input: Box<dyn BufRead + Send>,
    /// The line that is read next, from 1 on.
    number: u64,
    /// Where it begins, in bytes from the start of the file.
    offset: u64,
}

/// Where a line is that was read, and how it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ReadLine {
    pub(super) number: u64,
    pub(super) offset: u64,
    /// Its length in bytes, with the newline.
    pub(super) length: u64,
    pub(super) ending: Ending,
}

impl LineReader {
    pub(super) fn new(input: Box<dyn BufRead + Send>) -> Self {
        Self {
            input,
            number: 1,
            offset: 0,
        }
    }

    /// Reads from a line on that begins at this offset. Its number is not known: lines are counted from there.
    pub(super) fn at(input: Box<dyn BufRead + Send>, offset: u64) -> Self {
        Self {
            offset,
            ..Self::new(input)
        }
    }

    /// Reads the next line into an empty buffer; `None` at the end of the file.
    pub(super) fn read(&mut self, buffer: &mut Vec<u8>) -> io::Result<Option<ReadLine>> {
        buffer.clear();
        let max = u64::try_from(LINE_BYTES_MAX).unwrap_or(u64::MAX);
        let mut length = as_u64((&mut self.input).take(max).read_until(b'\n', buffer)?);
        if length == 0 {
            return Ok(None);
        }
        let is_kept_whole = buffer.ends_with(b"\n");
        let ending = if is_kept_whole {
            Ending::Whole
        } else {
            let (skipped, ending) = self.skip()?;
            length = length.saturating_add(skipped);
            ending
        };
        let line = ReadLine {
            number: self.number,
            offset: self.offset,
            length,
            ending,
        };
        self.number = self.number.saturating_add(1);
        self.offset = self.offset.saturating_add(length);
        Ok(Some(line))
    }

    /// How many lines were read.
    pub(super) fn lines_read(&self) -> u64 {
        self.number.saturating_sub(1)
    }

    /// Passes over the rest of a line. How many bytes that were, and how it ends.
    fn skip(&mut self) -> io::Result<(u64, Ending)> {
        let mut skipped = 0_u64;
        loop {
            let bytes = self.input.fill_buf()?;
            let newline = bytes.iter().position(|byte| *byte == b'\n');
            let (count, is_end) = match newline {
                Some(at) => (at.saturating_add(1), true),
                None => (bytes.len(), false),
            };
            self.input.consume(count);
            skipped = skipped.saturating_add(as_u64(count));
            match (is_end, count) {
                (true, _) => return Ok((skipped, Ending::TooLong)),
                (false, 0) => return Ok((skipped, Ending::Torn)),
                (false, _) => {}
            }
        }
    }
}

impl std::fmt::Debug for LineReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LineReader {{ number: {}, .. }}", self.number)
    }
}

fn as_u64(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Vec<(Vec<u8>, ReadLine)> {
        let mut reader = LineReader::new(Box::new(io::Cursor::new(bytes.to_vec())));
        let (mut lines, mut buffer) = (Vec::new(), Vec::new());
        while let Some(line) = reader.read(&mut buffer).unwrap() {
            lines.push((buffer.clone(), line));
        }
        lines
    }

    #[test]
    fn each_line_is_read_with_its_place_and_its_ending() {
        let lines = read(b"a\n\nbc\n\xff\0");
        let places: Vec<_> = lines.iter().map(|(_, line)| *line).collect();
        let line = |number, offset, length, ending| ReadLine {
            number,
            offset,
            length,
            ending,
        };
        let expected = [
            line(1, 0, 2, Ending::Whole),
            line(2, 2, 1, Ending::Whole),
            line(3, 3, 3, Ending::Whole),
            line(4, 6, 2, Ending::Torn),
        ];
        assert_eq!(places, expected);
        assert_eq!(lines[3].0, b"\xff\0");
        assert_eq!(read(b""), []);
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_over() {
        for (length, ending) in [
            (LINE_BYTES_MAX - 1, Ending::Whole),
            (LINE_BYTES_MAX, Ending::TooLong),
            (3 * LINE_BYTES_MAX, Ending::TooLong),
        ] {
            let mut bytes = vec![b'x'; length];
            bytes.extend(b"\nnext\n");
            let lines = read(&bytes);
            assert_eq!(lines[0].1.ending, ending, "{length}");
            assert!(lines[0].0.len() <= LINE_BYTES_MAX);
            assert_eq!(lines[1].0, b"next\n");
            assert_eq!(lines[1].1.offset, as_u64(length) + 1);
        }
        let torn = read(&vec![0; 2 * LINE_BYTES_MAX]);
        assert_eq!(torn[0].1.ending, Ending::Torn);
        assert_eq!(torn[0].1.length, as_u64(2 * LINE_BYTES_MAX));
    }
}
