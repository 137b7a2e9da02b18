//! When the circuit breaker opens, what it admits while it is open, and when it closes.

use super::{window::CALLS_MIN, *};

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Makes a call that ends at once; whether it was admitted.
fn call(breaker: &CircuitBreaker, result: CallResult, at: Duration) -> bool {
    let ticket = breaker.admit(at);
    ticket.is_some_and(|ticket| {
        breaker.record(ticket, result, at);
        true
    })
}

fn opened(at: Duration) -> CircuitBreaker {
    let breaker = CircuitBreaker::new();
    for _ in 0..CALLS_MIN {
        assert!(call(&breaker, CallResult::Failure, at));
    }
    assert_eq!(breaker.state(), BreakerState::Open);
    breaker
}

#[test]
fn it_opens_when_half_of_the_last_calls_failed() {
    let breaker = CircuitBreaker::new();
    for n in 0..1000 {
        let result = if n % 5 < 3 {
            CallResult::Success
        } else {
            CallResult::Failure
        };
        assert!(
            call(&breaker, result, ms(n)),
            "four failures in ten do not open it"
        );
    }
    while breaker.state() == BreakerState::Closed {
        call(&breaker, CallResult::Failure, ms(1000));
    }
    assert!(!call(&breaker, CallResult::Success, ms(1000)));
}

#[test]
fn a_few_failures_do_not_open_it() {
    let breaker = CircuitBreaker::new();
    for _ in 1..CALLS_MIN {
        assert!(call(&breaker, CallResult::Failure, ms(0)));
    }
    assert_eq!(breaker.state(), BreakerState::Closed);
    for _ in 0..100 {
        assert!(call(&breaker, CallResult::Ignored, ms(0)));
    }
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn it_probes_one_call_at_a_time_and_closes_after_two_that_succeed() {
    let breaker = opened(ms(0));
    assert!(breaker.admit(ms(749)).is_none());
    let later = OPEN_FOR * 3 / 2;
    assert!(breaker.would_admit(later));
    let ticket = breaker.admit(later).unwrap();
    assert!(!breaker.would_admit(later));
    assert!(breaker.admit(later).is_none());
    breaker.record(ticket, CallResult::Success, later);
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    assert!(call(&breaker, CallResult::Success, later));
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn a_probe_that_fails_opens_it_again() {
    let breaker = opened(ms(0));
    let later = OPEN_FOR * 3 / 2;
    assert!(call(&breaker, CallResult::Failure, later));
    assert_eq!(breaker.state(), BreakerState::Open);
    assert!(breaker.admit(later).is_none());
}

#[test]
fn a_call_from_before_it_opened_does_not_count_after() {
    let breaker = CircuitBreaker::new();
    let early = breaker.admit(ms(0)).unwrap();
    for _ in 0..CALLS_MIN {
        call(&breaker, CallResult::Failure, ms(0));
    }
    let later = OPEN_FOR * 3 / 2;
    let ticket = breaker.admit(later).unwrap();
    breaker.record(early, CallResult::Failure, later);
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    breaker.record(ticket, CallResult::Success, later);
}

#[test]
fn repeated_failures_do_not_open_it_and_do_not_delay_the_next_probe() {
    let breaker = CircuitBreaker::new();
    for _ in 0..1000 {
        assert!(call(&breaker, CallResult::RepeatedFailure, ms(0)));
    }
    assert_eq!(breaker.state(), BreakerState::Closed);
    let breaker = opened(ms(0));
    let later = OPEN_FOR * 3 / 2;
    assert!(call(&breaker, CallResult::RepeatedFailure, later));
    assert!(breaker.admit(later).is_none());
    let soon = later + OPEN_FOR * 3 / 8;
    assert!(call(&breaker, CallResult::Success, soon));
    assert!(call(&breaker, CallResult::Success, soon));
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn calls_that_say_nothing_neither_close_nor_open_it() {
    let breaker = opened(ms(0));
    let later = OPEN_FOR * 3 / 2;
    for _ in 0..10 {
        assert!(call(&breaker, CallResult::Ignored, later));
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
    }
}
