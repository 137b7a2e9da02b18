//! More frames, streams and cancellations than anybody needs, and answers that stay in the buffers of the system.

use super::{frames::*, *};

const CHECK: &str = "/verigate.v1.AccessService/CheckAccess";
const GOAWAY: u8 = 7;
const CANCEL: u32 = 8;
const REFUSED_STREAM: u32 = 7;
const ENHANCE_YOUR_CALM: u32 = 11;

fn reset(stream: u32) -> Vec<u8> {
    frame(3, 0, stream, &CANCEL.to_be_bytes())
}

/// A whole check.
fn call(stream: u32) -> Vec<u8> {
    [headers(stream, 0, CHECK, None), message(stream)].concat()
}

/// The message of a check.
fn message(stream: u32) -> Vec<u8> {
    let request = crate::world::check_request("front-door", "fresh");
    let message = prost::Message::encode_to_vec(&request);
    let length = u8::try_from(message.len()).unwrap();
    let framed = [&[0, 0, 0, 0, length], message.as_slice()].concat();
    data(stream, END_STREAM, &framed)
}

/// The frames that a peer has received: the type, the stream, the payload.
fn frames(mut received: &[u8]) -> Vec<(u8, u32, &[u8])> {
    let mut frames = Vec::new();
    while let Some((head, rest)) = received.split_first_chunk::<9>() {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let payload = rest.get(..usize::try_from(length).unwrap());
        let Some(payload) = payload else { break };
        frames.push((head[3], stream, payload));
        received = &rest[payload.len()..];
    }
    frames
}

/// The error codes of the frames of this type: RST_STREAM or GOAWAY.
fn codes(received: &[u8], kind: u8) -> Vec<u32> {
    let code = |payload: &[u8]| u32::from_be_bytes(*payload.last_chunk().unwrap());
    let frames = frames(received).into_iter();
    frames
        .filter(|(of, ..)| *of == kind)
        .map(|(_, _, payload)| match kind {
            GOAWAY => u32::from_be_bytes(payload[4..8].try_into().unwrap()),
            _ => code(payload),
        })
        .collect()
}

/// What arrives within this number of seconds.
async fn received_within(stream: &mut TcpStream, seconds: u64) -> Vec<u8> {
    let mut received = Vec::new();
    let read = stream.read_to_end(&mut received);
    // It stays open: what was read until then counts.
    let _ = timeout(Duration::from_secs(seconds), read).await;
    received
}

/// Whether a stream was answered: its last HEADERS end it.
fn is_answered(received: &[u8], stream: u32) -> bool {
    let frames = frames(received);
    frames
        .iter()
        .filter(|(kind, of, _)| (*kind, *of) == (1, stream))
        .count()
        == 2
}

#[tokio::test]
async fn calls_that_are_reset_as_fast_as_they_are_sent_end_the_connection() {
    let world = paused_world().await;
    for whole in [false, true] {
        let calls: Vec<u8> = (0..3_000)
            .map(|n| 2 * n + 1)
            .flat_map(|id| {
                let begun = if whole {
                    call(id)
                } else {
                    headers(id, 0, CHECK, None)
                };
                [begun, reset(id)].concat()
            })
            .collect();
        let mut stream = connect(world.grpc_address(), &hello(65_535)).await;
        // An error means that it is closed already.
        let _ = stream.write_all(&calls).await;
        let (closed, _) = closed_after(stream).await;
        assert!(closed < 35.0, "{closed}");
        serves(&world).await;
    }
}

#[tokio::test]
async fn callers_that_cancel_many_calls_at_once_keep_their_connection() {
    let world = paused_world().await;
    let cancelled = (0..250)
        .map(|n| 2 * n + 1)
        .flat_map(|id| [call(id), reset(id)].concat());
    let burst: Vec<u8> = cancelled.chain(call(501)).collect();
    let mut stream = connect(world.grpc_address(), &[hello(65_535), burst].concat()).await;
    let received = received_within(&mut stream, 1).await;
    assert!(codes(&received, GOAWAY).is_empty());
    assert!(is_answered(&received, 501));
}

