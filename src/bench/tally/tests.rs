//! Calls against a server of arithmetic: no thread, no socket and no clock.

use super::*;
use crate::bench::{
    arrivals::{Arrivals, Schedule},
    dispatch::Dispatch,
};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn tally(expected: Expected, checks: u32) -> Tally {
    let window = Window {
        begin: ms(0),
        end: ms(10_000),
    };
    Tally::new(expected, checks, window, ms(3_000)).unwrap()
}

fn sent(due: u64, at: u64, decisions: &[Decided]) -> Sent {
    let mut call = Sent {
        due: ms(due),
        at: ms(at),
        ..Sent::default()
    };
    for decision in decisions {
        call.decisions.add(*decision);
    }
    call
}

/// One call in each millisecond for ten seconds, on one stream, against a server that answers at once but not between the seconds five and
/// seven.
fn stalled(schedule: Option<Schedule>) -> Tally {
    let mut dispatch = Dispatch::new(schedule, 1, 1, None);
    let mut tally = tally(Expected::Decision(Decided::Allow), 1);
    let mut now = ms(0);
    while now < ms(10_000) {
        if let Some(dispatched) = dispatch.next(now) {
            let call = Sent {
                waited: dispatched.waited,
                ..sent(0, 0, &[Decided::Allow])
            };
            let call = Sent {
                due: dispatched.due,
                at: now,
                ..call
            };
            let answered = now + Duration::from_micros(100);
            now = if answered > ms(5_000) && answered < ms(7_000) {
                ms(7_000)
            } else {
                answered
            };
            tally.ended(&call, Status::OK, None, now);
            dispatch.release(0, now);
        } else {
            now = dispatch.next_due(now).unwrap();
        }
    }
    dispatch
        .unsent(ms(10_000))
        .for_each(|due| tally.unsent(due));
    tally
}

/// The calls that were due while the server stood still have waited for it: on average a second each. A closed loop sends one call in that
/// time, and sees nothing of it.
#[test]
fn a_server_that_stalls_is_seen_from_the_instants_at_which_calls_were_due() {
    let constant = Schedule::new(Arrivals::Constant, 1_000.0, 0.0, 0);
    let open = stalled(Some(constant));
    assert_eq!((open.due, open.as_expected), (10_000, 10_000));
    // 2,000 calls were due in the stall; what had gathered is done after another 222 ms, in which as many new ones are due.
    assert!((2_200..2_250).contains(&open.waited), "{}", open.waited);
    let p50 = open.latency().percentile(50.0);
    let p90 = open.latency().percentile(90.0);
    let p99 = open.latency().percentile(99.0);
    assert!((100.0..101.0).contains(&p50), "{p50}");
    assert!((1.0e6..1.2e6).contains(&p90), "{p90}");
    assert!((1.8e6..2.0e6).contains(&p99), "{p99}");
    // What a generator sees that waits for the server, from the same run: one call was slow.
    assert!(open.service.percentile(99.0) < 101.0);
    assert!(open.service.max() > 1.9e6);
    let closed = stalled(None);
    assert!(closed.latency().percentile(99.9) < 101.0);
    assert_eq!((closed.waited, closed.never_sent), (0, 0));
}

#[test]
fn calls_that_were_never_sent_and_answers_that_never_came_count_as_no_less_than_their_wait() {
    let constant = Schedule::new(Arrivals::Constant, 10.0, 0.0, 0);
    let mut dispatch = Dispatch::new(Some(constant), 1, 1, None);
    let mut tally = tally(Expected::AnyDecision, 1);
    let first = dispatch.next(ms(0)).unwrap();
    dispatch
        .unsent(ms(10_000))
        .for_each(|due| tally.unsent(due));
    let call = Sent {
        due: first.due,
        ..Sent::default()
    };
    tally.unanswered(&call, ms(12_000));
    assert_eq!(
        (tally.due, tally.never_sent, tally.never_answered),
        (100, 99, 1)
    );
    assert_eq!((tally.as_expected, tally.unexpected()), (0, 1));
    assert_eq!(tally.latency().count(), 100);
    assert!((tally.latency().percentile(50.0) / 5.0e6 - 1.0).abs() < 0.02);
    assert!((tally.latency().max() / 12.0e6 - 1.0).abs() < 0.001);
}

