#![doc = include_str!("../ARCHITECTURE.md")]

pub mod gate;
pub use verigate_policy as policy;
pub mod source;
pub mod step_up;
pub mod hints;
pub mod incode;
pub mod json;
pub mod clock;
pub mod files;
pub mod rate_limit;
pub mod retry_budget;
pub mod log_throttle;
pub mod jitter;
pub mod live;
pub mod journal;
pub mod metrics;
pub mod span;
pub mod proto;
pub mod grpc;
pub mod http;
pub mod config;
pub mod telemetry;
pub mod serve;
pub mod sim;
pub mod cli;
