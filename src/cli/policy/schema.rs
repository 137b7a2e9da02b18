//! `verigate policy schema`: JSON Schema of policy and case files, for editors.

use clap::{Args, ValueEnum};

use super::Exit;
use crate::{
    cli::{examples, output::print},
    policy::{CASES_SCHEMA, POLICY_SCHEMA},
};

/// Print the JSON Schema of policy or case files, for editors that complete and check them.
#[derive(Debug, Args)]
#[command(after_help = examples::POLICY_SCHEMA)]
pub(super) struct Schema {
    /// The kind of file.
    #[arg(value_enum, default_value_t = File::Policy)]
    file: File,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum File {
    /// A policy file.
    Policy,
    /// A case file.
    Cases,
}

impl Schema {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        print(match self.file {
            File::Policy => POLICY_SCHEMA,
            File::Cases => CASES_SCHEMA,
        })?;
        Ok(Exit::Done)
    }
}
