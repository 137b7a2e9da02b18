//! `verigate policy test`: runs case files against policies, and reports what failed and what no case has tried.

mod human;
mod json;
mod junit;

use std::{io, path::PathBuf};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::{
    Exit, cases,
    problems::{load, problem_as_json, problems_of, problems_of_as_json, render_all, renderer},
};
use crate::{
    cli::{
        environment::Colours,
        examples,
        output::{eprint_coloured, eprint_line, print, print_coloured, print_json},
        screen::Screen,
    },
    policy::{
        PolicySet,
        suite::{self, EdgeState},
    },
};

/// Run test cases against policies.
///
/// Ends with 0 if every case passes, 1 if one fails or a file is invalid, and 2 if they could not run.
#[derive(Debug, Args)]
#[command(after_help = examples::POLICY_TEST)]
pub(super) struct Test {
    /// The policy file, or a folder of them.
    #[arg(long, value_name = "PATH")]
    policies: PathBuf,
    /// Case files, or folders of them.
    #[arg(required_unless_present = "generate", value_name = "CASES")]
    cases: Vec<PathBuf>,
    /// Run nothing, but generate cases at every edge in time, wherever a requirement alone decides, and at the limits of the settings of
    /// each policy: a case file that expects what the policies decide today. Case files that are given need not expect anything: their facts are taken where they are at an edge.
    #[arg(long, conflicts_with = "format")]
    generate: bool,
    /// The output format.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Show which rules and edges no case has tried, and not only how many; JSON always does.
    #[arg(long, conflicts_with = "generate")]
    coverage: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For a person: failures first, then how much the cases have tried, then a summary.
    Human,
    /// For a program.
    Json,
    /// For a build server.
    Junit,
}

impl Test {
    pub(super) fn run(self, colours: Colours, screen: Screen) -> anyhow::Result<Exit> {
        let renderer = renderer(&io::stderr(), colours);
        let policies = match load(&self.policies)? {
            Ok(policies) => policies,
            Err(invalid) => {
                eprint_coloured(problems_of(&invalid, &renderer).trim_end());
                return self.invalid(&problems_of_as_json(&invalid));
            }
        };
        let texts = cases::texts(&self.cases)?;
        let cases = if self.generate {
            suite::read_situations(&texts, &policies)
        } else {
            suite::read(&texts, &policies)
        };
        let cases = match cases {
            Ok(cases) => cases,
            Err(problems) => {
                eprint_coloured(render_all(&problems, &renderer).trim_end());
                let problems: Vec<Value> = problems.iter().map(problem_as_json).collect();
                return self.invalid(&problems);
            }
        };
        if self.generate {
            return generate(&policies, &cases);
        }
        let mut report = suite::run(&policies, &cases);
        report.coverage.find_hidden_edges(&policies);
        match self.format {
            Format::Human => print_coloured(&human::page(&report, self.coverage, screen))?,
            Format::Json => print_json(&json::object(&report, policies.revision()))?,
            Format::Junit => print(&junit::document(&report))?,
        }
        Ok(if report.failed() == 0 {
            Exit::Done
        } else {
            Exit::Invalid
        })
    }

    /// Ends with a report of problems. With `--format json` they are on stdout too.
    fn invalid(&self, problems: &[Value]) -> anyhow::Result<Exit> {
        if self.format == Format::Json {
            print_json(&json!({ "problems": problems }))?;
        }
        Ok(Exit::Invalid)
    }
}

/// Prints the cases, and on stderr which edges have none, and why.
fn generate(policies: &PolicySet, cases: &[suite::Case]) -> anyhow::Result<Exit> {
    let generated = suite::generate(policies, cases);
    let mut coverage = suite::run(policies, &generated.cases).coverage;
    coverage.find_hidden_edges(policies);
    for (policy, edge) in coverage.all_edges() {
        let (requirement, turn) = (&edge.requirement, edge.turn);
        let why = match edge.state() {
            EdgeState::Tried => continue,
            EdgeState::Untried => "no case was found at this edge",
            EdgeState::Hidden => "hidden: neither the decision nor its reasons change at this edge",
            EdgeState::Unreachable => "unreachable: the edge is after the end of the calendar",
        };
        eprint_line(&format!("{why}: {policy}: `{requirement}` {turn}"));
    }
    if generated.policies_over_limit > 0 {
        let left = generated.policies_over_limit;
        eprint_line(&format!(
            "{left} policies have no cases, because there would be too many: generate for fewer policies at a time"
        ));
    }
    if generated.cases.is_empty() {
        eprint_line("there are no cases: no policy has any");
        return Ok(Exit::Done);
    }
    let (file, written) = suite::write(&generated.cases);
    let left = generated.cases.len().saturating_sub(written);
    if left > 0 {
        eprint_line(&format!(
            "{left} more cases do not fit into one file: generate for fewer policies at a time"
        ));
    }
    print(&file)?;
    Ok(Exit::Done)
}
