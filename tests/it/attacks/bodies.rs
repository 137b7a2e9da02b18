//! Requests whose bodies never end, and answers that nobody reads.

use std::collections::HashMap;

use super::{frames::*, *};

const METHODS: [&str; 5] = [
    "/verigate.v1.AccessService/CheckAccess",
    "/verigate.v1.AccessService/BeginStepUp",
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/Watch",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
];

/// Reads until the answer came: its trailers, or a reset; after how many seconds.
async fn answered_after(stream: &mut TcpStream) -> f64 {
    let (started, mut received) = (now(), Vec::new());
    loop {
        let mut more = vec![0; 4096];
        let read = timeout(EVER, stream.read(&mut more)).await;
        let read = read.expect("an answer").unwrap();
        assert!(read > 0, "closed without an answer");
        received.extend_from_slice(&more[..read]);
        let ends = |(kind, flags)| kind == 3 || kind == 1 && flags & END_STREAM != 0;
        if kinds(&received).into_iter().any(ends) {
            return started.elapsed().as_secs_f64();
        }
    }
}

#[tokio::test]
async fn the_deadline_of_a_call_runs_from_its_head_also_while_its_message_is_missing() {
    let world = paused_world().await;
    let mut calls: HashMap<&str, u32> = HashMap::new();
    for path in METHODS {
        for part in [&b""[..], &[0, 0], &[0, 0, 0, 0, 30, 10, 5, b'f']] {
            for (timeout, seconds) in [(Some(("grpc-timeout", "200m")), 0.2), (None, 5.5)] {
                let begun = [
                    hello(65_535),
                    headers(1, 0, path, timeout),
                    data(1, 0, part),
                ];
                let begun = begun.concat();
                // A stream has the default deadline for its first message.
                let seconds = if path.contains("Reflection") {
                    5.5
                } else {
                    seconds
                };
                // On a busy machine the paused time jumps to the next timer while bytes are on their way. A deadline that runs from elsewhere is off
                // each time.
                let mut tried = Vec::new();
                while tried.len() < 5 {
                    let mut stream = connect(world.grpc_address(), &begun).await;
                    tried.push(answered_after(&mut stream).await);
                    *calls.entry(path).or_insert(0) += 1;
                    if tried
                        .last()
                        .is_some_and(|after| (seconds..seconds + 0.1).contains(after))
                    {
                        break;
                    }
                }
                let last = tried.last().copied().unwrap();
                let what = format!("{path} {part:?} {timeout:?}: {tried:?}");
                assert!((seconds..seconds + 0.1).contains(&last), "{what}");
            }
        }
    }
    let metrics = world.metrics().await;
    for path in &METHODS[..2] {
        let (_, method) = path.rsplit_once('/').unwrap();
        let counted = format!(
            "verigate_calls_total{{code=\"DEADLINE_EXCEEDED\",method=\"{method}\"}} {}\n",
            calls[path]
        );
        assert!(metrics.contains(&counted), "{metrics}");
    }
    serves(&world).await;
}

