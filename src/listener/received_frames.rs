//! Follows the frames of HTTP/2 that a connection receives: since when a frame or the head of a call is underway, how much was received that
//! stays in memory, and how many frames cost work and belong to no call: PING, SETTINGS, PRIORITY, WINDOW_UPDATE, RST_STREAM and
//! unknown ones. The HTTP library waits for the rest of a frame for ever, and answers control frames without a bound, so that a few
//! connections can occupy a processor.

use super::frames::{CONTINUATION, DATA, END_HEADERS, FrameCutter, HEADERS, Part, RST_STREAM};

/// Control frames that a connection may send in a tick without any call.
const PER_TICK: u32 = 100;
/// Control frames that each frame of a call permits beside it.
const PER_CALL_FRAME: u32 = 10;
/// The most that is saved up for later.
const SAVED_MAX: u32 = 10_000;

/// Calls that may be reset in a tick in the same read in which they came: a peer that does so on purpose makes work for nothing.
const RESETS_PER_TICK: u32 = 1_000;
/// The same while the service is overloaded: what honest callers have cancelled at its deadline is then read together with the call itself.
const RESETS_PER_TICK_OVERLOADED: u32 = 12_000;

/// Follows the frames in what a connection receives.
#[derive(Debug, Default)]
pub(super) struct ReceivedFrames {
    cutter: FrameCutter,
    /// Whether what follows the last head of a frame stays in memory.
    is_kept: bool,
    /// Whether the head of a call has begun whose last frame is still to come.
    in_head: bool,
    /// The tick since when a frame or a head is underway, and how much of it is there.
    since: Option<u32>,
    underway: usize,
    /// Control frames that may still come.
    permitted: u32,
    tick: Option<u32>,
    /// The first call that began in the present read, and the last one that began at all.
    first_begun: u32,
    last_begun: u32,
    /// Calls that were reset in this tick in the read in which they came.
    resets: u32,
}

impl ReceivedFrames {
    /// How much of what was received at this tick stays in memory until its call ends: heads, messages, and what fills the same buffers.
    /// `None` if it has more control frames than are permitted. Begins behind the preface.
    pub(super) fn receive(
        &mut self,
        mut bytes: &[u8],
        tick: u32,
        is_overloaded: bool,
    ) -> Option<usize> {
        self.first_begun = u32::MAX;
        if self.tick != Some(tick) {
            self.tick = Some(tick);
            self.resets = 0;
            self.permitted = self.permitted.max(PER_TICK);
        }
        let mut kept: usize = 0;
        while let Some(part) = self.cutter.next(&mut bytes) {
            match part {
                Part::Head {
                    kind,
                    flags,
                    stream,
                    ..
                } => self.begin(kind, flags, stream)?,
                Part::Payload(part) => {
                    self.underway = self.underway.saturating_add(part.len());
                    if self.is_kept {
                        kept = kept.saturating_add(part.len());
                    }
                }
            }
            if self.cutter.is_whole() && !self.in_head {
                self.since = None;
                self.underway = 0;
            }
        }
        if self.in_head || !self.cutter.is_between() {
            self.since.get_or_insert(tick);
        }
        let resets_max = if is_overloaded {
            RESETS_PER_TICK_OVERLOADED
        } else {
            RESETS_PER_TICK
        };
        (self.resets <= resets_max).then_some(kept)
    }

    /// The tick since when a frame or the head of a call is underway, if one is.
    pub(super) fn since(&self) -> Option<u32> {
        self.since
    }

    /// How much of it is there.
    pub(super) fn underway(&self) -> usize {
        self.underway
    }

    /// A frame begins; `None` if it is not permitted.
    fn begin(&mut self, kind: u8, flags: u8, stream: u32) -> Option<()> {
        self.follow_call(kind, stream);
        // Of a head that is not whole, only what is underway counts, until its last frame.
        self.is_kept = kind == DATA || kind > CONTINUATION;
        if matches!(kind, HEADERS | CONTINUATION) {
            self.in_head = flags & END_HEADERS == 0;
        }
        if matches!(kind, DATA | HEADERS | CONTINUATION) {
            self.permitted = self.permitted.saturating_add(PER_CALL_FRAME).min(SAVED_MAX);
        } else {
            self.permitted = self.permitted.checked_sub(1)?;
        }
        Some(())
    }

