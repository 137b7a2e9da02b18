//! What bounds a stream: how much is in flight, how fast its answers are taken, rates, quotas, deadlines and credentials.

use serde_json::json;
use tonic::transport::Endpoint;
use verigate::{callers::Token, rate_limit::Rate};

use super::*;
use crate::callers::{bearer, caller, issuer::Issuer, token, with_file};

#[tokio::test]
async fn at_most_32_checks_of_one_stream_are_in_flight() {
    let world = World::new().await;
    world.inject(ApiCall::Details, None, Fault::LatencyMs(700));
    let mut asking = Asking::begin(&world).await;
    let requests = asking.requests.clone();
    let sending = tokio::spawn(async move {
        for n in 0..100 {
            let request = CheckAccessRequest {
                request_id: n.to_string(),
                ..check_request("front-door", &format!("nobody-{n}"))
            };
            requests.send(request).await.unwrap();
        }
    });
    world.until_asked(32).await;
    let metrics = world.metrics().await;
    assert!(metrics.contains("verigate_calls_in_flight 32"), "{metrics}");
    assert_eq!(world.calls().details, 32);
    // Each counts as memory of its connection, until its answer is taken.
    let mut lines = metrics.lines();
    let held = lines.find_map(|line| line.strip_prefix("verigate_connections_memory_bytes "));
    assert!(held.unwrap().parse::<usize>().unwrap() > 32 * 4 * 1024);
    let mut answered = BTreeMap::new();
    for _ in 0..100 {
        let (id, answer) = asking.answer().await;
        assert_eq!(answer, "DENY VERIFICATION_NOT_FOUND");
        answered.insert(id, answer);
    }
    assert_eq!(answered.len(), 100);
    sending.await.unwrap();
}

#[tokio::test]
async fn a_caller_that_does_not_take_answers_is_not_read() {
    const SENT: usize = 20_000;
    // As it is configured by default: small messages that wait to be read are no flood.
    let world = World::with(|config| config.limits.streams_per_connection = 32).await;
    world.check("front-door", "fresh").await;
    let endpoint = Endpoint::from_shared(format!("http://{}", world.grpc_address())).unwrap();
    let endpoint = endpoint.initial_stream_window_size(65_535);
    let client = AccessServiceClient::new(endpoint.connect().await.unwrap());
    let mut asking = Asking::by(client, |_| {}).await.unwrap();
    let requests = asking.requests.clone();
    let sending = tokio::spawn(async move {
        for n in 0..SENT {
            let request = CheckAccessRequest {
                request_id: n.to_string(),
                ..check_request("front-door", "fresh")
            };
            requests.send(request).await.unwrap();
        }
    });
    let decided = async || {
        let metrics = world.metrics().await;
        let name = r#"verigate_call_items_total{code="OK",method="StreamCheckAccess"} "#;
        let count = metrics.lines().find_map(|line| line.strip_prefix(name));
        count.unwrap().parse::<usize>().unwrap()
    };
    // Until nothing moves any more.
    let mut before = 0;
    until("the service stops to read", async || {
        let first = decided().await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        first > 0 && decided().await == first
    })
    .await;
    before += decided().await;
    // What fits into the windows and buffers of the connection, and what may be in flight.
    assert!(before < 1_500, "{before} were decided for nobody");
    assert!(!sending.is_finished());
    for _ in 0..SENT {
        assert_eq!(asking.answer().await.1, "ALLOW");
    }
    sending.await.unwrap();
    assert_eq!(decided().await, SENT);
}

#[tokio::test]
async fn checks_end_by_their_deadlines_while_their_answers_are_not_taken() {
    let world = World::new().await;
    world.inject(ApiCall::Details, None, Fault::LatencyMs(300));
    let endpoint = Endpoint::from_shared(format!("http://{}", world.grpc_address())).unwrap();
    // Room for a part of an answer.
    let endpoint = endpoint.initial_stream_window_size(64);
    let client = AccessServiceClient::new(endpoint.connect().await.unwrap());
    let mut asking = Asking::by(client, |_| {}).await.unwrap();
    let ids = (0..31).map(|n| n.to_string());
    // The last one is refused at once, so that an answer waits for the peer while the others are in flight.
    for id in ids.chain([String::new()]) {
        let request = CheckAccessRequest {
            request_id: id.clone(),
            ..check_request("front-door", &format!("nobody-{id}"))
        };
        asking.requests.send(request).await.unwrap();
    }
    world.until_asked(31).await;
    until_metric(&world, "verigate_calls_in_flight 0").await;
    for _ in 0..32 {
        asking.answer().await;
    }
}

