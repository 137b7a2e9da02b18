//! Opens the facts that lines carry sealed, with an auditor's key. What cannot be opened is an error with its cause, and never a fact.

mod opened;
mod plain;

use std::collections::{BTreeMap, btree_map::Entry};

use serde::Deserialize;
use zeroize::Zeroizing;

pub use self::opened::OpenedFacts;
use self::plain::PlainFacts;
use super::decision::DecisionLine;
use crate::{
    journal::{AuditorKey, DataKey, FactsError, SealedDataKey},
    json::Object,
    policy::rfc3339,
};

/// Data keys that are kept: one for each day or start of a process.
const DATA_KEYS_MAX: usize = 100_000;

/// Opens facts with the keys of an auditor. Data keys are learned from the lines that the journal has before.
#[derive(Debug)]
pub struct FactsOpener {
    keys: Vec<AuditorKey>,
    data_keys: BTreeMap<Box<str>, Result<DataKey, FactsError>>,
}

#[derive(Deserialize)]
struct Event {
    #[serde(default)]
    facts_keys: Vec<SealedDataKey>,
}

impl FactsOpener {
    /// With these keys.
    pub fn new(keys: Vec<AuditorKey>) -> Self {
        Self {
            keys,
            data_keys: BTreeMap::new(),
        }
    }

    /// Learns the data keys of a line, if it has some.
    pub fn learn(&mut self, line: &[u8]) {
        let Ok(Object(Event { facts_keys })) = serde_json::from_slice(line) else {
            return;
        };
        for sealed in facts_keys {
            let is_full = self.data_keys.len() >= DATA_KEYS_MAX;
            match self.data_keys.entry(sealed.key.clone()) {
                // Each file says its keys again: one that was opened stays.
                Entry::Occupied(known) if known.get().is_ok() => {}
                Entry::Occupied(mut known) => {
                    *known.get_mut() = DataKey::open(&sealed, &self.keys);
                }
                Entry::Vacant(_) if is_full => {}
                Entry::Vacant(new) => {
                    new.insert(DataKey::open(&sealed, &self.keys));
                }
            }
        }
    }

    /// The facts of this line; `None` if it has none.
    pub fn open(&self, line: &DecisionLine) -> Option<Result<OpenedFacts, FactsError>> {
        let text = self.open_text(line)?;
        Some(text.and_then(|text| read(&text, line)))
    }

    /// The same as they were sealed: JSON.
    pub fn open_text(&self, line: &DecisionLine) -> Option<Result<Zeroizing<Vec<u8>>, FactsError>> {
        let sealed = line.sealed_facts()?;
        let key = self.data_keys.get(&sealed.key);
        Some(match key.map(Result::as_ref) {
            Some(Ok(key)) => key.open_facts(line.decision_id(), sealed),
            Some(Err(error)) => Err(*error),
            None => Err(FactsError::NoKey),
        })
    }
}

/// The facts of this text, which have to be about this line.
fn read(text: &[u8], line: &DecisionLine) -> Result<OpenedFacts, FactsError> {
    let Ok(Object(plain)) = serde_json::from_slice::<Object<PlainFacts>>(text) else {
        return Err(FactsError::OtherForm);
    };
    let facts = plain.read().ok_or(FactsError::OtherForm)?;
    let is_of_line = facts.facts().request.policy.as_str() == line.policy()
        && line.at().map(rfc3339) == Some(rfc3339(facts.facts().now))
        && line.vendor_at().map(rfc3339) == facts.vendor_at.map(rfc3339);
    is_of_line.then_some(facts).ok_or(FactsError::OtherForm)
}
