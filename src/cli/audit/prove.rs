//! `verigate audit prove`: that one line is in the journal, for somebody who has no other line of it; or that the journal has only grown.

use std::{fmt::Display, path::PathBuf};

use anyhow::{Context as _, bail};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use clap::Args;
use serde_json::{Value, json};

use super::{Exit, examples, keys::keys, show::found};
use crate::{
    audit::{
        JournalFiles,
        proof::{Proof, ProveConsistencyError, ProveError, prove, prove_consistency},
    },
    cli::output::{eprint_line, print_json},
};

/// Prove that a decision is in the journal, or that the journal has only grown.
///
/// Prints JSON for `audit check-proof`: the line, its index, the hashes beside its way to the root, and a signed checkpoint. With
/// --consistency it is two signed checkpoints and the hashes which show that the lines of the one are the first lines of the other. Ends
/// with 0 if there is a proof, 1 if not, 2 if it could not run.
#[derive(Debug, Args)]
#[command(after_help = examples::AUDIT_PROVE)]
pub(super) struct Prove {
    /// The id of the decision, unless --consistency is given; then the folder of the journal, or its file; several files in the order of
    /// their lines.
    #[arg(required = true, value_name = "ID|PATH")]
    arguments: Vec<PathBuf>,
    /// Prove that the last checkpoint follows the one over this many lines.
    #[arg(long, value_name = "SIZE")]
    consistency: Option<u64>,
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
        let (decision_id, paths) = match (self.consistency, self.arguments.split_first()) {
            (None, Some((id, paths))) => (id.to_string_lossy(), paths),
            _ => ("".into(), self.arguments.as_slice()),
        };
        if paths.is_empty() {
            bail!("name the folder of the journal, or its file, behind the id of the decision");
        }
        let keys = keys(&self.keys)?;
        let journal = JournalFiles::find(paths)?;
        if journal.files.iter().any(|file| file.is_stdin()) {
            bail!("a proof reads the journal more than once, which stdin cannot: name its files");
        }
        let checkpoints = self.checkpoint.as_ref().or(journal.checkpoints.as_ref());
        let checkpoints = checkpoints.context("no checkpoints are named: give --checkpoint")?;
        if let Some(size) = self.consistency {
            return match prove_consistency(&journal, size, checkpoints, &keys) {
                Ok(proof) => printed(&proof.as_json()),
                Err(ProveConsistencyError::Read(error)) => Err(error.into()),
                Err(error) => Ok(no_proof(&error)),
            };
        }
        let Some(record) = found(&decision_id, paths)? else {
            return Ok(Exit::Invalid);
        };
        match prove(&journal, &record, checkpoints, &keys) {
            Ok(proof) => printed(&as_json(&proof)),
            Err(ProveError::Read(error)) => Err(error.into()),
            Err(error) => Ok(no_proof(&error)),
        }
    }
}

fn printed(proof: &Value) -> anyhow::Result<Exit> {
    print_json(proof)?;
    Ok(Exit::Done)
}

fn no_proof(error: &impl Display) -> Exit {
    eprint_line(&format!("there is no proof: {error}"));
    Exit::Invalid
}

fn as_json(proof: &Proof) -> Value {
    let path = proof.path.iter().map(|hash| STANDARD.encode(hash));
    let path: Vec<String> = path.collect();
    json!({
        "index": proof.index,
        "line": proof.line,
        "path": path,
        "checkpoint": proof.checkpoint,
    })
}
