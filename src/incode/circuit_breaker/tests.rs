//! Tests of `circuit_breaker`.

use super::*;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Makes a call that ends at once; whether it was let through.
fn call(breaker: &Breaker, outcome: Outcome, at: Duration) -> bool {
    let trial = breaker.admit(at);
    trial.is_some_and(|trial| {
        breaker.ended(trial, outcome, at);
        true
    })
}

fn opened(at: Duration) -> Breaker {
    let breaker = Breaker::new();
    for _ in 0..CALLS_MIN {
        assert!(call(&breaker, Outcome::Failed, at));
    }
    assert_eq!(breaker.state(), BreakerState::Open);
    breaker
}

#[test]
fn it_opens_when_half_of_the_last_calls_failed() {
    let breaker = Breaker::new();
    for n in 0..1000 {
        let outcome = if n % 5 < 3 {
            Outcome::Answered
        } else {
            Outcome::Failed
        };
        assert!(call(&breaker, outcome, ms(n)), "four in ten are borne");
    }
    while breaker.state() == BreakerState::Closed {
        call(&breaker, Outcome::Failed, ms(1000));
    }
    assert!(!call(&breaker, Outcome::Answered, ms(1000)));
}

#[test]
fn a_few_failures_do_not_open_it() {
    let breaker = Breaker::new();
    for _ in 1..CALLS_MIN {
        assert!(call(&breaker, Outcome::Failed, ms(0)));
    }
    assert_eq!(breaker.state(), BreakerState::Closed);
    for _ in 0..100 {
        assert!(call(&breaker, Outcome::Neither, ms(0)));
    }
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn it_tries_one_call_at_a_time_and_closes_after_two_that_succeed() {
    let breaker = opened(ms(0));
    assert!(breaker.admit(ms(749)).is_none());
    let later = OPEN_FOR * 3 / 2;
    assert!(breaker.would_admit(later));
    let trial = breaker.admit(later).unwrap();
    assert!(!breaker.would_admit(later));
    assert!(breaker.admit(later).is_none());
    breaker.ended(trial, Outcome::Answered, later);
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    assert!(call(&breaker, Outcome::Answered, later));
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn a_try_that_fails_opens_it_again() {
    let breaker = opened(ms(0));
    let later = OPEN_FOR * 3 / 2;
    assert!(call(&breaker, Outcome::Failed, later));
    assert_eq!(breaker.state(), BreakerState::Open);
    assert!(breaker.admit(later).is_none());
}

#[test]
fn a_call_from_before_it_opened_does_not_count_after() {
    let breaker = Breaker::new();
    let early = breaker.admit(ms(0)).unwrap();
    for _ in 0..CALLS_MIN {
        call(&breaker, Outcome::Failed, ms(0));
    }
    let later = OPEN_FOR * 3 / 2;
    let trial = breaker.admit(later).unwrap();
    breaker.ended(early, Outcome::Failed, later);
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    breaker.ended(trial, Outcome::Answered, later);
}

#[test]
fn one_that_always_fails_opens_nothing_and_keeps_others_from_no_try() {
    let breaker = Breaker::new();
    for _ in 0..1000 {
        assert!(call(&breaker, Outcome::FailedAgain, ms(0)));
    }
    assert_eq!(breaker.state(), BreakerState::Closed);
    let breaker = opened(ms(0));
    let later = OPEN_FOR * 3 / 2;
    assert!(call(&breaker, Outcome::FailedAgain, later));
    assert!(breaker.admit(later).is_none());
    let soon = later + OPEN_FOR * 3 / 8;
    assert!(call(&breaker, Outcome::Answered, soon));
    assert!(call(&breaker, Outcome::Answered, soon));
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn an_upstream_that_asks_for_peace_neither_closes_nor_opens_it() {
    let breaker = opened(ms(0));
    let later = OPEN_FOR * 3 / 2;
    for _ in 0..10 {
        assert!(call(&breaker, Outcome::Neither, later));
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
    }
}
