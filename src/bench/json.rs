//! A comparison as JSON: what was measured, by what, and where.

use serde::Serialize;

use super::summary::Compared;
use crate::build_info::VERSION_AND_COMMIT;

/// Counts the changes of the shape that are no additions.
const VERSION: u32 = 1;

/// The whole report, as `docs/performance.md` describes it.
#[derive(Debug, Serialize)]
pub struct Report<'c> {
    version: u32,
    generator: &'static str,
    machine: Machine,
    #[serde(flatten)]
    compared: &'c Compared,
}

#[derive(Debug, Serialize)]
struct Machine {
    system: String,
    architecture: &'static str,
    cores: usize,
}

/// The report of a comparison.
pub fn report(compared: &Compared) -> Report<'_> {
    let name = rustix::system::uname();
    let part = |text: &std::ffi::CStr| text.to_string_lossy().into_owned();
    Report {
        version: VERSION,
        generator: VERSION_AND_COMMIT,
        machine: Machine {
            system: format!("{} {}", part(name.sysname()), part(name.release())),
            architecture: std::env::consts::ARCH,
            cores: std::thread::available_parallelism().map_or(1, usize::from),
        },
        compared,
    }
}
