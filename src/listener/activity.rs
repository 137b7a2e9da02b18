//! What happens on one connection: its calls, what waits to be taken by the peer, and a request whose head is not whole. The driver of
//! the connection counts ticks and reads this; everything is atomic, because calls run in tasks of their own.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering::Relaxed},
};

use tokio::sync::watch;

use super::{
    memory::{ANSWER_BYTES, CallShare, Holding},
    received_frames::ReceivedFrames,
};

/// Ticks for which what waits is kept apart. More than the ticks of any timeout that is measured so.
const KEPT: usize = 16;

/// How many bytes of a connection are read before the calls in them are started. Fewer than [`RESETS_PENDING_MAX`] whole calls take, so that
/// the library does not take calls that were cancelled in time for a rapid reset.
///
/// [`RESETS_PENDING_MAX`]: super::limits::RESETS_PENDING_MAX
pub(super) const READ_AT_ONCE: usize = 8 * 1024;

/// What a buffer of HTTP/1 has at first, in bytes.
const BUFFER_BYTES: usize = 8 * 1024;

/// What happens on one connection.
#[derive(Debug)]
pub(super) struct Activity {
    /// What it holds in memory.
    holding: Arc<Holding>,
    tick: AtomicU32,
    /// How much may still be read before the next turn of the connection.
    readable: AtomicUsize,
    /// Calls in flight, the writing of their answers included.
    calls: AtomicU32,
    /// Calls that have begun, ever.
    begun: AtomicU32,
    /// Answers that the peer does not take, by the tick since when.
    blocked: [AtomicU32; KEPT],
    /// One more than the tick since when the connection does not take a byte; 0 if it does.
    write_since: AtomicU32,
    /// Whether the peer has sent too many control frames.
    is_flooded: AtomicBool,
    /// One more than the tick of the first byte of a head of HTTP/1 that is not whole; 0 if there is none.
    head_since: AtomicU32,
    /// The same for a frame of HTTP/2, and a head that several frames carry.
    frame_since: AtomicU32,
    /// What is held for no call: by the buffer of HTTP/1 beyond its first size, or by a frame or head of HTTP/2 that is not whole.
    aside: AtomicUsize,
    /// Whether no more calls are accepted on it.
    is_finishing: watch::Sender<bool>,
}

impl Activity {
    /// A connection on which nothing has happened yet.
    pub(super) fn new(holding: Arc<Holding>) -> Self {
        Self {
            holding,
            tick: AtomicU32::new(0),
            readable: AtomicUsize::new(0),
            calls: AtomicU32::new(0),
            begun: AtomicU32::new(0),
            blocked: Default::default(),
            write_since: AtomicU32::new(0),
            is_flooded: AtomicBool::new(false),
            head_since: AtomicU32::new(0),
            frame_since: AtomicU32::new(0),
            aside: AtomicUsize::new(0),
            is_finishing: watch::Sender::new(false),
        }
    }

    /// What it holds in memory.
    pub(super) fn holding(&self) -> &Holding {
        &self.holding
    }

    /// A part of it, of which nothing is held yet.
    pub(super) fn share(&self) -> CallShare {
        CallShare::new(Arc::clone(&self.holding))
    }

    /// No more calls are accepted on it.
    pub(super) fn finish(&self) {
        self.is_finishing.send_replace(true);
    }

    /// Waits until no more calls are accepted on it.
    pub(super) async fn finishing(&self) {
        let mut finishing = self.is_finishing.subscribe();
        // It is not dropped meanwhile.
        let _ = finishing.wait_for(|finishing| *finishing).await;
    }

    /// Begins the next tick; which one it is.
    pub(super) fn advance(&self) -> u32 {
        self.holding.tick(self.calls());
        self.tick.fetch_add(1, Relaxed).wrapping_add(1)
    }

    /// The present tick.
    pub(super) fn tick(&self) -> u32 {
        self.tick.load(Relaxed)
    }

    /// The connection may read this much until it has a turn again.
    pub(super) fn may_read(&self, bytes: usize) {
        self.readable.store(bytes, Relaxed);
    }

    /// Whether it may still read.
    pub(super) fn is_readable(&self) -> bool {
        self.readable.load(Relaxed) > 0
    }

    /// It has read this much.
    pub(super) fn was_read(&self, bytes: usize) {
        let left = self.readable.load(Relaxed).saturating_sub(bytes);
        self.readable.store(left, Relaxed);
    }

