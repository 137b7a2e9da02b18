#![doc = include_str!("../ARCHITECTURE.md")]

pub mod gate;
pub mod policy;
pub mod source;
pub mod incode;
pub mod clock;
pub mod live;
pub mod journal;
pub mod metrics;
pub mod config;
