//! Gathers groups: what was recorded on one thread in one turn of its event loop is handed to the writing thread together. So a turn wakes the
//! writing thread once, and is woken once by it, however many calls it answers.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use parking_lot::Mutex;
use tokio::{
    runtime::Handle,
    sync::{
        Semaphore, TryAcquireError,
        mpsc::{
            self, OwnedPermit,
            error::{SendError, TrySendError},
        },
        oneshot, watch,
    },
};
use tracing::error;

use super::{
    error::JournalError,
    group::{Done, Group, Permit},
    line::Body,
    message::Message,
    obstacles::Obstacles,
    own::Own,
    settings::Durability,
};

/// Threads whose groups are apart. More of them share: a group is then handed over by the thread that began it.
const SLOTS: usize = 64;

/// The number of the next thread that records something.
static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static SLOT: usize = THREADS.fetch_add(1, Relaxed) % SLOTS;
}

/// The groups of all threads.
#[derive(Debug)]
pub(super) struct Groups {
    slots: [Mutex<Slot>; SLOTS],
    queue: mpsc::Sender<Message>,
    /// One for each entry that may be queued.
    places: Arc<Semaphore>,
    durability: Durability,
    obstacles: watch::Receiver<Obstacles>,
    /// How many groups wait for room in the queue.
    late: watch::Sender<usize>,
}

/// A group that waits for room in the queue.
struct Late(watch::Sender<usize>);

impl Late {
    fn begin(count: &watch::Sender<usize>) -> Self {
        count.send_modify(|count| *count = count.saturating_add(1));
        Self(count.clone())
    }
}

impl Drop for Late {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}

/// A group that cannot be sent, because the writing thread or the runtime has ended.
fn log_lost(message: &Message) {
    if let Message::Group(group, _) = message {
        error!(
            event = "journal_records_lost",
            records = group.len(),
            "decisions could not be handed to the thread that writes the journal, and are lost: restart the service"
        );
    }
}

#[derive(Debug, Default)]
struct Slot {
    group: Group,
    is_closed: bool,
}

impl Groups {
    pub(super) fn new(
        queue: mpsc::Sender<Message>,
        places: Arc<Semaphore>,
        durability: Durability,
        obstacles: watch::Receiver<Obstacles>,
    ) -> Self {
        Self {
            slots: std::array::from_fn(|_| Mutex::default()),
            queue,
            places,
            durability,
            obstacles,
            late: watch::Sender::default(),
        }
    }

    /// Whether a call waits until its decision is written.
    pub(super) fn waits(&self) -> bool {
        self.durability != Durability::Queued
    }

    /// Waits for a place in the queue.
    pub(super) async fn admit(&self) -> Result<Permit, JournalError> {
        match self.try_admit() {
            Err(None) => {}
            Err(Some(error)) => return Err(error),
            Ok(place) => return Ok(place),
        }
        let mut obstacles = self.obstacles.clone();
        tokio::select! {
            place = Arc::clone(&self.places).acquire_owned() => {
                place.map(Permit).map_err(|_| JournalError::Stopped)
            }
            // An error means that the thread has ended.
            found = obstacles.wait_for(|obstacles| !obstacles.are_none()) => {
                Err(found.map_or(JournalError::Stopped, |_| JournalError::NotWritable))
            }
        }
    }

    /// Whether records are taken now.
    pub(super) fn is_open(&self) -> bool {
        self.obstacles.borrow().are_none()
    }

    /// Takes a place, if there is one now; `None` if all are taken.
    pub(super) fn try_admit(&self) -> Result<Permit, Option<JournalError>> {
        if !self.obstacles.borrow().are_none() {
            return Err(Some(JournalError::NotWritable));
        }
        match Arc::clone(&self.places).try_acquire_owned() {
            Ok(place) => Ok(Permit(place)),
            Err(TryAcquireError::Closed) => Err(Some(JournalError::Stopped)),
            Err(TryAcquireError::NoPermits) => Err(None),
        }
    }

    /// Adds a record to the group of this thread.
    pub(super) fn add(
        self: &Arc<Self>,
        record: &impl Body,
        permit: Permit,
    ) -> Result<Arc<Done>, JournalError> {
        let index = SLOT.with(|slot| *slot);
        let slot = self.slots.get(index).ok_or(JournalError::Stopped)?;
        let (done, is_first) = {
            let mut slot = slot.lock();
            // The queue is closed where the writing thread has ended.
            if slot.is_closed || self.queue.is_closed() {
                return Err(JournalError::Stopped);
            }
            slot.group.push(record, permit);
            (Arc::clone(&slot.group.done), slot.group.len() == 1)
        };
        if is_first {
            let turn = Turn {
                groups: Arc::clone(self),
                slot: index,
                is_handed_over: false,
            };
            match Handle::try_current() {
                // It runs after the tasks that are ready now, so their records are in the group too.
                Ok(runtime) => drop(runtime.spawn(turn.end())),
                Err(_) => drop(turn),
            }
        }
        Ok(done)
    }

