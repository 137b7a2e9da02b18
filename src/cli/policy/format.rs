//! The output formats of the commands.

use clap::ValueEnum;

/// The output format of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For a person.
    Human,
    /// For a program.
    Json,
}
