#![doc = include_str!("../ARCHITECTURE.md")]

pub use verigate_policy as policy;

pub mod gate;
pub mod ruling;
pub mod call;
pub mod callers;
pub mod source;
pub mod provenance;
pub mod step_up;
pub mod webhook_queue;
pub mod incode;
pub mod live;
pub mod journal;
pub mod grpc;
pub mod http;
pub mod listener;
pub mod proto;
pub mod violations;
pub mod clock;
pub mod files;
pub mod flight;
pub mod rate_limit;
pub mod retry_budget;
pub mod log_throttle;
pub mod jitter;
pub mod json;
pub mod metrics;
pub mod readiness;
pub mod span;
pub mod tls;
pub mod config;
pub mod telemetry;
pub mod deps;
pub mod serve;
pub mod sim;
pub mod cli;
