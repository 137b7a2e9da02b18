//! Peers that would fill the memory: with heads, with messages, with answers that they do not read, with streams beyond those that are permitted.
//! All of them together get no more of it than is configured, and honest callers are answered meanwhile.

use verigate::config::Config;

use super::{frames::*, *};

const CHECK: &str = "/verigate.v1.AccessService/CheckAccess";
const MIB: usize = 1024 * 1024;
/// Of this, connections may hold a sixth.
const MEMORY: usize = 4 * MIB;
const PEERS: usize = 60;
const CALLS: u32 = 32;

/// A header with a value of this size, as HPACK writes it without a table (RFC 7541, section 6.2.2).
fn header(size: usize) -> Vec<u8> {
    let length = size - 127;
    let low = u8::try_from(length % 128).unwrap();
    let high = u8::try_from(length / 128).unwrap();
    let name = [&[0, 3][..], b"x-a", &[127, 128 | low, high]].concat();
    [name, vec![b'a'; size]].concat()
}

/// The head of a call whose metadata take about this much.
fn large_head(stream: u32, size: usize) -> Vec<u8> {
    let usual = headers(stream, 0, CHECK, None);
    frame(
        1,
        END_HEADERS,
        stream,
        &[&usual[9..], &header(size)].concat(),
    )
}

/// A message of a check.
fn check() -> Vec<u8> {
    let request = crate::world::check_request("front-door", "fresh");
    let message = prost::Message::encode_to_vec(&request);
    let length = u8::try_from(message.len()).unwrap();
    [&[0, 0, 0, 0, length], message.as_slice()].concat()
}

/// What a peer sends whose calls are these.
fn calls(window: u32, call: impl Fn(u32) -> Vec<u8>) -> Vec<u8> {
    let calls = (0..CALLS).flat_map(|n| call(2 * n + 1));
    hello(window).into_iter().chain(calls).collect()
}

/// The value of a metric.
async fn metric(world: &World, series: &str) -> f64 {
    let metrics = world.metrics().await;
    let line = metrics.lines().find(|line| line.starts_with(series));
    let value = line.and_then(|line| line.rsplit(' ').next()?.parse().ok());
    value.expect(series)
}