#[tokio::test]
async fn calls_beyond_the_streams_of_a_connection_are_refused_and_can_be_repeated() {
    let world = World::with(|config| config.limits.streams_per_connection = 8).await;
    tokio::time::pause();
    let calls: Vec<u8> = (0..20)
        .flat_map(|n| headers(2 * n + 1, 0, CHECK, None))
        .collect();
    let mut stream = connect(world.grpc_address(), &[hello(65_535), calls].concat()).await;
    let received = received_within(&mut stream, 1).await;
    assert_eq!(codes(&received, 3), [REFUSED_STREAM; 12]);
    // Those that were begun end at their deadline, and make room.
    let _ = received_within(&mut stream, 6).await;
    stream.write_all(&call(41)).await.unwrap();
    let received = received_within(&mut stream, 1).await;
    assert!(is_answered(&received, 41));
}

#[tokio::test]
async fn a_head_that_never_ends_ends_the_connection() {
    let world = paused_world().await;
    for payload in [&[0; 16_000][..], &[][..]] {
        let begun = frame(1, 0, 1, &[]);
        let more = frame(9, 0, 1, payload).repeat(2_000);
        let mut stream = connect(world.grpc_address(), &[hello(65_535), begun].concat()).await;
        // An error means that it is closed already.
        let _ = stream.write_all(&more).await;
        let (closed, _) = closed_after(stream).await;
        assert!(closed < 35.0, "{closed}");
    }
    serves(&world).await;
}

#[tokio::test]
async fn frames_of_data_without_a_byte_end_the_connection() {
    let world = paused_world().await;
    let begun = [hello(65_535), headers(1, 0, CHECK, None)].concat();
    let mut stream = connect(world.grpc_address(), &begun).await;
    let empty = data(1, 0, &[]).repeat(100_000);
    // An error means that it is closed already.
    let _ = stream.write_all(&empty).await;
    let mut received = Vec::new();
    // An error is a reset.
    let read = timeout(EVER, stream.read_to_end(&mut received)).await;
    assert!(read.is_ok());
    let calm = codes(&received, GOAWAY);
    assert!(
        calm.is_empty() || calm.contains(&ENHANCE_YOUR_CALM),
        "{calm:?}"
    );
    serves(&world).await;
}

#[tokio::test]
async fn pings_and_settings_whose_answers_nobody_reads_end_the_connection() {
    let world = paused_world().await;
    for flood in [frame(6, 0, 0, &[7; 8]), frame(4, 0, 0, &[])] {
        let mut stream = connect(world.grpc_address(), &hello(65_535)).await;
        let flood = flood.repeat(10_000);
        let started = now();
        // It reads nothing, so that the service cannot write, and at last is not read from.
        loop {
            let wrote = timeout(EVER, stream.write_all(&flood)).await;
            if wrote.expect("it is disconnected").is_err() {
                break;
            }
        }
        let took = started.elapsed().as_secs_f64();
        assert!(took < 35.0, "{took}");
    }
    serves(&world).await;
}

#[tokio::test]
async fn pages_that_nobody_reads_end_the_connection() {
    let world = paused_world().await;
    let mut stream = connect(world.admin_address(), b"").await;
    let request = b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(200);
    loop {
        let wrote = timeout(EVER, stream.write_all(&request)).await;
        if wrote.expect("it is disconnected").is_err() {
            break;
        }
    }
    let metrics = world.metrics().await;
    let closed = r#"verigate_connections_closed_total{listener="admin",reason="unread"} 1"#;
    assert!(metrics.contains(closed), "{metrics}");
}

#[tokio::test]
async fn a_connection_is_replaced_at_its_age_and_the_call_in_flight_finishes() {
    let world = World::with(|config| {
        config.limits.connection_age = Duration::from_secs(2);
        config.limits.connection_grace = Duration::from_secs(30);
    })
    .await;
    tokio::time::pause();
    let begun = [hello(65_535), headers(1, 0, CHECK, None)].concat();
    let mut stream = connect(world.grpc_address(), &begun).await;
    let early = received_within(&mut stream, 1).await;
    assert!(codes(&early, GOAWAY).is_empty());
    // After GOAWAY there may be a ping, which this peer does not answer.
    let aged = received_within(&mut stream, 3).await;
    assert_eq!(codes(&aged, GOAWAY).first(), Some(&0), "no error");
    stream.write_all(&message(1)).await.unwrap();
    let (closed, received) = closed_after(stream).await;
    assert!(is_answered(&received, 1), "{:?}", frames(&received));
    assert!(closed < 10.0, "{closed}");
    let metrics = world.metrics().await;
    let reason = r#"verigate_connections_closed_total{listener="grpc",reason="age"} "#;
    assert!(metrics.contains(reason), "{metrics}");
}
