//! `verigate audit tail`: the last decisions, and those that follow.

use std::{collections::VecDeque, time::Duration};

use anyhow::bail;
use clap::Args;
use serde_json::Value;

use super::{Exit, examples, filter::Filter, summary::Summary};
use crate::{
    audit::{Follow, RawLine},
    cli::{
        output::{is_stdout_closed, print_coloured, print_json_lines},
        screen::Screen,
    },
};

/// How often new lines are looked for.
const INTERVAL: Duration = Duration::from_millis(250);

/// Show the last decisions of a journal, and with -f those that follow.
///
/// Goes on with the next segment, and with a file that takes the place of the one that is read.
#[derive(Debug, Args)]
#[command(after_help = examples::AUDIT_TAIL)]
pub(super) struct Tail {
    #[command(flatten)]
    filter: Filter,
    /// Go on with the decisions that follow, until it is interrupted.
    #[arg(short, long)]
    follow: bool,
    /// How many decisions that are there already are shown.
    #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 10)]
    lines: usize,
    /// Print the lines as they are in the journal, which are JSON.
    #[arg(long)]
    json: bool,
}

impl Tail {
    pub(super) async fn run(self, screen: Screen) -> anyhow::Result<Exit> {
        let journal = self.filter.journal()?;
        let Some(mut follow) = Follow::open(self.filter.paths(), &journal) else {
            bail!(
                "the last file is compressed, or it is stdin: name a file or a folder that is being written"
            );
        };
        let meant = self.filter.meant()?;
        let is_meant = |line: &RawLine| parsed(line).is_some_and(|line| meant.has(&line));
        let mut last = VecDeque::new();
        follow.read_new::<anyhow::Error>(&mut |line| {
            if is_meant(&line) {
                last.push_back(line);
            }
            if last.len() > self.lines {
                last.pop_front();
            }
            Ok(())
        })?;
        for line in last {
            self.print(&line, screen)?;
        }
        while self.follow && !is_stdout_closed() {
            tokio::time::sleep(INTERVAL).await;
            follow.read_new::<anyhow::Error>(&mut |line| {
                if is_meant(&line) {
                    self.print(&line, screen)?;
                }
                Ok(())
            })?;
        }
        Ok(Exit::Done)
    }

    fn print(&self, line: &RawLine, screen: Screen) -> anyhow::Result<()> {
        if self.json {
            let text = String::from_utf8_lossy(&line.bytes);
            print_json_lines(&format!("{}\n", text.trim_end_matches('\n')))?;
        } else if let Some(line) = parsed(line) {
            let line = screen.one_line(&Summary::of(&line).line());
            print_coloured(&format!("{line}\n"))?;
        }
        Ok(())
    }
}

fn parsed(line: &RawLine) -> Option<Value> {
    serde_json::from_slice(&line.bytes).ok()
}
