//! The journal as auditors see it: keys, and the commands of `verigate audit`.

mod auditor;
mod commands;
mod compressed;
mod gate;
mod generated;
mod keygen;
mod manipulations;
pub mod naive;
mod page;
mod proofs;
mod replay;
pub mod schema;
mod sealed;
mod shadow;
mod tail;
mod values;
pub mod verify;

use std::process::{Command, Output};

/// Runs `verigate audit` with these arguments.
pub fn audit(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_verigate"))
        .arg("audit")
        .args(arguments)
        .output()
        .unwrap()
}

/// The exit code, stdout and stderr.
pub fn ended(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let code = output.status.code().unwrap();
    (code, text(&output.stdout), text(&output.stderr))
}
