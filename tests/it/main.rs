//! The integration tests: the service on real sockets, a simulated vendor, and a clock that only tests move.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]
#![expect(
    unreachable_pub,
    reason = "in one binary nothing is reachable from outside"
)]

mod access;
mod alerts;
mod architecture;
mod cli;
mod config;
mod diff;
mod differential;
mod explain;
mod golden;
mod faults;
mod interleavings;
mod journal;
mod lies;
mod log;
mod naive;
mod operations;
mod outage;
mod policies;
mod program;
mod properties;
mod protection;
mod evidence_cache;
mod remedies;
mod reload;
mod schema;
mod soak;
mod step_up;
mod suite;
mod thrown;
mod trace;
mod vendor_wire;
mod webhook;
mod words;
mod world;
