//! The layer of the configuration file: TOML, with the places of its settings.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};
use toml::de::{DeTable, DeValue};
use zeroize::Zeroizing;

use super::{
    callers,
    error::Problem,
    layers::{Layer, Layers, TOP, wipe},
    places::{Places, place_of},
};
use crate::{callers::CallerConfig, policy::did_you_mean};

/// The section of the callers, which has a table for each.
pub(super) const CALLERS: &str = "callers";

/// The sections of a file beside its callers, by the digests of what is in them: some of it is secret.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OtherSections(BTreeMap<String, [u8; 32]>);

impl OtherSections {
    fn of(values: &toml::Table) -> Self {
        let digest = |value: &toml::Value| {
            let text = Zeroizing::new(value.to_string());
            Sha256::digest(text.as_bytes()).into()
        };
        let sections = values.iter();
        Self(
            sections
                .map(|(name, value)| (name.clone(), digest(value)))
                .collect(),
        )
    }

    /// The sections that are not the same in both.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let names: BTreeSet<&String> = self.0.keys().chain(other.0.keys()).collect();
        let differ = names
            .into_iter()
            .filter(|name| self.0.get(*name) != other.0.get(*name));
        differ.cloned().collect()
    }
}

/// The callers of a file, and its other sections; every problem with the callers is added.
pub(super) fn callers(
    path: &str,
    text: &str,
    problems: &mut Vec<Problem>,
) -> (Vec<CallerConfig>, OtherSections) {
    let (document, mut values) = match (DeTable::parse(text), text.parse::<toml::Table>()) {
        (Ok(document), Ok(values)) => (document, values),
        (Err(error), _) | (_, Err(error)) => {
            problems.push(not_toml(path, text, &error));
            return (Vec::new(), OtherSections::default());
        }
    };
    let places = Places {
        path,
        text,
        document: document.get_ref(),
    };
    let configs = match values.remove(CALLERS) {
        None => Vec::new(),
        Some(toml::Value::Table(callers)) => callers::read(&callers, &places, problems),
        Some(_) => {
            problems.push(Problem {
                place: places.of(&[CALLERS]),
                message: "`callers` is not a section".to_owned(),
                hint: Some("write [callers.NAME] for each caller".to_owned()),
            });
            Vec::new()
        }
    };
    let others = OtherSections::of(&values);
    values.iter_mut().for_each(|(_, value)| wipe(value));
    (configs, others)
}

fn not_toml(path: &str, text: &str, error: &toml::de::Error) -> Problem {
    let place = error.span();
    let place = place.map_or_else(|| path.to_owned(), |span| place_of(path, text, &span));
    Problem {
        place,
        message: format!("not TOML: {}", error.message()),
        hint: None,
    }
}

/// Overrides settings with those of a file, without its callers. Returns whether the file could be parsed.
pub(super) fn add(
    layers: &mut Layers,
    path: &str,
    text: &str,
    problems: &mut Vec<Problem>,
) -> bool {
    // Parsed twice: once for the places, once for the values.
    let (document, mut values) = match (DeTable::parse(text), text.parse::<toml::Table>()) {
        (Ok(document), Ok(values)) => (document, values),
        (Err(error), _) | (_, Err(error)) => {
            problems.push(not_toml(path, text, &error));
            return false;
        }
    };
    for (section, keys) in document.get_ref() {
        let name = section.get_ref().as_ref();
        let place = place_of(path, text, &section.span());
        if name == CALLERS {
            continue;
        }
        if layers.value(TOP, name).is_some() {
            if let Some(value) = values.get(name)
                && let Err(refused) = layers.set(TOP, name, value.clone(), &place, Layer::File)
            {
                problems.push(Problem {
                    place,
                    message: refused.message,
                    hint: refused.hint,
                });
            }
            continue;
        }
        let DeValue::Table(keys) = keys.get_ref() else {
            problems.push(Problem {
                place,
                message: format!("`{name}` is not a section"),
                hint: None,
            });
            continue;
        };
        if !layers.names().any(|(section, _)| section == name) {
            let known = layers.names().map(|(section, _)| section);
            let hint = did_you_mean(name, known.chain([CALLERS]));
            problems.push(Problem {
                place,
                message: format!("unknown section `{name}`"),
                hint,
            });
            continue;
        }
        let section_values = values.get(name);
        for key in keys.keys() {
            let place = place_of(path, text, &key.span());
            let key = key.get_ref().as_ref();
            let Some(value) = section_values.and_then(|values| values.get(key)) else {
                continue;
            };
            if let Err(refused) = layers.set(name, key, value.clone(), &place, Layer::File) {
                problems.push(Problem {
                    place,
                    message: refused.message,
                    hint: refused.hint,
                });
            }
        }
    }
    values.iter_mut().for_each(|(_, value)| wipe(value));
    true
}
