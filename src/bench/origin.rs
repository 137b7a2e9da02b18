//! Where a comparison comes from: by what it was measured, and on which machine.

use serde::Serialize;

use crate::build_info::VERSION_AND_COMMIT;

/// By what something was measured, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Origin {
    /// Version and commit of this program.
    pub generator: String,
    /// Whether it, and the servers that it starts, were built without optimisations.
    pub debug_build: bool,
    /// The machine.
    pub machine: Machine,
}

/// A machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Machine {
    /// Its system and the release of it.
    pub system: String,
    /// Its architecture.
    pub architecture: String,
    /// How many cores this process may use.
    pub cores: usize,
}

impl Origin {
    /// This program on this machine.
    pub fn here() -> Self {
        let name = rustix::system::uname();
        let part = |text: &std::ffi::CStr| text.to_string_lossy().into_owned();
        Self {
            generator: VERSION_AND_COMMIT.to_owned(),
            debug_build: cfg!(debug_assertions),
            machine: Machine {
                system: format!("{} {}", part(name.sysname()), part(name.release())),
                architecture: std::env::consts::ARCH.to_owned(),
                cores: std::thread::available_parallelism().map_or(1, usize::from),
            },
        }
    }

    /// The same in a line.
    pub(super) fn shown(&self) -> String {
        let Machine {
            system,
            architecture,
            cores,
        } = &self.machine;
        let cores = match cores {
            1 => "1 core".to_owned(),
            cores => format!("{cores} cores"),
        };
        let version = &self.generator;
        let build = if self.debug_build {
            ", debug build"
        } else {
            ""
        };
        format!("verigate {version}{build}, on {cores} of {architecture}, {system}")
    }
}
