//! Counts the streams that the HTTP/2 library refuses on a connection: those beyond the streams that are permitted, and malformed ones.
//! Their calls never begin, and the RST_STREAM that is sent is all that shows them, but the library keeps what it has allocated for
//! them until the connection ends.

use super::frames::{FrameCutter, Part, RST_STREAM};

/// Codes with which calls are reset that have begun (RFC 9113, section 7): NO_ERROR after an answer that did not wait for the message, and
/// CANCEL.
const NO_ERROR: u32 = 0;
const CANCEL: u32 = 8;

/// Follows the frames that a connection sends.
#[derive(Debug, Default)]
pub(super) struct SentFrames {
    cutter: FrameCutter,
    is_reset: bool,
    /// What has been sent of the code of a RST_STREAM.
    code: u32,
}

impl SentFrames {
    /// How many streams were refused by these bytes.
    pub(super) fn refused(&mut self, mut bytes: &[u8]) -> u32 {
        let mut refused: u32 = 0;
        while let Some(part) = self.cutter.next(&mut bytes) {
            match part {
                Part::Head { kind, .. } => {
                    self.is_reset = kind == RST_STREAM;
                    self.code = 0;
                }
                Part::Payload(part) if self.is_reset => {
                    for byte in part {
                        self.code = self.code << 8 | u32::from(*byte);
                    }
                    let is_error = self.code != NO_ERROR && self.code != CANCEL;
                    if self.cutter.is_whole() && is_error {
                        refused = refused.saturating_add(1);
                    }
                }
                Part::Payload(_) => {}
            }
        }
        refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_that_are_reset_with_an_error_were_refused() {
        let reset = |code: u8| [0, 0, 4, RST_STREAM, 0, 0, 0, 0, 1, 0, 0, 0, code];
        let data = [0, 0, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 7];
        let sent = [reset(7), reset(0), data, reset(8), reset(1), reset(7)].concat();
        for piece in [1, 2, 11, 13, 100] {
            let mut frames = SentFrames::default();
            let refused: u32 = sent.chunks(piece).map(|part| frames.refused(part)).sum();
            assert_eq!(refused, 3, "{piece}");
        }
    }
}
