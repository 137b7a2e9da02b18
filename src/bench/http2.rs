//! A client's side of HTTP/2 (RFC 9113) on prepared messages, without a socket: bytes go in, bytes and events come out. A library would
//! take as much of a core as the servers that are measured, and has timers of a millisecond.

mod error;
mod frame;
mod messages;
mod server;

use std::collections::{HashMap, VecDeque};

pub(super) use self::error::Http2Error;
use self::{
    frame::{FRAME_BYTES_MAX, Frame, Kind, PREFACE, put, put_setting},
    messages::Messages,
    server::{SETTING_PUSH, SETTING_STREAMS, SETTING_TABLE_SIZE, SETTING_WINDOW, Server},
};
use super::{
    hpack::{Decoder, Head},
    request_head::RequestHead,
    status::Status,
};

/// The largest window of flow control.
const WINDOW_MAX: u32 = (1 << 31) - 1;
/// The window of a connection, and of a stream, before anybody has changed it.
const WINDOW_FIRST: u32 = 65_535;
/// How much is received before the window is opened again.
const CONSUMED_MAX: u32 = 1 << 24;
/// No headers of an answer are longer.
const HEAD_BYTES_MAX: usize = 256 * 1_024;
/// The size of the table that the prepared headers need.
const TABLE_BYTES: u32 = 4_096;

/// What has happened on a connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event<'c> {
    /// A message of a call.
    Message { stream: u32, message: &'c [u8] },
    /// The end of a call.
    Ended {
        stream: u32,
        status: Status,
        message: Option<String>,
    },
}

type OnEvent<'e> = dyn FnMut(Event<'_>) + 'e;

/// A connection.
#[derive(Debug)]
pub(super) struct Http2 {
    to_send: Vec<u8>,
    received: Vec<u8>,
    decoder: Decoder,
    open: HashMap<u32, Call>,
    next_stream: u32,
    /// How many bytes of messages may be sent: on the connection, and on a new stream.
    window: i64,
    stream_window: i64,
    /// Messages that the windows have no room for yet.
    blocked: VecDeque<Blocked>,
    consumed: u32,
    /// Headers that are not complete.
    head: Option<PartialHead>,
    server: Server,
}

#[derive(Debug)]
struct Call {
    messages: Messages,
    head: Head,
    window: i64,
    consumed: u32,
}

#[derive(Debug)]
struct Blocked {
    stream: u32,
    rest: Vec<u8>,
    ends: bool,
}

#[derive(Debug)]
struct PartialHead {
    stream: u32,
    ends: bool,
    block: Vec<u8>,
}

impl Http2 {
    pub(super) fn new() -> Self {
        let mut to_send = PREFACE.to_vec();
        let mut settings = Vec::new();
        put_setting(&mut settings, SETTING_PUSH, 0);
        put_setting(&mut settings, SETTING_WINDOW, WINDOW_MAX);
        put(&mut to_send, Kind::SETTINGS, 0, 0, &[&settings]);
        let more = (WINDOW_MAX - WINDOW_FIRST).to_be_bytes();
        put(&mut to_send, Kind::WINDOW_UPDATE, 0, 0, &[&more]);
        Self {
            to_send,
            received: Vec::new(),
            decoder: Decoder::new(),
            open: HashMap::new(),
            next_stream: 1,
            window: WINDOW_FIRST.into(),
            stream_window: WINDOW_FIRST.into(),
            blocked: VecDeque::new(),
            consumed: 0,
            head: None,
            server: Server::default(),
        }
    }

    /// Whether the server has sent its settings, before which no call is made.
    pub(super) fn is_ready(&self) -> bool {
        self.server.is_ready
    }

    /// Whether the server takes no further calls on this connection.
    pub(super) fn is_draining(&self) -> bool {
        // The numbers of streams are used up some time.
        self.server.drain_reason.is_some() || self.next_stream > WINDOW_MAX - 2
    }

    /// Why it takes none, if it has said so.
    pub(super) fn drain_reason(&self) -> Option<&str> {
        self.server.drain_reason.as_deref()
    }

    /// How many calls at once the server takes, if it says so.
    pub(super) fn streams_max(&self) -> Option<u32> {
        self.server.streams_max
    }

    /// The bytes for the server.
    pub(super) fn to_send(&self) -> &[u8] {
        &self.to_send
    }

    /// The first of these bytes have been sent.
    pub(super) fn sent(&mut self, bytes: usize) {
        self.to_send.drain(..bytes.min(self.to_send.len()));
    }