#[tokio::test]
async fn a_thousand_calls_without_a_message_keep_no_honest_caller_from_its_answer() {
    let world = World::with(|config| config.in_flight = 400).await;
    tokio::time::pause();
    let mut peers = Vec::new();
    for _ in 0..50 {
        let calls: Vec<u8> = (0..20)
            .flat_map(|n| headers(2 * n + 1, 0, METHODS[0], None))
            .collect();
        peers.push(connect(world.grpc_address(), &[hello(65_535), calls].concat()).await);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let metrics = world.metrics().await;
    assert!(metrics.contains("verigate_calls_in_flight 0"), "{metrics}");
    let refused = r#"verigate_calls_refused_total{priority="gateway",reason="in_flight"} 0"#;
    assert!(metrics.contains(refused), "{metrics}");
    // None of them has ended.
    serves(&world).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let late = r#"verigate_calls_total{code="DEADLINE_EXCEEDED",method="CheckAccess"} 1000"#;
    let metrics = world.metrics().await;
    assert!(metrics.contains(late), "{metrics}");
}

#[tokio::test]
async fn answers_that_nobody_reads_end_the_connection() {
    let world = paused_world().await;
    let message =
        prost::Message::encode_to_vec(&crate::world::check_request("front-door", "fresh"));
    let length = u8::try_from(message.len()).unwrap();
    let message = [&[0, 0, 0, 0, length], message.as_slice()].concat();
    let calls: Vec<u8> = (0..10)
        .flat_map(|n| {
            let id = 2 * n + 1;
            [
                headers(id, 0, METHODS[0], None),
                data(id, END_STREAM, &message),
            ]
            .concat()
        })
        .collect();
    // No byte of an answer's body may be sent.
    let stream = connect(world.grpc_address(), &[hello(0), calls].concat()).await;
    let (closed, said) = closed_after(stream).await;
    assert!((10.0..12.0).contains(&closed), "{closed}");
    let answers = kinds(&said).iter().filter(|(kind, _)| *kind == 1).count();
    assert!(answers >= 10, "the heads of the answers came: {answers}");
    let metrics = world.metrics().await;
    assert!(
        metrics.contains(r#"verigate_connections_closed_total{listener="grpc",reason="unread"} 1"#),
        "{metrics}"
    );
    serves(&world).await;
}

#[tokio::test]
async fn watches_of_health_are_bounded_for_one_address() {
    let world = World::new().await;
    let message = [0, 0, 0, 0, 0];
    let mut peers = Vec::new();
    for _ in 0..3 {
        let watches: Vec<u8> = (0..20)
            .flat_map(|n| {
                let id = 2 * n + 1;
                [
                    headers(id, 0, METHODS[3], None),
                    data(id, END_STREAM, &message),
                ]
                .concat()
            })
            .collect();
        peers.push(connect(world.grpc_address(), &[hello(65_535), watches].concat()).await);
    }
    let refused = r#"verigate_calls_total{code="RESOURCE_EXHAUSTED",method="Health/Watch"} 10"#;
    let counted = async || world.metrics().await.contains(refused);
    crate::world::until("ten watches are refused", counted).await;
    serves(&world).await;
}

#[tokio::test]
async fn a_message_of_a_stream_that_comes_byte_by_byte_is_late_after_one_deadline() {
    let world = paused_world().await;
    let path = "/verigate.v1.AccessService/StreamCheckAccess";
    let begun = [hello(65_535), headers(1, 0, path, None)].concat();
    let mut stream = connect(world.grpc_address(), &begun).await;
    // A stream may wait for its first message. Not for longer here, because pings are not answered.
    tokio::time::sleep(Duration::from_secs(15)).await;
    let (mut reader, mut writer) = stream.split();
    let drip = async {
        for byte in [0_u8, 0, 0, 0, 200].into_iter().chain([10; 50]) {
            // An error means that it was closed.
            let _ = writer.write_all(&data(1, 0, &[byte])).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    let answered = async {
        let (started, mut received) = (now(), Vec::new());
        loop {
            let mut more = vec![0; 4096];
            let read = reader.read(&mut more).await.unwrap();
            assert!(read > 0, "closed without an answer");
            received.extend_from_slice(&more[..read]);
            let ends = |(kind, flags)| kind == 1 && flags & END_STREAM != 0;
            if kinds(&received).into_iter().any(ends) {
                return started.elapsed().as_secs_f64();
            }
        }
    };
    tokio::select! {
        () = drip => panic!("it may drip for ever"),
        after = answered => assert!((5.5..6.6).contains(&after), "{after}"),
    }
    let metrics = world.metrics().await;
    let counted = r#"verigate_calls_total{code="DEADLINE_EXCEEDED",method="StreamCheckAccess"} 1"#;
    assert!(metrics.contains(counted), "{metrics}");
    serves(&world).await;
}
