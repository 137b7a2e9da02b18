//! What happens on the connection: bodies are not read, headers come in their order, and the connection can be used again or is closed.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::{asked, status, token, world};
use crate::world::World;

fn head(lines: &str) -> String {
    format!(
        "POST /check/front-door HTTP/1.1\r\nhost: localhost\r\nx-verigate-token: {}\r\nx-verification-id: fresh\r\n{lines}\r\n",
        token(1).reveal()
    )
}

/// Reads one answer with a body of a known length.
async fn answer(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    let whole = |read: &[u8]| {
        let text = String::from_utf8_lossy(read).into_owned();
        let (head, body) = text.split_once("\r\n\r\n")?;
        let length = head
            .lines()
            .find_map(|l| l.strip_prefix("content-length: "))?;
        (body.len() >= length.parse().unwrap()).then_some(text)
    };
    loop {
        if let Some(text) = whole(&read) {
            return text;
        }
        let byte = timeout(Duration::from_secs(8), stream.read_u8()).await;
        read.push(byte.expect("no answer").unwrap());
    }
}

async fn is_closed(stream: &mut TcpStream) -> bool {
    let mut rest = [0; 16];
    let read = timeout(Duration::from_secs(8), stream.read(&mut rest)).await;
    matches!(read, Ok(Ok(0)))
}

async fn connect(world: &World) -> TcpStream {
    TcpStream::connect(world.http_address()).await.unwrap()
}

#[tokio::test]
async fn a_body_is_not_waited_for_and_the_connection_is_closed_cleanly() {
    let (world, _folder) = world().await;
    for lines in [
        "content-length: 1000000\r\n",
        "content-length: 1000000\r\nexpect: 100-continue\r\n",
        "transfer-encoding: chunked\r\n",
        "content-length: 5\r\n",
    ] {
        let mut stream = connect(&world).await;
        stream.write_all(head(lines).as_bytes()).await.unwrap();
        let answer = answer(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{lines} {answer}");
        assert!(
            answer.contains("\r\nconnection: close\r\n"),
            "{lines} {answer}"
        );
        assert!(!answer.contains("100 Continue"), "{lines} {answer}");
        assert!(is_closed(&mut stream).await, "{lines}");
    }
    // One that is there already, and small.
    let mut stream = connect(&world).await;
    let whole = format!("{}hello", head("content-length: 5\r\n"));
    stream.write_all(whole.as_bytes()).await.unwrap();
    assert!(answer(&mut stream).await.starts_with("HTTP/1.1 200 "));
    assert!(is_closed(&mut stream).await);
}

#[tokio::test]
async fn a_request_without_a_body_leaves_the_connection_open() {
    let (world, _folder) = world().await;
    for lines in ["", "content-length: 0\r\n"] {
        let mut stream = connect(&world).await;
        for _ in 0..3 {
            stream.write_all(head(lines).as_bytes()).await.unwrap();
            let answer = answer(&mut stream).await;
            assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
            assert!(!answer.contains("connection: close"), "{answer}");
        }
    }
}

#[tokio::test]
async fn nginx_reads_how_long_it_may_reuse_an_answer_before_it_reads_that_it_is_private() {
    let (world, _folder) = world().await;
    let mut stream = connect(&world).await;
    stream.write_all(head("").as_bytes()).await.unwrap();
    let answer = answer(&mut stream).await;
    let expires = answer.find("x-accel-expires: 600\r\n").expect("expires");
    let private = answer
        .find("cache-control: private, max-age=600\r\n")
        .expect("private");
    assert!(expires < private, "{answer}");
}

#[tokio::test]
async fn requests_over_http_2_are_answered_and_their_bodies_not_read() {
    let (world, _folder) = world().await;
    let client = reqwest::Client::builder()
        .http2_prior_knowledge()
        .build()
        .unwrap();
    for body in [0, 5, 1_000_000] {
        let request = client
            .post(format!("http://{}/check/front-door", world.http_address()))
            .header("x-verigate-token", token(1).reveal())
            .header("x-verification-id", "fresh")
            .body(vec![b'x'; body]);
        assert_eq!(status(request).await, 200, "{body}");
    }
    assert_eq!(
        status(asked(&world, "/check/front-door", "fresh")).await,
        200
    );
}