    /// The peer has sent too many control frames.
    pub(super) fn flooded(&self) {
        self.is_flooded.store(true, Relaxed);
    }

    /// Whether it has.
    pub(super) fn is_flooded(&self) -> bool {
        self.is_flooded.load(Relaxed)
    }

    /// Calls in flight.
    pub(super) fn calls(&self) -> u32 {
        self.calls.load(Relaxed)
    }

    /// Calls that have begun until now; it wraps around.
    pub(super) fn begun(&self) -> u32 {
        self.begun.load(Relaxed)
    }

    /// Whether something has waited for the peer to take it for this number of ticks or longer.
    pub(super) fn is_blocked_for(&self, ticks: u32) -> bool {
        let now = self.tick.load(Relaxed);
        let since = self.write_since.load(Relaxed);
        let write = since > 0 && now.saturating_sub(since - 1) >= ticks;
        let oldest = u32::try_from(KEPT).unwrap_or(u32::MAX);
        let mut since = (ticks..oldest).filter_map(|age| now.checked_sub(age));
        let waits = |tick| self.slot(tick).is_some_and(|slot| slot.load(Relaxed) > 0);
        write || since.any(waits)
    }

    /// Whether the head of a request, or a frame, has been underway for this number of ticks.
    pub(super) fn has_slow_head(&self, ticks: u32) -> bool {
        let now = self.tick.load(Relaxed);
        [&self.head_since, &self.frame_since].iter().any(|since| {
            let since = since.load(Relaxed);
            since > 0 && now.saturating_sub(since - 1) >= ticks
        })
    }

    /// The peer has sent this many bytes of HTTP/1 into a buffer of this size. While there is no call, they are the head of the next one.
    /// `false` if the connection is being closed.
    pub(super) fn bytes_received(&self, bytes: usize, buffer: usize) -> bool {
        let buffer = buffer.saturating_sub(BUFFER_BYTES);
        // The library keeps the largest one.
        let aside = self.aside.fetch_max(buffer, Relaxed).max(buffer);
        if self.calls() > 0 {
            return self.holding.receive(bytes, aside);
        }
        if self.head_since.load(Relaxed) == 0 {
            let now = self.tick.load(Relaxed);
            self.head_since.store(now.saturating_add(1), Relaxed);
        }
        self.holding.receive(0, aside)
    }

    /// The peer has sent frames of HTTP/2, of which this much stays in memory. `false` if the connection is being closed.
    pub(super) fn frames_received(&self, kept: usize, frames: &ReceivedFrames) -> bool {
        let since = frames.since().map_or(0, |tick| tick.saturating_add(1));
        if self.frame_since.load(Relaxed) != since {
            self.frame_since.store(since, Relaxed);
        }
        let underway = frames.underway();
        let is_same = self.aside.swap(underway, Relaxed) == underway;
        (kept == 0 && is_same) || self.holding.receive(kept, underway)
    }

    /// A write has ended, or waits for the peer.
    pub(super) fn write_polled(&self, ended: bool) {
        if ended {
            if self.write_since.load(Relaxed) != 0 {
                self.write_since.store(0, Relaxed);
            }
        } else if self.write_since.load(Relaxed) == 0 {
            let now = self.tick.load(Relaxed);
            self.write_since.store(now.saturating_add(1), Relaxed);
        }
    }

    /// A call begins: its head is whole.
    pub(super) fn begin(self: &Arc<Self>) -> OpenCall {
        self.calls.fetch_add(1, Relaxed);
        self.begun.fetch_add(1, Relaxed);
        self.head_since.store(0, Relaxed);
        OpenCall {
            share: Arc::new(self.share()),
            activity: Arc::clone(self),
            blocked_since: None,
            to_give: 0,
        }
    }

    fn slot(&self, tick: u32) -> Option<&AtomicU32> {
        let index = usize::try_from(tick).unwrap_or(0) % KEPT;
        self.blocked.get(index)
    }
}

/// A call in flight. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct OpenCall {
    activity: Arc<Activity>,
    /// What it holds in memory.
    share: Arc<CallShare>,
    /// The tick since when its answer waits to be taken.
    blocked_since: Option<u32>,
    /// How much of its answer is known and has not been given to be written, in bytes.
    to_give: usize,
}

/// A part of an answer that is to be written. It is held until this is dropped.
#[derive(Debug)]
pub(super) struct GivenPart {
    share: Arc<CallShare>,
    bytes: usize,
}

