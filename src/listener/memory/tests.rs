//! What connections hold, who is closed when it is too much, and what the budget counts for it.

use super::{super::activity::Activity, *};

const KIB: usize = 1024;

/// A connection that may hold anything.
pub(in super::super) fn unlimited() -> Arc<Holding> {
    budget(usize::MAX / 4).enter()
}

fn budget(room: usize) -> Arc<Budget> {
    Budget::new(room, Arc::new(crate::clock::SystemClock))
}

/// What they hold, to the byte.
fn held(budget: &Budget, connections: &[&Arc<Holding>]) -> usize {
    for connection in connections {
        connection.tick(1);
    }
    budget.held()
}

#[test]
fn the_connection_that_holds_the_most_is_closed_first() {
    let budget = budget(1_000 * KIB);
    let connections: Vec<_> = (1..=10).map(|_| budget.enter()).collect();
    for (connection, size) in connections.iter().zip(1..) {
        assert!(connection.hold(size * 18 * KIB));
        connection.tick(1);
    }
    assert_eq!(budget.held(), 990 * KIB);
    assert!(connections[0].hold(11 * KIB));
    let closing: Vec<bool> = connections.iter().map(|it| it.is_closing()).collect();
    let largest = [
        false, false, false, false, false, false, false, false, false, true,
    ];
    assert_eq!(closing, largest);
    assert!(!connections[9].hold(1), "what it asks for is dropped");
    drop(connections);
    assert_eq!(budget.held(), 0);
    assert!(budget.connections.lock().is_empty());
}

#[test]
fn who_takes_no_answers_is_closed_before_who_does() {
    let budget = budget(1_000 * KIB);
    let (busy, quiet, new) = (budget.enter(), budget.enter(), budget.enter());
    assert!(busy.hold(600 * KIB) && quiet.hold(300 * KIB));
    for _ in 0..5 {
        busy.tick(1);
        quiet.tick(1);
        busy.taken(0);
    }
    assert!(new.hold(101 * KIB));
    assert!(quiet.is_closing() && !busy.is_closing());
}

#[test]
fn who_has_just_come_and_sends_much_is_closed_before_who_is_busy() {
    let budget = budget(1_000 * KIB);
    let busy = budget.enter();
    for _ in 0..200 {
        busy.taken(0);
    }
    assert!(busy.hold(100 * KIB));
    let new: Vec<_> = (0..100).map(|_| budget.enter()).collect();
    for connection in &new {
        connection.hold(12 * KIB);
    }
    assert!(!busy.is_closing());
    assert!(new.iter().any(|it| it.is_closing()));
    // What it did counts for a while only.
    for _ in 0..20 {
        busy.tick(1);
    }
    assert!(busy.rank() > new.iter().map(|it| it.rank()).max().unwrap());
}

#[test]
fn while_those_that_are_closed_still_hold_theirs_only_modest_ones_may_hold_more() {
    let budget = budget(1_000 * KIB);
    let all: Vec<_> = (0..400).map(|_| budget.enter()).collect();
    let permitted = all.iter().filter(|it| it.hold(100 * KIB)).count();
    assert!(permitted <= 13, "{permitted}");
    let modest = budget.enter();
    assert!(modest.hold(8 * KIB));
    // Even those that were closed at once count what they hold until they are dropped.
    drop(all);
    assert_eq!(held(&budget, &[&modest]), 8 * KIB);
}

#[test]
fn a_call_holds_what_it_has_read_until_its_answer_and_the_answer_until_it_is_taken() {
    let budget = budget(1_000 * KIB);
    let connection = budget.enter();
    let held = || held(&budget, &[&connection]);
    let call = CallShare::new(Arc::clone(&connection));
    assert!(connection.receive(10 * KIB, 300));
    assert!(call.hold(CALL_BYTES));
    call.read(10 * KIB);
    assert_eq!(held(), CALL_BYTES + 15 * KIB + 300, "in a buffer");
    assert!(connection.receive(0, 0));
    assert_eq!(held(), CALL_BYTES + 15 * KIB, "a head that is not whole");
    assert!(call.set(ANSWER_BYTES + 500, 0));
    assert_eq!(held(), ANSWER_BYTES + 500);
    assert!(call.set(ANSWER_BYTES, 500));
    assert_eq!(held(), ANSWER_BYTES + 500);
    drop(call);
    assert_eq!(held(), 500, "it is not written yet");
    connection.taken(500);
    assert_eq!(held(), 0);
}

#[test]
fn an_answer_counts_in_the_place_of_its_request_before_any_of_it_is_written() {
    let budget = budget(1_000 * KIB);
    let connection = budget.enter();
    let held = || held(&budget, &[&connection]);
    let mut call = Arc::new(Activity::new(Arc::clone(&connection))).begin();
    assert!(call.share().hold(CALL_BYTES));
    assert!(call.answer(50 * KIB));
    assert_eq!(held(), ANSWER_BYTES + 50 * KIB);
    let part = call.give(20 * KIB);
    assert_eq!(held(), ANSWER_BYTES + 50 * KIB);
    drop((call, part));
    assert_eq!(held(), 0);
}

#[test]
fn messages_that_no_call_reads_are_those_of_calls_that_have_ended() {
    let budget = budget(1_000 * KIB);
    let connection = budget.enter();
    assert!(connection.receive(80 * KIB, 7));
    assert!(budget.held() >= 80 * KIB + 7);
    connection.tick(1);
    assert_eq!(budget.held(), 40 * KIB + 7);
    connection.tick(0);
    assert_eq!(budget.held(), 7, "a head that is not whole stays");
}

#[test]
fn streams_that_are_refused_count_up_to_the_most_that_are_kept() {
    let budget = budget(1_000 * KIB);
    let connection = budget.enter();
    for _ in 0..10 {
        connection.refuse(50);
    }
    assert_eq!(held(&budget, &[&connection]), 128 * REFUSED_BYTES);
}

#[test]
fn the_budget_counts_at_least_what_is_held_and_at_most_some_steps_more() {
    let budget = budget(10_000 * KIB);
    let connection = budget.enter();
    let mut sizes = Vec::new();
    let mut total = 0;
    for size in [1, 100, 5_000, 90_000, 3, 4_096, 17_000] {
        assert!(connection.hold(size));
        sizes.push(size);
        total += size;
        assert!((total..total + STEP_BYTES).contains(&budget.held()));
    }
    for size in sizes {
        connection.release(size);
        total -= size;
        assert!((total..=total + 4 * STEP_BYTES).contains(&budget.held()));
    }
    connection.tick(0);
    assert_eq!(budget.held(), 0);
}

#[tokio::test]
async fn a_connection_hears_that_it_is_to_be_closed() {
    let budget = budget(KIB);
    let connection = budget.enter();
    assert!(!connection.hold(2 * KIB));
    connection.closed().await;
}
