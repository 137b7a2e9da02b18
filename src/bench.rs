//! A load generator for gRPC, free of coordinated omission, and the comparison of several servers under the same load.
//!
//! In an open loop the instants at which calls are due are fixed before, and each latency counts from there: a call that waits for a stream
//! because the server is slow has waited. A generator that sends the next call when the last one is answered leaves out the
//! calls that would have waited. The bytes of every call are prepared, and of every answer the status and the decisions are read.

mod arrivals;
mod dispatch;
mod tally;
mod answer;
mod calls;
mod cerbos;
mod request_head;
mod huffman;
mod hpack;
mod status;
mod http2;
mod socket;
mod connection;
mod load;
mod pool;
mod busy;
mod worker;
mod measure;
mod cores;
mod process;
mod comparison;
mod spread;
mod summary;
mod origin;
mod json;
mod table;
mod chart;
mod empty;

pub use self::{
    answer::Decided,
    arrivals::Arrivals,
    calls::Calls,
    cerbos::Person,
    chart::chart,
    comparison::compare,
    cores::{available, stay_on},
    empty::EmptyServer,
    json::report,
    load::{BenchError, Load, Measured, Target},
    measure::{measure, reach},
    origin::Origin,
    process::process_cpu,
    socket::{ConnectError, Endpoint},
    summary::{Compared, TargetSummary},
    table::table,
    tally::Expected,
};

#[cfg(test)]
mod tests;
