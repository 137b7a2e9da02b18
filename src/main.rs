//! Parses the arguments, runs the command, exits.

use std::{alloc::System, process::ExitCode};

use zeroizing_alloc::ZeroAlloc;

/// Overwrites memory when it is freed: libraries for HTTP and TLS keep copies of secrets and of personal data in buffers of their own.
#[global_allocator]
static MEMORY: ZeroAlloc<System> = ZeroAlloc(System);

#[expect(
    clippy::disallowed_methods,
    reason = "the environment is read here, once"
)]
fn main() -> ExitCode {
    verigate::cli::run(std::env::args_os(), std::env::vars_os().collect()).into()
}