    /// Begins a call: the number of its stream.
    pub(super) fn open(&mut self, head: &RequestHead) -> u32 {
        let stream = self.next_stream;
        self.next_stream += 2;
        let block = match (self.server.has_no_table, stream) {
            (true, _) => &head.plain,
            (false, 1) => &head.first,
            (false, _) => &head.later,
        };
        // A server with a smaller table is given none, which has to be said once.
        let resized: &[u8] = if self.server.has_no_table && stream == 1 {
            &[0x20]
        } else {
            &[]
        };
        put(
            &mut self.to_send,
            Kind::HEADERS,
            frame::END_HEADERS,
            stream,
            &[resized, block],
        );
        let call = Call {
            messages: Messages::default(),
            head: Head::default(),
            window: self.stream_window,
            consumed: 0,
        };
        self.open.insert(stream, call);
        stream
    }

    /// Sends a message, which stands in two parts, on a stream; `ends` says whether it is the last.
    pub(super) fn send(&mut self, stream: u32, [first, second]: [&[u8]; 2], ends: bool) {
        let Some(call) = self.open.get_mut(&stream) else {
            return;
        };
        let length = first.len() + second.len();
        // A message is prepared here, and short.
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        let [a, b, c, d] = length.to_be_bytes();
        let prefix = [0, a, b, c, d];
        let needed = i64::from(length) + 5;
        let fits = usize::try_from(needed).is_ok_and(|needed| needed <= FRAME_BYTES_MAX);
        if self.blocked.is_empty() && fits && needed <= self.window.min(call.window) {
            self.window -= needed;
            call.window -= needed;
            let flags = if ends { frame::END_STREAM } else { 0 };
            put(
                &mut self.to_send,
                Kind::DATA,
                flags,
                stream,
                &[&prefix, first, second],
            );
            return;
        }
        let rest = [&prefix[..], first, second].concat();
        self.blocked.push_back(Blocked { stream, rest, ends });
        self.unblock();
    }

    /// Sends what the windows have room for now, in order.
    fn unblock(&mut self) {
        while let Some(blocked) = self.blocked.front_mut() {
            let Some(call) = self.open.get_mut(&blocked.stream) else {
                self.blocked.pop_front();
                continue;
            };
            let room = usize::try_from(self.window.min(call.window)).unwrap_or(0);
            let length = blocked.rest.len().min(room).min(FRAME_BYTES_MAX);
            if length == 0 {
                return;
            }
            let taken = i64::try_from(length).unwrap_or(0);
            self.window -= taken;
            call.window -= taken;
            let part: Vec<u8> = blocked.rest.drain(..length).collect();
            let is_last = blocked.rest.is_empty();
            let flags = if is_last && blocked.ends {
                frame::END_STREAM
            } else {
                0
            };
            put(
                &mut self.to_send,
                Kind::DATA,
                flags,
                blocked.stream,
                &[&part],
            );
            if is_last {
                self.blocked.pop_front();
            }
        }
    }

    /// Takes bytes of the server, and reports what they say.
    pub(super) fn receive(
        &mut self,
        bytes: &[u8],
        event: &mut OnEvent<'_>,
    ) -> Result<(), Http2Error> {
        let mut held = std::mem::take(&mut self.received);
        if held.is_empty() {
            held.extend_from_slice(self.take_all(bytes, event)?);
        } else {
            held.extend_from_slice(bytes);
            let rest = self.take_all(&held, event)?.len();
            held.drain(..held.len() - rest);
        }
        self.received = held;
        Ok(())
    }

