//! A guard against checks that become more expensive, by counts, which are the same on a busy machine: the allocations of warm checks, their
//! instructions, and the sizes of what they move.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "a test fails by panicking"
)]
#![expect(
    unreachable_pub,
    reason = "in one binary nothing is reachable from outside"
)]

mod callgrind;
mod client;
#[path = "../it/components.rs"]
mod components;
mod parts;
mod service;
mod sizes;

use std::alloc::System;

use parking_lot::Mutex;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use zeroizing_alloc::ZeroAlloc;

use self::{
    components::has,
    service::{ALLOW, Running, STEP_UP},
};

/// As in the program, where memory is overwritten when it is freed; and counted below that, as the system is asked for it.
#[global_allocator]
static MEMORY: ZeroAlloc<&StatsAlloc<System>> = ZeroAlloc(&INSTRUMENTED_SYSTEM);

/// The tests run one after another: what they count is of the whole process.
static ALONE: Mutex<()> = Mutex::new(());

/// What one check may cost: its decision, how many are in flight on the connection, the allocations, and their bytes. Counted in a debug build,
/// in which nothing is left out, and by whichever thread makes them. One check at a time is the dearest: many share a turn of the event loop, a
/// group of the journal and a write.
///
/// Measured: 43.5 and 9,710, 34.5 and 8,270, 66.5 and 16,640, 57.5 and 14,900.
const ALLOCATIONS: [(u8, usize, f64, f64); 4] = [
    (ALLOW, 1, 44.2, 10_800.0),
    (ALLOW, 8, 35.0, 9_100.0),
    (STEP_UP, 1, 67.2, 18_300.0),
    (STEP_UP, 8, 58.1, 16_400.0),
];
/// How many checks are made for each of them.
const CHECKS: u16 = 2_000;

/// How many instructions each part of [`parts::all`] may take in a debug build: 8 % more than were measured at most. To hash a line once more is a fifth
/// of the third, and 7 % of a call. A new compiler may be more than that, too, and then they are measured again.
///
/// Measured: 5,136, 26,915, 192,400 to 198,400 in several runs, 8,837 and 9,274, 550,812, and 586,547.
const INSTRUCTIONS: [(&str, u64); 6] = [
    ("decide, ALLOW", 5_500),
    ("decide, STEP_UP", 29_100),
    ("a check without the network, until it is written", 214_200),
    ("decode a request, encode an answer", 10_000),
    ("a call, ALLOW", 594_900),
    ("a call, STEP_UP", 633_500),
];

#[test]
fn a_warm_check_makes_few_allocations() {
    let _alone = ALONE.lock();
    let running = Running::start();
    let (mut client, allow, step_up) = running.client();
    let mut exceeded = Vec::new();
    for (decision, at_once, allocations_max, bytes_max) in ALLOCATIONS {
        let call = if decision == ALLOW { &allow } else { &step_up };
        let counting = Region::new(&INSTRUMENTED_SYSTEM);
        for _ in 0..usize::from(CHECKS) / at_once {
            client.decide(call, decision, at_once);
        }
        let made = counting.change();
        let each = |count: usize| f64::from(u32::try_from(count).unwrap()) / f64::from(CHECKS);
        let (allocations, bytes) = (each(made.allocations), each(made.bytes_allocated));
        let measured = format!(
            "decision {decision}, {at_once} in flight: {allocations:.2} allocations of {bytes:.0} bytes a check, and {allocations_max} of {bytes_max} are the bound"
        );
        println!("{measured}");
        if allocations > allocations_max || bytes > bytes_max {
            exceeded.push(measured);
        }
    }
    running.stop();
    assert!(exceeded.is_empty(), "{exceeded:#?}");
}

/// By itself it shows that what is counted is done; [`a_warm_check_takes_few_instructions`] runs it under valgrind.
#[test]
fn every_part_decides_as_it_should() {
    let _alone = ALONE.lock();
    parts::all();
}

#[test]
fn a_warm_check_takes_few_instructions() {
    if !has(&["valgrind"]) {
        return;
    }
    let _alone = ALONE.lock();
    let counts = callgrind::instructions("every_part_decides_as_it_should");
    assert_eq!(counts.len(), INSTRUCTIONS.len(), "{counts:?}");
    let mut exceeded = Vec::new();
    for ((part, bound), count) in INSTRUCTIONS.into_iter().zip(counts) {
        let measured = format!("{part}: {count} instructions, and {bound} are the bound");
        println!("{measured}");
        if count > bound {
            exceeded.push(measured);
        }
    }
    assert!(exceeded.is_empty(), "{exceeded:#?}");
}
