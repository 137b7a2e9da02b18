//! A load generator for one core: prepared frames of HTTP/2, no library between it and the socket, so that it is never the slower side.
//! It keeps a fixed number of calls in flight on each connection, and checks that every answer has a message with the decision ALLOW.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustls::ClientConfig;

use crate::stream::Stream;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const ACK: u8 = 1;
const FRAME_HEADER: usize = 9;
/// The largest window of flow control.
const WINDOW_MAX: u32 = (1 << 31) - 1;
/// How a message begins whose first field is `decision = DECISION_ALLOW`.
const ALLOW: [u8; 2] = [0x08, 0x01];

/// What is sent, and how much of it at once.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    pub(crate) server: SocketAddr,
    pub(crate) connections: usize,
    pub(crate) streams: usize,
    /// The caller's token, if callers are authenticated.
    pub(crate) token: Option<String>,
    /// How TLS is spoken; `None`: plain text.
    pub(crate) tls: Option<Arc<ClientConfig>>,
    /// The messages to send, in turn.
    pub(crate) messages: Vec<Vec<u8>>,
}

/// What came back.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    /// Answers with the expected decision.
    pub(crate) good: usize,
    /// Everything else.
    pub(crate) bad: usize,
    /// The time of each answer, in microseconds.
    pub(crate) micros: Vec<u32>,
}

struct Connection {
    stream: Stream,
    received: Vec<u8>,
    to_send: Vec<u8>,
    /// Calls in flight: stream id, start, and whether an ALLOW was seen.
    calls: Vec<(u32, Instant, bool)>,
    next_stream: u32,
    consumed: u32,
}

impl Load {
    /// Sends for this long, and returns what came back in that time.
    pub(crate) fn run(&self, during: Duration) -> Answers {
        let mut connections: Vec<Connection> =
            (0..self.connections).map(|_| self.connect()).collect();
        let mut turn = 0;
        for connection in &mut connections {
            for _ in 0..self.streams {
                connection.call(self, &mut turn);
            }
        }
        let mut answers = Answers::default();
        let end = Instant::now() + during;
        while Instant::now() < end {
            let ready = wait(&connections);
            for (connection, ready) in connections.iter_mut().zip(ready) {
                if ready {
                    connection.receive();
                    connection.answer(self, &mut turn, &mut answers);
                }
                connection.send();
            }
        }
        answers
    }

    fn connect(&self) -> Connection {
        let stream = Stream::connect(self.server, self.tls.as_ref());
        let mut to_send = PREFACE.to_vec();
        // INITIAL_WINDOW_SIZE (4).
        let mut settings = vec![0, 4];
        settings.extend(WINDOW_MAX.to_be_bytes());
        frame(&mut to_send, SETTINGS, 0, 0, &settings);
        let more = (WINDOW_MAX - 65_535).to_be_bytes();
        frame(&mut to_send, WINDOW_UPDATE, 0, 0, &more);
        Connection {
            stream,
            received: Vec::new(),
            to_send,
            calls: Vec::new(),
            next_stream: 1,
            consumed: 0,
        }
    }

    /// The headers of a call (RFC 7541). The first call of a connection adds them to the table, and later ones refer to it.
    fn headers(&self, first: bool) -> Vec<u8> {
        let own: [(&[u8], &str); 4] = [
            // Names of the static table: `:path`, `:authority`, `content-type`.
            (&[0x44], "/verigate.v1.AccessService/CheckAccess"),
            (&[0x41], "localhost"),
            (&[0x5f], "application/grpc"),
            (b"\x40\x02te", "trailers"),
        ];
        let token = self.token.as_deref();
        let token = token.map(|token| (&b"\x40\x10x-verigate-token"[..], token));
        let own: Vec<_> = own.into_iter().chain(token).collect();
        // `:method: POST`, `:scheme: http`.
        let mut block = vec![0x83, 0x86];
        for (index, (name, value)) in own.iter().enumerate() {
            if first {
                block.extend_from_slice(name);
                block.push(u8::try_from(value.len()).expect("shorter than 127 bytes"));
                block.extend_from_slice(value.as_bytes());
            } else {
                // The newest entry of the dynamic table is 62.
                let entry = 62 + own.len() - 1 - index;
                block.push(0x80 | u8::try_from(entry).expect("a small table"));
            }
        }
        block
    }
}

