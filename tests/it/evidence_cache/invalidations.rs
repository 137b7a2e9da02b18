//! Evidence that is invalidated, by whichever of its ids and at whatever time, is not served afterwards.

use super::*;

#[tokio::test(start_paused = true)]
async fn an_invalidation_during_a_fetch_wins_over_it() {
    let desk = Desk::new(present);
    let waiting = desk.ask();
    desk.upstream.until_asked(1).await;
    desk.cache.invalidate(&id()).await;
    desk.upstream.may_answer.add_permits(1);
    assert_eq!(waiting.await.unwrap(), "1");
    // The result of that fetch is not cached: the next lookup fetches again.
    desk.upstream.may_answer.add_permits(1);
    assert_eq!(desk.status().await, "2");
}

#[tokio::test(start_paused = true)]
async fn a_lookup_after_an_invalidation_does_not_join_the_fetch_from_before_it() {
    let desk = Desk::new(present);
    let early = desk.ask();
    desk.upstream.until_asked(1).await;
    desk.cache.invalidate(&id()).await;
    let late = desk.ask();
    desk.upstream.until_asked(2).await;
    desk.upstream.may_answer.add_permits(2);
    assert_eq!(
        (early.await.unwrap(), late.await.unwrap()),
        ("1".into(), "2".into())
    );
    // The result of the later fetch is the one that is cached, whichever finished last.
    assert_eq!(desk.status().await, "2");
}

#[tokio::test(start_paused = true)]
async fn an_invalidation_by_trace_id_removes_evidence_cached_by_verification_id() {
    let desk = Desk::quick(traced);
    assert_eq!(desk.status().await, "1");
    desk.cache.invalidate(&named("trace-1")).await;
    assert_eq!(desk.status().await, "2");
    desk.cache.invalidate(&named("trace-2")).await;
    assert_eq!(desk.status().await, "2");
}

#[tokio::test(start_paused = true)]
async fn an_invalidation_by_trace_id_wins_over_a_fetch_too() {
    let desk = Desk::new(traced);
    let waiting = desk.ask();
    desk.upstream.until_asked(1).await;
    // Which verification has this trace is not known before the fetch finishes.
    desk.cache.invalidate(&named("trace-1")).await;
    let late = desk.ask();
    desk.upstream.may_answer.add_permits(2);
    // A caller that asked after the invalidation has joined the fetch from before it, and does not get its result.
    assert_eq!(late.await.unwrap(), "2");
    assert_eq!(waiting.await.unwrap(), "2");
    // An invalidation from before a fetch does not affect its result.
    assert_eq!(desk.status().await, "2");
    assert_eq!(desk.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_invalidation_is_not_lost_however_many_came_before_it() {
    let desk = Desk::new(traced);
    for n in 0..20_000 {
        desk.cache.invalidate(&named(&format!("f-{n}"))).await;
    }
    let waiting = desk.ask();
    desk.upstream.until_asked(1).await;
    desk.cache.invalidate(&named("trace-1")).await;
    desk.upstream.may_answer.add_permits(2);
    assert_eq!(waiting.await.unwrap(), "2");
    // And however many come after it, while the fetch is under way.
    desk.cache.invalidate(&id()).await;
    let waiting = desk.ask();
    desk.upstream.until_asked(3).await;
    desk.cache.invalidate(&named("trace-1")).await;
    for n in 0..20_000 {
        desk.cache.invalidate(&named(&format!("g-{n}"))).await;
    }
    desk.upstream.may_answer.add_permits(2);
    assert_eq!(waiting.await.unwrap(), "4");
}

#[tokio::test(start_paused = true)]
async fn evidence_can_be_invalidated_by_a_trace_id_that_is_learnt_late() {
    let config = Config {
        capacity: 50,
        ..CONFIG
    };
    let desk = Desk::with(numbered, config, FETCH_TIMEOUT);
    desk.upstream.may_answer.add_permits(1000);
    for n in 1..=300 {
        let id = named(&format!("v-{n}"));
        desk.look_named(&id, desk.request()).await;
    }
    let newest = named("v-300");
    desk.cache.invalidate(&named("trace-300")).await;
    let known = desk.look_named(&newest, desk.request()).await;
    assert_eq!(known.origin, Origin::Upstream);
}

#[tokio::test(start_paused = true)]
async fn invalidated_evidence_is_not_served_stale_to_waiting_callers() {
    let desk = Desk::new(first_present_then_outage);
    desk.upstream.may_answer.add_permits(1);
    assert_eq!(desk.status().await, "1");
    desk.clock.advance(Duration::from_mins(1));
    let stale = LookupRequest {
        max_stale: Duration::from_hours(2),
        ..desk.request()
    };
    let cache = desk.cache.clone();
    let waiting = tokio::spawn(async move { cache.look_up(&id(), stale).await.unwrap() });
    desk.upstream.until_asked(2).await;
    desk.cache.invalidate(&id()).await;
    desk.upstream.may_answer.add_permits(1);
    let known = waiting.await.unwrap();
    assert_eq!(known.origin, Origin::None);
    assert!(matches!(known.evidence.finding, Finding::Unknown));
}
