//! A server of HTTP/2 by hand, which fails in the ways that a library does not offer. It ends with the test.

use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
};

use parking_lot::Mutex;

use crate::world::loopback;

const PREFACE_BYTES: usize = 24;
const ID_BYTES: usize = 36;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// `:status: 200` of the static table.
const STATUS_200: [u8; 1] = [0x88];
const TRAILERS: &[u8] = b"\x00\x0bgrpc-status\x010";
/// A `CheckAccessResponse` with ALLOW.
const ALLOW: [u8; 2] = [0x08, 1];

/// How the server behaves.
#[derive(Debug, Clone, Copy)]
pub(super) enum Mode {
    /// It answers ALLOW.
    Answer,
    /// It answers when this many calls have come.
    Gather(usize),
    /// It resets every call.
    Reset,
    /// It takes this many calls at once.
    Streams(u32),
    /// It answers this many calls of a connection, and takes no more on it.
    GoAway(usize),
    /// It closes each connection at its first call.
    Close,
    /// It answers this many calls, and closes everything.
    Die(usize),
}

/// What has come.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// How often each id of a request.
    pub(super) ids: BTreeMap<Vec<u8>, usize>,
    /// The first headers of each connection that had a call.
    pub(super) heads: Vec<Vec<u8>>,
}

impl Seen {
    /// Whether a call named this header.
    pub(super) fn has_header(&self, name: &str) -> bool {
        let name = name.as_bytes();
        let has = |head: &Vec<u8>| head.windows(name.len()).any(|part| part == name);
        self.heads.iter().any(has)
    }
}

/// A server that runs.
#[derive(Debug)]
pub(super) struct RawServer {
    pub(super) url: String,
    pub(super) seen: Arc<Mutex<Seen>>,
}

impl RawServer {
    pub(super) fn start(mode: Mode) -> Self {
        let listener = TcpListener::bind(loopback()).unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (ending, ended) = channel();
        let server = Arc::new(Shared {
            address,
            mode,
            seen: Arc::clone(&seen),
            ended: Mutex::new(ended),
        });
        thread::spawn(move || accept(listener, &server, ending));
        Self {
            url: format!("http://{address}"),
            seen,
        }
    }
}

/// What the connections have in common.
#[derive(Debug)]
struct Shared {
    address: SocketAddr,
    mode: Mode,
    seen: Arc<Mutex<Seen>>,
    /// Reports the end of the listener, by the end of its sender.
    ended: Mutex<Receiver<()>>,
}

/// Accepts until a connection says that the server has died.
fn accept(listener: TcpListener, server: &Arc<Shared>, ending: Sender<()>) {
    let (dying, died) = channel();
    for connection in listener.incoming() {
        if died.try_recv().is_ok() {
            break;
        }
        let (server, dying) = (Arc::clone(server), dying.clone());
        thread::spawn(move || Connection::new(connection.unwrap(), server, dying).serve());
    }
    drop(listener);
    drop(ending);
}

struct Connection {
    peer: TcpStream,
    server: Arc<Shared>,
    dying: Sender<()>,
    /// The streams of the calls that have come, and are not answered yet.
    calls: Vec<u32>,
    answered: usize,
    is_open: bool,
}

impl Connection {
    fn new(peer: TcpStream, server: Arc<Shared>, dying: Sender<()>) -> Self {
        Self {
            peer,
            server,
            dying,
            calls: Vec::new(),
            answered: 0,
            is_open: true,
        }
    }

