//! The integration tests: the service on real sockets, a pretend upstream, and a clock that stands still.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]

mod access;
mod architecture;
mod cli;
mod config;
mod diff;
mod differential;
mod golden;
mod journal;
mod lies;
mod naive;
mod operations;
mod outage;
mod policies;
mod properties;
mod recent;
mod remedies;
mod reload;
mod step_up;
mod suite;
mod webhook;
mod world;
