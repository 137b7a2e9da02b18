//! Counts the frames of HTTP/2 that cost work and belong to no call: PING, SETTINGS, PRIORITY, WINDOW_UPDATE, RST_STREAM and unknown ones.
//! The HTTP library answers them without a bound, so that a few connections can occupy a processor.

/// Octets of the head of a frame (RFC 9113, section 4.1).
const HEAD_BYTES: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const CONTINUATION: u8 = 9;

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
#[derive(Debug)]
pub(super) struct ControlFrames {
    /// The head that is being received, and how much of it is there.
    head: [u8; HEAD_BYTES],
    filled: usize,
    /// How much of the present frame is still to come.
    payload: usize,
    /// Control frames that may still come.
    permitted: u32,
    tick: u32,
    /// The first call that began in the present read, and the last one that began at all.
    first_begun: u32,
    last_begun: u32,
    /// Calls that were reset in this tick in the read in which they came.
    resets: u32,
}

impl ControlFrames {
    /// Begins behind the preface.
    pub(super) fn new() -> Self {
        Self {
            head: [0; HEAD_BYTES],
            filled: 0,
            payload: 0,
            permitted: PER_TICK,
            tick: 0,
            first_begun: u32::MAX,
            last_begun: 0,
            resets: 0,
        }
    }

    /// Whether what was received at this tick is within what is permitted.
    pub(super) fn receive(&mut self, mut bytes: &[u8], tick: u32, is_overloaded: bool) -> bool {
        self.first_begun = u32::MAX;
        if tick != self.tick {
            self.tick = tick;
            self.resets = 0;
            self.permitted = self.permitted.max(PER_TICK);
        }
        while !bytes.is_empty() {
            if self.payload > 0 {
                let skipped = self.payload.min(bytes.len());
                self.payload -= skipped;
                bytes = bytes.get(skipped..).unwrap_or_default();
                continue;
            }
            let taken = (HEAD_BYTES - self.filled).min(bytes.len());
            let (part, rest) = bytes.split_at(taken);
            if let Some(free) = self.head.get_mut(self.filled..self.filled + taken) {
                free.copy_from_slice(part);
            }
            (self.filled, bytes) = (self.filled + taken, rest);
            if self.filled == HEAD_BYTES && !self.begin() {
                return false;
            }
        }
        let resets_max = if is_overloaded {
            RESETS_PER_TICK_OVERLOADED
        } else {
            RESETS_PER_TICK
        };
        self.resets <= resets_max
    }

    /// A frame begins whose head is whole; whether it is permitted.
    fn begin(&mut self) -> bool {
        let [a, b, c, kind, _, stream @ ..] = self.head;
        self.filled = 0;
        self.payload = usize::try_from(u32::from_be_bytes([0, a, b, c])).unwrap_or(usize::MAX);
        // The first bit is reserved, and means nothing (RFC 9113, section 4.1).
        self.follow_call(kind, u32::from_be_bytes(stream) & 0x7fff_ffff);
        if matches!(kind, DATA | HEADERS | CONTINUATION) {
            self.permitted = self.permitted.saturating_add(PER_CALL_FRAME).min(SAVED_MAX);
            return true;
        }
        match self.permitted.checked_sub(1) {
            Some(left) => {
                self.permitted = left;
                true
            }
            None => false,
        }
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
        let length = u32::try_from(payload).unwrap().to_be_bytes();
        let head = [&length[1..], &[kind, 0, 0, 0, 0, 0]].concat();
        [head, vec![0xff; payload]].concat()
    }

    #[test]
    fn control_frames_are_permitted_in_proportion_to_those_of_calls() {
        const PING: u8 = 6;
        let mut frames = ControlFrames::new();
        for tick in 0..50 {
            for _ in 0..PER_TICK {
                assert!(frames.receive(&frame(PING, 8), tick, false), "{tick}");
            }
        }
        assert!(
            !frames.receive(&frame(PING, 8), 49, false),
            "one too many in a tick"
        );
        let mut frames = ControlFrames::new();
        for _ in 0..1_000 {
            let call = [frame(HEADERS, 60), frame(DATA, 40)].concat();
            assert!(frames.receive(&call, 0, false));
            for _ in 0..10 {
                assert!(frames.receive(&frame(8, 4), 0, false));
            }
        }
    }

    #[test]
    fn frames_are_counted_however_they_are_cut() {
        let sent = [
            frame(DATA, 300),
            frame(HEADERS, 0),
            frame(6, 8),
            frame(4, 0),
        ]
        .concat();
        for piece in [1, 3, 9, 10, 64, 1_000] {
            let mut frames = ControlFrames::new();
            for part in sent.chunks(piece) {
                assert!(frames.receive(part, 0, false));
            }
            assert_eq!((frames.filled, frames.payload), (0, 0), "{piece}");
            assert_eq!(
                frames.permitted,
                PER_TICK + 2 * PER_CALL_FRAME - 2,
                "{piece}"
            );
        }
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
            let mut together = ControlFrames::new();
            let reset_at_once = (0..=RESETS_PER_TICK).all(|n| {
                let id = begun(n);
                together.receive(&[call(id), of(RST_STREAM, id, 4)].concat(), 0, overloaded)
            });
            assert_eq!(reset_at_once, overloaded);
        }
        // The reserved bit of a stream's id hides nothing.
        let mut marked = ControlFrames::new();
        assert!(marked.receive(&call(0x8000_0001), 0, false));
        let all_are_permitted = (1..=RESETS_PER_TICK + 1).all(|n| {
            let id = begun(n);
            marked.receive(&[call(id), of(RST_STREAM, id, 4)].concat(), 0, false)
        });
        assert!(!all_are_permitted);
        let mut apart = ControlFrames::new();
        for n in 0..2 * RESETS_PER_TICK {
            assert!(apart.receive(&call(begun(n)), 0, false));
            assert!(apart.receive(&of(RST_STREAM, begun(n), 4), 0, false));
        }
    }
}
