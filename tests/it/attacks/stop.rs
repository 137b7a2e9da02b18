//! Peers that would hold the exit.

use super::{frames::*, *};

#[tokio::test]
async fn no_peer_holds_the_exit_longer_than_it_may() {
    let world = paused_world().await;
    let (grpc, http, admin) = (
        world.grpc_address(),
        world.http_address(),
        world.admin_address(),
    );
    let idle = [hello(65_535), frame(4, 1, 0, &[])].concat();
    let mut peers = Vec::new();
    for (to, bytes) in [
        (grpc, &b""[..]),
        (grpc, &PREFACE[..10]),
        (grpc, &idle),
        (http, b""),
        (http, b"POST /"),
        (admin, b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n"),
        (admin, b"GET /livez HT"),
    ] {
        peers.push(connect(to, bytes).await);
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let started = now();
    // The journal's thread is not in paused time, so its flush may count as late.
    let _ = world.stop().await.0;
    let took = started.elapsed().as_secs_f64();
    assert!(
        took < 3.5,
        "peers without a call held the exit for {took} s"
    );
    drop(peers);
}

#[tokio::test]
async fn calls_whose_messages_are_missing_hold_the_exit_no_longer_than_the_drain() {
    let unfinished = headers(1, 0, "/verigate.v1.AccessService/CheckAccess", None);
    let unfinished = [hello(65_535), unfinished].concat();
    let world = World::with(|config| config.drain = Duration::from_secs(3)).await;
    tokio::time::pause();
    let mut peers = vec![connect(world.grpc_address(), &unfinished).await];
    peers.push(connect(world.grpc_address(), &unfinished).await);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let started = now();
    // The journal's thread is not in paused time, so its flush may count as late.
    let _ = world.stop().await.0;
    let took = started.elapsed().as_secs_f64();
    assert!(
        (2.9..4.5).contains(&took),
        "calls without a message held the exit for {took} s"
    );
}