impl OpenCall {
    /// What it holds in memory.
    pub(super) fn share(&self) -> &Arc<CallShare> {
        &self.share
    }

    /// There is an answer of this size or more, which waits to be taken; what was held for the request is not any more. `false` if the
    /// connection is being closed.
    pub(super) fn answer(&mut self, bytes: usize) -> bool {
        self.block();
        self.to_give = bytes;
        self.share.set(ANSWER_BYTES.saturating_add(bytes), 0)
    }

    /// A part of the answer of this size is given to be written.
    pub(super) fn give(&mut self, bytes: usize) -> GivenPart {
        self.to_give = self.to_give.saturating_sub(bytes);
        self.share
            .set(ANSWER_BYTES.saturating_add(self.to_give), bytes);
        GivenPart {
            share: Arc::clone(&self.share),
            bytes,
        }
    }

    /// Something of the answer waits to be taken from now on.
    pub(super) fn block(&mut self) {
        if self.blocked_since.is_none() {
            let now = self.activity.tick.load(Relaxed);
            if let Some(slot) = self.activity.slot(now) {
                slot.fetch_add(1, Relaxed);
                self.blocked_since = Some(now);
            }
        }
    }

    /// It was taken.
    pub(super) fn unblock(&mut self) {
        if let Some(slot) = self
            .blocked_since
            .take()
            .and_then(|tick| self.activity.slot(tick))
        {
            slot.fetch_sub(1, Relaxed);
        }
    }
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        self.unblock();
        self.activity.calls.fetch_sub(1, Relaxed);
    }
}

impl Drop for GivenPart {
    fn drop(&mut self) {
        self.share.taken(self.bytes);
    }
}

#[cfg(test)]
impl Default for Activity {
    fn default() -> Self {
        Self::new(super::memory::tests::unlimited())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advance(activity: &Activity, ticks: u32) {
        for _ in 0..ticks {
            activity.advance();
        }
    }

    #[test]
    fn an_answer_is_blocked_from_when_it_waits_until_it_is_taken_or_dropped() {
        let activity = Arc::new(Activity::default());
        advance(&activity, 20);
        let mut call = activity.begin();
        assert_eq!(activity.calls(), 1);
        call.block();
        advance(&activity, 9);
        assert!(!activity.is_blocked_for(10));
        advance(&activity, 1);
        assert!(activity.is_blocked_for(10));
        call.unblock();
        assert!(!activity.is_blocked_for(10));
        call.block();
        advance(&activity, 5);
        call.unblock();
        call.block();
        advance(&activity, 9);
        assert!(!activity.is_blocked_for(10), "it was taken in between");
        advance(&activity, 1);
        assert!(activity.is_blocked_for(10));
        drop(call);
        assert!(!activity.is_blocked_for(10));
        assert_eq!(activity.calls(), 0);
    }

    #[test]
    fn an_answer_that_has_waited_longer_has_also_waited_this_long() {
        let activity = Arc::new(Activity::default());
        advance(&activity, 100);
        let mut call = activity.begin();
        call.block();
        for waited in 0..12 {
            for asked in 0..12 {
                assert_eq!(activity.is_blocked_for(asked), asked <= waited);
            }
            activity.advance();
        }
    }

    #[test]
    fn a_write_is_blocked_while_it_waits() {
        let activity = Activity::default();
        activity.write_polled(false);
        advance(&activity, 5);
        activity.write_polled(false);
        advance(&activity, 5);
        assert!(activity.is_blocked_for(10));
        activity.write_polled(true);
        assert!(!activity.is_blocked_for(10));
        advance(&activity, 30);
        assert!(!activity.is_blocked_for(10));
    }

    #[test]
    fn a_head_is_slow_from_its_first_byte_until_its_call() {
        let activity = Arc::new(Activity::default());
        advance(&activity, 100);
        assert!(
            !activity.has_slow_head(5),
            "an idle connection sends no head"
        );
        activity.bytes_received(1, 1);
        advance(&activity, 4);
        activity.bytes_received(1, 1);
        assert!(!activity.has_slow_head(5));
        advance(&activity, 1);
        assert!(activity.has_slow_head(5));
        let call = activity.begin();
        assert!(!activity.has_slow_head(5));
        activity.bytes_received(1, 1);
        advance(&activity, 10);
        assert!(
            !activity.has_slow_head(5),
            "what comes during a call is its body"
        );
        drop(call);
    }
}
