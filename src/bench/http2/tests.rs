//! A connection against frames by hand.

use std::time::Duration;

use super::{frame::Kind, *};

type Seen = Vec<(u32, Result<Vec<u8>, Status>)>;

fn head() -> RequestHead {
    RequestHead::new("/a.B/C", "a", false, None, Some(Duration::from_secs(1)))
}

fn frame(kind: Kind, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    put(&mut bytes, kind, flags, stream, &[payload]);
    bytes
}

fn setting(setting: u16, value: u32) -> Vec<u8> {
    let mut payload = Vec::new();
    put_setting(&mut payload, setting, value);
    frame(Kind::SETTINGS, 0, 0, &payload)
}

fn receive(http2: &mut Http2, bytes: &[u8]) -> Result<Seen, Http2Error> {
    let mut seen = Vec::new();
    http2.receive(bytes, &mut |event| {
        seen.push(match event {
            Event::Message { stream, message } => (stream, Ok(message.to_vec())),
            Event::Ended { stream, status, .. } => (stream, Err(status)),
        });
    })?;
    Ok(seen)
}

/// A connection whose server has sent these settings, with nothing left to send.
fn connection(settings: &[u8]) -> Http2 {
    let mut http2 = Http2::new();
    assert_eq!(receive(&mut http2, settings), Ok(Vec::new()));
    sent(&mut http2);
    http2
}

fn sent(http2: &mut Http2) -> Vec<u8> {
    let bytes = http2.to_send().to_vec();
    http2.sent(bytes.len());
    bytes
}

const TRAILERS: &[u8] = b"\x00\x0bgrpc-status\x010";

#[test]
fn a_call_and_its_answer_however_the_bytes_are_divided() {
    let answer = [
        frame(Kind::HEADERS, 4, 1, &[0x88]),
        frame(Kind::DATA, 0, 1, b"\0\0\0\0\x02hi"),
        frame(Kind::HEADERS, 5, 1, TRAILERS),
    ]
    .concat();
    for at in 0..answer.len() {
        let mut http2 = connection(&frame(Kind::SETTINGS, 0, 0, &[]));
        assert!(http2.is_ready());
        let stream = http2.open(&head());
        http2.send(stream, [b"ab", b"c"], true);
        let expected = [
            frame(Kind::HEADERS, 4, 1, &head().first),
            frame(Kind::DATA, 1, 1, b"\0\0\0\0\x03abc"),
        ];
        assert_eq!(sent(&mut http2), expected.concat());
        let (first, second) = answer.split_at(at);
        let mut seen = receive(&mut http2, first).unwrap();
        seen.extend(receive(&mut http2, second).unwrap());
        assert_eq!(
            seen,
            [(1, Ok(b"hi".to_vec())), (1, Err(Status::OK))],
            "{at}"
        );
    }
}

#[test]
fn every_other_end_of_a_call_has_its_status() {
    let cases: [(Vec<u8>, Status); 5] = [
        (
            frame(Kind::HEADERS, 5, 1, b"\x88\x00\x0bgrpc-status\x018"),
            Status::Grpc(8),
        ),
        (
            frame(Kind::HEADERS, 5, 1, b"\x00\x07:status\x03415"),
            Status::Http(415),
        ),
        (frame(Kind::HEADERS, 5, 1, &[0x88]), Status::Missing),
        (
            frame(Kind::RST_STREAM, 0, 1, &[0, 0, 0, 7]),
            Status::Reset(7),
        ),
        (frame(Kind::GOAWAY, 0, 0, &[0; 8]), Status::Lost),
    ];
    for (bytes, status) in cases {
        let mut http2 = connection(&frame(Kind::SETTINGS, 0, 0, &[]));
        let stream = http2.open(&head());
        assert_eq!(
            receive(&mut http2, &bytes),
            Ok(vec![(stream, Err(status))]),
            "{status}"
        );
        assert_eq!(http2.is_draining(), status == Status::Lost);
    }
}

#[test]
fn calls_that_a_server_refuses_end_with_what_it_says_and_the_others_go_on() {
    let mut http2 = connection(&frame(Kind::SETTINGS, 0, 0, &[]));
    let taken = http2.open(&head());
    let refused = http2.open(&head());
    let payload = [
        &1_u32.to_be_bytes()[..],
        &11_u32.to_be_bytes(),
        b"too\nmany",
    ]
    .concat();
    let mut messages = Vec::new();
    let go_away = frame(Kind::GOAWAY, 0, 0, &payload);
    let received = http2.receive(&go_away, &mut |event| {
        if let Event::Ended {
            stream, message, ..
        } = event
        {
            messages.push((stream, message));
        }
    });
    received.unwrap();
    let said = r"GOAWAY ENHANCE_YOUR_CALM: too\nmany";
    assert_eq!(messages, [(refused, Some(said.to_owned()))]);
    assert_eq!(http2.drain_reason(), Some(said));
    let answer = frame(Kind::HEADERS, 5, taken, TRAILERS);
    assert_eq!(
        receive(&mut http2, &answer),
        Ok(vec![(taken, Err(Status::OK))])
    );
    let short = frame(Kind::GOAWAY, 0, 0, &[0; 7]);
    assert_eq!(receive(&mut http2, &short), Err(Http2Error::Frame));
}

