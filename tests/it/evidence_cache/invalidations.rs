//! What is forgotten, by whichever of its names and whenever, is not told afterwards.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_forget_during_a_fetch_wins_over_it() {
    let desk = Desk::new(present);
    let waiting = desk.ask();
    desk.upstream.until_asked(1).await;
    desk.cache.invalidate(&id()).await;
    desk.upstream.may_answer.add_permits(1);
    assert_eq!(waiting.await.unwrap(), "1");
    // What that fetch brought is not remembered: the next question asks again.
    desk.upstream.may_answer.add_permits(1);
    assert_eq!(desk.status().await, "2");
}

#[tokio::test(start_paused = true)]
async fn a_question_after_a_forget_does_not_join_the_fetch_from_before_it() {
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
    // The later fetch is the one that is remembered, whichever landed last.
    assert_eq!(desk.status().await, "2");
}

#[tokio::test(start_paused = true)]
async fn a_forget_by_the_traces_name_reaches_what_is_remembered_by_the_other() {
    let desk = Desk::quick(traced);
    assert_eq!(desk.status().await, "1");
    desk.cache.invalidate(&named("trace-1")).await;
    assert_eq!(desk.status().await, "2");
    desk.cache.invalidate(&named("trace-2")).await;
    assert_eq!(desk.status().await, "2");
}

#[tokio::test(start_paused = true)]
async fn a_forget_by_the_traces_name_wins_over_a_fetch_too() {
    let desk = Desk::new(traced);
    let waiting = desk.ask();
    desk.upstream.until_asked(1).await;
    // Which verification has this trace is not known before the fetch lands.
    desk.cache.invalidate(&named("trace-1")).await;
    let late = desk.ask();
    desk.upstream.may_answer.add_permits(2);
    // Whoever asked after the forget has joined the fetch from before it, and is not told what that brought.
    assert_eq!(late.await.unwrap(), "2");
    assert_eq!(waiting.await.unwrap(), "2");
    // A forget from before a fetch does not spoil it.
    assert_eq!(desk.status().await, "2");
    assert_eq!(desk.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_forget_is_not_lost_however_many_came_before_it() {
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
async fn a_name_that_is_learnt_late_can_be_forgotten_by() {
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
async fn what_was_forgotten_is_not_served_stale_to_those_who_wait() {
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
