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
mod batch;
mod bench;
mod components;
mod check_stream;
mod alerts;
mod callers;
mod clients;
mod calls;
mod architecture;
mod cli;
mod clock_jumps;
mod config;
mod deadlines;
mod diff;
mod differential;
mod doors;
mod explain;
mod ext_authz;
mod first_minutes;
mod gateways;
mod golden;
mod faults;
mod forward_auth;
mod outside_facts;
mod interleavings;
mod journal;
mod hostile_texts;
mod lies;
mod attacks;
mod audit;
mod authzen;
mod bounds;
mod browser;
mod healthcheck;
mod hosts;
mod ports;
mod messages;
mod log;
mod longer;
mod memory;
mod naive;
mod need_to_know;
mod one_engine;
mod operations;
mod outage;
mod packages;
mod policies;
mod program;
mod promises;
mod properties;
mod purge;
mod protection;
mod connections;
mod foreign;
mod evidence_cache;
mod remedies;
mod recompute;
mod reload;
mod schema;
mod serve_check;
mod session;
mod shadow;
mod soak;
mod step_up;
mod suite;
mod thrown;
mod tls;
mod trace;
mod unsettled;
mod vendor_wire;
mod webhook;
mod words;
mod world;