#[test]
fn headers_in_several_frames_are_one_block_between_which_nothing_else_may_come() {
    let (first, second) = TRAILERS.split_at(4);
    let mut http2 = connection(&frame(Kind::SETTINGS, 0, 0, &[]));
    let stream = http2.open(&head());
    let begun = frame(Kind::HEADERS, 1, stream, first);
    let rest = frame(Kind::CONTINUATION, 4, stream, second);
    assert_eq!(receive(&mut http2, &begun), Ok(Vec::new()));
    assert_eq!(
        receive(&mut http2, &rest),
        Ok(vec![(stream, Err(Status::OK))])
    );
    assert_eq!(receive(&mut http2, &begun), Ok(Vec::new()));
    let ping = frame(Kind::PING, 0, 0, &[0; 8]);
    assert_eq!(receive(&mut http2, &ping), Err(Http2Error::Frame));
}

#[test]
fn a_message_waits_for_the_windows_of_the_server() {
    let mut http2 = connection(&setting(SETTING_WINDOW, 10));
    let stream = http2.open(&head());
    sent(&mut http2);
    http2.send(stream, [b"0123456789", b""], true);
    assert_eq!(
        sent(&mut http2),
        frame(Kind::DATA, 0, 1, b"\0\0\0\0\x0a01234")
    );
    let more = frame(Kind::WINDOW_UPDATE, 0, 1, &[0, 0, 0, 3]);
    receive(&mut http2, &more).unwrap();
    assert_eq!(sent(&mut http2), frame(Kind::DATA, 0, 1, b"567"));
    // A setting opens the windows of all streams.
    receive(&mut http2, &setting(SETTING_WINDOW, 20)).unwrap();
    let acknowledged = frame(Kind::SETTINGS, 1, 0, &[]);
    let last = [acknowledged, frame(Kind::DATA, 1, 1, b"89")];
    assert_eq!(sent(&mut http2), last.concat());
}

fn filled(bytes: &[u8]) -> usize {
    bytes.split(|byte| *byte == 0xaa).count().saturating_sub(1)
}

/// The window of the connection is one for all streams.
#[test]
fn the_connection_has_a_window_of_its_own() {
    let mut http2 = connection(&setting(SETTING_WINDOW, 1 << 20));
    let message = vec![0xaa; 16_000];
    for _ in 0..5 {
        let stream = http2.open(&head());
        http2.send(stream, [&message, b""], true);
    }
    let bytes = filled(&sent(&mut http2));
    assert_eq!(bytes, 65_535 - 5 * 5);
    let more = frame(Kind::WINDOW_UPDATE, 0, 0, &[0, 1, 0, 0]);
    receive(&mut http2, &more).unwrap();
    let bytes = filled(&sent(&mut http2));
    assert_eq!(bytes, 5 * 16_000 - (65_535 - 5 * 5));
}

#[test]
fn a_server_with_a_small_table_gets_plain_headers() {
    let mut http2 = connection(&setting(SETTING_TABLE_SIZE, 0));
    http2.open(&head());
    let first = [&[0x20][..], &head().plain].concat();
    assert_eq!(sent(&mut http2), frame(Kind::HEADERS, 4, 1, &first));
    http2.open(&head());
    assert_eq!(sent(&mut http2), frame(Kind::HEADERS, 4, 3, &head().plain));
}

#[test]
fn what_is_not_http_2_is_an_error() {
    let http1 = b"HTTP/1.1 400 Bad Request\r\n\r\n";
    assert_eq!(receive(&mut Http2::new(), http1), Err(Http2Error::NoHttp2));
    let ping = frame(Kind::PING, 0, 0, &[0; 8]);
    assert_eq!(receive(&mut Http2::new(), &ping), Err(Http2Error::NoHttp2));
}

#[test]
fn pings_are_answered_and_windows_opened_again() {
    let mut http2 = connection(&setting(SETTING_STREAMS, 100));
    assert_eq!(http2.streams_max(), Some(100));
    receive(&mut http2, &frame(Kind::PING, 0, 0, b"12345678")).unwrap();
    assert_eq!(sent(&mut http2), frame(Kind::PING, 1, 0, b"12345678"));
    let stream = http2.open(&head());
    sent(&mut http2);
    let data = frame(Kind::DATA, 0, stream, &[0; 16_384]);
    for _ in 0..1_025 {
        receive(&mut http2, &data).unwrap();
    }
    let opened = [0, 1].map(|stream| frame(Kind::WINDOW_UPDATE, 0, stream, &[1, 0, 64, 0]));
    assert_eq!(sent(&mut http2), opened.concat());
}
