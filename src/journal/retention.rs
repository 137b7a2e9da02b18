//! Retention: whole closed segments are removed by age and by the size of all of them, the oldest first, each after the journal has said so.

use std::{
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
    clock_jump::{Jump, recent_jumps},
    line_start::hex,
    message::Message,
    own::{Own, RemovedSegment},
    resume::Lines,
    segment_file::{SegmentFile, remove_segment, segment_name, segment_size, segments},
    settings::RetentionTerms,
};
use crate::{
    clock::{Clock, Moment},
    policy::{Timestamp, after, before, between},
};

/// How often it is looked for what can be removed.
const EVERY: Duration = Duration::from_mins(1);

/// A clock that is further ahead of what the uptime says was set.
const AHEAD_MAX: Duration = Duration::from_hours(1);

/// A segment, by what retention reads of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kept {
    first: u64,
    /// The first index of the segment after it.
    next: u64,
    /// When the segment after it began: all its lines are older.
    ended_at: Timestamp,
    size: u64,
}

/// How many of these are to be removed, the oldest first. `open` is the size of the one that is written.
fn due(kept: &[Kept], open: u64, terms: RetentionTerms, now: Timestamp) -> usize {
    let mut total = kept
        .iter()
        .fold(open, |sum, kept| sum.saturating_add(kept.size));
    let mut count: usize = 0;
    for kept in kept {
        let is_old = terms
            .age
            .is_some_and(|age| between(kept.ended_at, now) >= age);
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
    /// The closed segments.
    closed: Vec<Kept>,
    /// The size of the open one.
    open: u64,
    /// When each segment began.
    starts: Vec<Timestamp>,
}

/// Looks at a folder.
fn look(folder: &Path) -> io::Result<Folder> {
    let mut firsts = Vec::new();
    for first in segments(folder)? {
        // One that has no line: of a process that was killed as it began it, or one that is not written yet.
        if segment_size(folder, first)? > 0 {
            firsts.push(first);
        }
    }
    let mut closed = Vec::new();
    let mut starts = Vec::new();
    if let Some(first) = firsts.first() {
        starts.extend(SegmentFile::open(folder, *first)?.first_at()?);
    }
    for pair in firsts.windows(2) {
        let [first, next] = *pair else { continue };
        let Some(ended_at) = SegmentFile::open(folder, next)?.first_at()? else {
            break;
        };
        let size = segment_size(folder, first)?;
        starts.push(ended_at);
        closed.push(Kept {
            first,
            next,
            ended_at,
            size,
        });
    }
    let rest = firsts.iter().skip(closed.len());
    let open = rest.flat_map(|first| segment_size(folder, *first)).sum();
    Ok(Folder {
        closed,
        open,
        starts,
    })
}

/// What is to be done with a folder.
struct Due {
    removals: Vec<RemovedSegment>,
    /// What the clock says that is not believed yet, if files stay because of it.
    held: Option<Jump>,
}

/// What the journal says of a segment that is removed.
fn removal(folder: &Path, kept: Kept) -> io::Result<RemovedSegment> {
    let name = segment_name(kept.first);
    let chain = match SegmentFile::open(folder, kept.first)?.end()?.lines {
        Lines::Whole { chain, .. } => Some(chain),
        Lines::Broken { chain, .. } => chain,
        Lines::None => None,
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
        if let Some(jump) = held {
            self.report(jump).await;
        }
        for removed in removals {
            let Some(queue) = self.queue.upgrade() else {
                return Ok(false);
            };
            let (written, when_written) = oneshot::channel();
            let own = Own::SegmentRemoved(removed.clone());
            let sent = queue.send(Message::Own(own, written)).await;
            drop(queue);
            // It is removed only once the journal says so.
            if sent.is_err() || when_written.await.is_err() {
                return Ok(false);
            }
            info!(
                event = "journal_segment_removed",
                file = &*removed.name,
                first_index = removed.first_index,
                last_index = removed.last_index,
                "an old file of the journal was removed"
            );
            let (folder, changing) = (self.folder.clone(), Arc::clone(&self.changing));
            let removing = spawn_blocking(move || {
                let _changing = changing.lock();
                remove_segment(&folder, removed.first_index)
            });
            removing.await.unwrap_or(Ok(()))?;
        }
        Ok(true)
    }

    /// Says that files stay because the clock has jumped; once.
    async fn report(&self, jump: Jump) {
        if self.has_reported.swap(true, Relaxed) {
            return;
        }
        let until = jump.believed_at();
        warn!(
            event = "journal_retention_held",
            last = %jump.from,
            next = %jump.to,
            %until,
            "nothing was recorded for longer than a week, or the clock is wrong: files of the journal are not removed by age until then; correct the clock if it is"
        );
        if let Some(queue) = self.queue.upgrade() {
            let (written, _) = oneshot::channel();
            // An error means that the thread has ended.
            let _ = queue.send(Message::Own(jump.event(), written)).await;
        }
    }

    fn look(&self) -> io::Result<Due> {
        // A listing may miss a file that takes another form.
        let _changing = self.changing.lock();
        let Folder {
            closed,
            open,
            starts,
        } = look(&self.folder)?;
        let now = self.now();
        let jumps = recent_jumps(starts, self.started.now, now);
        let believed = jumps.iter().fold(now, |now, jump| before(now, jump.gap()));
        let count = due(&closed, open, self.terms, believed);
        let would_be = due(&closed, open, self.terms, now);
        let due = closed.into_iter().take(count);
        let removals = due.map(|kept| removal(&self.folder, kept));
        Ok(Due {
            removals: removals.collect::<io::Result<_>>()?,
            held: jumps.last().copied().filter(|_| count < would_be),
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
        let kept: Vec<Kept> = (1..=4)
            .map(|day| Kept {
                first: 0,
                next: 0,
                ended_at: days(day),
                size: 100,
            })
            .collect();
        let age = |days: u64| Some(Duration::from_hours(24 * days));
        for (age, size, now, removed) in [
            (None, None, days(1000), 0),
            (age(10), None, days(10), 0),
            (age(10), None, days(11), 1),
            (age(10), None, days(13), 3),
            (age(10), None, days(1000), 4),
            (None, Some(450), days(5), 0),
            (None, Some(449), days(5), 1),
            (None, Some(50), days(5), 4),
            (None, Some(1), days(5), 4),
            (age(10), Some(349), days(11), 2),
            // A clock that was set back removes nothing.
            (age(10), None, days(-9), 0),
        ] {
            let terms = RetentionTerms { age, size };
            assert_eq!(due(&kept, 50, terms, now), removed, "{terms:?} {now}");
        }
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