    /// Takes every whole frame: what is left behind the last.
    fn take_all<'b>(
        &mut self,
        mut bytes: &'b [u8],
        event: &mut OnEvent<'_>,
    ) -> Result<&'b [u8], Http2Error> {
        while let Some((frame, rest)) = Frame::split(bytes)? {
            if !self.server.is_ready && frame.kind != Kind::SETTINGS {
                return Err(Http2Error::NoHttp2);
            }
            self.take(frame, event)?;
            bytes = rest;
        }
        Ok(bytes)
    }

    fn take(&mut self, frame: Frame<'_>, event: &mut OnEvent<'_>) -> Result<(), Http2Error> {
        if self.head.is_some() && frame.kind != Kind::CONTINUATION {
            return Err(Http2Error::Frame);
        }
        match frame.kind {
            Kind::DATA => self.data(frame, event),
            Kind::HEADERS => {
                let (stream, ends) = (frame.stream, frame.has(frame::END_STREAM));
                let block = frame.unpadded_head()?;
                if frame.has(frame::END_HEADERS) {
                    return self.headers(stream, ends, block, event);
                }
                let block = block.to_vec();
                self.head = Some(PartialHead {
                    stream,
                    ends,
                    block,
                });
                Ok(())
            }
            Kind::CONTINUATION => {
                let mut head = self.head.take().ok_or(Http2Error::Frame)?;
                head.block.extend_from_slice(frame.payload);
                if head.block.len() > HEAD_BYTES_MAX {
                    return Err(Http2Error::Frame);
                }
                if frame.has(frame::END_HEADERS) {
                    return self.headers(head.stream, head.ends, &head.block, event);
                }
                self.head = Some(head);
                Ok(())
            }
            Kind::RST_STREAM => {
                self.end(frame.stream, Some(Status::Reset(frame.number()?)), event);
                Ok(())
            }
            Kind::SETTINGS if !frame.has(frame::ACK) => self.settings(frame),
            Kind::PING if !frame.has(frame::ACK) => {
                put(
                    &mut self.to_send,
                    Kind::PING,
                    frame::ACK,
                    0,
                    &[frame.payload],
                );
                Ok(())
            }
            Kind::GOAWAY => self.go_away(frame, event),
            Kind::WINDOW_UPDATE => self.opened(frame),
            _ => Ok(()),
        }
    }

    /// The server takes no further calls, and has not taken those after this one.
    fn go_away(&mut self, frame: Frame<'_>, event: &mut OnEvent<'_>) -> Result<(), Http2Error> {
        let (last, reason) = frame.go_away()?;
        let refused = self.open.extract_if(|stream, _| *stream > last);
        for (stream, _) in refused {
            event(Event::Ended {
                stream,
                status: Status::Lost,
                message: Some(reason.clone()),
            });
        }
        self.server.drain_reason = Some(reason);
        Ok(())
    }

    /// A window has more room.
    fn opened(&mut self, frame: Frame<'_>) -> Result<(), Http2Error> {
        let more = i64::from(frame.number()? & WINDOW_MAX);
        if frame.stream == 0 {
            self.window += more;
        } else if let Some(call) = self.open.get_mut(&frame.stream) {
            call.window += more;
        }
        self.unblock();
        Ok(())
    }

    fn settings(&mut self, frame: Frame<'_>) -> Result<(), Http2Error> {
        for (setting, value) in frame.settings()? {
            match setting {
                SETTING_TABLE_SIZE => self.server.has_no_table = value < TABLE_BYTES,
                SETTING_STREAMS => self.server.streams_max = Some(value),
                SETTING_WINDOW => {
                    let change = i64::from(value) - self.stream_window;
                    self.stream_window += change;
                    for call in self.open.values_mut() {
                        call.window += change;
                    }
                }
                // SETTINGS_MAX_FRAME_SIZE is none of these: no frame of ours is longer than what every server has to take.
                _ => {}
            }
        }
        self.server.is_ready = true;
        put(&mut self.to_send, Kind::SETTINGS, frame::ACK, 0, &[]);
        self.unblock();
        Ok(())
    }

    fn data(&mut self, frame: Frame<'_>, event: &mut OnEvent<'_>) -> Result<(), Http2Error> {
        let length = u32::try_from(frame.payload.len()).unwrap_or(u32::MAX);
        consume(&mut self.consumed, length, 0, &mut self.to_send);
        let stream = frame.stream;
        let Some(call) = self.open.get_mut(&stream) else {
            return Ok(());
        };
        consume(&mut call.consumed, length, stream, &mut self.to_send);
        let taken = call.messages.take(frame.unpadded()?, &mut |message| {
            event(Event::Message { stream, message });
        });
        taken.ok_or(Http2Error::Message)?;
        if frame.has(frame::END_STREAM) {
            self.end(stream, None, event);
        }
        Ok(())
    }

    /// A whole block of headers.
    fn headers(
        &mut self,
        stream: u32,
        ends: bool,
        block: &[u8],
        event: &mut OnEvent<'_>,
    ) -> Result<(), Http2Error> {
        // Also of a call that has ended, because of the table.
        let mut of_nobody = Head::default();
        let call = self.open.get_mut(&stream);
        let into = call.map_or(&mut of_nobody, |call| &mut call.head);
        self.decoder.read(block, into)?;
        if ends {
            self.end(stream, None, event);
        }
        Ok(())
    }

    /// A call has ended: by this status, or by that of its headers.
    fn end(&mut self, stream: u32, status: Option<Status>, event: &mut OnEvent<'_>) {
        let Some(Call { head, .. }) = self.open.remove(&stream) else {
            return;
        };
        let status = status.unwrap_or(match (head.grpc_status, head.http_status) {
            (Some(code), _) => Status::Grpc(code),
            (None, Some(status)) if status != 200 => Status::Http(status),
            (None, _) => Status::Missing,
        });
        event(Event::Ended {
            stream,
            status,
            message: head.message,
        });
    }
}

/// Counts what was received, and opens the window again from time to time.
fn consume(consumed: &mut u32, length: u32, stream: u32, to_send: &mut Vec<u8>) {
    *consumed = consumed.saturating_add(length);
    if *consumed > CONSUMED_MAX {
        put(
            to_send,
            Kind::WINDOW_UPDATE,
            0,
            stream,
            &[&consumed.to_be_bytes()],
        );
        *consumed = 0;
    }
}

#[cfg(test)]
mod tests;
