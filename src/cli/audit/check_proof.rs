//! `verigate audit check-proof`: whether a proof shows that a line is in a journal. Needs no journal.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::{Value, json};

use super::{Exit, examples, keys::keys, page::Page, summary::Summary};
use crate::{
    audit::proof::{Proof, check},
    cli::{
        output::{eprint_line, print_coloured, print_json},
        screen::{Screen, Style},
    },
    files::read_text,
};

/// The size of a proof, in bytes: a line, some hashes and a checkpoint.
const PROOF_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Check a proof that `audit prove` made.
///
/// Ends with 0 if it shows that the line is in the journal that the key signs, 1 if not, 2 if it could not run.
#[derive(Debug, Args)]
#[command(after_help = examples::AUDIT_CHECK_PROOF)]
pub(super) struct CheckProof {
    /// The file with the proof.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The verifier key of the journal, or a file with one in each line. May be given more than once.
    #[arg(long = "key", value_name = "VKEY|FILE", required = true)]
    keys: Vec<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl CheckProof {
    pub(super) fn run(self, screen: Screen) -> anyhow::Result<Exit> {
        let keys = keys(&self.keys)?;
        let shown = self.file.display();
        let text = read_text(&self.file, PROOF_BYTES_MAX)
            .with_context(|| format!("cannot read `{shown}`"))?;
        let Some(proof) = Proof::parse(&text) else {
            bail!(
                "`{shown}` is no proof: it should be the JSON that `verigate audit prove` prints"
            );
        };
        match check(&proof, &keys) {
            Ok(checkpoint) => {
                let line: Value = serde_json::from_str(&proof.line)?;
                if self.json {
                    print_json(&json!({
                        "holds": true,
                        "index": proof.index,
                        "origin": &*checkpoint.origin,
                        "size": checkpoint.size,
                        "line": line,
                    }))?;
                } else {
                    let mut page = Page::of(screen);
                    let (size, origin) = (checkpoint.size, &checkpoint.origin);
                    let text = format!(": line {} of the {size} lines of `{origin}`", proof.index);
                    page.wrapped(0, 2, Style::Good.of("the proof holds").and(text));
                    page.wrapped(2, 4, Summary::of(&line).line());
                    print_coloured(&page.into_text())?;
                }
                Ok(Exit::Done)
            }
            Err(error) => {
                if self.json {
                    print_json(&json!({ "holds": false, "found": error.to_string() }))?;
                } else {
                    eprint_line(&format!("the proof does not hold: {error}"));
                }
                Ok(Exit::Invalid)
            }
        }
    }
}
