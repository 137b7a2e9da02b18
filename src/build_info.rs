//! Which build this is, and what it uses of the machine: for `--version`, the first log line, `/readyz` and metrics.

use prometheus::{IntGauge, IntGaugeVec, Opts, Registry, process_collector::ProcessCollector};

/// The version of the package.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The commit that was built, as 12 hexadecimal digits; `unknown` if it was built outside of its repository and nobody named it.
pub const COMMIT: &str = env!("VERIGATE_BUILD_COMMIT");
/// Version and commit, as `--version` shows them.
pub const VERSION_AND_COMMIT: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    " (commit ",
    env!("VERIGATE_BUILD_COMMIT"),
    ")"
);

/// Registers `verigate_build_info`, and the `process_*` metrics of this process.
pub fn register(registry: &Registry) -> Result<(), prometheus::Error> {
    let info: IntGaugeVec = IntGaugeVec::new(
        Opts::new(
            "verigate_build_info",
            "Which build this is, in its labels; always 1.",
        ),
        &["version", "commit"],
    )?;
    let this: IntGauge = info.with_label_values(&[VERSION, COMMIT]);
    this.set(1);
    registry.register(Box::new(info))?;
    registry.register(Box::new(ProcessCollector::for_self()))
}
