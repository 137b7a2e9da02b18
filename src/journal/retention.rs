//! Retention: whole closed segments are removed by age and by the size of all of them, the oldest first, each after the journal has said so.

use std::{
    collections::HashSet,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    sync::{mpsc, oneshot},
    task::spawn_blocking,
    time::interval,
};
use tracing::{error, info, warn};

use super::{
    clock_jump::{AHEAD_MAX, Ages, Jump},
    line_start::hex,
    message::Message,
    own::{Own, RemovedSegment},
    resume::Lines,
    segment_file::{SegmentFile, readable, remove_segment, segment_name, segment_size, segments},
    settings::RetentionTerms,
};
use crate::{
    clock::{Clock, Moment},
    policy::{Timestamp, after, between},
};

/// How often it is looked for what can be removed.
const EVERY: Duration = Duration::from_mins(1);

/// A closed segment, by what retention reads of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kept {
    first: u64,
    /// The first index of the segment after it.
    next: u64,
    size: u64,
}

/// A closed segment, and at least how old all its lines are, if that is known.
type Aged = (Kept, Option<Duration>);

/// How many of these are to be removed, the oldest first. `open` is the size of the one that is written.
fn due(closed: &[Aged], open: u64, terms: RetentionTerms) -> usize {
    let sizes = closed.iter().map(|(kept, _)| kept.size);
    let mut total = sizes.fold(open, u64::saturating_add);
    let mut count: usize = 0;
    for (kept, age) in closed {
        let is_old = terms.age.zip(*age).is_some_and(|(max, age)| age >= max);
        let is_large = terms.size.is_some_and(|size| total > size);
        if !is_old && !is_large {
            break;
        }
        total = total.saturating_sub(kept.size);
        count = count.saturating_add(1);
    }
    count
}

/// What a folder has.
struct Folder {
    closed: Vec<Kept>,
    /// The size of the open one.
    open: u64,
    /// When each segment began, the open one too; `None` where that cannot be read.
    beginnings: Vec<Option<Timestamp>>,
}

/// Looks at a folder.
fn look(folder: &Path) -> io::Result<Folder> {
    let mut sizes = Vec::new();
    for first in segments(folder)? {
        let size = segment_size(folder, first)?;
        // One that has no line: of a process that was killed as it began it, or one that is not written yet.
        if size > 0 {
            sizes.push((first, size));
        }
    }
    let mut beginnings = Vec::new();
    for (first, _) in &sizes {
        let at = readable(SegmentFile::open(folder, *first).and_then(SegmentFile::first_at))?;
        beginnings.push(at.flatten());
    }
    let closed = sizes.windows(2).filter_map(|pair| match *pair {
        [(first, size), (next, _)] => Some(Kept { first, next, size }),
        _ => None,
    });
    Ok(Folder {
        closed: closed.collect(),
        open: sizes.last().map_or(0, |(_, size)| *size),
        beginnings,
    })
}

/// What is to be done with a folder.
struct Due {
    removals: Vec<RemovedSegment>,
    /// Why files stay that would be old otherwise, and until when the first of them does.
    held: Option<(Jump, Timestamp)>,
}

/// What the journal says of a segment that is removed.
fn removal(folder: &Path, kept: Kept) -> io::Result<RemovedSegment> {
    let name = segment_name(kept.first);
    let end = readable(SegmentFile::open(folder, kept.first).and_then(SegmentFile::end))?;
    let chain = match end.map(|end| end.lines) {
        Some(Lines::Whole { chain, .. }) => Some(chain),
        Some(Lines::Broken { chain, .. }) => chain,
        Some(Lines::None) | None => None,
    };
    let chain = chain.filter(|chain| chain.index() == kept.next);
    Ok(RemovedSegment {
        name: name.into(),
        first_index: kept.first,
        last_index: kept.next.saturating_sub(1),
        last_hash: chain.as_ref().map(|chain| hex(chain.previous())),
        root: chain.as_ref().map(super::own::root),
    })
}

/// Removes what is due of a folder.
#[derive(Debug, Clone)]
pub(super) struct Retention {
    pub(super) folder: PathBuf,
    pub(super) terms: RetentionTerms,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) queue: mpsc::WeakSender<Message>,
    /// Held while a segment is removed, or takes another form.
    changing: Arc<Mutex<()>>,
    started: Moment,
    has_warned: Arc<AtomicBool>,
    has_reported: Arc<AtomicBool>,
    /// The first index of the last segment of which the journal says that it is removed.
    announced: Arc<Mutex<Option<u64>>>,
    /// The segments that were named because their beginning cannot be read.
    unreadable: Arc<Mutex<HashSet<u64>>>,
}

