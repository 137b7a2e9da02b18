//! `verigate audit check-proof`: whether a proof shows that a line is in a journal, or that a journal has only grown. Needs no journal.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::{Value, json};

use super::{Exit, examples, keys::keys, page::Page, summary::Summary};
use crate::{
    audit::proof::{Consistency, Proof, check, check_consistency},
    cli::{
        output::{eprint_line, print_coloured, print_json},
        screen::{Screen, Style},
    },
    files::read_text,
    journal::checkpoint::Checkpoint,
};

/// The size of a proof, in bytes: a line, some hashes and a checkpoint.
const PROOF_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Check a proof that `audit prove` made.
///
/// Ends with 0 if it shows that the line is in the journal that the key signs, or that its lines up to the one checkpoint are the first
/// lines of the other; 1 if not, 2 if it could not run.
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
        let held = if let Some(proof) = Proof::parse(&text) {
            check(&proof, &keys)
                .map(|checkpoint| Held::Line(proof, checkpoint))
                .map_err(|error| error.to_string())
        } else if let Some(proof) = Consistency::parse(&text) {
            check_consistency(&proof, &keys)
                .map(|(old, new)| Held::Growth(old, new))
                .map_err(|error| error.to_string())
        } else {
            bail!(
                "`{shown}` is no proof: it should be the JSON that `verigate audit prove` prints"
            );
        };
        match held {
            Ok(held) => {
                held.print(self.json, screen)?;
                Ok(Exit::Done)
            }
            Err(error) => {
                if self.json {
                    print_json(&json!({ "holds": false, "found": error }))?;
                } else {
                    eprint_line(&format!("the proof does not hold: {error}"));
                }
                Ok(Exit::Invalid)
            }
        }
    }
}

/// What a proof shows.
enum Held {
    /// That the line is in the journal.
    Line(Proof, Checkpoint),
    /// That the journal has only grown from the one to the other.
    Growth(Checkpoint, Checkpoint),
}

impl Held {
    fn print(&self, as_json: bool, screen: Screen) -> anyhow::Result<()> {
        let mut page = Page::of(screen);
        match self {
            Self::Line(proof, checkpoint) => {
                let line: Value = serde_json::from_str(&proof.line)?;
                let (size, origin) = (checkpoint.size, &checkpoint.origin);
                if as_json {
                    return Ok(print_json(&json!({
                        "holds": true,
                        "index": proof.index,
                        "origin": &**origin,
                        "size": size,
                        "line": line,
                    }))?);
                }
                let text = format!(": line {} of the {size} lines of `{origin}`", proof.index);
                page.wrapped(0, 2, Style::Good.of("the proof holds").and(text));
                page.wrapped(2, 4, Summary::of(&line).line());
            }
            Self::Growth(old, new) => {
                if as_json {
                    return Ok(print_json(&json!({
                        "holds": true,
                        "origin": &*new.origin,
                        "old_size": old.size,
                        "size": new.size,
                    }))?);
                }
                let text = format!(
                    ": the first {} of the {} lines of `{}` are as they were",
                    old.size, new.size, new.origin
                );
                page.wrapped(0, 2, Style::Good.of("the proof holds").and(text));
            }
        }
        Ok(print_coloured(&page.into_text())?)
    }
}
