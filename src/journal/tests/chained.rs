//! Reads a journal back as its format says, without the code that writes it.

use std::{fs, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

use crate::journal::merkle::{Tree, leaf_hash};

/// What was read so far.
#[derive(Default)]
pub(super) struct Reader {
    tree: Tree,
    previous: String,
    pub(super) lines: Vec<Value>,
}

impl Reader {
    /// Reads these files one after the other, and asserts that each line follows the one before.
    pub(super) fn of(files: &[&Path]) -> Self {
        let mut reader = Self::default();
        for file in files {
            reader.read(&fs::read(file).unwrap());
        }
        reader
    }

    pub(super) fn read(&mut self, text: &[u8]) {
        if self.previous.is_empty() {
            self.previous = "0".repeat(64);
        }
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            let value: Value = serde_json::from_slice(line).unwrap();
            if value.get("v").is_none() {
                assert_eq!(self.tree.size(), 0, "an old line is behind a new one");
                continue;
            }
            assert_eq!(value["v"], 2);
            assert_eq!(value["index"], self.tree.size(), "{value}");
            assert_eq!(value["previous"], self.previous, "{value}");
            let base64 = |hash: &[u8; 32]| Value::from(STANDARD.encode(hash));
            if let Some(tree) = value.get("tree") {
                let subtrees: Vec<Value> = self.tree.subtrees().iter().map(base64).collect();
                assert_eq!(*tree, Value::from(subtrees));
            }
            if let Some(root) = value.get("root") {
                assert_eq!(*root, base64(&self.tree.root()));
            }
            let hash = leaf_hash(line);
            self.previous = crate::journal::hex(&hash);
            self.tree.push(hash);
            self.lines.push(value);
        }
    }

    /// The last bytes of the ids of the decisions.
    pub(super) fn ids(&self) -> Vec<u64> {
        let ids = self.lines.iter().filter_map(|line| {
            let id = line.get("decision_id")?.as_str()?;
            Some(u64::from_str_radix(id.get(24..)?, 16).unwrap())
        });
        ids.collect()
    }

    /// The events, each by its name.
    pub(super) fn events(&self) -> Vec<&str> {
        let events = self.lines.iter();
        events
            .filter_map(|line| line.get("event")?.as_str())
            .collect()
    }

    /// The first event of this name.
    pub(super) fn event(&self, name: &str) -> &Value {
        let mut lines = self.lines.iter();
        lines.find(|line| line["event"] == name).expect(name)
    }
}