impl Retention {
    pub(super) fn new(
        folder: PathBuf,
        terms: RetentionTerms,
        clock: Arc<dyn Clock>,
        queue: mpsc::WeakSender<Message>,
        changing: Arc<Mutex<()>>,
    ) -> Self {
        let started = clock.moment();
        Self {
            folder,
            terms,
            clock,
            queue,
            changing,
            started,
            has_warned: Arc::default(),
            has_reported: Arc::default(),
            announced: Arc::default(),
            unreadable: Arc::default(),
        }
    }

    /// The instant that ages are measured at: a wall clock that was set ahead makes nothing older than the uptime says.
    fn now(&self) -> Timestamp {
        let moment = self.clock.moment();
        let uptime = moment.uptime.saturating_sub(self.started.uptime);
        let expected = after(self.started.now, uptime);
        if moment.now <= after(expected, AHEAD_MAX) {
            return moment.now;
        }
        if !self.has_warned.swap(true, Relaxed) {
            warn!(
                event = "journal_clock_ahead",
                now = %moment.now,
                expected = %expected,
                "the clock was set ahead, so files of the journal are removed by age as if it had not been: restart the service if the clock is right now"
            );
        }
        expected
    }

    /// Removes what is due from time to time, as long as the journal is written.
    pub(super) async fn run(self) {
        let mut ticks = interval(EVERY);
        loop {
            ticks.tick().await;
            match self.remove_due().await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => error!(
                    event = "journal_retention_failed",
                    %error,
                    "an old file of the journal cannot be removed: make the folder of journal.path writable for this service"
                ),
            }
        }
    }

    /// Removes what is due now; whether the journal is still written.
    pub(super) async fn remove_due(&self) -> io::Result<bool> {
        let this = self.clone();
        // An error means that the runtime ends.
        let Ok(due) = spawn_blocking(move || this.look()).await else {
            return Ok(false);
        };
        let Due { removals, held } = due?;
        if let Some((jump, until)) = held {
            self.report(jump, until).await;
        }
        for removed in removals {
            // It is removed only once the journal says so.
            if !self.is_announced(&removed).await {
                return Ok(false);
            }
            self.remove(&removed).await?;
        }
        Ok(true)
    }

    /// Has the journal say that this segment is removed, unless it has said so already; whether it does.
    async fn is_announced(&self, removed: &RemovedSegment) -> bool {
        // A segment that cannot be removed is tried again, and those behind it stay until then: so the last one is enough.
        if *self.announced.lock() == Some(removed.first_index) {
            return true;
        }
        let Some(queue) = self.queue.upgrade() else {
            return false;
        };
        let (written, when_written) = oneshot::channel();
        let own = Own::SegmentRemoved(removed.clone());
        let sent = queue.send(Message::Own(own, written)).await;
        drop(queue);
        if sent.is_err() || when_written.await.is_err() {
            return false;
        }
        *self.announced.lock() = Some(removed.first_index);
        true
    }

    async fn remove(&self, removed: &RemovedSegment) -> io::Result<()> {
        let (folder, changing) = (self.folder.clone(), Arc::clone(&self.changing));
        let first = removed.first_index;
        let removing = spawn_blocking(move || {
            let _changing = changing.lock();
            remove_segment(&folder, first)
        });
        // An error means that the runtime ends.
        let Ok(result) = removing.await else {
            return Ok(());
        };
        let name = &*removed.name;
        result.map_err(|error| io::Error::new(error.kind(), format!("`{name}`: {error}")))?;
        info!(
            event = "journal_segment_removed",
            file = name,
            first_index = removed.first_index,
            last_index = removed.last_index,
            "an old file of the journal was removed"
        );
        Ok(())
    }

    /// Says that files stay because the clock has jumped; once.
    async fn report(&self, jump: Jump, until: Timestamp) {
        if self.has_reported.swap(true, Relaxed) {
            return;
        }
        warn!(
            event = "journal_retention_held",
            last = %jump.from,
            next = %jump.to,
            %until,
            "nothing was recorded for longer than a week, or the clock was wrong or is: that time does not count as age, so files of the journal stay until then at least; if the clock is wrong, correct it and restart the service"
        );
        if let Some(queue) = self.queue.upgrade() {
            let (written, _) = oneshot::channel();
            // An error means that the thread has ended.
            let _ = queue.send(Message::Own(jump.event(until), written)).await;
        }
    }

    /// Names closed files whose beginning cannot be read; each once.
    fn report_unreadable(&self, closed: &[Kept], beginnings: &[Option<Timestamp>]) {
        let unreadable = closed.iter().zip(beginnings);
        let unreadable = unreadable.filter(|(_, at)| at.is_none());
        let unreadable: HashSet<u64> = unreadable.map(|(kept, _)| kept.first).collect();
        let mut reported = self.unreadable.lock();
        for first in unreadable.difference(&reported) {
            warn!(
                event = "journal_segment_unreadable",
                file = segment_name(*first),
                "the first line of a file of the journal cannot be read, so the file before it is removed by age only together with it: verify the journal, and find out who has changed the file"
            );
        }
        *reported = unreadable;
    }

    fn look(&self) -> io::Result<Due> {
        // A listing may miss a file that takes another form.
        let _changing = self.changing.lock();
        let Folder {
            closed,
            open,
            beginnings,
        } = look(&self.folder)?;
        self.report_unreadable(&closed, &beginnings);
        let now = self.now();
        let ages = Ages::new(&beginnings, self.started.now, self.terms.pause_max, now);
        let with_age = |age: &dyn Fn(Timestamp) -> Duration| -> Vec<Aged> {
            let closed = closed.iter().enumerate();
            let aged = closed.map(|(at, kept)| (*kept, ages.ended_at(at).map(age)));
            aged.collect()
        };
        let aged = with_age(&|at| ages.age_of(at));
        let count = due(&aged, open, self.terms);
        let would_be = due(&with_age(&|at| between(at, now)), open, self.terms);
        let first_held = aged.get(count).filter(|_| count < would_be);
        let held = first_held.and_then(|(_, age)| {
            let left = self.terms.age?.saturating_sub((*age)?);
            Some((ages.last_jump()?, after(now, left)))
        });
        let removals = closed.iter().take(count);
        let removals = removals.map(|kept| removal(&self.folder, *kept));
        Ok(Due {
            removals: removals.collect::<io::Result<_>>()?,
            held,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{clock::ManualClock, policy::from_millis};

    fn days(days: i64) -> Timestamp {
        from_millis(days * 24 * 3_600_000)
    }

    #[test]
    fn the_oldest_are_removed_by_age_and_by_the_size_of_all() {
        let days = |days: u64| Duration::from_hours(24 * days);
        let kept = Kept {
            first: 0,
            next: 0,
            size: 100,
        };
        for (age, size, now, removed) in [
            (None, None, 1000, 0),
            (Some(10), None, 10, 0),
            (Some(10), None, 11, 1),
            (Some(10), None, 13, 3),
            (Some(10), None, 1000, 4),
            (None, Some(450), 5, 0),
            (None, Some(449), 5, 1),
            (None, Some(50), 5, 4),
            (None, Some(1), 5, 4),
            (Some(10), Some(349), 11, 2),
        ] {
            let closed = [1, 2, 3, 4].map(|day| (kept, Some(days(now - day))));
            let terms = RetentionTerms {
                age: age.map(days),
                size,
                ..RetentionTerms::default()
            };
            assert_eq!(due(&closed, 50, terms), removed, "{terms:?} {now}");
        }
        let unknown = [(kept, None); 3];
        let terms = |age, size| RetentionTerms {
            age,
            size,
            ..RetentionTerms::default()
        };
        assert_eq!(due(&unknown, 50, terms(Some(Duration::ZERO), None)), 0);
        assert_eq!(due(&unknown, 50, terms(None, Some(250))), 1);
    }

    #[test]
    fn a_clock_that_is_set_ahead_makes_nothing_older() {
        let clock = Arc::new(ManualClock::at(days(1)));
        let (queue, _messages) = mpsc::channel(1);
        let now = Arc::clone(&clock) as Arc<dyn Clock>;
        let terms = RetentionTerms::default();
        let retention = Retention::new(
            PathBuf::new(),
            terms,
            now,
            queue.downgrade(),
            Arc::default(),
        );
        clock.advance(Duration::from_hours(24));
        assert_eq!(retention.now(), days(2));
        clock.set(days(4000));
        assert_eq!(retention.now(), days(2));
        assert!(retention.has_warned.load(Relaxed));
        clock.advance(Duration::from_hours(24));
        assert_eq!(retention.now(), days(3));
        clock.set(days(3));
        assert_eq!(retention.now(), days(3));
    }

    #[test]
    fn a_file_without_a_line_does_not_end_the_look() {
        let folder = tempfile::tempdir().unwrap();
        let line = |index: u64| {
            let zeros = "0".repeat(64);
            let at = "1970-01-01T00:00:01.500Z";
            format!(
                "{{\"v\":2,\"index\":{index},\"previous\":\"{zeros}\",\"at\":\"{at}\",\"event\":\"a\"}}\n"
            )
        };
        for (first, text) in [(0, line(0)), (1, line(1)), (2, String::new()), (3, line(3))] {
            fs::write(folder.path().join(segment_name(first)), text).unwrap();
        }
        let closed = look(folder.path()).unwrap().closed;
        let firsts: Vec<u64> = closed.iter().map(|kept| kept.first).collect();
        assert_eq!(firsts, [0, 1]);
    }
}
