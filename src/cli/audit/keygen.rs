//! `verigate audit keygen`: the key that signs the checkpoints of a journal.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use clap::Args;
use ring::rand::{SecureRandom as _, SystemRandom};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::super::{
    examples,
    exit::Exit,
    output::{eprint_line, print, print_json},
};
use crate::journal::{
    checkpoint::Checkpoint,
    signed_note::{Note, SigningKey, signing_key_text},
};

/// The mode of the file: its owner alone reads and writes it.
const OWNER_ONLY: u32 = 0o600;

/// Make the key that signs the checkpoints of a journal.
///
/// Writes the signing key, which must stay secret, to a new file that its owner alone can read. Prints the verifier key: give it to
/// those who verify the journal, by another way than the journal itself.
#[derive(Debug, Args)]
#[command(after_help = examples::AUDIT_KEYGEN)]
pub(super) struct Keygen {
    /// The new file for the signing key. One that exists is never overwritten.
    file: PathBuf,
    /// Name of the journal, such as `journal.example.com/berlin`: it is the origin in every checkpoint.
    #[arg(long, default_value = "verigate")]
    name: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Keygen {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let mut seed = Zeroizing::new([0; 32]);
        let random = SystemRandom::new().fill(&mut *seed);
        random.ok().context("the system gives no random bytes")?;
        let text = signing_key_text(&self.name, &seed)
            .with_context(|| format!("a key of the name `{}`", self.name))?;
        let key = SigningKey::parse(&text)?;
        verify_own(&key).context("the new key cannot verify what it signed")?;
        let file = self.file.display();
        if let Err(error) = write_new(&self.file, &text) {
            if error.kind() == io::ErrorKind::AlreadyExists {
                bail!(
                    "`{file}` exists and is not overwritten: name a new file, or remove it first"
                );
            }
            return Err(error).with_context(|| format!("cannot write `{file}`"));
        }
        let verifier = key.verifier();
        if self.json {
            print_json(&json!({
                "file": self.file.to_string_lossy(),
                "name": verifier.name(),
                "verifier_key": verifier.to_string(),
            }))?;
        } else {
            print(&format!("{verifier}\n"))?;
            eprint_line(&format!(
                "`{file}` holds the signing key, for signing_key_file of [journal]; the line on stdout is the verifier key, for those who verify"
            ));
        }
        Ok(Exit::Done)
    }
}

/// Signs the checkpoint of an empty journal and verifies it.
fn verify_own(key: &SigningKey) -> anyhow::Result<()> {
    let empty = Checkpoint {
        origin: key.verifier().name().into(),
        size: 0,
        root: Sha256::digest([]).into(),
    };
    let note = key.note(&empty.to_string());
    let text = Note::parse(note.as_bytes())?.verified_by(key.verifier())?;
    if Checkpoint::parse(text)? != empty {
        bail!("it is another checkpoint");
    }
    Ok(())
}

/// Writes a line to a new file, and makes sure that it is on the disk. If that fails, there is no file.
fn write_new(path: &Path, line: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(OWNER_ONLY)
        .open(path)?;
    let written = writeln!(file, "{line}").and_then(|()| file.sync_all());
    if written.is_err() {
        // An error leaves an unusable file, and the first error says why.
        let _ = fs::remove_file(path);
    }
    written
}
