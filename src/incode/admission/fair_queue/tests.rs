//! In which order calls are served.

use std::net::IpAddr;

use super::*;
use crate::{
    callers::{CallerName, NamedCaller},
    source::Priority::{Cold, Guessing, Revalidation},
};

fn caller(n: u8) -> CallerId {
    CallerId::of(IpAddr::from([192, 0, 2, n]))
}

/// The callers of the next calls, with their priorities.
fn served(queue: &mut FairQueue<(Priority, u8)>, calls: usize) -> Vec<(Priority, u8)> {
    let next = |_| {
        let priority = queue.next(|_| true)?;
        queue.pop(priority)
    };
    (0..calls).filter_map(next).collect()
}

fn join(queue: &mut FairQueue<(Priority, u8)>, priority: Priority, n: u8, calls: usize) {
    for _ in 0..calls {
        queue.push(priority, caller(n), (priority, n));
    }
}

fn callers(served: &[(Priority, u8)]) -> Vec<u8> {
    served.iter().map(|(_, n)| *n).collect()
}

#[test]
fn a_caller_with_many_calls_waits_behind_its_own() {
    let mut queue = FairQueue::default();
    join(&mut queue, Cold, 1, 5);
    join(&mut queue, Cold, 2, 2);
    join(&mut queue, Cold, 3, 1);
    assert_eq!(callers(&served(&mut queue, 9)), [1, 2, 3, 1, 2, 1, 1, 1]);
}

#[test]
fn a_caller_that_has_just_come_is_served_before_those_that_were_served_already() {
    let mut queue = FairQueue::default();
    join(&mut queue, Cold, 1, 10);
    join(&mut queue, Cold, 2, 10);
    assert_eq!(callers(&served(&mut queue, 3)), [1, 2, 1]);
    join(&mut queue, Cold, 3, 2);
    assert_eq!(callers(&served(&mut queue, 4)), [3, 2, 1, 3]);
}

#[test]
fn ever_new_callers_do_not_starve_one_that_has_been_served() {
    let mut queue = FairQueue::default();
    join(&mut queue, Cold, 0, 20);
    served(&mut queue, 1);
    for n in 1..=40 {
        join(&mut queue, Cold, n, 1);
    }
    let own = callers(&served(&mut queue, 40));
    let own: usize = own.iter().map(|n| usize::from(*n == 0)).sum();
    assert!((9..=11).contains(&own), "{own}");
}

#[test]
fn known_ids_come_first_and_nobody_starves() {
    let mut queue = FairQueue::default();
    for (priority, n) in [(Guessing, 3), (Cold, 2), (Revalidation, 1)] {
        join(&mut queue, priority, n, 1000);
    }
    let served = served(&mut queue, 960);
    let count = |priority| served.iter().filter(|(p, _)| *p == priority).count();
    assert_eq!(count(Revalidation) + count(Cold) + count(Guessing), 960);
    assert!(count(Revalidation) >= 600, "{}", count(Revalidation));
    assert!(count(Cold) >= 200, "{}", count(Cold));
    assert!(
        (100..=125).contains(&count(Guessing)),
        "{}",
        count(Guessing)
    );
    assert_eq!(served[0], (Revalidation, 1));
}

#[test]
fn where_there_is_no_room_for_one_priority_the_others_go_on() {
    let mut queue = FairQueue::default();
    join(&mut queue, Cold, 1, 1);
    join(&mut queue, Revalidation, 2, 4);
    let room = |priority| priority == Revalidation;
    for _ in 0..4 {
        assert_eq!(queue.next(room), Some(Revalidation));
        queue.pop(Revalidation);
    }
    assert_eq!(queue.next(room), None);
    assert_eq!(queue.next(|_| true), Some(Cold));
}

#[test]
fn a_caller_that_leaves_is_not_served_and_an_empty_queue_keeps_nothing() {
    let mut queue = FairQueue::default();
    let position = queue.push(Cold, caller(1), (Cold, 1));
    join(&mut queue, Cold, 2, 1);
    queue.leave(&position);
    queue.leave(&position);
    assert_eq!(callers(&served(&mut queue, 2)), [2]);
    assert_eq!(queue.next(|_| true), None);
    for class in &queue.classes {
        for all in [&class.doors, &class.gateways] {
            assert!(all.lanes.is_empty() && all.fresh.is_empty() && all.served.is_empty());
        }
    }
}

#[test]
fn callers_that_come_and_go_leave_nothing_behind_while_others_wait() {
    let mut queue = FairQueue::default();
    join(&mut queue, Cold, 0, 2);
    for n in 0..100_000_u32 {
        let [_, b, c, d] = n.to_be_bytes();
        let other = CallerId::of(IpAddr::from([10, b, c, d]));
        let position = queue.push(Cold, other, (Cold, 1));
        queue.leave(&position);
    }
    let class = &queue.class(Cold).gateways;
    assert!(class.lanes.len() <= 2, "{}", class.lanes.len());
    assert!(class.fresh.len() <= 2, "{}", class.fresh.len());
}

/// A caller of the configuration.
fn named(priority: CallerPriority, n: u8) -> CallerId {
    let name = CallerName::parse(&format!("caller-{n}")).unwrap();
    CallerId::Named(NamedCaller::new(name, None, priority))
}

#[test]
fn doors_come_before_gateways_and_gateways_are_not_starved() {
    let mut queue = FairQueue::default();
    let (door, gateway) = (
        named(CallerPriority::Doors, 0),
        named(CallerPriority::Gateways, 1),
    );
    for _ in 0..100 {
        queue.push(Cold, gateway.clone(), (Cold, 1));
    }
    for _ in 0..100 {
        queue.push(Cold, door.clone(), (Cold, 0));
    }
    let order = callers(&served(&mut queue, 200));
    assert_eq!(order.len(), 200);
    assert!(
        order.starts_with(&[0, 0, 0, 0, 0, 0, 0, 1, 0, 0]),
        "{order:?}"
    );
    let gateways = order.iter().take(100).filter(|n| **n == 1).count();
    assert!((12..=13).contains(&gateways), "{gateways}");
    // A door that comes late waits for nobody but doors.
    for _ in 0..10 {
        queue.push(Cold, gateway.clone(), (Cold, 1));
    }
    assert_eq!(queue.turns_ahead(Cold, &door), Some(0));
    queue.push(Cold, door, (Cold, 0));
    assert_eq!(callers(&served(&mut queue, 2)), [0, 1]);
}

#[test]
fn the_queue_is_bounded() {
    let mut queue = FairQueue::default();
    join(&mut queue, Cold, 1, WAITING_MAX);
    assert_eq!(queue.turns_ahead(Revalidation, &caller(2)), None);
    served(&mut queue, 1);
    assert_eq!(queue.turns_ahead(Revalidation, &caller(2)), Some(0));
}
