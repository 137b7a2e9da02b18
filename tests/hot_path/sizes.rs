//! The sizes of what a warm check moves, by each of which more is copied. They are those of 64 bits, as measured: who adds a field looks at what it
//! costs, and boxes what is rarely there. The future of a whole call is bounded where it is private (`src/grpc/service/check.rs`).

use std::sync::Arc;

use verigate::{
    call::Call,
    callers::Caller,
    clock::Stopwatch,
    gate::{FirstStep, Gate, Recording},
    journal::{Entry, Queued},
    policy::{Decision, Evidence, Facts, Reason, Request},
    proto::v1::{CheckAccessRequest, CheckAccessResponse},
    ruling::Ruling,
    source::{Known, LookupRequest},
};

/// A type by its name, the bytes that it has, and those that it may have.
type Size = (&'static str, usize, usize);

/// The arguments of the futures of a check.
type Check = (&'static Gate, &'static Arc<Request>, &'static Call);
type Recorded = (&'static Gate, Recording, Stopwatch);

/// The size of the future that a function of this argument returns.
fn future_bytes<A, F: Future>(_: impl FnOnce(A) -> F) -> usize {
    size_of::<F>()
}

/// In the order in which they are made.
fn sizes() -> [Size; 18] {
    // Each has its arguments, and once what it makes of them.
    let check = |(gate, request, call): Check| gate.check(request, call);
    let recorded = |(gate, recording, stopwatch): Recorded| gate.recorded(recording, stopwatch);
    [
        // Made for each message, and taken apart by the handler.
        ("CheckAccessRequest", size_of::<CheckAccessRequest>(), 216),
        ("Request", size_of::<Request>(), 168),
        // Who makes a call is known once a connection and copied for each call.
        ("Caller", size_of::<Caller>(), 64),
        ("Call", size_of::<Call>(), 144),
        // Looked up by value: evidence is shared, and never copied.
        ("LookupRequest", size_of::<LookupRequest>(), 112),
        ("Known", size_of::<Known>(), 136),
        ("Evidence", size_of::<Evidence>(), 200),
        // Three references and an instant.
        ("Facts", size_of::<Facts<'_>>(), 32),
        ("Reason", size_of::<Reason>(), 24),
        ("Decision", size_of::<Decision>(), 120),
        // With the decision in it: moved from the gate to the journal's entry, and back.
        ("Ruling", size_of::<Ruling>(), 344),
        ("Entry", size_of::<Entry>(), 472),
        ("Queued", size_of::<Queued>(), 24),
        // With the ruling in it: the state of a call that waits for its record.
        ("Recording", size_of::<Recording>(), 416),
        ("FirstStep", size_of::<FirstStep>(), 416),
        ("Gate::check", future_bytes(check), 1_008),
        ("Gate::recorded", future_bytes(recorded), 752),
        ("CheckAccessResponse", size_of::<CheckAccessResponse>(), 408),
    ]
}

#[test]
fn what_a_warm_check_moves_is_small() {
    let sizes = sizes();
    let is_larger = |size: &&Size| size.1 > size.2;
    let larger: Vec<&Size> = sizes.iter().filter(is_larger).collect();
    assert!(larger.is_empty(), "bytes, and their bound: {larger:?}");
}
