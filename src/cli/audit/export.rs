//! `verigate audit export`: decisions in the forms that other systems take, a line each.

mod csv;
mod schemas;

use clap::{Args, ValueEnum};

use super::{
    Exit, examples,
    filter::Filter,
    summary::{Summary, text},
};
use crate::{
    cli::output::{print, print_json_lines},
    export::syslog,
};

/// Export the decisions of a journal for other systems.
///
/// Nothing of a person's is in any form but the identifiers that the journal has.
#[derive(Debug, Args)]
#[command(after_help = examples::AUDIT_EXPORT)]
pub(super) struct Export {
    #[command(flatten)]
    filter: Filter,
    /// The form.
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    format: Format,
    /// The name of the host in syslog messages.
    #[arg(long, value_name = "NAME", default_value = "-", value_parser = syslog::host)]
    host: String,
    /// The private enterprise number in syslog messages. The default is the one for examples.
    #[arg(long, value_name = "NUMBER", default_value_t = syslog::EXAMPLE_ENTERPRISE)]
    enterprise: u32,
}

/// A form of export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The lines as they are in the journal.
    Jsonl,
    /// Comma-separated values (RFC 4180) with a header.
    Csv,
    /// Open Cybersecurity Schema Framework: class 6003, API Activity.
    Ocsf,
    /// Elastic Common Schema.
    Ecs,
    /// Physical badging events of Microsoft Purview.
    Purview,
    /// Syslog messages (RFC 5424).
    Syslog,
}

impl Export {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let journal = self.filter.journal()?;
        if self.format == Format::Csv {
            print(&csv::header())?;
        }
        let sender = syslog::Sender {
            host: self.host.into(),
            process: "-".into(),
            enterprise: self.enterprise,
        };
        self.filter.each(&journal, |record| {
            let (summary, at) = (Summary::of(&record.value), record.at);
            match self.format {
                Format::Jsonl => print_json_lines(&text(&record))?,
                Format::Csv => print(&csv::row(&record.value))?,
                Format::Ocsf => print_json_lines(&format!("{}\n", schemas::ocsf(&summary, at)))?,
                Format::Ecs => print_json_lines(&format!("{}\n", schemas::ecs(&summary)))?,
                Format::Purview => print_json_lines(&format!("{}\n", schemas::purview(&summary)))?,
                Format::Syslog => {
                    print(&format!("{}\n", sender.message(&record.value, at)))?;
                }
            }
            Ok(true)
        })?;
        Ok(Exit::Done)
    }
}