impl Connection {
    fn call(&mut self, load: &Load, turn: &mut usize) {
        let id = self.next_stream;
        let headers = load.headers(id == 1);
        self.next_stream += 2;
        frame(&mut self.to_send, HEADERS, END_HEADERS, id, &headers);
        let message = &load.messages[*turn % load.messages.len()];
        *turn += 1;
        let mut body = vec![0];
        body.extend(u32::try_from(message.len()).expect("short").to_be_bytes());
        body.extend_from_slice(message);
        frame(&mut self.to_send, DATA, END_STREAM, id, &body);
        self.calls.push((id, Instant::now(), false));
    }

    fn send(&mut self) {
        while !self.to_send.is_empty() {
            match self.stream.write(&self.to_send) {
                Ok(sent) => drop(self.to_send.drain(..sent)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => panic!("the server has closed a connection: {error}"),
            }
        }
        match self.stream.flush() {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => panic!("the server has closed a connection: {error}"),
        }
    }

    fn receive(&mut self) {
        let mut buffer = [0; 16 * 1024];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => panic!("the server has closed a connection"),
                Ok(read) => self.received.extend_from_slice(&buffer[..read]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => panic!("the server has closed a connection: {error}"),
            }
            // What TLS has decrypted is not seen by the system.
            if !self.stream.holds_more() {
                return;
            }
        }
    }

    /// Takes every whole frame that was received, and begins a call for each that has ended.
    fn answer(&mut self, load: &Load, turn: &mut usize, answers: &mut Answers) {
        let received = std::mem::take(&mut self.received);
        let mut rest = &received[..];
        while let Some((head, body)) = rest.split_first_chunk::<FRAME_HEADER>() {
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            let Some((payload, next)) = body.split_at_checked(length) else {
                break;
            };
            rest = next;
            let id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
            self.take(head[3], head[4], id, payload, answers);
            let ends = matches!(head[3], DATA | HEADERS) && head[4] & END_STREAM != 0;
            if ends || head[3] == RST_STREAM {
                self.end(id, answers);
                self.call(load, turn);
            }
        }
        self.received = rest.to_vec();
    }

    fn take(&mut self, kind: u8, flags: u8, id: u32, payload: &[u8], answers: &mut Answers) {
        match kind {
            DATA => {
                let call = self.calls.iter_mut().find(|call| call.0 == id);
                if let (Some(call), Some(message)) = (call, payload.get(5..)) {
                    call.2 = message.starts_with(&ALLOW);
                }
                self.consumed += u32::try_from(payload.len()).expect("a frame is short");
                if self.consumed > 1 << 24 {
                    let more = self.consumed.to_be_bytes();
                    frame(&mut self.to_send, WINDOW_UPDATE, 0, 0, &more);
                    self.consumed = 0;
                }
            }
            SETTINGS if flags & ACK == 0 => frame(&mut self.to_send, SETTINGS, ACK, 0, &[]),
            PING if flags & ACK == 0 => frame(&mut self.to_send, PING, ACK, 0, payload),
            GOAWAY => answers.bad += 1,
            _ => {}
        }
    }

    fn end(&mut self, id: u32, answers: &mut Answers) {
        let place = self.calls.iter().position(|call| call.0 == id);
        let (_, started, good) = self.calls.swap_remove(place.expect("a call in flight"));
        answers.good += usize::from(good);
        answers.bad += usize::from(!good);
        let micros = started.elapsed().as_micros();
        answers
            .micros
            .push(u32::try_from(micros).unwrap_or(u32::MAX));
    }
}

/// Waits until something can be received; for each connection, whether something can.
fn wait(connections: &[Connection]) -> Vec<bool> {
    let flags = |c: &Connection| {
        if c.to_send.is_empty() && !c.stream.is_sending() {
            PollFlags::IN
        } else {
            PollFlags::IN | PollFlags::OUT
        }
    };
    let mut fds: Vec<PollFd<'_>> = connections
        .iter()
        .map(|connection| PollFd::new(connection.stream.socket(), flags(connection)))
        .collect();
    let timeout = Timespec {
        tv_sec: 0,
        tv_nsec: 10_000_000,
    };
    let _ = poll(&mut fds, Some(&timeout));
    let readable = |fd: &PollFd<'_>| !(fd.revents() - PollFlags::OUT).is_empty();
    fds.iter().map(readable).collect()
}

fn frame(to: &mut Vec<u8>, kind: u8, flags: u8, id: u32, payload: &[u8]) {
    let length = u32::try_from(payload.len()).expect("a frame is short");
    to.extend_from_slice(&length.to_be_bytes()[1..]);
    to.extend_from_slice(&[kind, flags]);
    to.extend_from_slice(&id.to_be_bytes());
    to.extend_from_slice(payload);
}
