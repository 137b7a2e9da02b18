//! Hands lines that were written to others. The writing thread never waits for them: what does not fit into the queue between them is dropped and
//! counted, and the indexes of the lines show it.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use prometheus::{IntCounter, IntGauge};
use tokio::sync::{
    OwnedSemaphorePermit, Semaphore,
    mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};

use super::append_file::as_u64;

/// How much waits to be taken, in bytes of lines: some 15,000 decisions.
pub const OUTLET_BYTES_MAX: usize = 16 * 1024 * 1024;
/// What a group of lines costs beside its bytes.
const GROUP_BYTES: usize = 512;

/// The side of the writing thread.
#[derive(Debug)]
pub struct Outlet {
    groups: UnboundedSender<Group>,
    /// A permit for each byte that may wait.
    room: Arc<Semaphore>,
    waiting: IntGauge,
    dropped: IntCounter,
}

/// The other side: the lines in their order.
#[derive(Debug)]
pub struct WrittenLines {
    groups: UnboundedReceiver<Group>,
    /// What is left of the group that was taken last.
    lines: VecDeque<Bytes>,
    room: Option<Arc<OwnedSemaphorePermit>>,
}

/// A line, with its newline.
#[derive(Debug, Clone)]
pub struct WrittenLine {
    /// Its bytes.
    pub bytes: Bytes,
    /// The room of its group is free when all its lines are dropped.
    _room: Option<Arc<OwnedSemaphorePermit>>,
}

/// Lines that were written at once.
#[derive(Debug)]
struct Group {
    bytes: Bytes,
    room: OwnedSemaphorePermit,
}

/// Both sides, with what counts the lines that wait, and those that do not fit.
pub fn outlet(waiting: IntGauge, dropped: IntCounter) -> (Outlet, WrittenLines) {
    let (sender, groups) = unbounded_channel();
    let outlet = Outlet {
        groups: sender,
        room: Arc::new(Semaphore::new(OUTLET_BYTES_MAX)),
        waiting,
        dropped,
    };
    let lines = WrittenLines {
        groups,
        lines: VecDeque::new(),
        room: None,
    };
    (outlet, lines)
}

impl Outlet {
    /// Hands over this many lines. Never waits.
    pub(crate) fn hand_over(&self, bytes: &Bytes, count: usize) {
        let count = as_u64(count);
        let cost = u32::try_from(bytes.len().saturating_add(GROUP_BYTES)).unwrap_or(u32::MAX);
        let Ok(room) = Arc::clone(&self.room).try_acquire_many_owned(cost) else {
            self.dropped.inc_by(count);
            return;
        };
        let lines = i64::try_from(count).unwrap_or(i64::MAX);
        self.waiting.add(lines);
        let bytes = bytes.clone();
        if self.groups.send(Group { bytes, room }).is_err() {
            self.waiting.sub(lines);
            self.dropped.inc_by(count);
        }
    }
}

impl WrittenLines {
    /// The next line; `None` once the journal has ended and all lines were taken. Nothing is lost if it is not awaited to its end.
    pub async fn next(&mut self) -> Option<WrittenLine> {
        loop {
            if let Some(line) = self.next_of_group() {
                return Some(line);
            }
            let group = self.groups.recv().await?;
            self.begin(group);
        }
    }

    /// The next line, if one waits.
    pub fn try_next(&mut self) -> Option<WrittenLine> {
        loop {
            if let Some(line) = self.next_of_group() {
                return Some(line);
            }
            let group = self.groups.try_recv().ok()?;
            self.begin(group);
        }
    }

    fn begin(&mut self, Group { bytes, room }: Group) {
        let lines = bytes.split_inclusive(|byte| *byte == b'\n');
        self.lines = lines.map(|line| bytes.slice_ref(line)).collect();
        self.room = Some(Arc::new(room));
    }

    fn next_of_group(&mut self) -> Option<WrittenLine> {
        let bytes = self.lines.pop_front()?;
        let room = self.room.clone();
        if self.lines.is_empty() {
            self.room = None;
        }
        Some(WrittenLine { bytes, _room: room })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both() -> (Outlet, WrittenLines, IntGauge, IntCounter) {
        let waiting = IntGauge::new("waiting", "x").unwrap();
        let dropped = IntCounter::new("dropped", "x").unwrap();
        let (outlet, lines) = outlet(waiting.clone(), dropped.clone());
        (outlet, lines, waiting, dropped)
    }

    #[tokio::test]
    async fn lines_are_taken_one_by_one_in_their_order_until_the_journal_ends() {
        let (outlet, mut lines, waiting, dropped) = both();
        outlet.hand_over(&Bytes::from_static(b"a\nbc\n"), 2);
        outlet.hand_over(&Bytes::from_static(b"d\n"), 1);
        drop(outlet);
        let mut taken = Vec::new();
        while let Some(line) = lines.next().await {
            taken.push(line.bytes);
        }
        assert_eq!(taken, [&b"a\n"[..], b"bc\n", b"d\n"]);
        assert_eq!((waiting.get(), dropped.get()), (3, 0));
    }

    #[test]
    fn what_does_not_fit_is_dropped_and_counted_until_lines_were_dealt_with() {
        let (outlet, mut lines, waiting, dropped) = both();
        let large = Bytes::from(vec![b'x'; OUTLET_BYTES_MAX / 2 - GROUP_BYTES]);
        for _ in 0..3 {
            outlet.hand_over(&large, 5);
        }
        assert_eq!((waiting.get(), dropped.get()), (10, 5));
        let taken = lines.try_next().unwrap();
        outlet.hand_over(&large, 5);
        assert_eq!(dropped.get(), 10, "it is still being dealt with");
        drop(taken);
        outlet.hand_over(&large, 5);
        assert_eq!((waiting.get(), dropped.get()), (15, 10));
        drop(lines);
        outlet.hand_over(&Bytes::from_static(b"a\n"), 1);
        assert_eq!((waiting.get(), dropped.get()), (15, 11));
    }
}
