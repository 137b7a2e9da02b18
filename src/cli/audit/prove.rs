//! `verigate audit prove`: that one line is in the journal, for somebody who has no other line of it.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use clap::Args;
use serde_json::json;

use super::{Exit, examples, keys::keys, show::found};
use crate::{
    audit::{
        JournalFiles,
        proof::{ProveError, prove},
    },
    cli::output::{eprint_line, print_json},
};

/// Prove that a decision is in the journal.
///
/// Prints JSON for `audit check-proof`: the line, its index, the hashes beside its way to the root, and a signed checkpoint. Ends with 0
/// if there is a proof, 1 if not, 2 if it could not run.
#[derive(Debug, Args)]
#[command(after_help = examples::AUDIT_PROVE)]
pub(super) struct Prove {
    /// The id of the decision.
    #[arg(value_name = "ID")]
    decision_id: String,
    /// The folder of the journal, or its file; several files in the order of their lines.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The verifier key that signed the checkpoints, or a file with one in each line. May be given more than once.
    #[arg(long = "key", value_name = "VKEY|FILE")]
    keys: Vec<String>,
    /// Checkpoints that were kept in another place, instead of those beside the journal.
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// Print JSON, as it does anyway.
    #[arg(long)]
    json: bool,
}

impl Prove {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let keys = keys(&self.keys)?;
        let journal = JournalFiles::find(&self.paths)?;
        if journal.files.iter().any(|file| file.is_stdin()) {
            bail!("a proof reads the journal more than once, which stdin cannot: name its files");
        }
        let checkpoints = self.checkpoint.as_ref().or(journal.checkpoints.as_ref());
        let checkpoints = checkpoints.context("no checkpoints are named: give --checkpoint")?;
        let Some(record) = found(&self.decision_id, &self.paths)? else {
            return Ok(Exit::Invalid);
        };
        let proof = match prove(&journal, &record, checkpoints, &keys) {
            Ok(proof) => proof,
            Err(ProveError::Read(error)) => return Err(error.into()),
            Err(error) => {
                eprint_line(&format!("there is no proof: {error}"));
                return Ok(Exit::Invalid);
            }
        };
        let path: Vec<String> = proof
            .path
            .iter()
            .map(|hash| STANDARD.encode(hash))
            .collect();
        print_json(&json!({
            "index": proof.index,
            "line": proof.line,
            "path": path,
            "checkpoint": proof.checkpoint,
        }))?;
        Ok(Exit::Done)
    }
}