    /// Until the peer closes the connection, or its behaviour does.
    fn serve(mut self) {
        self.peer.set_nodelay(true).unwrap();
        let streams = match self.server.mode {
            Mode::Streams(most) => [&[0, 3][..], &most.to_be_bytes()].concat(),
            _ => Vec::new(),
        };
        let settings = frame(4, 0, 0, &streams);
        let mut preface = [0; PREFACE_BYTES];
        if self.peer.write_all(&settings).is_err() || self.peer.read_exact(&mut preface).is_err() {
            return;
        }
        let mut has_head = false;
        while let Some((kind, flags, stream, payload)) = self.next() {
            if kind == HEADERS && !has_head {
                has_head = true;
                self.server.seen.lock().heads.push(payload.clone());
            }
            if kind == DATA {
                let id = payload[payload.len() - ID_BYTES..].to_vec();
                *self.server.seen.lock().ids.entry(id.clone()).or_default() += 1;
                if flags & END_STREAM == 0 {
                    self.answer_on_stream(stream, &id);
                } else {
                    self.calls.push(stream);
                    self.behave(stream);
                }
            }
            if !self.is_open {
                return self.close();
            }
        }
    }

    /// Closes the connection, without a reset that would overtake what was sent.
    fn close(mut self) {
        let _ = self.peer.shutdown(Shutdown::Write);
        let _ = std::io::copy(&mut self.peer, &mut std::io::sink());
    }

    fn next(&mut self) -> Option<(u8, u8, u32, Vec<u8>)> {
        let mut head = [0; 9];
        self.peer.read_exact(&mut head).ok()?;
        let [a, b, c, kind, flags, stream @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        self.peer.read_exact(&mut payload).ok()?;
        Some((kind, flags, u32::from_be_bytes(stream), payload))
    }

    /// A call has come.
    fn behave(&mut self, stream: u32) {
        match self.server.mode {
            Mode::Gather(most) if self.calls.len() < most => {}
            Mode::Reset => {
                let reset = frame(3, 0, stream, &7_u32.to_be_bytes());
                self.write(&reset);
            }
            Mode::GoAway(most) if self.answered + 1 == most => {
                let code = 11_u32.to_be_bytes();
                let payload = [&stream.to_be_bytes()[..], &code, b"too_many"].concat();
                self.answer(&frame(7, 0, 0, &payload));
            }
            // Refused by what was sent before.
            Mode::GoAway(most) if self.answered >= most => {}
            Mode::Answer | Mode::Streams(_) | Mode::Gather(_) | Mode::GoAway(_) => self.answer(&[]),
            Mode::Close => self.is_open = false,
            Mode::Die(most) if self.answered + 1 < most => self.answer(&[]),
            Mode::Die(_) => {
                self.answer(&[]);
                self.die();
            }
        }
    }

    /// Answers what has come, and sends this after it.
    fn answer(&mut self, more: &[u8]) {
        let mut bytes = Vec::new();
        for stream in std::mem::take(&mut self.calls) {
            bytes.extend(frame(HEADERS, END_HEADERS, stream, &STATUS_200));
            bytes.extend(frame(DATA, 0, stream, &message(&ALLOW)));
            bytes.extend(frame(HEADERS, END_HEADERS | END_STREAM, stream, TRAILERS));
            self.answered += 1;
        }
        bytes.extend_from_slice(more);
        self.write(&bytes);
    }

    /// Answers a check on a stream: `{ request_id: id, response: { decision: ALLOW } }`.
    fn answer_on_stream(&mut self, stream: u32, id: &[u8]) {
        let mut bytes = Vec::new();
        if self.answered == 0 {
            bytes.extend(frame(HEADERS, END_HEADERS, stream, &STATUS_200));
        }
        let answer = [&[0x0a, 36][..], id, &[0x12, 2], &ALLOW].concat();
        bytes.extend(frame(DATA, 0, stream, &message(&answer)));
        self.answered += 1;
        self.write(&bytes);
    }

    /// Nobody can connect any more when this returns.
    fn die(&mut self) {
        self.is_open = false;
        self.dying.send(()).unwrap();
        // Has the listener look.
        let _ = TcpStream::connect(self.server.address);
        assert!(self.server.ended.lock().recv().is_err());
    }

    fn write(&mut self, bytes: &[u8]) {
        // The peer may have ended.
        self.is_open &= self.peer.write_all(bytes).is_ok();
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let head = [a, b, c, kind, flags];
    [&head[..], &stream.to_be_bytes(), payload].concat()
}

fn message(content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    [&[0][..], &length, content].concat()
}
