//! A connection with its calls in flight.

use std::{collections::HashMap, io};

use super::{
    answer::{Field, descend},
    calls::{Calls, number_of},
    http2::{Event, Http2, Http2Error},
    request_head::RequestHead,
    socket::{Endpoint, Socket},
    status::Status,
    tally::Sent,
};

const BUFFER_BYTES: usize = 64 * 1_024;
/// The field of the id in an answer on a stream.
const STREAM_REQUEST_ID: [u32; 1] = [1];

/// Why a connection cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectionError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Http2(#[from] Http2Error),
    #[error("the server has closed the connection")]
    Closed,
}

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
    /// By the number of its stream; of checks on one stream, by that of their id.
    calls: HashMap<u64, Sent>,
    /// The stream of all checks, if there is one.
    stream: Option<u32>,
    next_number: u64,
    id: Vec<u8>,
}

impl Connection {
    /// Connects, and waits until the server has sent its settings.
    pub(super) fn open(endpoint: &Endpoint) -> Result<Self, ConnectionError> {
        let mut socket = Socket::connect(endpoint)?;
        let mut http2 = Http2::new();
        let mut buffer = vec![0; BUFFER_BYTES];
        let sent = socket.send(http2.to_send())?;
        http2.sent(sent);
        while !http2.is_ready() {
            let read = socket.read(&mut buffer)?.ok_or(Http2Error::NoHttp2)?;
            if read == 0 {
                return Err(ConnectionError::Closed);
            }
            http2.receive(buffer.get(..read).unwrap_or_default(), &mut |_| {})?;
        }
        socket.set_ready()?;
        Ok(Self {
            socket,
            http2,
            calls: HashMap::new(),
            stream: None,
            next_number: 0,
            id: Vec::new(),
        })
    }

    /// How many calls at once the server takes, if it says so.
    pub(super) fn streams_max(&self) -> Option<u32> {
        self.http2.streams_max()
    }

    /// Whether the server takes no further calls on this connection.
    pub(super) fn is_leaving(&self) -> bool {
        self.http2.is_leaving()
    }

    /// Whether no call is in flight.
    pub(super) fn is_idle(&self) -> bool {
        self.calls.is_empty()
    }

    /// Whether bytes wait to be sent.
    pub(super) fn is_sending(&self) -> bool {
        !self.http2.to_send().is_empty() || self.socket.is_sending()
    }

    /// Begins a call, or a check on the stream. Its bytes go with [`Self::send`].
    pub(super) fn call(&mut self, calls: &Calls, head: &RequestHead, call: Sent) {
        let number = self.next_number;
        self.next_number += 1;
        let message = calls.message(number, &mut self.id);
        if calls.is_stream {
            let stream = self.stream.unwrap_or_else(|| self.http2.open(head));
            self.stream = Some(stream);
            self.http2.send(stream, message, false);
            self.calls.insert(number, call);
        } else {
            let stream = self.http2.open(head);
            self.http2.send(stream, message, true);
            self.calls.insert(stream.into(), call);
        }
    }

    /// Sends as much as the system takes.
    pub(super) fn send(&mut self) -> Result<(), ConnectionError> {
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
    ) -> Result<(), ConnectionError> {
        buffer.resize(BUFFER_BYTES, 0);
        loop {
            let Some(read) = self.socket.read(buffer)? else {
                return Ok(());
            };
            if read == 0 {
                return Err(ConnectionError::Closed);
            }
            let (in_flight, stream) = (&mut self.calls, &mut self.stream);
            let bytes = buffer.get(..read).unwrap_or_default();
            self.http2.receive(bytes, &mut |event| match event {
                Event::Message { message, .. } if calls.is_stream => {
                    checked(in_flight, calls, message, ended);
                }
                Event::Message { stream, message } => {
                    if let Some(call) = in_flight.get_mut(&u64::from(stream)) {
                        let verdicts = &mut call.verdicts;
                        let read = calls.reading.verdicts(message, &mut |of| verdicts.add(of));
                        if read.is_err() {
                            let call = std::mem::take(call);
                            in_flight.remove(&u64::from(stream));
                            ended(unreadable(call));
                        }
                    }
                }
                Event::Ended {
                    status, message, ..
                } if calls.is_stream => {
                    // All that is in flight ends with it.
                    *stream = None;
                    for (_, call) in in_flight.drain() {
                        let message = message.clone();
                        ended(Ended {
                            call,
                            status,
                            message,
                        });
                    }
                }
                Event::Ended {
                    stream,
                    status,
                    message,
                } => {
                    if let Some(call) = in_flight.remove(&u64::from(stream)) {
                        ended(Ended {
                            call,
                            status,
                            message,
                        });
                    }
                }
            })?;
            if read < buffer.len() && !self.socket.may_hold_more() {
                return Ok(());
            }
        }
    }

    /// The calls in flight, of which nothing more is heard.
    pub(super) fn abandoned(&mut self) -> impl Iterator<Item = Sent> {
        self.calls.drain().map(|(_, call)| call)
    }
}

/// An answer on the stream: to the check whose id it has.
fn checked(
    in_flight: &mut HashMap<u64, Sent>,
    calls: &Calls,
    message: &[u8],
    ended: &mut dyn FnMut(Ended),
) {
    let mut number = None;
    let found = descend(message, &STREAM_REQUEST_ID, &mut |field| {
        if let Field::Bytes(id) = field {
            number = number_of(id);
        }
    });
    let Some(mut call) = number.and_then(|number| in_flight.remove(&number)) else {
        return;
    };
    let verdicts = &mut call.verdicts;
    let read = calls.reading.verdicts(message, &mut |of| verdicts.add(of));
    ended(match (found, read) {
        (Ok(()), Ok(())) => Ended {
            call,
            status: Status::OK,
            message: None,
        },
        _ => unreadable(call),
    });
}

fn unreadable(call: Sent) -> Ended {
    Ended {
        call,
        status: Status::Unreadable,
        message: None,
    }
}