    /// Counts the calls that are reset in the read in which they came. The ids of streams only rise.
    fn follow_call(&mut self, kind: u8, stream: u32) {
        if kind == HEADERS && stream > self.last_begun {
            self.last_begun = stream;
            self.first_begun = self.first_begun.min(stream);
        } else if kind == RST_STREAM && stream >= self.first_begun {
            self.resets = self.resets.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, payload: usize) -> Vec<u8> {
        flagged(kind, END_HEADERS, payload)
    }

    fn flagged(kind: u8, flags: u8, payload: usize) -> Vec<u8> {
        let length = u32::try_from(payload).unwrap().to_be_bytes();
        let head = [&length[1..], &[kind, flags, 0, 0, 0, 0]].concat();
        [head, vec![0xff; payload]].concat()
    }

    #[test]
    fn control_frames_are_permitted_in_proportion_to_those_of_calls() {
        const PING: u8 = 6;
        let mut frames = ReceivedFrames::default();
        for tick in 0..50 {
            for _ in 0..PER_TICK {
                let permitted = frames.receive(&frame(PING, 8), tick, false);
                assert!(permitted.is_some(), "{tick}");
            }
        }
        assert!(
            frames.receive(&frame(PING, 8), 49, false).is_none(),
            "one too many in a tick"
        );
        let mut frames = ReceivedFrames::default();
        for _ in 0..1_000 {
            let call = [frame(HEADERS, 60), frame(DATA, 40)].concat();
            assert!(frames.receive(&call, 0, false).is_some());
            for _ in 0..10 {
                assert!(frames.receive(&frame(8, 4), 0, false).is_some());
            }
        }
    }

    #[test]
    fn frames_are_counted_however_they_are_cut() {
        let sent = [
            frame(DATA, 300),
            frame(HEADERS, 0),
            frame(0x77, 50),
            frame(6, 8),
            frame(4, 0),
        ]
        .concat();
        for piece in [1, 3, 9, 10, 64, 1_000] {
            let mut frames = ReceivedFrames::default();
            let kept = sent
                .chunks(piece)
                .map(|part| frames.receive(part, 0, false).unwrap());
            assert_eq!(kept.sum::<usize>(), 350, "{piece}");
            assert_eq!((frames.since(), frames.underway()), (None, 0), "{piece}");
            assert_eq!(
                frames.permitted,
                PER_TICK + 2 * PER_CALL_FRAME - 3,
                "{piece}"
            );
        }
    }

    #[test]
    fn a_frame_and_a_head_are_underway_from_their_first_byte_to_their_last() {
        let whole = frame(DATA, 40);
        let open = flagged(HEADERS, 0, 100);
        let more = flagged(CONTINUATION, 0, 50);
        let last = flagged(CONTINUATION, END_HEADERS, 50);
        let mut frames = ReceivedFrames::default();
        let mut at = |bytes: &[u8], tick| {
            frames.receive(bytes, tick, false).unwrap();
            (frames.since(), frames.underway())
        };
        assert_eq!(at(&whole, 1), (None, 0));
        assert_eq!(at(&whole[..3], 2), (Some(2), 0));
        assert_eq!(at(&whole[3..30], 3), (Some(2), 21));
        // The rest of this one, and the beginning of the next.
        let parts = [&whole[30..], &whole[..1]].concat();
        assert_eq!(at(&parts, 4), (Some(4), 0));
        assert_eq!(at(&whole[1..], 5), (None, 0));
        assert_eq!(at(&open, 6), (Some(6), 100));
        assert_eq!(at(&more, 7), (Some(6), 150));
        assert_eq!(at(&[&last[..], &whole[..]].concat(), 8), (None, 0));
    }

    #[test]
    fn calls_that_are_reset_in_the_read_in_which_they_came_are_counted() {
        let of = |kind: u8, stream: u32, payload: usize| {
            let mut frame = frame(kind, payload);
            frame[5..9].copy_from_slice(&stream.to_be_bytes());
            frame
        };
        let call = |id| [of(HEADERS, id, 60), of(DATA, id, 40)].concat();
        let begun = |n: u32| 2 * n + 1;
        for overloaded in [false, true] {
            let mut together = ReceivedFrames::default();
            let reset_at_once = (0..=RESETS_PER_TICK).all(|n| {
                let id = begun(n);
                let both = [call(id), of(RST_STREAM, id, 4)].concat();
                together.receive(&both, 0, overloaded).is_some()
            });
            assert_eq!(reset_at_once, overloaded);
        }
        // The reserved bit of a stream's id hides nothing.
        let mut marked = ReceivedFrames::default();
        assert!(marked.receive(&call(0x8000_0001), 0, false).is_some());
        let all_are_permitted = (1..=RESETS_PER_TICK + 1).all(|n| {
            let id = begun(n);
            let both = [call(id), of(RST_STREAM, id, 4)].concat();
            marked.receive(&both, 0, false).is_some()
        });
        assert!(!all_are_permitted);
        let mut apart = ReceivedFrames::default();
        for n in 0..2 * RESETS_PER_TICK {
            assert!(apart.receive(&call(begun(n)), 0, false).is_some());
            let reset = of(RST_STREAM, begun(n), 4);
            assert!(apart.receive(&reset, 0, false).is_some());
        }
    }
}
