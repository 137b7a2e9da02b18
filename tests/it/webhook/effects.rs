//! What a webhook does: it makes the service invalidate and fetch evidence, and nothing else.

use super::*;

#[tokio::test]
async fn a_webhook_invalidates_evidence_whatever_the_event_is_called() {
    let world = world().await;
    for name in [
        "verification.failed",
        "verification.started",
        "identity.enrolled",
        "verification.revoked",
        "",
    ] {
        world.check("front-door", "fresh").await;
        let before = world.calls().details;
        send_event(&world, name, "fresh").await;
        until_invalidated(&world, "fresh").await;
        assert_eq!(world.calls().details, before + 1, "{name}");
    }
    assert_eq!(counted(&world, "accepted").await, 5);
}

#[tokio::test]
async fn a_webhook_with_a_trace_id_invalidates_evidence() {
    let world = world().await;
    world.check("front-door", "fresh").await;
    let body = r#"{"eventType":"verification.failed","traceId":"trace-fresh"}"#;
    assert_eq!(post(&world, body).await, 204);
    until_invalidated(&world, "fresh").await;
}

#[tokio::test]
async fn a_webhook_in_capitals_reaches_what_is_cached_in_lower_case() {
    const UUID: &str = "9b1c6f0e-2f57-4b41-8a55-6f1d3f1f6c0a";
    let cast = format!(
        "people: {{ada: {{full_name: Ada Example}}}}\nverifications: {{{UUID}: {{person: ada, verified_ago: 1h, scopes: [NAME]}}}}"
    );
    let world = World::of(&cast, |config| config.webhook = Some(terms())).await;
    assert_eq!(gist(&world.check("front-door", UUID).await), "ALLOW");
    send_event(&world, "verification.failed", &UUID.to_uppercase()).await;
    until_invalidated(&world, UUID).await;
}

#[tokio::test]
async fn a_webhook_that_names_a_verification_twice_counts_once() {
    let world = world().await;
    let body =
        r#"{"event":"verification.failed","verificationId":"fresh","traceId":"trace-fresh"}"#;
    // As many as are processed at once, while the clock stands still.
    for _ in 0..5 {
        world.check("front-door", "fresh").await;
        assert_eq!(post(&world, body).await, 204);
        until_invalidated(&world, "fresh").await;
    }
}

#[tokio::test]
async fn evidence_is_degraded_while_a_webhook_about_it_waits_for_its_turn() {
    let world = world().await;
    for _ in 0..5 {
        world.check("front-door", "fresh").await;
        send_event(&world, "verification.failed", "fresh").await;
        until_invalidated(&world, "fresh").await;
    }
    assert!(!world.check("front-door", "fresh").await.degraded);
    let before = world.calls().details;
    send_event(&world, "verification.failed", "fresh").await;
    until("it is degraded", async || {
        world.check("front-door", "fresh").await.degraded
    })
    .await;
    let answer = world.check("front-door", "fresh").await;
    assert_eq!(gist(&answer), "ALLOW");
    assert_eq!(world.calls().details, before);
    // Its turn would come now; at the latest now the vendor is asked again.
    world.clock.advance(Duration::from_secs(10));
    let answer = world.check("front-door", "fresh").await;
    assert!(!answer.degraded);
    assert_eq!(world.calls().details, before + 1);
}

#[tokio::test]
async fn a_slash_at_the_end_of_the_address_makes_no_difference() {
    let world = world().await;
    world.check("front-door", "fresh").await;
    let at = world.http_address();
    let request = client().post(format!("http://{at}/webhooks/incode/"));
    let request = request.header(HEADER, SECRET);
    let sent = request.body(event("verification.failed", "fresh")).send();
    assert_eq!(sent.await.unwrap().status().as_u16(), 204);
    until_invalidated(&world, "fresh").await;
}

#[tokio::test]
async fn a_webhook_in_an_envelope_invalidates_all_that_it_names() {
    let world = world().await;
    for body in [
        r#"{"event":"verification.failed","data":{"verificationId":"fresh"}}"#,
        r#"{"payload":{"eventType":"verification.failed","traceId":"trace-fresh"},"at":1}"#,
        r#"{"id":"evt_1","type":"verification.failed","verification":{"id":"fresh","status":"FAILED"}}"#,
        r#"{"data":{"verificationId":"month-old"},"previous":{"verificationId":"fresh"}}"#,
    ] {
        world.check("front-door", "fresh").await;
        assert_eq!(post(&world, body).await, 204, "{body}");
        until_invalidated(&world, "fresh").await;
    }
    assert_eq!(counted(&world, "accepted").await, 4);
    assert_eq!(counted(&world, "ignored").await, 0);
}

#[tokio::test]
async fn after_a_success_the_next_caller_does_not_wait() {
    let world = world().await;
    send_event(&world, "verification.succeeded", "fresh").await;
    world.until_asked(1).await;
    until("the fetch has finished", async || {
        let answer = world.check("front-door", "fresh").await;
        assert_eq!(gist(&answer), "ALLOW");
        answer.evidence.unwrap().source() == EvidenceSource::Cache
    })
    .await;
    assert_eq!(world.calls().details, 1);
}

#[tokio::test]
async fn a_success_refreshes_cached_evidence_before_anybody_asks() {
    let world = world().await;
    world.check("front-door", "fresh").await;
    send_event(&world, "verification.succeeded", "fresh").await;
    world.until_asked(2).await;
    world.check("front-door", "fresh").await;
    assert_eq!(world.calls().details, 2);
}

#[tokio::test]
async fn a_success_that_names_the_trace_refreshes_what_is_cached_by_the_other_name() {
    let world = world().await;
    world.check("front-door", "fresh").await;
    let body = r#"{"eventType":"verification.succeeded","traceId":"trace-fresh"}"#;
    assert_eq!(post(&world, body).await, 204);
    world.until_asked(2).await;
    world.check("front-door", "fresh").await;
    let asked = world.calls().details_of;
    assert_eq!(asked.get("fresh"), Some(&2), "{asked:?}");
    assert_eq!(asked.len(), 1, "{asked:?}");
}

#[tokio::test]
async fn a_webhook_never_grants_anything() {
    let world = world().await;
    for verification in ["stale", "pending", "minor", "nobody", "too-soon"] {
        let before = gist(&world.check("front-door", verification).await);
        let asked = world.calls().details;
        for _ in 0..3 {
            send_event(&world, "verification.succeeded", verification).await;
        }
        world.until_asked(asked + 1).await;
        let after = gist(&world.check("front-door", verification).await);
        assert_eq!(before, after, "{verification}");
    }
    world.inject(ApiCall::Details, None, Fault::Status(503));
    send_event(&world, "verification.succeeded", "fresh").await;
    let answer = world.check("front-door", "fresh").await;
    assert_eq!(gist(&answer), "DENY EVIDENCE_UNAVAILABLE");
}
