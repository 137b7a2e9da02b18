//! A connection with its calls in flight.

use std::collections::HashMap;

use super::{
    answer::{Decided, Field, descend},
    calls::{Calls, number_of},
    http2::{Event, Http2},
    request_head::RequestHead,
    socket::{ConnectError, Endpoint, Limit, Socket},
    status::Status,
    tally::Sent,
};

const BUFFER_BYTES: usize = 64 * 1_024;
/// The field of the id in an answer on a stream.
const STREAM_REQUEST_ID: [u32; 1] = [1];

/// A call that has ended, with what was said of it.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) call: Sent,
    pub(super) status: Status,
    pub(super) message: Option<String>,
}

/// A connection that is ready for calls.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) socket: Socket,
    http2: Http2,
    calls: InFlight,
    /// The id of a message, while it is written.
    id: Vec<u8>,
    /// Whether a call on it has ended.
    has_served: bool,
}

impl Connection {
    /// Connects, and waits until the server has sent its settings.
    pub(super) fn open(endpoint: &Endpoint, limit: Limit) -> Result<Self, ConnectError> {
        let mut socket = Socket::connect(endpoint, limit)?;
        let mut http2 = Http2::new();
        let mut buffer = vec![0; BUFFER_BYTES];
        socket.wait_until(limit)?;
        let sent = socket.send(http2.to_send())?;
        http2.sent(sent);
        while !http2.is_ready() {
            socket.wait_until(limit)?;
            let read = socket.read(&mut buffer)?.ok_or(ConnectError::Timeout)?;
            if read == 0 {
                return Err(ConnectError::Closed(None));
            }
            http2.receive(buffer.get(..read).unwrap_or_default(), &mut |_| {})?;
        }
        socket.set_ready()?;
        Ok(Self {
            socket,
            http2,
            calls: InFlight::default(),
            id: Vec::new(),
            has_served: false,
        })
    }

    /// How many calls at once the server takes, if it says so.
    pub(super) fn streams_max(&self) -> Option<u32> {
        self.http2.streams_max()
    }

    /// Whether the server takes no further calls on this connection.
    pub(super) fn is_draining(&self) -> bool {
        self.http2.is_draining()
    }

    /// Whether a call on it has ended.
    pub(super) fn has_served(&self) -> bool {
        self.has_served
    }

    /// Whether no call is in flight.
    pub(super) fn is_idle(&self) -> bool {
        self.calls.sent.is_empty()
    }

    /// Whether bytes wait to be sent.
    pub(super) fn is_sending(&self) -> bool {
        !self.http2.to_send().is_empty() || self.socket.is_sending()
    }

    /// Begins the call of this number, or the check on the stream. Its bytes are sent by [`Self::send`].
    pub(super) fn call(&mut self, number: u64, calls: &Calls, head: &RequestHead, call: Sent) {
        let message = calls.message(number, &mut self.id);
        if calls.is_stream {
            let open = self.calls.stream;
            let stream = open.unwrap_or_else(|| self.http2.open(head));
            self.calls.stream = Some(stream);
            self.http2.send(stream, message, false);
            self.calls.sent.insert(number, call);
        } else {
            let stream = self.http2.open(head);
            self.http2.send(stream, message, true);
            self.calls.sent.insert(stream.into(), call);
        }
    }

    /// Sends as much as the system takes.
    pub(super) fn send(&mut self) -> Result<(), ConnectError> {
        let sent = self.socket.send(self.http2.to_send())?;
        self.http2.sent(sent);
        Ok(())
    }

    /// Reads what has arrived, and reports the calls that have ended.
    pub(super) fn receive(
        &mut self,
        calls: &Calls,
        buffer: &mut Vec<u8>,
        ended: &mut dyn FnMut(Ended),
    ) -> Result<(), ConnectError> {
        buffer.resize(BUFFER_BYTES, 0);
        let (in_flight, has_served) = (&mut self.calls, &mut self.has_served);
        let ended: &mut OnEnded<'_> = &mut |call| {
            *has_served = true;
            ended(call);
        };
        loop {
            let Some(read) = self.socket.read(buffer)? else {
                return Ok(());
            };
            if read == 0 {
                let reason = self.http2.drain_reason().map(str::to_owned);
                return Err(ConnectError::Closed(reason));
            }
            let bytes = buffer.get(..read).unwrap_or_default();
            self.http2.receive(bytes, &mut |event| {
                if calls.is_stream {
                    in_flight.on_stream(event, calls, ended);
                } else {
                    in_flight.on_calls(event, calls, ended);
                }
            })?;
            if read < buffer.len() && !self.socket.may_hold_more() {
                return Ok(());
            }
        }
    }

    /// The calls in flight, of which nothing more is heard.
    pub(super) fn abandoned(&mut self) -> impl Iterator<Item = Sent> {
        self.calls.sent.drain().map(|(_, call)| call)
    }
}

type OnEnded<'e> = dyn FnMut(Ended) + 'e;

/// The calls in flight.
#[derive(Debug, Default)]
struct InFlight {
    /// By the number of its stream; of checks on one stream, by that of their id.
    sent: HashMap<u64, Sent>,
    /// The stream of all checks, if there is one.
    stream: Option<u32>,
}

impl InFlight {
    /// What has happened where each call has a stream of its own.
    fn on_calls(&mut self, event: Event<'_>, calls: &Calls, ended: &mut OnEnded<'_>) {
        match event {
            Event::Message { stream, message } => {
                let number = u64::from(stream);
                let call = self.sent.get_mut(&number);
                if call.is_some_and(|call| read(call, calls, message).is_none()) {
                    ended_by(self.sent.remove(&number), Status::Unreadable, None, ended);
                }
            }
            Event::Ended {
                stream,
                status,
                message,
            } => ended_by(self.sent.remove(&u64::from(stream)), status, message, ended),
        }
    }

    /// What has happened where all checks are on one stream: an answer is to the check whose id it has.
    fn on_stream(&mut self, event: Event<'_>, calls: &Calls, ended: &mut OnEnded<'_>) {
        match event {
            Event::Message { message, .. } => {
                let number = id_of(message);
                let Some(mut call) = number.and_then(|number| self.sent.remove(&number)) else {
                    return;
                };
                let status = match read(&mut call, calls, message) {
                    Some(()) => Status::OK,
                    None => Status::Unreadable,
                };
                ended_by(Some(call), status, None, ended);
            }
            Event::Ended {
                status, message, ..
            } => {
                self.stream = None;
                for (_, call) in self.sent.drain() {
                    ended_by(Some(call), status, message.clone(), ended);
                }
            }
        }
    }
}

fn ended_by(call: Option<Sent>, status: Status, message: Option<String>, ended: &mut OnEnded<'_>) {
    if let Some(call) = call {
        ended(Ended {
            call,
            status,
            message,
        });
    }
}

/// Reads the decisions of a message into its call; `None` if it cannot be read.
fn read(call: &mut Sent, calls: &Calls, message: &[u8]) -> Option<()> {
    let mut is_whole = true;
    let decisions = &mut call.decisions;
    let read = calls.shape.decisions(message, &mut |decision| {
        is_whole &= decision != Decided::None;
        decisions.add(decision);
    });
    if !is_whole && call.error.is_none() {
        call.error = calls.shape.error(message);
    }
    read.ok()
}

/// The number in the id of an answer on a stream.
fn id_of(message: &[u8]) -> Option<u64> {
    let mut number = None;
    let found = descend(message, &STREAM_REQUEST_ID, &mut |field| {
        if let Field::Bytes(id) = field {
            number = number_of(id);
        }
    });
    found.ok().and(number)
}
