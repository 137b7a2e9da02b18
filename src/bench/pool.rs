//! The connections of a thread. One that is lost is made again beside the load, by a thread that may wait for it.

use std::{
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, TryRecvError, channel},
    },
    thread,
    time::Duration,
};

use super::{
    connection::Connection,
    load::{BenchError, Target},
    socket::{ConnectError, Endpoint, Limit},
};
use crate::clock::Reading;

/// The pause before a connection is tried again.
const PAUSE: Duration = Duration::from_millis(50);

/// The connections of a thread, by their numbers.
#[derive(Debug)]
pub(super) struct Pool {
    endpoint: Endpoint,
    slots: Vec<Slot>,
    /// Why a connection could not be made again, last.
    error: Option<ConnectError>,
}

#[derive(Debug)]
enum Slot {
    /// Ready for calls, or with calls in flight.
    Open(Box<Connection>),
    /// Being made again.
    Connecting(Receiver<Result<Connection, ConnectError>>),
    /// Lost, and not needed any more or not to be had.
    Closed,
}

impl Pool {
    /// Connects, one after the other.
    pub(super) fn open(
        target: &Target,
        connections: usize,
        started: &Reading,
        stop: &AtomicBool,
    ) -> Result<Self, BenchError> {
        let endpoint = target.endpoint.clone();
        let slots = (0..connections).map(|_| {
            if stop.load(Ordering::Relaxed) {
                return Err(BenchError::Interrupted);
            }
            let opened = Connection::open(&endpoint, Limit::from_now(*started));
            let opened = opened.map_err(|error| BenchError::Connect {
                target: target.name.clone(),
                address: endpoint.shown(),
                is_tls: endpoint.tls.is_some(),
                error,
            });
            Ok(Slot::Open(Box::new(opened?)))
        });
        Ok(Self {
            slots: slots.collect::<Result<_, _>>()?,
            endpoint,
            error: None,
        })
    }

    /// The connection of this number, if there is one now.
    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut Connection> {
        match self.slots.get_mut(index)? {
            Slot::Open(connection) => Some(connection),
            Slot::Connecting(_) | Slot::Closed => None,
        }
    }

    /// Those that there are now, with their numbers.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &Connection)> {
        self.slots.iter().enumerate().filter_map(|(index, slot)| {
            let Slot::Open(connection) = slot else {
                return None;
            };
            Some((index, connection.as_ref()))
        })
    }

    /// Those that there are now.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Connection> {
        self.slots.iter_mut().filter_map(|slot| match slot {
            Slot::Open(connection) => Some(connection.as_mut()),
            Slot::Connecting(_) | Slot::Closed => None,
        })
    }

    /// How many calls at once the server takes on a connection, if it says so.
    pub(super) fn streams_max(&self) -> Option<u32> {
        let connections = self.iter().map(|(_, connection)| connection);
        connections.filter_map(Connection::streams_max).min()
    }

    /// Whether a connection is being made.
    pub(super) fn is_connecting(&self) -> bool {
        let is_connecting = |slot: &Slot| matches!(slot, Slot::Connecting(_));
        self.slots.iter().any(is_connecting)
    }

    /// Whether there is no connection, and none comes any more.
    pub(super) fn is_lost(&self) -> bool {
        let is_closed = |slot: &Slot| matches!(slot, Slot::Closed);
        self.slots.iter().all(is_closed)
    }

    /// Why, if that is so.
    pub(super) fn error(&self) -> Option<&ConnectError> {
        self.error.as_ref().filter(|_| self.is_lost())
    }

    /// Gives up a connection.
    pub(super) fn close(&mut self, index: usize) {
        if let Some(slot) = self.slots.get_mut(index) {
            *slot = Slot::Closed;
        }
    }

    /// Makes a connection again.
    pub(super) fn reconnect(&mut self, index: usize, started: Reading) {
        // A server that closes every connection at once is not to be asked without a pause.
        let has_served = self.get_mut(index).is_some_and(|old| old.has_served());
        let pause = if has_served { Duration::ZERO } else { PAUSE };
        let endpoint = self.endpoint.clone();
        let (sender, receiver) = channel();
        let connecting = thread::Builder::new().spawn(move || {
            // The load may be over by then.
            let _ = sender.send(reopened(&endpoint, pause, started));
        });
        if let Some(slot) = self.slots.get_mut(index) {
            *slot = match connecting {
                Ok(_) => Slot::Connecting(receiver),
                Err(error) => {
                    self.error = Some(error.into());
                    Slot::Closed
                }
            };
        }
    }

    /// The numbers of connections that have been made again since this was asked last.
    pub(super) fn reconnected(&mut self) -> Vec<usize> {
        let mut made = Vec::new();
        for (index, slot) in self.slots.iter_mut().enumerate() {
            let Slot::Connecting(receiver) = slot else {
                continue;
            };
            let outcome = match receiver.try_recv() {
                Err(TryRecvError::Empty) => continue,
                Err(TryRecvError::Disconnected) => Err(ConnectError::Timeout),
                Ok(outcome) => outcome,
            };
            *slot = match outcome {
                Ok(connection) => {
                    made.push(index);
                    Slot::Open(Box::new(connection))
                }
                Err(error) => {
                    self.error = Some(error);
                    Slot::Closed
                }
            };
        }
        made
    }
}

/// Tries until the time for it is over.
fn reopened(
    endpoint: &Endpoint,
    pause: Duration,
    started: Reading,
) -> Result<Connection, ConnectError> {
    let limit = Limit::from_now(started);
    thread::sleep(pause);
    loop {
        let opened = Connection::open(endpoint, limit);
        let is_time = limit.left().is_ok_and(|left| left > PAUSE);
        if opened.is_ok() || !is_time {
            return opened;
        }
        thread::sleep(PAUSE);
    }
}
