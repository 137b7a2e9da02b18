//! `verigate audit`: what auditors do with a journal, one file per command. None of them needs a running service.

mod keygen;

use clap::{Args, Subcommand};

use super::{examples, exit::Exit};

/// Make the keys of a journal.
#[derive(Debug, Args)]
#[command(after_help = examples::AUDIT)]
pub(super) struct Audit {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Keygen(keygen::Keygen),
}

impl Audit {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        match self.command {
            Command::Keygen(keygen) => keygen.run(),
        }
    }
}
