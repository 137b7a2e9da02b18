//! Peers that say nothing, or little, or slowly.

use super::{frames::*, *};

#[tokio::test]
async fn a_peer_that_says_nothing_or_half_of_something_is_disconnected() {
    let world = paused_world().await;
    let (grpc, http, admin) = (
        world.grpc_address(),
        world.http_address(),
        world.admin_address(),
    );
    let kinds: [(&str, SocketAddr, &[u8], f64); 9] = [
        ("nothing", grpc, b"", 2.0),
        ("half a preface", grpc, &PREFACE[..12], 2.0),
        ("nothing", http, b"", 5.0),
        ("half a preface", http, &PREFACE[..12], 5.0),
        (
            "half a head",
            http,
            b"POST /webhooks/incode HTTP/1.1\r\nhost: x\r\nx-a: ",
            5.0,
        ),
        ("nothing", admin, b"", 1.0),
        ("half a head", admin, b"GET /metr", 5.0),
        ("half a head", admin, b"GET /metrics HTTP/1.1\r\n", 5.0),
        // It has to answer a ping.
        ("a preface alone", grpc, PREFACE, 30.0),
    ];
    for (what, to, bytes, seconds) in kinds {
        let (closed, _) = closed_after(connect(to, bytes).await).await;
        assert!(
            (seconds..seconds + 1.1).contains(&closed),
            "{what} at {to}: {closed}"
        );
    }
    serves(&world).await;
}

#[tokio::test]
async fn a_head_or_a_frame_of_http2_that_is_not_whole_in_time_ends_the_connection() {
    let world = paused_world().await;
    let call = headers(1, 0, "/verigate.v1.AccessService/CheckAccess", None);
    let mut open = call.clone();
    open[4] &= !END_HEADERS;
    let more = frame(9, 0, 1, &[]);
    let answered = frame(4, 1, 0, &[]);
    let kinds: [(&str, Vec<u8>); 6] = [
        ("half a head of a frame", call[..5].to_vec()),
        ("half a frame", call[..20].to_vec()),
        ("a head whose last frame is missing", open.clone()),
        ("a head that goes on", [open, more].concat()),
        (
            "half a message",
            [call, data(1, 0, &[0; 9])[..14].to_vec()].concat(),
        ),
        ("half a ping", frame(6, 0, 0, &[1; 8])[..12].to_vec()),
    ];
    for to in [world.grpc_address(), world.http_address()] {
        for (what, bytes) in &kinds {
            let begun = [&hello(65_535), &answered, bytes.as_slice()].concat();
            let (closed, _) = closed_after(connect(to, &begun).await).await;
            assert!((4.0..7.0).contains(&closed), "{what} at {to}: {closed}");
        }
    }
    let metrics = world.metrics().await;
    for listener in ["grpc", "http"] {
        let counted = format!(
            r#"verigate_connections_closed_total{{listener="{listener}",reason="slow_head"}} 6"#
        );
        assert!(metrics.contains(&counted), "{metrics}");
    }
    serves(&world).await;
}

#[tokio::test]
async fn a_full_listener_closes_those_that_have_been_silent_longest() {
    let world = World::with(|config| {
        config.limits.connections = 20;
        config.limits.connections_per_address = 20;
    })
    .await;
    tokio::time::pause();
    let mut silent = Vec::new();
    for to in [world.http_address(), world.grpc_address()] {
        for _ in 0..30 {
            silent.push(connect(to, b"").await);
        }
    }
    // Time stands still: none of them is late.
    for to in [world.http_address(), world.grpc_address()] {
        let mut honest = connect(to, &hello(65_535)).await;
        let mut answer = [0; 9];
        honest.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer[3], 4, "its settings");
    }
    let metrics = world.metrics().await;
    let displaced = r#"verigate_connections_closed_total{listener="http",reason="displaced"} "#;
    assert!(metrics.contains(displaced), "{metrics}");
    drop(silent);
}

#[tokio::test]
async fn a_head_that_comes_byte_by_byte_is_cut_off_all_the_same() {
    let world = paused_world().await;
    for to in [world.http_address(), world.admin_address()] {
        let mut stream = connect(to, b"GET /livez HTTP/1.1\r\n").await;
        let started = now();
        // An error: it was disconnected.
        while stream.write_all(b"x-a: b\r\n").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(500)).await;
            assert!(started.elapsed() < EVER, "{to} reads for ever");
        }
        let seconds = started.elapsed().as_secs_f64();
        assert!((4.9..7.1).contains(&seconds), "{to}: {seconds}");
    }
}

#[tokio::test]
async fn a_connection_that_is_kept_alive_may_be_silent_between_requests() {
    let world = paused_world().await;
    let mut stream = connect(world.admin_address(), b"").await;
    for _ in 0..3 {
        stream
            .write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n")
            .await
            .unwrap();
        let mut answer = vec![0; 1024];
        let read = stream.read(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer[..read]).into_owned();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        tokio::time::sleep(Duration::from_mins(1)).await;
    }
    let (closed, _) = closed_after(stream).await;
    assert!((14.0..22.0).contains(&closed), "idle since 60 s: {closed}");
}

#[tokio::test]
async fn an_address_with_too_many_connections_is_refused_and_others_on_other_listeners_are_not() {
    let world = World::with(|config| config.limits.connections_per_address = 3).await;
    let held: Vec<_> = [
        connect(world.http_address(), b"").await,
        connect(world.http_address(), b"").await,
        connect(world.http_address(), b"").await,
    ]
    .into();
    let mut refused = connect(world.http_address(), b"").await;
    let mut said = Vec::new();
    // An error is a reset.
    let _ = refused.read_to_end(&mut said).await;
    assert!(said.is_empty());
    serves(&world).await;
    let metrics = world.metrics().await;
    assert!(
        metrics.contains(r#"verigate_connections_refused_total{listener="http"} 1"#),
        "{metrics}"
    );
    drop(held);
}
