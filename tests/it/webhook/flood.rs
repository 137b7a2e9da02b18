//! Many forged webhooks at once: they cost no more fetches than the rate allows.

use futures_util::future::join_all;

use super::*;

/// Posts `count` events, each of another verification, with this secret. Returns how many were accepted.
async fn flood(world: &World, secret: &'static str, count: usize) -> usize {
    let (http, at) = (client(), world.http_address());
    let sender = |first: usize| {
        let http = http.clone();
        async move {
            let mut taken = 0;
            for n in (first..count).step_by(20) {
                let body = event("verification.succeeded", &format!("forged-{n}"));
                loop {
                    match post_to(&http, at, Some(secret), body.clone())
                        .await
                        .status()
                        .as_u16()
                    {
                        204 => break taken += 1,
                        401 => break,
                        // As the vendor does.
                        other => {
                            assert_eq!(other, 503);
                            tokio::time::sleep(Duration::from_millis(5)).await;
                        }
                    }
                }
            }
            taken
        }
    };
    join_all((0..20).map(sender)).await.into_iter().sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_forged_events_cost_no_more_fetches_than_the_rate_allows() {
    let world = world().await;
    assert_eq!(flood(&world, "a-secret-that-is-wrong", 10_000).await, 0);
    assert_eq!(world.calls().details, 0);
    assert_eq!(flood(&world, SECRET, 10_000).await, 10_000);
    // The clock stands still: what the bucket held is all there is.
    world.until_asked(50).await;
    // An event over the rate still invalidates.
    world.check("front-door", "fresh").await;
    send_event(&world, "verification.succeeded", "fresh").await;
    until_invalidated(&world, "fresh").await;
    assert_eq!(world.calls().details, 52);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(flood(&world, SECRET, 100).await, 100);
    world.until_asked(62).await;
    send_event(&world, "verification.succeeded", "fresh").await;
    until_invalidated(&world, "fresh").await;
    assert_eq!(world.calls().details, 63);
}
