//! When turns are given, in paused time.

use std::{net::IpAddr, sync::Arc};

use futures_util::FutureExt as _;
use tokio::{
    task::JoinHandle,
    time::{advance, sleep},
};

use super::*;
use crate::{clock::ManualClock, policy::from_millis};

const SECOND: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(1);
const RATE: Rate = Rate {
    per_second: 100,
    burst: 10,
};

/// Turns by a clock that goes with the runtime's paused time.
fn turns(rate: Rate, concurrency: u32) -> Turns {
    let concurrency = Concurrency {
        lowest: concurrency,
        highest: concurrency,
    };

    let clock = Arc::new(ManualClock::at(from_millis(0)));
    let ticking = Arc::clone(&clock);
    tokio::spawn(async move {
        loop {
            sleep(TICK).await;
            ticking.advance(TICK);
        }
    });
    Turns::new(rate, concurrency, clock, Spawn::here())
}

fn caller(n: u8) -> CallerId {
    CallerId::of(IpAddr::from([192, 0, 2, n]))
}

/// A caller that wants a turn, and gives it back at once. Whether it got one.
fn wants(turns: &Turns, priority: Priority, n: u8) -> JoinHandle<bool> {
    let turns = turns.clone();
    tokio::spawn(async move { turns.wait(priority, caller(n), SECOND).await.is_ok() })
}

async fn granted(calls: Vec<JoinHandle<bool>>) -> usize {
    let mut granted = 0;
    for call in calls {
        granted += usize::from(call.await.unwrap());
    }
    granted
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_can_be_had_at_once_waits_for_nothing_and_not_for_the_timer() {
    let turns = turns(RATE, 10);
    for _ in 0..RATE.burst {
        let turn = turns.wait(Priority::Cold, caller(1), SECOND).now_or_never();
        assert!(turn.is_some_and(|turn| turn.is_ok()));
    }
    // The burst is used up: the next one comes with time.
    let turn = turns.wait(Priority::Cold, caller(1), SECOND).now_or_never();
    assert!(turn.is_none());
}

#[tokio::test(start_paused = true)]
async fn turns_come_at_the_rate_and_one_that_would_come_too_late_is_refused_at_once() {
    let turns = turns(RATE, 1000);
    let calls: Vec<_> = (0..1000)
        .map(|_| wants(&turns, Priority::Cold, 1))
        .collect();
    // The burst, and what comes in a second.
    let granted = granted(calls).await;
    assert!((105..=112).contains(&granted), "{granted}");
    assert!(turns.0.state.lock().queue.next(|_| true).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_floods_takes_nothing_from_one_that_does_not() {
    let turns = turns(RATE, 1000);
    let mut honest = Vec::new();
    for _ in 0..50 {
        for _ in 0..50 {
            wants(&turns, Priority::Cold, 1);
        }
        honest.push(wants(&turns, Priority::Cold, 2));
        sleep(100 * TICK).await;
    }
    assert_eq!(granted(honest).await, 50);
}

#[tokio::test(start_paused = true)]
async fn known_ids_get_their_turns_however_many_callers_guess() {
    let turns = turns(RATE, 1000);
    let mut known = Vec::new();
    for _ in 0..100 {
        for n in 0..50 {
            wants(&turns, Priority::Cold, n);
        }
        for _ in 0..3 {
            known.push(wants(&turns, Priority::Revalidation, 77));
        }
        sleep(50 * TICK).await;
    }
    assert_eq!(granted(known).await, 300);
}

#[tokio::test(start_paused = true)]
async fn a_token_is_had_at_once_from_an_empty_bucket_and_counts() {
    let turns = turns(RATE, 1);
    let _held = turns.wait(Priority::Revalidation, caller(1), SECOND).await;
    for _ in 0..30 {
        drop(turns.at_once());
    }
    let wait = turns.0.rate.wait(turns.uptime());
    assert!(wait >= 20 * turns.0.rate.interval(), "{wait:?}");
}

#[tokio::test(start_paused = true)]
async fn a_place_among_the_calls_in_flight_passes_to_the_next_when_its_call_ends() {
    let turns = turns(RATE, 1);
    let held = turns.wait(Priority::Cold, caller(1), SECOND).await;
    assert!(held.is_ok());
    let waiting = wants(&turns, Priority::Cold, 2);
    sleep(500 * TICK).await;
    assert!(!waiting.is_finished());
    drop(held);
    assert!(waiting.await.unwrap());
    assert_eq!(turns.0.state.lock().in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn a_slow_upstream_keeps_places_for_known_ids() {
    let turns = turns(RATE, 8);
    let mut held = Vec::new();
    for n in 0..8 {
        held.extend(turns.wait(Priority::Cold, caller(n), TICK).await);
    }
    assert_eq!(held.len(), 6);
    assert!(
        turns
            .wait(Priority::Revalidation, caller(9), TICK)
            .await
            .is_ok()
    );
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_leaves_or_waits_too_long_holds_nothing() {
    let turns = turns(RATE, 1);
    let held = turns.wait(Priority::Cold, caller(1), SECOND).await;
    let leaver = wants(&turns, Priority::Cold, 2);
    let late = wants(&turns, Priority::Cold, 3);
    sleep(10 * TICK).await;
    leaver.abort();
    assert!(!late.await.unwrap());
    drop(held);
    let state = turns.0.state.lock();
    assert_eq!(state.in_flight, 0);
    assert!(state.queue.next(|_| true).is_none());
}

#[tokio::test(start_paused = true)]
async fn turns_are_given_by_a_clock_that_stands_still_too() {
    let clock = Arc::new(ManualClock::at(from_millis(0)));
    let concurrency = Concurrency {
        lowest: 4,
        highest: 100,
    };
    let turns = Turns::new(RATE, concurrency, clock, Spawn::here());
    let calls: Vec<_> = (0..50).map(|_| wants(&turns, Priority::Cold, 1)).collect();
    advance(SECOND).await;
    assert_eq!(granted(calls).await, 50);
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_would_come_too_late_for_want_of_places_is_refused_at_once() {
    let turns = turns(RATE, 1);
    for _ in 0..10 {
        let turn = turns.wait(Priority::Cold, caller(1), SECOND).await;
        sleep(300 * TICK).await;
        turn.unwrap().ended(Ended::Found);
    }
    let _held = turns.wait(Priority::Cold, caller(1), SECOND).await;
    // Three of 300 ms are before the fourth one that waits.
    let waiting: Vec<_> = (0..4).map(|_| wants(&turns, Priority::Cold, 2)).collect();
    sleep(TICK).await;
    assert!(waiting.iter().all(|call| !call.is_finished()));
    let late = turns.wait(Priority::Cold, caller(2), SECOND).now_or_never();
    assert_eq!(late.unwrap().unwrap_err(), NoTurn::Concurrency);
    let known = turns.wait(Priority::Revalidation, caller(2), SECOND);
    assert!(
        known.now_or_never().is_none(),
        "known ids are not behind them"
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_missing_is_the_rate_or_a_place() {
    let turns = turns(RATE, 1);
    let held = turns.wait(Priority::Cold, caller(1), TICK).await;
    let without_place = turns.wait(Priority::Cold, caller(1), TICK).await;
    assert_eq!(without_place.unwrap_err(), NoTurn::Concurrency);
    drop(held);
    for _ in 0..30 {
        drop(turns.at_once());
    }
    let without_rate = turns.wait(Priority::Cold, caller(1), TICK).await;
    assert_eq!(without_rate.unwrap_err(), NoTurn::Rate);
}
