#![doc = include_str!("../ARCHITECTURE.md")]

pub mod gate;
pub mod policy;
pub mod source;
pub mod incode;
pub mod clock;
pub mod live;
pub mod journal;
pub mod metrics;
pub mod proto;
pub mod grpc;
pub mod http;
pub mod config;
pub mod telemetry;
pub mod serve;
pub mod sim;
pub mod cli;
