//! An HTTP cache responds in the vendor's place, with what the vendor said some time ago.

use super::*;

#[tokio::test]
async fn evidence_is_as_old_as_an_http_cache_says() {
    let world = World::new().await;
    world.inject(ApiCall::Details, None, right_with(&[("age", "50")]));
    let answer = world.check("tolerant", "fresh").await;
    assert_eq!((gist(&answer).as_str(), answer.degraded), ("ALLOW", false));
    let evidence = answer.evidence.unwrap();
    assert_eq!(evidence.source(), EvidenceSource::Upstream);
    let seen_at = instant(evidence.seen_at.as_ref());
    assert_eq!(seen_at, Some(at("2026-01-31T11:59:10Z")));
    // It is fresh for the rest of the minute, and no longer.
    world.clock.advance(Duration::from_millis(9_999));
    world.check("tolerant", "fresh").await;
    assert_eq!(world.calls().details, 1);
    world.clock.advance(Duration::from_millis(1));
    world.check("tolerant", "fresh").await;
    assert_eq!(world.calls().details, 2);
    let (_, ready) = world.get_json("/readyz").await;
    assert_eq!(ready["upstream"]["clocks_apart"], false);
}

#[tokio::test]
async fn what_an_http_cache_has_kept_for_too_long_is_served_as_in_an_outage() {
    for (values, tolerant, strict) in [
        (vec!["600"], "ALLOW", "DENY EVIDENCE_UNAVAILABLE"),
        (vec!["0", "600"], "ALLOW", "DENY EVIDENCE_UNAVAILABLE"),
        (vec!["60, 600"], "ALLOW", "DENY EVIDENCE_UNAVAILABLE"),
        (
            vec!["3660"],
            "STEP_UP EVIDENCE_UNAVAILABLE",
            "DENY EVIDENCE_UNAVAILABLE",
        ),
        (
            vec!["99999999999999999999"],
            "STEP_UP EVIDENCE_UNAVAILABLE",
            "DENY EVIDENCE_UNAVAILABLE",
        ),
        (
            vec!["soon"],
            "STEP_UP EVIDENCE_UNAVAILABLE",
            "DENY EVIDENCE_UNAVAILABLE",
        ),
        (
            vec!["-1"],
            "STEP_UP EVIDENCE_UNAVAILABLE",
            "DENY EVIDENCE_UNAVAILABLE",
        ),
        (vec!["0"], "ALLOW", "ALLOW"),
    ] {
        for (policy, expected) in [("tolerant", tolerant), ("front-door", strict)] {
            let world = World::new().await;
            let pairs: Vec<_> = values.iter().map(|value| ("age", *value)).collect();
            // Its own `Date` is of when the vendor made it, or of when the cache sent it.
            for ahead_s in [-600, 0] {
                let date = [("date", date(ahead_s))];
                let date = date.iter().map(|(name, value)| (*name, value.as_str()));
                let pairs: Vec<_> = pairs.iter().copied().chain(date).collect();
                world.inject(ApiCall::Details, None, right_with(&pairs));
                let answer = world.check(policy, "fresh").await;
                assert_eq!(gist(&answer), expected, "{policy} {pairs:?}");
                assert_eq!(answer.degraded, values != ["0"], "{policy} {pairs:?}");
                let (_, ready) = world.get_json("/readyz").await;
                // What no cache has kept is compared.
                let compared = values == ["0"];
                assert!(
                    compared || ready["upstream"]["clocks_apart"] == false,
                    "{pairs:?}"
                );
                world.simulator.faults().clear();
            }
        }
    }
}

/// The time at which worlds begin, this many seconds later, as a `Date`.
fn date(seconds: i64) -> String {
    if seconds == 0 {
        "Sat, 31 Jan 2026 12:00:00 GMT".to_owned()
    } else {
        assert_eq!(seconds, -600);
        "Sat, 31 Jan 2026 11:50:00 GMT".to_owned()
    }
}

#[tokio::test]
async fn a_404_of_an_http_cache_is_not_the_vendors_word_of_now() {
    let world = World::new().await;
    let old = [("content-type", JSON), ("age", "600")];
    let answer = answer_to(&world, response(404, &old, ERROR)).await;
    assert_eq!(gist(&answer), "STEP_UP EVIDENCE_UNAVAILABLE");
    // What may change at any moment counts for four seconds, wherever it is cached.
    let five = [("content-type", JSON), ("age", "5")];
    let answer = answer_to(&world, response(404, &five, ERROR)).await;
    assert_eq!(gist(&answer), "STEP_UP EVIDENCE_UNAVAILABLE");
    let young = [("content-type", JSON), ("age", "2")];
    let answer = answer_to(&world, response(404, &young, ERROR)).await;
    assert_eq!(gist(&answer), "DENY VERIFICATION_NOT_FOUND");
}

