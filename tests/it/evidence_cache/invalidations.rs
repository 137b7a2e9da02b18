//! Evidence that is invalidated, by whichever of its ids and at whatever time, is not served afterwards.

use super::*;

#[tokio::test(start_paused = true)]
async fn an_invalidation_during_a_fetch_wins_over_it() {
    let desk = Desk::new(present);
    let waiting = desk.ask();
    desk.upstream.until_asked(1).await;
    desk.cache.invalidate(&id(), Invalidation::Changed).await;
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
    desk.cache.invalidate(&id(), Invalidation::Changed).await;
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
    desk.cache
        .invalidate(&named("trace-1"), Invalidation::Changed)
        .await;
    assert_eq!(desk.status().await, "2");
    desk.cache
        .invalidate(&named("trace-2"), Invalidation::Changed)
        .await;
    assert_eq!(desk.status().await, "2");
}

#[tokio::test(start_paused = true)]
async fn an_invalidation_by_trace_id_wins_over_a_fetch_too() {
    let desk = Desk::new(traced);
    let waiting = desk.ask();
    desk.upstream.until_asked(1).await;
    // Which verification has this trace is not known before the fetch finishes.
    desk.cache
        .invalidate(&named("trace-1"), Invalidation::Changed)
        .await;
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
        desk.cache
            .invalidate(&named(&format!("f-{n}")), Invalidation::Changed)
            .await;
    }
    let waiting = desk.ask();
    desk.upstream.until_asked(1).await;
    desk.cache
        .invalidate(&named("trace-1"), Invalidation::Changed)
        .await;
    desk.upstream.may_answer.add_permits(2);
    assert_eq!(waiting.await.unwrap(), "2");
    // And however many come after it, while the fetch is under way.
    desk.cache.invalidate(&id(), Invalidation::Changed).await;
    let waiting = desk.ask();
    desk.upstream.until_asked(3).await;
    desk.cache
        .invalidate(&named("trace-1"), Invalidation::Changed)
        .await;
    for n in 0..20_000 {
        desk.cache
            .invalidate(&named(&format!("g-{n}")), Invalidation::Changed)
            .await;
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
    desk.cache
        .invalidate(&named("trace-300"), Invalidation::Changed)
        .await;
    let known = desk.look_named(&newest, desk.request()).await;
    assert_eq!(known.origin, Origin::Upstream);
}

#[tokio::test(start_paused = true)]
async fn evidence_that_stays_can_be_invalidated_by_its_trace_id_however_many_others_come_and_go() {
    let config = Config {
        capacity: 50,
        ..CONFIG
    };
    let desk = Desk::with(numbered, config, FETCH_TIMEOUT);
    desk.upstream.may_answer.add_permits(2000);
    desk.look(desk.request()).await;
    for n in 2..=1000 {
        let other = named(&format!("v-{n}"));
        desk.look_named(&other, desk.request()).await;
        let known = desk.look(desk.request()).await;
        assert_eq!(known.origin, Origin::Cache, "{n}");
    }
    desk.cache
        .invalidate(&named("trace-1"), Invalidation::Changed)
        .await;
    let known = desk.look(desk.request()).await;
    assert_eq!(known.origin, Origin::Upstream);
}

/// Evidence that was seen by now, about which this was said, and that cannot be asked for again.
async fn invalidated(invalidations: &[Invalidation]) -> Desk {
    let desk = Desk::quick(first_present_then_outage);
    desk.status().await;
    for invalidation in invalidations {
        desk.cache.invalidate(&id(), *invalidation).await;
    }
    desk
}