    /// Hands over the group of a slot. Returns what receives that it was written; `None` if there is nothing.
    fn hand_over(&self, slot: usize) -> Option<(Arc<Done>, oneshot::Receiver<()>)> {
        // Locked until it is sent, so that a stop does not overtake it.
        let mut slot = self.slots.get(slot)?.lock();
        if slot.group.len() == 0 {
            return None;
        }
        let following = slot.group.following();
        let group = std::mem::replace(&mut slot.group, following);
        let done = Arc::clone(&group.done);
        let (written, when_written) = oneshot::channel();
        // There is room for all records that are admitted, unless many other messages wait too. If the thread has ended, the sender is
        // dropped, which is what is waited for.
        match self.queue.try_send(Message::Group(group, written)) {
            Ok(()) => {}
            Err(TrySendError::Closed(message)) => log_lost(&message),
            Err(TrySendError::Full(message)) => match Handle::try_current() {
                Ok(runtime) => {
                    let queue = self.queue.clone();
                    let late = Late::begin(&self.late);
                    drop(runtime.spawn(async move {
                        if let Err(SendError(message)) = queue.send(message).await {
                            log_lost(&message);
                        }
                        drop(late);
                    }));
                }
                Err(_) => log_lost(&message),
            },
        }
        Some((done, when_written))
    }

    /// Hands over an event of the journal itself. Returns what receives that it was written; `None` if there was no room for it.
    pub(super) fn send(&self, own: Own) -> Option<oneshot::Receiver<()>> {
        let (written, when_written) = oneshot::channel();
        let sent = self.queue.try_send(Message::Own(own, written));
        sent.ok().map(|()| when_written)
    }

    /// Takes a place in the queue for an event of the journal itself, while records are taken.
    pub(super) fn reserve(&self) -> Result<OwnedPermit<Message>, JournalError> {
        if !self.is_open() {
            return Err(JournalError::NotWritable);
        }
        let place = self.queue.clone().try_reserve_owned();
        place.map_err(|error| match error {
            TrySendError::Full(_) => JournalError::NotWritable,
            TrySendError::Closed(_) => JournalError::Stopped,
        })
    }

    /// Whether the writing thread has ended, or is about to.
    pub(super) fn have_ended(&self) -> bool {
        self.queue.is_closed()
    }

    /// Waits until no group waits for room in the queue.
    pub(super) async fn all_sent(&self) {
        // An error cannot be: the sender is here.
        let _ = self.late.subscribe().wait_for(|late| *late == 0).await;
    }

    /// Accepts no more records, and hands over what there is.
    pub(super) fn close(&self) {
        self.places.close();
        for (index, slot) in self.slots.iter().enumerate() {
            slot.lock().is_closed = true;
            if let Some((done, when_written)) = self.hand_over(index) {
                // Whose calls have ended with their connections.
                drop(when_written);
                done.complete(Err(JournalError::Stopped));
            }
        }
    }
}

/// A turn of an event loop in which something was recorded. Its group is handed over at its end, also when the runtime ends before.
struct Turn {
    groups: Arc<Groups>,
    slot: usize,
    is_handed_over: bool,
}

impl Turn {
    async fn end(mut self) {
        self.is_handed_over = true;
        let Some((done, when_written)) = self.groups.hand_over(self.slot) else {
            return;
        };
        if !self.groups.waits() {
            return;
        }
        let waiting = Waiting(done);
        let mut obstacles = self.groups.obstacles.clone();
        let result = tokio::select! {
            biased;
            written = when_written => written.map_err(|_| JournalError::Stopped),
            _ = obstacles.wait_for(|obstacles| !obstacles.are_none()) => Err(JournalError::NotWritable),
        };
        waiting.0.complete(result);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.is_handed_over
            && let Some((done, _)) = self.groups.hand_over(self.slot)
        {
            done.complete(Err(JournalError::Stopped));
        }
    }
}

/// Calls that wait: a runtime that ends before they are answered ends their wait.
struct Waiting(Arc<Done>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.complete(Err(JournalError::Stopped));
    }
}
