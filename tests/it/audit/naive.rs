//! A naive writer of journals, by docs/journal-format.md alone: no hash, tree or line is made by the code of the service. Only the signature is.

use std::{fmt::Write as _, fs, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use verigate::journal::signed_note::SigningKey;

pub type Hash = [u8; 32];

pub fn leaf(line: &[u8]) -> Hash {
    let hash = Sha256::new().chain_update([0]).chain_update(line);
    hash.finalize().into()
}

fn node(left: &Hash, right: &Hash) -> Hash {
    let hash = Sha256::new().chain_update([1]).chain_update(left);
    hash.chain_update(right).finalize().into()
}

/// The root by the definition of RFC 6962.
pub fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Sha256::digest([]).into(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            node(&root(left), &root(right))
        }
    }
}

/// The roots of the complete subtrees, largest first.
fn subtrees(mut leaves: &[Hash]) -> Vec<String> {
    let mut roots = Vec::new();
    while !leaves.is_empty() {
        let largest = 1 << leaves.len().ilog2();
        let (left, right) = leaves.split_at(largest);
        roots.push(STANDARD.encode(root(left)));
        leaves = right;
    }
    roots
}

pub fn hex(bytes: &[u8]) -> String {
    let hex = |mut hex: String, byte: &u8| {
        let _ = write!(hex, "{byte:02x}");
        hex
    };
    bytes.iter().fold(String::new(), hex)
}

/// A file, by its name, with its lines.
#[derive(Debug, Clone)]
pub struct File {
    pub name: String,
    pub lines: Vec<Vec<u8>>,
}

/// A journal that is being written.
#[derive(Debug)]
pub struct Writer {
    pub files: Vec<File>,
    pub leaves: Vec<Hash>,
    pub checkpoints: Vec<String>,
    key: SigningKey,
    millis: i64,
}

impl Writer {
    pub fn new(key: SigningKey) -> Self {
        Self {
            files: Vec::new(),
            leaves: Vec::new(),
            checkpoints: Vec::new(),
            key,
            millis: 1_769_860_800_000,
        }
    }

    pub fn next_index(&self) -> usize {
        self.leaves.len()
    }

    pub fn origin(&self) -> String {
        self.key.verifier().name().to_owned()
    }

    fn last(&self) -> Hash {
        self.leaves.last().copied().unwrap_or_default()
    }

    /// Appends a line with these members.
    pub fn line(&mut self, members: &Value) {
        self.millis += 10;
        let at = verigate::policy::from_millis(self.millis);
        let members = members.to_string();
        let line = format!(
            "{{\"v\":2,\"index\":{},\"previous\":\"{}\",\"at\":\"{at:.3}\",{}\n",
            self.leaves.len(),
            hex(&self.last()),
            &members[1..],
        );
        self.leaves.push(leaf(line.as_bytes()));
        let file = self.files.last_mut().unwrap();
        file.lines.push(line.into_bytes());
    }

    /// Begins a segment.
    pub fn open(&mut self) {
        let name = format!("decisions-{:020}.jsonl", self.leaves.len());
        let mut header = json!({
            "event": "segment_opened",
            "origin": self.origin(),
            "tree": subtrees(&self.leaves),
        });
        if let Some(before) = self.files.last() {
            let size: usize = before.lines.iter().map(Vec::len).sum();
            let last_hash = hex(&self.last());
            header["previous_file"] =
                json!({ "name": before.name, "size": size, "last_hash": last_hash });
        }
        let lines = Vec::new();
        self.files.push(File { name, lines });
        self.line(&header);
    }

    pub fn close(&mut self) {
        let lines = self.files.last().unwrap().lines.len();
        let root = STANDARD.encode(root(&self.leaves));
        self.line(&json!({ "event": "segment_closed", "lines": lines, "root": root }));
    }

    pub fn start(&mut self) {
        let tree = subtrees(&self.leaves);
        let origin = self.origin();
        self.line(&json!({ "event": "journal_started", "origin": origin, "tree": tree, "version": "0.0.0" }));
    }

    pub fn tree(&mut self) {
        let tree = subtrees(&self.leaves);
        self.line(&json!({ "event": "tree", "tree": tree }));
    }

    /// A decision about a made-up verification.
    pub fn decision(&mut self) {
        let index = self.leaves.len();
        let outcome = ["allow", "step_up", "deny"][index % 3];
        let id = uuid(self.millis + 10, index);
        let reasons = match outcome {
            "allow" => json!([]),
            _ => json!([{ "code": "VERIFICATION_TOO_OLD", "rule": "verified_within: 30d" }]),
        };
        let caller = ["door-1", "gateway"][index % 2];
        let policy = ["front-door", "sso-admin"][index / 2 % 2];
        self.line(&json!({
            "decision_id": id,
            "caller": caller,
            "request_id": format!("r-{index}"),
            "policy": policy,
            "policy_revision": "0123456789abcdef",
            "verification_id": format!("ada-{}", index % 5),
            "identity_id": "id-ada",
            "decision": outcome,
            "reasons": reasons,
            "evidence": { "source": "cache", "status": "VERIFIED" },
            "degraded": false,
        }));
    }

    pub fn stop(&mut self) {
        let lines = self.leaves.len();
        self.line(&json!({ "event": "journal_stopped", "lines": lines }));
        self.checkpoint();
    }

    pub fn checkpoint(&mut self) {
        let root = STANDARD.encode(root(&self.leaves));
        let text = format!("{}\n{}\n{root}\n", self.origin(), self.leaves.len());
        self.checkpoints.push(self.key.note(&text));
    }

    /// The segment of this number is removed, and the line that says so is written.
    pub fn remove_first(&mut self) {
        let removed = self.files.remove(0);
        let first: usize = removed.name[10..30].parse().unwrap();
        let last = first + removed.lines.len() - 1;
        self.line(&json!({
            "event": "segment_removed",
            "name": removed.name,
            "first_index": first,
            "last_index": last,
            "last_hash": hex(&self.leaves[last]),
            "root": STANDARD.encode(root(&self.leaves[..last])),
        }));
    }

    pub fn verifier(&self) -> String {
        self.key.verifier().to_string()
    }

    /// Writes all of it to a folder.
    pub fn write(&self, folder: &Path) {
        for file in &self.files {
            fs::write(folder.join(&file.name), file.lines.concat()).unwrap();
        }
        fs::write(folder.join("checkpoints"), self.checkpoints.concat()).unwrap();
    }

    pub fn folder(&self) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        self.write(folder.path());
        folder
    }
}

/// A version 7 UUID of this time.
pub fn uuid(millis: i64, number: usize) -> String {
    let time = format!("{millis:012x}");
    format!("{}-{}-7000-8000-{number:012x}", &time[..8], &time[8..])
}

pub fn key() -> SigningKey {
    let text =
        verigate::journal::signed_note::signing_key_text("journal.example/test", &[3; 32]).unwrap();
    SigningKey::parse(&text).unwrap()
}

/// A journal of four segments after a clean stop, with checkpoints at every few lines.
pub fn journal() -> Writer {
    let mut writer = Writer::new(key());
    for segment in 0..4 {
        writer.open();
        if segment == 0 {
            writer.start();
        }
        for number in 0..9 {
            writer.decision();
            if number == 5 {
                writer.tree();
            }
            if number % 4 == 3 {
                writer.checkpoint();
            }
        }
        if segment < 3 {
            writer.close();
            writer.checkpoint();
        }
    }
    writer.stop();
    writer
}
