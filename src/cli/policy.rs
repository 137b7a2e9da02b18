//! `verigate policy`: commands for authors of policies, one file per command. None of them needs a running service.

mod cases;
mod check;
mod diff;
mod explain;
mod format;
mod needs;
mod problems;
mod schema;
mod test;

use clap::{Args, Subcommand};

use super::{environment::Colours, examples, exit::Exit, page, screen::Screen};

/// Check and test policies.
#[derive(Debug, Args)]
#[command(after_help = examples::POLICY)]
pub(super) struct Policy {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Check(check::Check),
    Diff(diff::Diff),
    Explain(explain::Explain),
    Needs(needs::NeedsOf),
    Schema(schema::Schema),
    Test(test::Test),
}

impl Policy {
    pub(super) fn run(self, colours: Colours, screen: Screen) -> anyhow::Result<Exit> {
        match self.command {
            Command::Check(check) => check.run(colours, screen),
            Command::Diff(diff) => diff.run(colours, screen),
            Command::Explain(explain) => explain.run(colours, screen),
            Command::Needs(needs) => needs.run(colours, screen),
            Command::Schema(schema) => schema.run(),
            Command::Test(test) => test.run(colours, screen),
        }
    }
}
