//! `verigate audit keygen`: the keys of a journal and of its auditors.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use clap::Args;
use ring::rand::{SecureRandom as _, SystemRandom};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::super::{
    examples,
    exit::Exit,
    output::{eprint_line, print, print_json},
};
use crate::journal::{
    AuditorKey, IdentifierKey,
    checkpoint::Checkpoint,
    signed_note::{Note, SigningKey, signing_key_text},
};

/// The mode of the file: its owner alone reads and writes it.
const OWNER_ONLY: u32 = 0o600;
const NO_RANDOM: &str = "the system gives no random bytes";

/// Make a key: the one that signs the checkpoints of a journal, an auditor's, or the one of identifiers.
///
/// Writes the key, which must stay secret, to a new file that its owner alone can read. Prints what belongs to it and is not secret: of the key that signs
/// checkpoints the verifier key, for those who verify the journal (give it to them by another way than the journal itself); with `--auditor` the public key,
/// to which the service seals the facts of decisions; with `--identifiers` the id of the key, which stands in the journal.
#[derive(Debug, Args)]
#[command(after_help = examples::AUDIT_KEYGEN)]
pub(super) struct Keygen {
    /// The new file for the key. One that exists is never overwritten.
    file: PathBuf,
    /// Name of the journal, such as `journal.example.com/berlin`: it is the origin in every checkpoint.
    #[arg(long, default_value = "verigate", conflicts_with_all = ["auditor", "identifiers"])]
    name: String,
    /// Make the key of an auditor, in the form of age: it opens the facts that the journal seals to its public key.
    #[arg(long, conflicts_with = "identifiers")]
    auditor: bool,
    /// Make the key under which the journal records identifiers.
    #[arg(long)]
    identifiers: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Keygen {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let made = match (self.auditor, self.identifiers) {
            (true, _) => auditor_key(),
            (_, true) => identifier_key(),
            (false, false) => self.signing_key(),
        }?;
        let file = self.file.display();
        if let Err(error) = write_new(&self.file, &made.secret) {
            if error.kind() == io::ErrorKind::AlreadyExists {
                bail!(
                    "`{file}` exists and is not overwritten: name a new file, or remove it first"
                );
            }
            return Err(error).with_context(|| format!("cannot write `{file}`"));
        }
        if self.json {
            let mut members = made.members;
            members.insert("file".to_owned(), self.file.to_string_lossy().into());
            print_json(&Value::Object(members))?;
        } else {
            print(&format!("{}\n", made.public))?;
            eprint_line(&format!("`{file}` holds {}", made.message));
        }
        Ok(Exit::Done)
    }

    fn signing_key(&self) -> anyhow::Result<Made> {
        let mut seed = Zeroizing::new([0; 32]);
        let random = SystemRandom::new().fill(&mut *seed);
        random.ok().context(NO_RANDOM)?;
        let text = signing_key_text(&self.name, &seed)
            .with_context(|| format!("a key of the name `{}`", self.name))?;
        let key = SigningKey::parse(&text)?;
        verify_own(&key).context("the new key cannot verify what it signed")?;
        let verifier = key.verifier();
        Ok(Made {
            public: verifier.to_string(),
            members: members([
                ("name", verifier.name()),
                ("verifier_key", &verifier.to_string()),
            ]),
            message: "the signing key, for signing_key_file of [journal]; the line on stdout is the verifier key, for those who verify",
            secret: text,
        })
    }
}

/// A key that was made.
struct Made {
    /// The lines of its file.
    secret: Zeroizing<String>,
    /// What is printed of it.
    public: String,
    /// The same for JSON.
    members: Map<String, Value>,
    /// What the file holds, and what the line on stdout is.
    message: &'static str,
}

fn members<const N: usize>(members: [(&str, &str); N]) -> Map<String, Value> {
    let members = members.into_iter();
    members
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect()
}

/// The key of an auditor, in a file as `age-keygen` writes it.
fn auditor_key() -> anyhow::Result<Made> {
    let key = AuditorKey::generate().context(NO_RANDOM)?;
    let public = key.recipient().to_string();
    let secret = key.to_text();
    let opened = key.open(&key.recipient().seal(public.as_bytes())?)?;
    if AuditorKey::parse(&secret)?.recipient() != key.recipient() || *opened != public.as_bytes() {
        bail!("the new key does not open what is sealed to it");
    }
    Ok(Made {
        members: members([("public_key", &public)]),
        message: "the key of an auditor, which must not be on the machine of the service; the line on stdout is its public key, for age_recipient of [journal]",
        secret: Zeroizing::new(format!("# public key: {public}\n{}", *secret)),
        public,
    })
}

/// The key of identifiers.
fn identifier_key() -> anyhow::Result<Made> {
    let secret = IdentifierKey::generate(&SystemRandom::new()).context(NO_RANDOM)?;
    let id = IdentifierKey::parse(&secret)?.id().to_owned();
    Ok(Made {
        members: members([("key_id", &id)]),
        message: "the key of identifiers, for identifier_key_file of [journal]: while it exists, the lines of a person can be found; the line on stdout is its id",
        secret,
        public: id,
    })
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

/// Writes lines to a new file, and makes sure that it is on the disk. If that fails, there is no file.
fn write_new(path: &Path, lines: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(OWNER_ONLY)
        .open(path)?;
    let written = writeln!(file, "{lines}").and_then(|()| file.sync_all());
    if written.is_err() {
        // An error leaves an unusable file, and the first error says why.
        let _ = fs::remove_file(path);
    }
    written
}
