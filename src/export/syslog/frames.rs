//! Messages that are to be sent: framed by their length (RFC 6587, 3.4.1; RFC 5425, 4.3), or each alone.

use std::collections::VecDeque;

/// Messages in their order. What is written of them may end in the middle of one.
#[derive(Debug, Default)]
pub(super) struct Frames {
    bytes: Vec<u8>,
    /// The length of each.
    lengths: VecDeque<usize>,
    /// How much of the bytes is written: less than the first message is long.
    written: usize,
}

impl Frames {
    /// Adds a message, with its length before it if they share a stream.
    pub(super) fn push(&mut self, message: &str, is_framed: bool) {
        let before = self.bytes.len();
        if is_framed {
            let length = format!("{} ", message.len());
            self.bytes.extend_from_slice(length.as_bytes());
        }
        self.bytes.extend_from_slice(message.as_bytes());
        let length = self.bytes.len().saturating_sub(before);
        self.lengths.push_back(length);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lengths.is_empty()
    }

    /// How long all of them are.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// What is to be written.
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(self.written..).unwrap_or_default()
    }

    /// The first message.
    pub(super) fn first(&self) -> Option<&[u8]> {
        self.bytes.get(..*self.lengths.front()?)
    }

    /// The first message was sent.
    pub(super) fn drop_first(&mut self) {
        if let Some(length) = self.lengths.pop_front() {
            self.bytes.drain(..length.min(self.bytes.len()));
        }
    }

    /// This number of bytes more was written; how many messages are whole by that.
    pub(super) fn written(&mut self, count: usize) -> usize {
        self.written = self.written.saturating_add(count);
        let (mut whole, mut messages) = (0_usize, 0_usize);
        while let Some(length) = self.lengths.front() {
            let end = whole.saturating_add(*length);
            if end > self.written {
                break;
            }
            whole = end;
            messages = messages.saturating_add(1);
            self.lengths.pop_front();
        }
        self.bytes.drain(..whole.min(self.bytes.len()));
        self.written = self.written.saturating_sub(whole);
        messages
    }

    /// The message that is written in part begins again.
    pub(super) fn rewind(&mut self) {
        self.written = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_is_written_in_part_begins_again_and_no_whole_one_does() {
        let mut frames = Frames::default();
        for message in ["<86>1 a", "<86>1 bc", "é"] {
            frames.push(message, true);
        }
        assert_eq!(frames.bytes(), "7 <86>1 a8 <86>1 bc2 é".as_bytes());
        assert_eq!(frames.written(8), 0);
        assert_eq!(frames.written(4), 1);
        frames.rewind();
        assert_eq!(frames.bytes(), "8 <86>1 bc2 é".as_bytes());
        assert_eq!(frames.written(frames.len()), 2);
        assert!(frames.is_empty() && frames.bytes().is_empty());
    }

    #[test]
    fn messages_are_taken_one_by_one() {
        let mut frames = Frames::default();
        frames.push("a", false);
        frames.push("bc", false);
        assert_eq!(frames.first(), Some(&b"a"[..]));
        frames.drop_first();
        assert_eq!(frames.first(), Some(&b"bc"[..]));
        frames.drop_first();
        assert!(frames.first().is_none() && frames.is_empty());
    }
}
