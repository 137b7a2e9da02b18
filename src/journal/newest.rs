//! Hands values on to a place that may be slow or down: only the newest one waits, and the sender never does.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use prometheus::IntCounter;
use tokio::{sync::watch, time::timeout};

/// The pause before the newest value is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A value and its number, which begins with 1.
type Numbered<T> = (u64, Option<T>);

/// The sending side.
#[derive(Debug)]
pub(super) struct Newest<T> {
    value: watch::Sender<Numbered<T>>,
    progress: Arc<Progress>,
    /// Counts values that did not arrive.
    lost: IntCounter,
}

/// What the other side has done.
#[derive(Debug, Default)]
struct Progress {
    /// The number of the last value that was taken.
    taken: AtomicU64,
    /// Whether that one has not arrived yet.
    is_busy: AtomicBool,
}

/// The other side.
#[derive(Debug)]
pub(super) struct Arrivals<T> {
    value: watch::Receiver<Numbered<T>>,
    progress: Arc<Progress>,
    lost: IntCounter,
}

/// Where values are to arrive.
pub(super) trait Deliver<T> {
    /// Puts a value there; whether it arrived.
    fn put(&mut self, value: T) -> impl Future<Output = bool> + Send;
}

/// Both sides.
pub(super) fn newest<T>(lost: &IntCounter) -> (Newest<T>, Arrivals<T>) {
    let (sender, receiver) = watch::channel((0, None));
    let progress = Arc::<Progress>::default();
    let newest = Newest {
        value: sender,
        progress: Arc::clone(&progress),
        lost: lost.clone(),
    };
    let arrivals = Arrivals {
        value: receiver,
        progress,
        lost: lost.clone(),
    };
    (newest, arrivals)
}

impl<T> Newest<T> {
    /// Sends this value in the place of one that still waits. That one is lost if it waits because an earlier one has not arrived.
    pub(super) fn send(&self, value: T) {
        self.value.send_modify(|(number, newest)| {
            let Progress { taken, is_busy } = &*self.progress;
            if is_busy.load(Ordering::SeqCst) && taken.load(Ordering::SeqCst) < *number {
                self.lost.inc();
            }
            *number = number.saturating_add(1);
            *newest = Some(value);
        });
    }
}

impl<T: Clone + Send + Sync> Arrivals<T> {
    /// Puts each value to its place, until the sending side is dropped and the last one was tried. One that does not arrive counts as lost, and
    /// is tried again, or a newer one in its place. So does one that has not arrived when what is returned is dropped.
    pub(super) async fn hand_to(mut self, place: &mut (impl Deliver<T> + Send)) {
        let (mut is_open, mut has_failed) = (true, false);
        while is_open {
            let changed = if has_failed {
                let changed = timeout(RETRY_AFTER, self.value.changed()).await;
                changed.unwrap_or(Ok(()))
            } else {
                self.value.changed().await
            };
            is_open = changed.is_ok();
            if !is_open && !has_failed {
                break;
            }
            let (number, value) = self.value.borrow_and_update().clone();
            self.progress.is_busy.store(true, Ordering::SeqCst);
            self.progress.taken.store(number, Ordering::SeqCst);
            let Some(value) = value else { continue };
            has_failed = !place.put(value).await;
            if has_failed {
                self.lost.inc();
            }
            self.progress.is_busy.store(has_failed, Ordering::SeqCst);
        }
        self.progress.is_busy.store(false, Ordering::SeqCst);
    }
}

impl<T> Drop for Arrivals<T> {
    fn drop(&mut self) {
        let Progress { taken, is_busy } = &*self.progress;
        let is_waiting = taken.load(Ordering::SeqCst) < self.value.borrow().0;
        if is_waiting || is_busy.load(Ordering::SeqCst) {
            self.lost.inc();
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::{sync::Semaphore, task::yield_now};

    use super::*;

    /// A place that is down for some values, and takes each only with a permit.
    struct Slow {
        permits: Arc<Semaphore>,
        failures: u32,
        arrived: Vec<u32>,
    }

    impl Deliver<u32> for Slow {
        async fn put(&mut self, value: u32) -> bool {
            let permit = self.permits.acquire().await;
            drop(permit.unwrap());
            if self.failures > 0 {
                self.failures -= 1;
                return false;
            }
            self.arrived.push(value);
            true
        }
    }

    /// The values that arrive of these at a place that is blocked until all are sent, and how many are lost.
    async fn sent(values: std::ops::RangeInclusive<u32>, failures: u32) -> (Vec<u32>, u64) {
        let lost = IntCounter::new("lost", "lost").unwrap();
        let (sender, arrivals) = newest(&lost);
        let permits = Arc::new(Semaphore::new(0));
        let mut place = Slow {
            permits: Arc::clone(&permits),
            failures,
            arrived: Vec::new(),
        };
        let task = tokio::spawn(async move {
            arrivals.hand_to(&mut place).await;
            place.arrived
        });
        for value in values {
            sender.send(value);
            yield_now().await;
        }
        permits.add_permits(100);
        tokio::time::sleep(RETRY_AFTER * 10).await;
        drop(sender);
        (task.await.unwrap(), lost.get())
    }

    #[tokio::test(start_paused = true)]
    async fn only_the_newest_waits_and_the_others_are_counted() {
        assert_eq!(sent(1..=1, 0).await, (vec![1], 0));
        assert_eq!(sent(1..=2, 0).await, (vec![1, 2], 0));
        assert_eq!(sent(1..=9, 0).await, (vec![1, 9], 7));
    }

    #[test]
    fn one_that_was_not_looked_at_yet_is_replaced_and_not_lost() {
        let lost = IntCounter::new("lost", "lost").unwrap();
        let (sender, arrivals) = newest(&lost);
        sender.send(1);
        sender.send(2);
        assert_eq!(lost.get(), 0);
        // Nobody takes the second one any more.
        drop(arrivals);
        assert_eq!(lost.get(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_cut_off_on_its_way_is_lost() {
        for (permits, expected) in [(0, 1), (1, 0)] {
            let lost = IntCounter::new("lost", "lost").unwrap();
            let (sender, arrivals) = newest(&lost);
            sender.send(7);
            let mut place = Slow {
                permits: Arc::new(Semaphore::new(permits)),
                failures: 0,
                arrived: Vec::new(),
            };
            let delivery = arrivals.hand_to(&mut place);
            assert!(timeout(RETRY_AFTER, delivery).await.is_err());
            assert_eq!(lost.get(), expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_arrive_is_tried_again_or_a_newer_one_in_its_place() {
        assert_eq!(sent(1..=1, 3).await, (vec![1], 3));
        assert_eq!(sent(1..=9, 3).await, (vec![9], 10));
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_one_is_tried_once_more_at_the_end() {
        for (failures, arrived) in [(0, vec![7]), (1, vec![7]), (2, vec![])] {
            let (sender, arrivals) = newest(&IntCounter::new("lost", "lost").unwrap());
            sender.send(7);
            drop(sender);
            let mut place = Slow {
                permits: Arc::new(Semaphore::new(9)),
                failures,
                arrived: Vec::new(),
            };
            arrivals.hand_to(&mut place).await;
            assert_eq!(place.arrived, arrived);
        }
    }
}
