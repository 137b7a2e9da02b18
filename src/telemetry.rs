//! Logs: sentences with fields, on stderr. `error` wakes someone, `warn` is looked at the next day, `info` tells the life
//! of the process.

use std::io;

use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    fmt,
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use crate::config::LogConfig;

/// Starts logging. Of other crates, only warnings are told.
pub fn start(config: LogConfig) {
    let ours = LevelFilter::from_level(config.level);
    let filter = Targets::new()
        .with_target("verigate", ours)
        .with_default(ours.min(LevelFilter::WARN));
    let registry = tracing_subscriber::registry().with(filter);
    // A second start, as in tests, leaves the first one's settings.
    let _ = if config.json {
        let layer = fmt::layer().json().with_writer(io::stderr);
        registry.with(layer).try_init()
    } else {
        let layer = fmt::layer()
            .with_target(false)
            .with_ansi(io::IsTerminal::is_terminal(&io::stderr()))
            .with_writer(io::stderr);
        registry.with(layer).try_init()
    };
}
