//! `verigate policy test`: runs case files against policies, and tells what failed and what no case has tried.

mod human;

use std::{io, path::PathBuf};

use clap::Args;

use super::{Exit, cases, load, mistakes, renderer, shown};
use crate::{
    cli::{talk, tell},
    policy::suite,
};

/// Run test cases against policies.
///
/// Ends with 0 if every case passes, 1 if one fails or a file is invalid, and 2 if they could not run.
#[derive(Debug, Args)]
pub(super) struct Test {
    /// The policy file, or a folder of them.
    #[arg(long, value_name = "PATH")]
    policies: PathBuf,
    /// Case files, or folders of them.
    #[arg(required = true, value_name = "CASES")]
    cases: Vec<PathBuf>,
}

impl Test {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let renderer = renderer(&io::stderr());
        let policies = match load(&self.policies)? {
            Ok(policies) => policies,
            Err(invalid) => {
                talk(mistakes(&invalid, &renderer).trim_end());
                return Ok(Exit::Invalid);
            }
        };
        let cases = match suite::read(&cases::texts(&self.cases)?, &policies) {
            Ok(cases) => cases,
            Err(problems) => {
                talk(shown(&problems, &renderer).trim_end());
                return Ok(Exit::Invalid);
            }
        };
        let report = suite::run(&policies, &cases);
        tell(&human::page(&report))?;
        Ok(if report.failed() == 0 {
            Exit::Done
        } else {
            Exit::Invalid
        })
    }
}
