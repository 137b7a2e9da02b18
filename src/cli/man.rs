//! `verigate man`: manual pages, made from the help.

use std::{fs, path::PathBuf};

use anyhow::Context as _;
use clap::{Args, Command};
use clap_mangen::Man as ManPage;

use super::{examples, exit::Exit, output::print};

/// Print the manual page, or write a page for each command.
#[derive(Debug, Args)]
#[command(after_help = examples::MAN)]
pub(super) struct Man {
    /// Folder to write a page for each command into, such as verigate-check.1; it is created if it does not exist.
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

impl Man {
    /// Prints or writes the pages of this command line.
    pub(super) fn run(&self, command: Command) -> anyhow::Result<Exit> {
        // The same as in the folder, so that both pages are equal.
        let command = command.disable_help_subcommand(true);
        match &self.folder {
            Some(folder) => {
                let shown = folder.display();
                fs::create_dir_all(folder).with_context(|| format!("cannot create `{shown}`"))?;
                clap_mangen::generate_to(command, folder)
                    .with_context(|| format!("cannot write to `{shown}`"))?;
            }
            None => {
                let mut page = Vec::new();
                ManPage::new(command).render(&mut page)?;
                print(&String::from_utf8(page)?)?;
            }
        }
        Ok(Exit::Done)
    }
}
