//! What answers in the service's place when it is broken: nothing, or something else.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use crate::world::loopback;

/// Answers every connection with these bytes, and then waits, or closes it.
pub async fn start(answer: &'static [u8], closes: bool) -> SocketAddr {
    let listener = TcpListener::bind(loopback()).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut head = [0; 8192];
                let _ = stream.read(&mut head).await;
                let _ = stream.write_all(answer).await;
                if !closes {
                    // Until the peer leaves.
                    while stream.read(&mut head).await.is_ok_and(|read| read > 0) {}
                }
            });
        }
    });
    address
}

/// Answers that are no decision: what was sent, and whether the connection is closed then.
pub const BROKEN: [(&str, &[u8], bool); 13] = [
    ("hangs", b"", false),
    ("closes", b"", true),
    ("half a line", b"HTTP/1.1 20", false),
    ("half a line, closed", b"HTTP/1.1 20", true),
    (
        "half a head",
        b"HTTP/1.1 200 OK\r\nx-verigate-decision: ALLOW\r\n",
        false,
    ),
    ("not HTTP", b"\x15\x03\x03\x00\x02\x02\x28", true),
    ("garbage", b"ALLOW ALLOW ALLOW\r\n\r\n", true),
    ("no number", b"HTTP/1.1 OK 200\r\n\r\n", true),
    (
        "404",
        b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
        true,
    ),
    (
        "421",
        b"HTTP/1.1 421 Misdirected Request\r\ncontent-length: 0\r\n\r\n",
        true,
    ),
    (
        "429",
        b"HTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\nretry-after: 1\r\n\r\n",
        true,
    ),
    (
        "500",
        b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n",
        true,
    ),
    (
        "503",
        b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n",
        true,
    ),
];
