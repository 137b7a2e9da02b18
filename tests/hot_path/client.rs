//! A caller that allocates nothing while it calls, so that all allocations of the process are the service's: frames of HTTP/2 that were
//! prepared before, sent one call at a time.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
};

use prost::Message as _;
use verigate::proto::v1::CheckAccessRequest;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const FRAME_HEADER: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const ACK: u8 = 1;
/// No frame that is sent or received is longer.
const FRAME_MAX: usize = 16 * 1024 + FRAME_HEADER;
/// The largest window of flow control.
const WINDOW_MAX: u32 = (1 << 31) - 1;

/// A connection.
pub struct Client {
    stream: TcpStream,
    next_stream: u32,
    /// What was received and not yet taken, up to `filled`.
    received: Box<[u8]>,
    filled: usize,
}

/// What has come of some calls.
#[derive(Default)]
struct Answers {
    decided: usize,
    ended: usize,
}

/// A call that was prepared.
pub struct Call {
    frames: Vec<u8>,
    /// Where the frame of the message begins; that of the head is the first.
    message_at: usize,
}

impl Call {
    /// A call about this verification, as it is sent after the first of a connection.
    pub fn about(verification: &str) -> Self {
        Self::with_head(verification, &later_head())
    }

    fn with_head(verification: &str, head: &[u8]) -> Self {
        let message = request(verification).encode_to_vec();
        let mut body = vec![0];
        body.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
        body.extend_from_slice(&message);
        let mut frames = Vec::new();
        push_frame(&mut frames, HEADERS, END_HEADERS, head);
        let message_at = frames.len();
        push_frame(&mut frames, DATA, END_STREAM, &body);
        Self { frames, message_at }
    }
}

/// The message of a call about this verification.
pub fn request(verification: &str) -> CheckAccessRequest {
    CheckAccessRequest {
        verification_id: verification.to_owned(),
        policy: "front-door".to_owned(),
        identity_id: "id-ada".to_owned(),
        request_id: "0192f0c1-2222-7000-8000-000000000001".to_owned(),
        ..CheckAccessRequest::default()
    }
}

impl Client {
    /// Connects, and makes a first call with this token about a verification that is allowed; later calls refer to its head.
    pub fn connect(server: SocketAddr, token: &str, verification: &str) -> Self {
        let stream = TcpStream::connect(server).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut client = Self {
            stream,
            next_stream: 1,
            received: vec![0; 2 * FRAME_MAX].into_boxed_slice(),
            filled: 0,
        };
        let mut opening = PREFACE.to_vec();
        // INITIAL_WINDOW_SIZE (4), so that no window has to be opened again.
        let mut settings = vec![0, 4];
        settings.extend(WINDOW_MAX.to_be_bytes());
        push_frame(&mut opening, SETTINGS, 0, &settings);
        let more = (WINDOW_MAX - 65_535).to_be_bytes();
        push_frame(&mut opening, WINDOW_UPDATE, 0, &more);
        client.stream.write_all(&opening).unwrap();
        client.decide(&Call::with_head(verification, &first_head(token)), 1, 1);
        client
    }

    /// Makes this many calls at once, each of which has to be answered with this decision: the number of its enum on the wire. Allocates nothing.
    pub fn decide(&mut self, call: &Call, decision: u8, calls: usize) {
        let (mut frames, length) = ([0; 4096], call.frames.len());
        for frames in frames.chunks_exact_mut(length).take(calls) {
            frames.copy_from_slice(&call.frames);
            for at in [0, call.message_at] {
                let id = &mut frames[at + 5..at + FRAME_HEADER];
                id.copy_from_slice(&self.next_stream.to_be_bytes());
            }
            self.next_stream += 2;
        }
        self.stream.write_all(&frames[..calls * length]).unwrap();
        let mut answers = Answers::default();
        while answers.ended < calls {
            let read = self.stream.read(&mut self.received[self.filled..]).unwrap();
            assert!(read > 0, "the service has closed the connection");
            self.filled += read;
            self.take_frames(decision, &mut answers);
        }
        assert_eq!(
            answers.decided, calls,
            "answers with the decision {decision}"
        );
    }

    /// Takes every whole frame, and counts the answers in them.
    fn take_frames(&mut self, decision: u8, answers: &mut Answers) {
        let mut taken = 0;
        while let Some((head, rest)) =
            self.received[taken..self.filled].split_first_chunk::<FRAME_HEADER>()
        {
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            let Some(payload) = rest.get(..length) else {
                break;
            };
            match (head[3], head[4]) {
                (SETTINGS, flags) if flags & ACK == 0 => {
                    let confirmed = [0, 0, 0, SETTINGS, ACK, 0, 0, 0, 0];
                    self.stream.write_all(&confirmed).unwrap();
                }
                (PING, flags) if flags & ACK == 0 => {
                    let mut answer = [0, 0, 8, PING, ACK, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
                    answer[FRAME_HEADER..].copy_from_slice(payload);
                    self.stream.write_all(&answer).unwrap();
                }
                (SETTINGS | PING | WINDOW_UPDATE, _) => {}
                (kind @ (DATA | HEADERS), flags) => {
                    // After the five bytes before a message comes its first field, which is the decision.
                    let decides = payload.get(5..7) == Some(&[0x08, decision]);
                    answers.decided += usize::from(kind == DATA && decides);
                    answers.ended += usize::from(flags & END_STREAM != 0);
                }
                (kind, _) => panic!("a frame of kind {kind}: {payload:?}"),
            }
            taken += FRAME_HEADER + length;
        }
        self.received.copy_within(taken..self.filled, 0);
        self.filled -= taken;
    }
}

/// A frame whose stream is written later.
fn push_frame(frames: &mut Vec<u8>, kind: u8, flags: u8, payload: &[u8]) {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    frames.extend_from_slice(&length[1..]);
    frames.extend_from_slice(&[kind, flags, 0, 0, 0, 0]);
    frames.extend_from_slice(payload);
}

/// `:method: POST` and `:scheme: http`.
const BEGINNING: &[u8] = b"\x83\x86";
/// Clients count the time again for each call, so that it is in no table.
const TIMEOUT: &[u8] = b"\x00\x0cgrpc-timeout\x0320S";
/// How many headers the first call adds to the table (RFC 7541).
const ADDED: u8 = 5;

fn first_head(token: &str) -> Vec<u8> {
    let bearer = format!("Bearer {token}");
    let mut head = BEGINNING.to_vec();
    let added: [(&[u8], &str); ADDED as usize] = [
        // Names of the static table: `:path`, `:authority`, `content-type`, `authorization`.
        (b"\x44", "/verigate.v1.AccessService/CheckAccess"),
        (b"\x41", "localhost"),
        (b"\x5f", "application/grpc"),
        (b"\x57", &bearer),
        (b"\x40\x02te", "trailers"),
    ];
    for (name, value) in added {
        head.extend_from_slice(name);
        let length = u8::try_from(value.len()).unwrap();
        assert!(length < 127, "a longer value has a longer length");
        head.push(length);
        head.extend_from_slice(value.as_bytes());
    }
    head.extend_from_slice(TIMEOUT);
    head
}

/// The newest entry of the table is 62.
fn later_head() -> Vec<u8> {
    let mut head = BEGINNING.to_vec();
    head.extend((62..62 + ADDED).rev().map(|entry| 0x80 | entry));
    head.extend_from_slice(TIMEOUT);
    head
}