/// Opens connections on which the same is sent, and says how many of them the service has closed for the memory that they hold.
async fn closed_for_memory(world: &World, listener: &str, to: SocketAddr, sent: &[u8]) -> f64 {
    let series =
        format!(r#"verigate_connections_closed_total{{listener="{listener}",reason="memory"}}"#);
    let before = metric(world, &series).await;
    let mut peers = Vec::new();
    for _ in 0..PEERS {
        let mut peer = TcpStream::connect(to).await.unwrap();
        // An error: it is closed already.
        let _ = timeout(Duration::from_secs(1), peer.write_all(sent)).await;
        peers.push(peer);
        let held = metric(world, "verigate_connections_memory_bytes").await;
        let room = metric(world, "verigate_connections_memory_limit_bytes").await;
        // Those that are being closed hold theirs until they are looked at, and modest ones are served meanwhile.
        assert!(held <= 1.5 * room, "{held} of {room}");
    }
    serves(world).await;
    metric(world, &series).await - before
}

async fn small_world() -> World {
    small_world_with(|_| {}).await
}

async fn small_world_with(adjust: impl FnOnce(&mut Config)) -> World {
    let world = World::with(|config| {
        config.limits.memory = MEMORY;
        config.limits.streams_per_connection = CALLS;
        config.in_flight = 10_000;
        adjust(config);
    })
    .await;
    tokio::time::pause();
    world
}

#[tokio::test]
async fn calls_without_end_hold_no_more_memory_than_is_configured() {
    let world = small_world().await;
    let message = [&[0, 0, 0, 0x3f, 0, 0x12][..], &[b'x'; 8_000]].concat();
    for (what, sent) in [
        (
            "unfinished messages",
            calls(65_535, |id| {
                [headers(id, 0, CHECK, None), data(id, 0, &check()[..8])].concat()
            }),
        ),
        (
            "large messages",
            calls(65_535, |id| {
                [headers(id, 0, CHECK, None), data(id, 0, &message)].concat()
            }),
        ),
        ("large heads", calls(65_535, |id| large_head(id, 12_000))),
        (
            "answers that nobody reads",
            calls(0, |id| {
                [headers(id, 0, CHECK, None), data(id, END_STREAM, &check())].concat()
            }),
        ),
    ] {
        let closed = closed_for_memory(&world, "grpc", world.grpc_address(), &sent).await;
        assert!(closed > 0.0, "{what}");
    }
}

#[tokio::test]
async fn heads_that_are_not_whole_hold_no_more_memory_than_is_configured() {
    let world = small_world().await;
    let mut head = large_head(1, 14_000);
    head[4] &= !END_HEADERS;
    let more = frame(9, 0, 1, &header(14_000));
    let sent = [hello(65_535), head, more.repeat(2)].concat();
    for (listener, to) in [
        ("grpc", world.grpc_address()),
        ("http", world.http_address()),
    ] {
        let closed = closed_for_memory(&world, listener, to, &sent).await;
        assert!(closed > 0.0, "{listener}");
    }
}

#[tokio::test]
async fn streams_beyond_those_that_are_permitted_count_as_memory() {
    let world = small_world().await;
    let refused = (0..150_u32).flat_map(|n| headers(2 * n + 1, 0, CHECK, None));
    let sent: Vec<u8> = hello(65_535).into_iter().chain(refused).collect();
    let mut peer = connect(world.grpc_address(), &sent).await;
    let (mut received, mut part) = (Vec::new(), vec![0; 1 << 16]);
    let resets = |received: &[u8]| {
        kinds(received)
            .iter()
            .filter(|(kind, _)| *kind == 3)
            .count()
    };
    while resets(&received) < 118 {
        let read = peer.read(&mut part).await.unwrap();
        assert!(read > 0, "it stays open");
        received.extend_from_slice(&part[..read]);
    }
    let held = metric(&world, "verigate_connections_memory_bytes").await;
    // 32 calls, and what the library keeps for the others.
    assert!(held > 118.0 * 700.0, "{held}");
}

#[tokio::test]
async fn requests_of_http1_hold_no_more_memory_than_is_configured() {
    let world = small_world().await;
    let mut head = b"GET / HTTP/1.1\r\nhost: localhost\r\nx-a: ".to_vec();
    head.resize(50_000, b'a');
    let to = world.http_address();
    assert!(closed_for_memory(&world, "http", to, &head).await > 0.0);
}

/// Bodies of AuthZEN that are read and not whole: of one request on each connection, and of many.
#[tokio::test]
async fn bodies_of_evaluations_hold_no_more_memory_than_is_configured() {
    let world = small_world_with(|config| config.authzen.deadline = EVER).await;
    let to = world.http_address();
    let body = b"{\"evaluations\":[".repeat(4_000);
    let one = |path: &str| {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 1000000\r\n\r\n"
        );
        [head.as_bytes(), &body].concat()
    };
    let many = |path: &str| {
        calls(65_535, |id| {
            let head = headers_of(id, 0, path, "application/json", None);
            [head, data(id, 0, &body[..1_900])].concat()
        })
    };
    let several = crate::authzen::SEVERAL;
    for (what, sent) in [
        ("one over HTTP/1", one(several)),
        ("many over HTTP/2", many(several)),
        ("many of one evaluation", many(crate::authzen::ONE)),
    ] {
        let closed = closed_for_memory(&world, "http", to, &sent).await;
        assert!(closed > 0.0, "{what}");
    }
}

#[tokio::test]
async fn a_connection_that_reads_its_answers_holds_nothing_when_they_have_come() {
    let world = small_world().await;
    for _ in 0..500 {
        serves(&world).await;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(metric(&world, "verigate_connections_memory_bytes").await < 20_000.0);
    let series = r#"verigate_connections_closed_total{listener="grpc",reason="memory"}"#;
    assert!(metric(&world, series).await < 0.5);
}