#[tokio::test]
async fn what_an_http_cache_has_kept_replaces_nothing_younger() {
    let world = World::new().await;
    world.inject(
        ApiCall::Details,
        Some(1),
        response(
            200,
            &[("content-type", JSON)],
            &DETAILS.replace("VERIFIED", "REVOKED"),
        ),
    );
    let revoked = gist(&world.check("tolerant", "fresh").await);
    assert_eq!(revoked, "DENY STATUS_NOT_ACCEPTED");
    // By the time that it is asked for again, a cache still says what it was before that.
    world.clock.advance(Duration::from_secs(61));
    world.inject(ApiCall::Details, None, right_with(&[("age", "70")]));
    for _ in 0..3 {
        let answer = world.check("tolerant", "fresh").await;
        assert_eq!(gist(&answer), "DENY STATUS_NOT_ACCEPTED");
        assert!(answer.degraded);
        world.clock.advance(FAILED_FOR_MAX);
    }
    world.simulator.faults().clear();
    assert_eq!(gist(&world.check("tolerant", "fresh").await), "ALLOW");
}

/// Sends a webhook about the verification `fresh`, and checks it until it is asked for again.
async fn invalidate(world: &World, event: &str) {
    let before = world.calls().details;
    let url = format!("http://{}/webhooks/incode", world.http_address());
    let body = json!({ "event": event, "verificationTraceId": "trace-fresh" });
    let posted = reqwest::Client::new()
        .post(url)
        .header(HEADER, terms().secret.expose_secret())
        .body(body.to_string());
    assert_eq!(posted.send().await.unwrap().status().as_u16(), 204);
    until("the evidence is invalidated", async || {
        world.check("tolerant", "fresh").await;
        world.calls().details > before
    })
    .await;
}

#[tokio::test]
async fn what_an_http_cache_has_kept_is_not_used_after_an_invalidation() {
    let world = World::with(|config| config.webhook = Some(terms())).await;
    assert_eq!(gist(&world.check("tolerant", "fresh").await), "ALLOW");
    world.inject(ApiCall::Details, None, right_with(&[("age", "30")]));
    invalidate(&world, "verification.failed").await;
    for _ in 0..3 {
        let answer = world.check("tolerant", "fresh").await;
        assert_eq!(gist(&answer), "STEP_UP EVIDENCE_UNAVAILABLE");
        world.clock.advance(FAILED_FOR_MAX);
    }
    world.simulator.faults().clear();
    assert_eq!(gist(&world.check("tolerant", "fresh").await), "ALLOW");
    // What is newer than valid evidence is from after the invalidation, and counts.
    world.clock.advance(Duration::from_secs(61));
    let revoked = DETAILS.replace("VERIFIED", "REVOKED");
    let kept = [("content-type", JSON), ("age", "3")];
    world.inject(ApiCall::Details, None, response(200, &kept, &revoked));
    let answer = world.check("tolerant", "fresh").await;
    assert_eq!(gist(&answer), "DENY STATUS_NOT_ACCEPTED");
}

#[tokio::test]
async fn of_what_may_be_from_before_an_invalidation_the_newer_counts() {
    let world = World::with(|config| config.webhook = Some(terms())).await;
    assert_eq!(gist(&world.check("tolerant", "fresh").await), "ALLOW");
    world.clock.advance(Duration::from_secs(5));
    // A cache says what the vendor said up to two seconds ago: it is not known whether that was before the webhook.
    let revoked = DETAILS.replace("VERIFIED", "REVOKED");
    let kept = [("content-type", JSON), ("age", "1")];
    world.inject(ApiCall::Details, None, response(200, &kept, &revoked));
    invalidate(&world, "verification.started").await;
    // Within the ten seconds for which what was invalidated is served.
    for _ in 0..3 {
        let answer = world.check("tolerant", "fresh").await;
        assert_eq!(gist(&answer), "DENY STATUS_NOT_ACCEPTED");
        assert!(answer.degraded);
        world.clock.advance(FAILED_FOR_MAX);
    }
    // What a cache kept from before the evidence that is invalidated does not count at all.
    world.inject(ApiCall::Details, None, right_with(&[("age", "30")]));
    let answer = world.check("tolerant", "fresh").await;
    assert_eq!(gist(&answer), "DENY STATUS_NOT_ACCEPTED");
}
