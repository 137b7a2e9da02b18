//! What answers in the service's place when it is broken: nothing, or something else.

use std::{net::SocketAddr, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, HeaderValue},
    response::Response,
};
use bytes::Bytes;
use futures_util::stream;
use http_body_util::StreamBody;
use hyper::body::Frame;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
    time::interval,
};

use super::matrix::Cell;
use crate::world::loopback;

/// Bytes that are no decision.
#[derive(Debug, Clone, Copy)]
pub struct Broken {
    pub what: &'static str,
    answer: &'static [u8],
    then: Then,
}

/// What a stub does once it has answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Waits,
    Closes,
    /// It does not send the bytes at once, but one each 100 ms.
    Drips,
}

impl Broken {
    /// To the proxy, what does not end hangs.
    pub fn cell(self) -> Cell {
        match self.then {
            Then::Closes => Cell::Garbage,
            Then::Waits | Then::Drips => Cell::Hung,
        }
    }
}

/// Answers every connection with some bytes, which can be changed.
pub struct Stub {
    pub address: SocketAddr,
    answer: watch::Sender<Broken>,
}

impl Stub {
    pub async fn start() -> Self {
        let listener = TcpListener::bind(loopback()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (answer, broken) = watch::channel(BROKEN[0]);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let mut changed = broken.clone();
                let broken = *changed.borrow_and_update();
                // A connection that a proxy keeps is closed when the next answer is due.
                tokio::spawn(async move {
                    tokio::select! {
                        () = serve(stream, broken) => {}
                        _ = changed.changed() => {}
                    }
                });
            }
        });
        Self { address, answer }
    }

    /// From now on, it answers with these.
    pub fn set(&self, broken: Broken) {
        self.answer.send(broken).unwrap();
    }
}

async fn serve(mut stream: TcpStream, broken: Broken) {
    let mut head = [0; 8192];
    let _ = stream.read(&mut head).await;
    if broken.then == Then::Drips {
        let mut turn = interval(Duration::from_millis(100));
        for byte in broken.answer.iter().cycle() {
            turn.tick().await;
            if stream.write_all(&[*byte]).await.is_err() {
                return;
            }
        }
    }
    let _ = stream.write_all(broken.answer).await;
    if broken.then == Then::Waits {
        // Until the peer leaves.
        while stream.read(&mut head).await.is_ok_and(|read| read > 0) {}
    }
}

const fn broken(what: &'static str, answer: &'static [u8], then: Then) -> Broken {
    Broken { what, answer, then }
}

/// Answers that are no decision.
pub const BROKEN: [Broken; 14] = [
    broken("hangs", b"", Then::Waits),
    broken("closes", b"", Then::Closes),
    broken("half a line", b"HTTP/1.1 20", Then::Waits),
    broken("half a line, closed", b"HTTP/1.1 20", Then::Closes),
    broken(
        "half a head",
        b"HTTP/1.1 200 OK\r\nx-verigate-decision: ALLOW\r\n",
        Then::Waits,
    ),
    broken(
        "half a head, closed",
        b"HTTP/1.1 200 OK\r\nx-verigate-decision: ALLOW\r\n",
        Then::Closes,
    ),
    broken("not HTTP", b"\x15\x03\x03\x00\x02\x02\x28", Then::Closes),
    broken("garbage", b"ALLOW ALLOW ALLOW\r\n\r\n", Then::Closes),
    broken("no number", b"HTTP/1.1 OK 200\r\n\r\n", Then::Closes),
    broken(
        "404",
        b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
        Then::Closes,
    ),
    broken(
        "421",
        b"HTTP/1.1 421 Misdirected Request\r\ncontent-length: 0\r\n\r\n",
        Then::Closes,
    ),
    broken(
        "429",
        b"HTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\nretry-after: 1\r\n\r\n",
        Then::Closes,
    ),
    broken(
        "500",
        b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n",
        Then::Closes,
    ),
    broken(
        "503",
        b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n",
        Then::Closes,
    ),
];

/// One byte each 100 ms, without an end. nginx and Caddy have no bound on a whole head: see docs/gateways.md.
pub const DRIPS: Broken = broken("drips", b"HTTP/1.1 200 OK\r\nx-a: ", Then::Drips);

/// A listener that has no place for another connection: the proxy is not answered at all. While the sockets live.
pub async fn without_places() -> (SocketAddr, Vec<TcpStream>, tokio::net::TcpListener) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(loopback()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut taken = Vec::new();
    let soon = Duration::from_millis(200);
    while let Ok(stream) = tokio::time::timeout(soon, TcpStream::connect(address)).await {
        taken.push(stream.unwrap());
    }
    (address, taken, listener)
}

/// What is no answer of gRPC to Envoy, or no decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BrokenGrpc {
    /// The head of an answer, and then nothing.
    Hangs,
    /// Another service that answers over HTTP/2.
    Page,
    Unavailable,
    /// The end of an answer without the answer.
    NoMessage,
    /// An answer that is no message.
    Garbage,
    /// An answer that ends before it is whole.
    Truncated,
    /// A whole answer, and an error.
    Failed,
    /// A whole answer, and no status of gRPC.
    NoTrailers,
}

impl BrokenGrpc {
    pub const ALL: [Self; 8] = [
        Self::Hangs,
        Self::Page,
        Self::Unavailable,
        Self::NoMessage,
        Self::Garbage,
        Self::Truncated,
        Self::Failed,
        Self::NoTrailers,
    ];

    pub fn cell(self) -> Cell {
        if self == Self::Hangs {
            Cell::Hung
        } else {
            Cell::Garbage
        }
    }

    fn response(self) -> Response {
        // A message of a CheckResponse that lets the request pass: {status {code 0}, ok_response {}}.
        const ALLOW: &[u8] = b"\0\0\0\0\x04\x0a\0\x1a\0";
        let response = Response::builder().header("content-type", "application/grpc");
        let trailers = |status: &'static str| {
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", HeaderValue::from_static(status));
            Frame::trailers(trailers)
        };
        let data = |bytes: &'static [u8]| Frame::data(Bytes::from_static(bytes));
        let frames = |frames: Vec<Frame<Bytes>>| {
            let frames = frames.into_iter().map(Ok::<_, std::convert::Infallible>);
            Body::new(StreamBody::new(stream::iter(frames)))
        };
        let body = match self {
            Self::Hangs => Body::new(StreamBody::new(stream::pending::<
                Result<Frame<Bytes>, std::convert::Infallible>,
            >())),
            Self::Page => return Response::new(Body::from("ALLOW\n")),
            Self::Unavailable => {
                let response = Response::builder().status(503);
                return response.body(Body::empty()).unwrap();
            }
            Self::NoMessage => frames(vec![trailers("0")]),
            Self::Garbage => frames(vec![data(b"\0\0\0\0\x03\xff\xff\xff"), trailers("0")]),
            Self::Truncated => frames(vec![data(&ALLOW[..6]), trailers("0")]),
            Self::Failed => frames(vec![data(ALLOW), trailers("14")]),
            Self::NoTrailers => frames(vec![data(ALLOW)]),
        };
        response.body(body).unwrap()
    }
}

/// Answers every call in the same way.
pub async fn grpc(broken: watch::Receiver<BrokenGrpc>) -> SocketAddr {
    let listener = TcpListener::bind(loopback()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = move || std::future::ready(broken.borrow().response());
    let router = Router::new().fallback(answer);
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}