#[test]
fn what_is_not_expected_is_counted_by_its_status_and_decision_and_is_no_latency_if_it_was_quick() {
    let mut tally = tally(Expected::Decision(Decided::Allow), 2);
    let two = [Decided::Allow, Decided::Allow];
    tally.ended(&sent(1, 1, &two), Status::OK, None, ms(3));
    tally.ended(
        &sent(1, 1, &[Decided::Allow, Decided::Deny]),
        Status::OK,
        None,
        ms(3),
    );
    tally.ended(&sent(1, 1, &[Decided::Allow]), Status::OK, None, ms(3));
    tally.ended(&sent(1, 1, &[]), Status::Grpc(8), Some("no room"), ms(3));
    tally.ended(&sent(1, 1, &two), Status::Lost, None, ms(3));
    assert_eq!(
        (tally.due, tally.as_expected, tally.unexpected()),
        (5, 1, 4)
    );
    assert_eq!((tally.latency().count(), tally.checks_in_window), (1, 2));
    assert_eq!(tally.first_unexpected.as_deref(), Some("ALLOW, DENY"));
    let statuses: Vec<(String, u64)> = tally
        .statuses
        .iter()
        .map(|(status, count)| (status.to_string(), *count))
        .collect();
    let expected = [("OK", 3), ("RESOURCE_EXHAUSTED", 1), ("connection lost", 1)];
    assert_eq!(
        statuses,
        expected.map(|(name, count)| (name.to_owned(), count))
    );
    assert_eq!(tally.decisions[&Decided::Allow], 6);
}

#[test]
fn an_expectation_is_a_decision_or_a_code() {
    for text in ["ALLOW", "STEP_UP", "DENY", "NOT_FOUND", "UNAUTHENTICATED"] {
        assert_eq!(Expected::read(text).unwrap().name().as_deref(), Some(text));
    }
    for text in ["allow", "OK", "NO_DECISION", "MAYBE", ""] {
        assert_eq!(Expected::read(text), None, "{text}");
    }
    let mut tally = tally(Expected::Status(Status::Grpc(5)), 1);
    tally.ended(
        &sent(0, 0, &[]),
        Status::Grpc(5),
        Some("no such policy"),
        ms(1),
    );
    assert_eq!((tally.as_expected, tally.unexpected()), (1, 0));
}

#[test]
fn the_warm_up_counts_in_nothing_and_threads_add_up() {
    let window = Window {
        begin: ms(100),
        end: ms(200),
    };
    let of = |dues: &[u64]| {
        let mut tally = Tally::new(Expected::AnyDecision, 1, window, ms(3_000)).unwrap();
        for due in dues {
            tally.ended(
                &sent(*due, *due, &[Decided::Deny]),
                Status::OK,
                None,
                ms(due + 20),
            );
        }
        tally
    };
    // An answer in time to a call of the warm-up is throughput, and nothing else; one after the end is none.
    let mut all = of(&[10, 90]);
    all.add(of(&[100, 190, 200]));
    assert_eq!((all.due, all.as_expected, all.checks_in_window), (2, 2, 2));
    assert_eq!(all.latency().count(), 2);
}

/// A server that answers in a millisecond, and stands still for a second, in which every call is ended by its deadline.
#[test]
fn a_stall_that_deadlines_end_is_in_the_latency_and_quick_refusals_are_not() {
    let mut tally = tally(Expected::AnyDecision, 1);
    for due in 0..900 {
        let call = sent(due, due, &[Decided::Allow]);
        tally.ended(&call, Status::OK, None, ms(due + 2));
    }
    for due in 900..1_000 {
        tally.ended(&sent(due, due, &[]), Status::Grpc(4), None, ms(due + 1_000));
    }
    assert!(tally.latency().percentile(99.0) >= 1.0e6);
    assert_eq!((tally.latency().count(), tally.unexpected()), (1_000, 100));
    for due in 1_000..3_000 {
        tally.ended(&sent(due, due, &[]), Status::Grpc(14), None, ms(due + 1));
    }
    assert_eq!(tally.latency().count(), 1_000);
    assert!(tally.latency().percentile(50.0) >= 2.0e3);
}

#[test]
fn a_target_without_an_answer_has_no_latency() {
    let mut tally = tally(Expected::AnyDecision, 1);
    tally.ended(&sent(0, 0, &[]), Status::Reset(7), None, ms(1));
    assert_eq!(tally.latency().count(), 0);
}

#[test]
fn an_answer_after_the_timeout_is_not_as_expected_and_its_latency_counts() {
    let mut tally = tally(Expected::AnyDecision, 1);
    let allow = [Decided::Allow];
    // The timeout begins when the call is sent, the latency when it is due.
    tally.ended(&sent(0, 500, &allow), Status::OK, None, ms(3_500));
    tally.ended(&sent(0, 500, &allow), Status::OK, None, ms(3_501));
    assert_eq!(
        (tally.as_expected, tally.late, tally.unexpected()),
        (1, 1, 1)
    );
    assert_eq!(tally.checks_in_window, 1);
    assert_eq!(tally.latency().count(), 2);
    assert_eq!(
        tally.first_unexpected.as_deref(),
        Some("ALLOW, but too late")
    );
}

#[test]
fn the_first_unexpected_answer_names_what_was_wrong_with_a_check() {
    let mut tally = tally(Expected::AnyDecision, 2);
    let mut call = sent(0, 0, &[Decided::Allow, Decided::None]);
    call.error = Some("DEADLINE_EXCEEDED: out of time".to_owned());
    tally.ended(&call, Status::OK, None, ms(1));
    let first = "ALLOW, NO_DECISION: DEADLINE_EXCEEDED: out of time";
    assert_eq!(tally.first_unexpected.as_deref(), Some(first));
}