#[tokio::test(start_paused = true)]
async fn what_may_have_changed_is_served_for_ten_seconds_where_asking_again_fails() {
    let desk = invalidated(&[Invalidation::Changed]).await;
    for (passes, expected) in [
        (0, Origin::Stale),
        (500, Origin::Stale),
        (9_499, Origin::Stale),
        (1, Origin::None),
        (100_000, Origin::None),
    ] {
        desk.clock.advance(Duration::from_millis(passes));
        // It is declared unusable again and again: the first time counts.
        desk.cache.invalidate(&id(), Invalidation::Changed).await;
        let tolerant = LookupRequest {
            max_stale: Duration::from_hours(2),
            ..desk.request()
        };
        let known = desk.look(tolerant).await;
        assert_eq!(known.origin, expected, "{passes}");
        assert!(known.degraded());
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_invalidated_is_no_older_than_the_policy_accepts() {
    let desk = invalidated(&[Invalidation::Changed]).await;
    desk.clock.advance(Duration::from_secs(5));
    let strict = LookupRequest {
        max_age: Duration::from_secs(5),
        max_stale: Duration::from_secs(5),
        ..desk.request()
    };
    assert_eq!(desk.look(strict).await.origin, Origin::None);
}

#[tokio::test(start_paused = true)]
async fn what_was_revoked_is_never_served_whatever_was_said_before_or_is_said_after() {
    use Invalidation::{Changed, Revoked};
    for said in [
        &[Revoked][..],
        &[Changed, Revoked],
        &[Revoked, Changed],
        &[Changed, Revoked, Changed],
    ] {
        let desk = invalidated(said).await;
        let known = desk.look(desk.request()).await;
        assert_eq!(known.origin, Origin::None, "{said:?}");
        assert!(matches!(known.evidence.finding, Finding::Unknown));
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_does_not_wait_is_not_served_what_was_invalidated() {
    let desk = Desk::new(present);
    desk.upstream.may_answer.add_permits(1);
    desk.status().await;
    desk.cache.invalidate(&id(), Invalidation::Changed).await;
    for wait in [
        Wait::No,
        Wait::AtMost(Duration::ZERO),
        Wait::AtMost(Duration::from_millis(10)),
    ] {
        let hasty = LookupRequest {
            wait,
            ..desk.request()
        };
        assert_eq!(desk.look(hasty).await.origin, Origin::None, "{wait:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn over_its_quota_a_caller_is_served_what_may_have_changed_and_the_service_pays_first() {
    let config = Config {
        fetches: verigate::rate_limit::Rate {
            per_second: 1,
            burst: 1,
        },
        ..CONFIG
    };
    let desk = Desk::with(
        |count| {
            if count == 2 {
                outage(count)
            } else {
                present(count)
            }
        },
        config,
        FETCH_TIMEOUT,
    );
    desk.upstream.may_answer.add_permits(100);
    desk.status().await;
    desk.cache.invalidate(&id(), Invalidation::Changed).await;
    // The caller has used its quota, and is not charged for what was invalidated.
    assert_eq!(desk.look(desk.request()).await.origin, Origin::Stale);
    desk.clock.advance(Duration::from_millis(1500));
    assert_eq!(desk.status().await, "3");
    assert_eq!(desk.asked(), 3);
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
    desk.cache.invalidate(&id(), Invalidation::Revoked).await;
    desk.upstream.may_answer.add_permits(1);
    let known = waiting.await.unwrap();
    assert_eq!(known.origin, Origin::None);
    assert!(matches!(known.evidence.finding, Finding::Unknown));
}

#[tokio::test(start_paused = true)]
async fn a_fetch_from_before_a_doubt_does_not_end_the_doubt() {
    let desk = Desk::new(present);
    let waiting = desk.ask();
    desk.upstream.until_asked(1).await;
    desk.cache.doubt(&id()).await;
    desk.upstream.may_answer.add_permits(1);
    assert_eq!(waiting.await.unwrap(), "1");
    let doubted = desk.look(desk.request()).await;
    assert_eq!((status(&doubted).as_str(), doubted.degraded()), ("1", true));
    assert_eq!(desk.asked(), 1);
    desk.clock.advance(Duration::from_secs(10));
    desk.upstream.may_answer.add_permits(1);
    let settled = desk.look(desk.request()).await;
    assert_eq!(
        (status(&settled).as_str(), settled.degraded()),
        ("2", false)
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_doubted_is_not_served_for_longer_because_of_an_outage() {
    let desk = Desk::quick(|count| match count {
        1 => present(count),
        _ => Err(Outage::Failed),
    });
    assert_eq!(desk.status().await, "1");
    desk.cache.doubt(&id()).await;
    desk.clock.advance(Duration::from_millis(9_999));
    assert!(desk.look(desk.request()).await.degraded());
    assert_eq!(desk.asked(), 1);
    desk.clock.advance(Duration::from_millis(1));
    let known = desk.look(desk.request()).await;
    assert_eq!(status(&known), "Unknown(Failed)");
    assert_eq!(desk.asked(), 2);
}
