//! Failures are shared, cached briefly, and block nobody.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_fetch_that_panics_blocks_no_later_caller() {
    let desk = Desk::new(panics);
    desk.upstream.may_answer.add_permits(2);
    assert_eq!(desk.status().await, "Unknown(Abandoned)");
    assert_eq!(desk.status().await, "2");
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_hangs_ends_at_its_own_bound() {
    let desk = Desk::with(present, CONFIG, Duration::from_secs(2));
    assert_eq!(desk.status().await, "Unknown(TimedOut)");
    desk.upstream.may_answer.add_permits(1);
    desk.clock.advance(Duration::from_secs(2));
    assert_eq!(desk.status().await, "2");
}

#[tokio::test(start_paused = true)]
async fn in_an_outage_a_hundred_callers_share_one_attempt() {
    let desk = Desk::new(outage);
    let lookups: Vec<_> = (0..100).map(|_| desk.ask()).collect();
    desk.upstream.until_asked(1).await;
    settle().await;
    desk.upstream.may_answer.add_permits(100);
    for answer in join_all(lookups).await {
        assert_eq!(answer.unwrap(), "Unknown(Failed)");
    }
    assert_eq!(desk.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_cached_only_briefly() {
    let desk = Desk::quick(outage);
    let mut asked_at = Vec::new();
    // 200 lookups a second, for 5 seconds.
    for n in 0..1000_u64 {
        let before = desk.asked();
        assert_eq!(desk.status().await, "Unknown(Failed)");
        asked_at.extend((desk.asked() > before).then_some(n * 5));
        desk.clock.advance(Duration::from_millis(5));
    }
    for pair in asked_at.windows(2) {
        let apart = pair[1] - pair[0];
        assert!((1000..=1505).contains(&apart), "{asked_at:?}");
    }
    assert!((4..=5).contains(&desk.asked()), "{asked_at:?}");
}

#[tokio::test(start_paused = true)]
async fn an_unusable_response_is_cached_as_briefly_as_a_failure_and_replaces_stale_evidence() {
    let desk = Desk::quick(first_present_then_unusable);
    assert_eq!(desk.status().await, "1");
    desk.clock.advance(Duration::from_mins(1));
    let tolerant = LookupRequest {
        max_stale: Duration::from_hours(2),
        ..desk.request()
    };
    for _ in 0..10 {
        assert_eq!(
            status(&desk.look(tolerant.clone()).await),
            "Unusable(Unreadable)"
        );
    }
    assert_eq!(desk.asked(), 2);
    desk.clock.advance(Duration::from_millis(1500));
    desk.status().await;
    assert_eq!(desk.asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_rejected_locally_is_not_cached_as_a_failure() {
    let desk = Desk::quick(|_| Err(Outage::Rejected));
    assert_eq!(desk.status().await, "Unknown(Rejected)");
    desk.status().await;
    assert_eq!(desk.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn while_a_failure_is_cached_stale_evidence_is_served_if_the_policy_allows_it() {
    let desk = Desk::quick(first_present_then_outage);
    assert_eq!(desk.status().await, "1");
    desk.clock.advance(Duration::from_mins(1));
    let tolerant = LookupRequest {
        max_stale: Duration::from_hours(2),
        ..desk.request()
    };
    for _ in 0..10 {
        let known = desk.look(tolerant.clone()).await;
        assert_eq!((status(&known), known.origin), ("1".into(), Origin::Stale));
        assert_eq!(desk.status().await, "Unknown(Failed)");
    }
    assert_eq!(desk.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_verification_is_cached_for_a_few_seconds() {
    let desk = Desk::quick(|_| Ok(Finding::Absent));
    desk.status().await;
    desk.clock.advance(Duration::from_millis(3999));
    desk.status().await;
    assert_eq!(desk.asked(), 1);
    desk.clock.advance(Duration::from_millis(2001));
    desk.status().await;
    assert_eq!(desk.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn evidence_that_is_rarely_used_is_not_refreshed_ahead_of_time() {
    let desk = Desk::quick(present);
    desk.status().await;
    desk.clock.advance(Duration::from_secs(50));
    desk.status().await;
    desk.status().await;
    settle().await;
    assert_eq!(desk.asked(), 1);
    desk.status().await;
    settle().await;
    assert_eq!(desk.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_refresh_that_fails_leaves_what_is_known_and_is_not_repeated_at_once() {
    let desk = Desk::quick(first_present_then_outage);
    desk.status().await;
    desk.clock.advance(Duration::from_secs(50));
    for _ in 0..100 {
        assert_eq!(desk.status().await, "1");
        settle().await;
    }
    assert_eq!(desk.asked(), 2);
    desk.clock.advance(Duration::from_millis(1500));
    desk.status().await;
    settle().await;
    assert_eq!(desk.asked(), 3);
}
