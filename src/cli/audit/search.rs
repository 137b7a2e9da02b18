//! `verigate audit search`: the decisions that are meant, a line each.

use clap::Args;

use super::{
    Exit, examples,
    filter::Filter,
    summary::{Summary, text},
};
use crate::cli::{
    output::{print_coloured, print_json_lines},
    screen::Screen,
};

/// Search the decisions of a journal.
///
/// All conditions must hold. Ends with 0 if there is a decision, 1 if there is none, 2 if it could not run.
#[derive(Debug, Args)]
#[command(after_help = examples::AUDIT_SEARCH)]
pub(super) struct Search {
    #[command(flatten)]
    filter: Filter,
    /// Ends after this many decisions.
    #[arg(long, value_name = "COUNT")]
    limit: Option<u64>,
    /// Print the lines as they are in the journal, which are JSON.
    #[arg(long)]
    json: bool,
}

impl Search {
    pub(super) fn run(self, screen: Screen) -> anyhow::Result<Exit> {
        let journal = self.filter.journal()?;
        let mut found = 0_u64;
        let limit = self.limit.unwrap_or(u64::MAX);
        self.filter.each(&journal, |record| {
            if found >= limit {
                return Ok(false);
            }
            found = found.saturating_add(1);
            if self.json {
                print_json_lines(&text(&record))?;
            } else {
                let line = screen.one_line(&Summary::of(&record.value).line());
                print_coloured(&format!("{line}\n"))?;
            }
            Ok(found < limit)
        })?;
        Ok(if found > 0 { Exit::Done } else { Exit::Invalid })
    }
}
