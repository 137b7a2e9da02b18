//! Parses the arguments, runs the command, exits.

use std::process::ExitCode;

#[expect(
    clippy::disallowed_methods,
    reason = "the environment is read here, once"
)]
fn main() -> ExitCode {
    verigate::cli::run(std::env::args_os(), std::env::vars_os().collect()).into()
}
