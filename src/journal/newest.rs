//! Hands values on to a place that may be slow or down: only the newest one waits, and the sender never does.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
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
    /// The number of the last value that was taken.
    taken: Arc<AtomicU64>,
    /// Counts values that did not arrive.
    lost: IntCounter,
}

/// The other side.
#[derive(Debug)]
pub(super) struct Arrivals<T> {
    value: watch::Receiver<Numbered<T>>,
    taken: Arc<AtomicU64>,
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
    let taken = Arc::new(AtomicU64::new(0));
    let newest = Newest {
        value: sender,
        taken: Arc::clone(&taken),
        lost: lost.clone(),
    };
    let arrivals = Arrivals {
        value: receiver,
        taken,
        lost: lost.clone(),
    };
    (newest, arrivals)
}

impl<T> Newest<T> {
    /// Sends this value in the place of one that still waits, which is then lost.
    pub(super) fn send(&self, value: T) {
        self.value.send_modify(|(number, newest)| {
            if self.taken.load(Ordering::SeqCst) < *number {
                self.lost.inc();
            }
            *number = number.saturating_add(1);
            *newest = Some(value);
        });
    }
}

impl<T: Clone + Send + Sync> Arrivals<T> {
    /// Puts each value to its place, until the sending side is dropped and the last one was tried. One that does not arrive counts as lost, and
    /// is tried again, or a newer one in its place.
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
            self.taken.store(number, Ordering::SeqCst);
            let Some(value) = value else { continue };
            has_failed = !place.put(value).await;
            if has_failed {
                self.lost.inc();
            }
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
