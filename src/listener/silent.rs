//! Connections whose peers have said nothing yet. Where there is no place for another connection, the oldest of them makes room: who opens
//! connections and says nothing keeps nobody waiting who does.

use std::{collections::VecDeque, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::Notify;

/// The silent connections of the listeners that share their places.
#[derive(Debug, Clone, Default)]
pub(super) struct Silent(Arc<Mutex<Queue>>);

#[derive(Debug, Default)]
struct Queue {
    oldest_first: VecDeque<Arc<Notify>>,
    /// Whether the next one makes room at once, because there was none when room was needed.
    is_wanted: bool,
}

/// One silent connection, until this is dropped.
struct SilentConnection {
    silent: Silent,
    displaced: Arc<Notify>,
}

impl Silent {
    /// Ends the connection that has been silent for the longest time, or the next one that is.
    pub(super) fn make_room(&self) {
        let mut queue = self.0.lock();
        match queue.oldest_first.pop_front() {
            Some(oldest) => oldest.notify_one(),
            None => queue.is_wanted = true,
        }
    }

    /// There is a place.
    pub(super) fn has_room(&self) {
        self.0.lock().is_wanted = false;
    }

    /// Counts this connection as silent, and waits until it has to make room.
    pub(super) async fn displaced(&self) {
        let place = {
            let mut queue = self.0.lock();
            if std::mem::take(&mut queue.is_wanted) {
                return;
            }
            let displaced = Arc::new(Notify::new());
            queue.oldest_first.push_back(Arc::clone(&displaced));
            SilentConnection {
                silent: self.clone(),
                displaced,
            }
        };
        place.displaced.notified().await;
    }
}

impl Drop for SilentConnection {
    fn drop(&mut self) {
        let mut queue = self.silent.0.lock();
        let queue = &mut queue.oldest_first;
        if let Some(index) = queue.iter().position(|it| Arc::ptr_eq(it, &self.displaced)) {
            queue.remove(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn the_one_that_has_been_silent_longest_makes_room() {
        let silent = Silent::default();
        let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(silent.displaced())).collect();
        for one in &mut waiting {
            assert!(one.now_or_never().is_none());
        }
        silent.make_room();
        let made = waiting.iter_mut().map(|one| one.now_or_never().is_some());
        assert_eq!(made.collect::<Vec<_>>(), [true, false, false]);
        drop(waiting);
        assert!(silent.0.lock().oldest_first.is_empty());
    }

    #[test]
    fn where_nobody_is_silent_the_next_one_makes_room_unless_there_is_some() {
        let silent = Silent::default();
        silent.make_room();
        assert!(silent.displaced().now_or_never().is_some());
        silent.make_room();
        silent.has_room();
        assert!(silent.displaced().now_or_never().is_none());
    }
}
