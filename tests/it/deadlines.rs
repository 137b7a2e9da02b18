//! A check whose evidence is not in memory is answered within its caller's deadline, whatever it waits for, and however long the service
//! itself would wait: degraded, and not by an error.

use std::time::Duration;

use verigate::{
    config::Config,
    rate_limit::Rate,
    sim::{ApiCall, Fault},
};

use tonic_types::StatusExt as _;

use crate::world::{World, check_request, gist};

/// The caller's deadline: less than the service itself would wait for anything here.
const SHORT: Duration = Duration::from_millis(600);
const LONG: Duration = Duration::from_mins(10);

/// A world that waits for everything for very long, unless a caller does not.
async fn patient(adjust: impl FnOnce(&mut Config)) -> World {
    World::with(|config| {
        config.incode.timeout = LONG;
        config.incode.connect_timeout = LONG;
        config.deadlines.default = LONG;
        config.deadlines.longest = LONG;
        adjust(config);
    })
    .await
}

/// Somebody asks, and waits for ten minutes.
fn ask_for_long(world: &World, verification: &'static str) {
    let mut client = world.client.clone();
    tokio::spawn(async move {
        let request = check_request("tolerant", verification);
        let _ = client.check_access(request).await;
    });
}

/// The answer within a short deadline is the policy's for missing evidence. The client does not wait longer than the deadline, so a
/// late answer would be an error here.
async fn answers_in_time(world: &World, waits_for: &str) {
    let asked = world.ask_within(SHORT, check_request("tolerant", "fresh"));
    let answer = asked.await.expect(waits_for);
    assert_eq!(gist(&answer), "STEP_UP EVIDENCE_UNAVAILABLE", "{waits_for}");
    assert!(answer.degraded, "{waits_for}");
}

#[tokio::test]
async fn a_short_deadline_holds_while_a_check_waits_for_a_token() {
    for fault in [Fault::Hang, Fault::SlowBody, Fault::LatencyMs(600_000)] {
        let world = patient(|_| {}).await;
        world.inject(ApiCall::Authorize, None, fault);
        answers_in_time(&world, "a token that it has requested").await;
        answers_in_time(&world, "a token that is being requested").await;
    }
}

#[tokio::test]
async fn a_short_deadline_holds_while_a_check_waits_for_its_turn() {
    let world = patient(|config| config.incode.concurrency = 1).await;
    world.inject(ApiCall::Details, None, Fault::Hang);
    ask_for_long(&world, "stale");
    world.until_asked(1).await;
    answers_in_time(&world, "a place among the calls in flight").await;
    assert_eq!(world.calls().details, 1);

    let world = patient(|config| {
        config.incode.rate = Rate {
            per_second: 1,
            burst: 1,
        };
    })
    .await;
    // The token takes the burst.
    answers_in_time(&world, "the rate").await;
    assert_eq!(world.calls().details, 0);
}

#[tokio::test]
async fn a_short_deadline_holds_while_a_check_waits_for_a_fetch() {
    for fault in [Fault::Hang, Fault::SlowBody, Fault::LatencyMs(600_000)] {
        let world = patient(|_| {}).await;
        world.inject(ApiCall::Details, None, fault);
        answers_in_time(&world, "its own fetch").await;
        answers_in_time(&world, "a fetch that goes on without its caller").await;
        let world = patient(|_| {}).await;
        world.inject(ApiCall::Details, None, Fault::Hang);
        ask_for_long(&world, "fresh");
        world.until_asked(1).await;
        answers_in_time(&world, "a fetch of somebody who waits longer").await;
        assert_eq!(world.calls().details, 1);
    }
}

#[tokio::test]
async fn a_short_deadline_holds_while_a_check_waits_for_a_connection() {
    // It accepts connections and says nothing: neither TLS nor HTTP begins.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    for scheme in ["http", "https"] {
        let url = format!("{scheme}://{}", silent.local_addr().unwrap());
        let world = patient(|config| config.incode.url = url.parse().unwrap()).await;
        answers_in_time(&world, scheme).await;
    }
}

#[tokio::test]
async fn checks_that_wait_for_the_vendor_leave_room_for_those_that_need_not() {
    let world = patient(|config| {
        config.in_flight = 16;
        config.cache.waiters = 8;
    })
    .await;
    assert_eq!(gist(&world.check("tolerant", "fresh").await), "ALLOW");
    world.inject(ApiCall::Details, None, Fault::Hang);
    for id in ["v-0", "v-1", "v-2", "v-3", "v-4", "v-5", "v-6"] {
        ask_for_long(&world, id);
    }
    // One of the eight places is kept for doors.
    world.until_asked(8).await;
    for n in 7..40 {
        // Not denied, but asked to come again: it has nothing to do with the person.
        let request = check_request("tolerant", &format!("v-{n}"));
        let shed = world.ask(request).await.unwrap_err();
        assert_eq!(shed.code(), tonic::Code::ResourceExhausted);
        let pause = shed.get_details_retry_info().unwrap().retry_delay;
        assert_eq!(pause, Some(Duration::from_secs(1)));
    }
    assert_eq!(world.calls().details, 8);
    for _ in 0..20 {
        assert_eq!(gist(&world.check("tolerant", "fresh").await), "ALLOW");
    }
    let metrics = world.metrics().await;
    assert!(metrics.contains("verigate_evidence_fetches_total{outcome=\"shed\"} 33\n"));
}
