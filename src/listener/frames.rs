//! Where the frames of HTTP/2 are in a stream of bytes (RFC 9113, section 4.1), however these are cut.

/// Octets of the head of a frame.
const HEAD_BYTES: usize = 9;

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const CONTINUATION: u8 = 9;
pub(super) const END_HEADERS: u8 = 4;

/// Cuts what passes over a connection in one direction into frames.
#[derive(Debug, Default)]
pub(super) struct FrameCutter {
    /// The head that is being received, and how much of it is there.
    head: [u8; HEAD_BYTES],
    filled: usize,
    /// How much of the present frame is still to come.
    payload: usize,
}

/// A part of a stream of frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part<'b> {
    /// The head of a frame.
    Head {
        kind: u8,
        flags: u8,
        stream: u32,
        /// The length of what follows.
        length: usize,
    },
    /// What follows the last head, or a part of it.
    Payload(&'b [u8]),
}

impl FrameCutter {
    /// Cuts the next part off these bytes; `None` if there is no whole one, and nothing is left.
    pub(super) fn next<'b>(&mut self, bytes: &mut &'b [u8]) -> Option<Part<'b>> {
        if self.payload > 0 && !bytes.is_empty() {
            let (part, rest) = bytes.split_at(self.payload.min(bytes.len()));
            self.payload = self.payload.saturating_sub(part.len());
            *bytes = rest;
            return Some(Part::Payload(part));
        }
        let (part, rest) = bytes.split_at((HEAD_BYTES - self.filled).min(bytes.len()));
        let free = self.head.get_mut(self.filled..self.filled + part.len())?;
        free.copy_from_slice(part);
        *bytes = rest;
        self.filled += part.len();
        if self.filled < HEAD_BYTES {
            return None;
        }
        self.filled = 0;
        let [a, b, c, kind, flags, stream @ ..] = self.head;
        self.payload = usize::try_from(u32::from_be_bytes([0, a, b, c])).unwrap_or(usize::MAX);
        Some(Part::Head {
            kind,
            flags,
            // The first bit is reserved, and means nothing.
            stream: u32::from_be_bytes(stream) & 0x7fff_ffff,
            length: self.payload,
        })
    }

    /// Whether the last frame is whole, and no other has begun.
    pub(super) fn is_between(&self) -> bool {
        self.payload == 0 && self.filled == 0
    }

    /// Whether the last frame is whole.
    pub(super) fn is_whole(&self) -> bool {
        self.payload == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame on the stream 5.
    fn frame(kind: u8, payload: usize) -> Vec<u8> {
        let length = u32::try_from(payload).unwrap().to_be_bytes();
        let head = [&length[1..], &[kind, 1, 0x80, 0, 0, 5]].concat();
        [head, vec![0xff; payload]].concat()
    }

    #[test]
    fn frames_are_found_however_they_are_cut() {
        let sizes = [(DATA, 300), (HEADERS, 0), (6, 8), (4, 0)];
        let sent: Vec<u8> = sizes
            .iter()
            .flat_map(|(kind, size)| frame(*kind, *size))
            .collect();
        for piece in [1, 3, 9, 10, 64, 1_000] {
            let mut cutter = FrameCutter::default();
            let mut found = Vec::new();
            for mut bytes in sent.chunks(piece) {
                while let Some(part) = cutter.next(&mut bytes) {
                    match part {
                        Part::Head {
                            kind,
                            flags,
                            stream,
                            length,
                        } => {
                            assert_eq!((flags, stream), (1, 5), "the reserved bit is left out");
                            found.push((kind, 0));
                            assert_eq!(cutter.is_whole(), length == 0);
                        }
                        Part::Payload(part) => found.last_mut().unwrap().1 += part.len(),
                    }
                }
                assert!(bytes.is_empty());
            }
            assert_eq!(found, sizes, "{piece}");
            assert!(cutter.is_between(), "{piece}");
        }
        let mut cutter = FrameCutter::default();
        assert_eq!(cutter.next(&mut &[0, 0][..]), None);
        assert!(cutter.is_whole() && !cutter.is_between());
    }
}
