#![doc = include_str!("../ARCHITECTURE.md")]

pub mod cli;
pub mod clock;
pub mod config;
pub mod gate;
pub mod grpc;
pub mod http;
pub mod incode;
pub mod journal;
pub mod live;
pub mod metrics;
pub mod policy;
pub mod proto;
pub mod serve;
pub mod sim;
pub mod source;
pub mod telemetry;
