//! `verigate completions`: what a shell needs to complete the command line.

use clap::{Args, Command};
use clap_complete::{Shell, generate};

use super::{examples, exit::Exit, output::print};

/// Print the completions of a shell.
#[derive(Debug, Args)]
#[command(after_help = examples::COMPLETIONS)]
pub(super) struct Completions {
    /// The shell.
    shell: Shell,
}

impl Completions {
    /// Prints the completions of this command line.
    pub(super) fn run(&self, command: &mut Command) -> anyhow::Result<Exit> {
        let mut script = Vec::new();
        generate(self.shell, command, "verigate", &mut script);
        print(&String::from_utf8(script)?)?;
        Ok(Exit::Done)
    }
}
