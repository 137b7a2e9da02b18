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
async fn a_webhook_never_grants_anything() {
    let world = world().await;
    for verification in ["stale", "pending", "minor", "nobody", "too-soon"] {
        let before = gist(&world.check("front-door", verification).await);
        for _ in 0..3 {
            send_event(&world, "verification.succeeded", verification).await;
        }
        until_invalidated(&world, verification).await;
        let after = gist(&world.check("front-door", verification).await);
        assert_eq!(before, after, "{verification}");
    }
    world.inject(ApiCall::Details, None, Fault::Status(503));
    send_event(&world, "verification.succeeded", "fresh").await;
    let answer = world.check("front-door", "fresh").await;
    assert_eq!(gist(&answer), "DENY EVIDENCE_UNAVAILABLE");
}