#[tokio::test]
async fn rates_and_the_bound_of_calls_in_flight_refuse_checks_and_not_the_stream() {
    let world = World::with(|config| {
        let mut slow = caller(1, "slow", &["*"], &[], false);
        slow.calls = Some(Rate {
            per_second: 1,
            burst: 2,
        });
        config.callers = vec![slow, caller(2, "quick", &["*"], &[], false)];
        config.in_flight = 2;
    })
    .await;
    let by = |n: u8| {
        Asking::by(world.client.clone(), move |request| {
            let token = bearer(n).parse().unwrap();
            request.metadata_mut().insert("authorization", token);
        })
    };
    let mut slow = by(1).await.unwrap();
    for (id, expected) in [("1", "ALLOW"), ("2", "ALLOW"), ("3", "ResourceExhausted")] {
        assert_eq!(slow.check(id, "front-door", "fresh").await.1, expected);
    }
    slow.ask("4", "front-door", "fresh").await;
    let refused = slow.answers.message().await.unwrap().unwrap();
    let Some(Wire::Error(error)) = refused.result else {
        panic!("{refused:?}");
    };
    assert!(error.retry_after.is_some());
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(slow.check("5", "front-door", "fresh").await.1, "ALLOW");

    // Streams that are open are not in flight: their checks are.
    let mut quick = by(2).await.unwrap();
    let others = [by(2).await.unwrap(), by(2).await.unwrap()];
    delay(&world, "minor", 1500);
    delay(&world, "stale", 1500);
    quick.ask("a", "front-door", "minor").await;
    quick.ask("b", "front-door", "stale").await;
    until_metric(&world, "verigate_calls_in_flight 2").await;
    until_metric(&world, "verigate_check_streams 4").await;
    assert_eq!(
        quick.check("c", "front-door", "fresh").await,
        pair("c", "ResourceExhausted")
    );
    let (first, second) = (quick.answer().await, quick.answer().await);
    assert!(first.1 != "ResourceExhausted" && second.1 != "ResourceExhausted");
    assert_eq!(quick.check("c", "front-door", "fresh").await.1, "ALLOW");
    until_metric(&world, "verigate_calls_in_flight 0").await;
    drop(others);
    until_metric(&world, "verigate_check_streams 2").await;
}

#[tokio::test]
async fn the_deadline_of_a_check_counts_from_its_arrival_however_old_its_stream_is() {
    let world = World::with(|config| {
        config.deadlines.default = Duration::from_millis(400);
    })
    .await;
    world.inject(ApiCall::Details, None, Fault::LatencyMs(3_000));
    // The stream itself may live longer than any check.
    let mut asking = Asking::by(world.client.clone(), |request| {
        request.set_timeout(Duration::from_mins(1));
    })
    .await
    .unwrap();
    for id in ["1", "2", "3"] {
        let verification = format!("nobody-{id}");
        assert_eq!(
            asking.check(id, "front-door", &verification).await,
            pair(id, "DENY EVIDENCE_UNAVAILABLE")
        );
    }
}

#[tokio::test]
async fn a_credential_that_has_expired_ends_the_stream_that_it_began() {
    let folder = tempfile::tempdir().unwrap();
    let (path, keys) = (
        folder.path().join("verigate.toml"),
        folder.path().join("jwks.json"),
    );
    let issuer = Issuer::new("ec");
    std::fs::write(&keys, issuer.ec_set()).unwrap();
    let text = format!(
        "[callers.sso]\njwt = {{ issuer = \"https://id.example.com\", audience = \"verigate\", jwks_file = \"{}\", subjects = [\"gateway-1\"] }}\npolicies = [\"*\"]\n",
        keys.display(),
    );
    let world = World::with(|config| with_file(&path, &text, config)).await;
    let now = world.clock_now().as_second();
    let claims = json!({ "aud": "verigate", "sub": "gateway-1", "exp": now + 600, "iat": null });
    let jwt = issuer.token(now, json!({}), claims);
    let mut asking = Asking::by(world.client.clone(), |request| {
        let bearer = format!("Bearer {jwt}").parse().unwrap();
        request.metadata_mut().insert("authorization", bearer);
    })
    .await
    .unwrap();
    assert_eq!(asking.check("1", "front-door", "fresh").await.1, "ALLOW");
    world.clock.advance(Duration::from_secs(700));
    asking.ask("2", "front-door", "fresh").await;
    let ended = asking.next().await.unwrap_err();
    assert_eq!(ended.code(), Code::Unauthenticated);
    let (_, journal) = world.stop().await;
    let decisions = journal
        .lines()
        .filter(|line| line.contains("\"decision\":"));
    assert_eq!(decisions.count(), 1);
}

#[tokio::test]
async fn a_credential_that_was_withdrawn_and_permissions_that_were_changed_count_at_the_next_check()
{
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("verigate.toml");
    let section = |n: u8, policies: &str| {
        let entry = token(n).entry();
        format!("[callers.c{n}]\ntoken_sha256 = [\"{entry}\"]\npolicies = [\"{policies}\"]\n")
    };
    let mut world = World::with(|config| with_file(&path, &section(1, "*"), config)).await;
    let requested = std::sync::Arc::new(tokio::sync::Notify::new());
    world.service.watch(std::sync::Arc::clone(&requested));
    let mut asking = Asking::by(world.client.clone(), |request| {
        let token = bearer(1).parse().unwrap();
        request.metadata_mut().insert("authorization", token);
    })
    .await
    .unwrap();
    assert_eq!(asking.check("1", "front-door", "fresh").await.1, "ALLOW");
    std::fs::write(&path, section(1, "adults")).unwrap();
    requested.notify_one();
    let mut n = 1;
    let asking_until = async |asking: &mut Asking, n: &mut i32, expected: &str| loop {
        *n += 1;
        asking.ask(&n.to_string(), "front-door", "fresh").await;
        let shown = match asking.next().await {
            Ok(answer) => answer.unwrap().1,
            Err(status) => format!("{:?}", status.code()),
        };
        if shown == expected {
            return;
        }
        assert!(*n < 1_000, "still {shown}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    asking_until(&mut asking, &mut n, "PermissionDenied").await;
    // Another caller is in the file, with another token.
    let other = section(2, "*");
    assert_ne!(Token::reveal(&token(1)), Token::reveal(&token(2)));
    std::fs::write(&path, &other).unwrap();
    requested.notify_one();
    until("the caller is held", async || {
        let (_, ready) = world.get_json("/readyz").await;
        ready["callers"]["held"] != json!([])
    })
    .await;
    world.clock.advance(crate::callers::reload::HELD_FOR);
    requested.notify_one();
    asking_until(&mut asking, &mut n, "Unauthenticated").await;
}
