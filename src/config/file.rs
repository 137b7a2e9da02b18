//! The layer of the configuration file: TOML, with the places of its settings.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    path::Path,
};

use sha2::{Digest as _, Sha256};
use toml::de::{DeTable, DeValue};
use zeroize::Zeroizing;

use super::{
    callers,
    error::Problem,
    layers::{Layer, Layers, TOP, wipe},
    places::{Places, place_of},
};
use crate::{callers::CallerConfig, files::writers, policy::did_you_mean};

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

/// Why a file is not used although it can be read: somebody besides its owner and root can write it. Blocks.
pub(super) fn written_by_others(path: &Path) -> Option<Problem> {
    let exposures = writers(path);
    let exposure = exposures.iter().find(|found| found.is_writable())?;
    Some(Problem {
        place: path.display().to_string(),
        message: format!("the configuration is not used, because {exposure}"),
        hint: Some(
            "it decides who may ask, which policies count, and whose evidence is believed"
                .to_owned(),
        ),
    })
}

/// The callers of a file, and its other sections; every problem with the callers is added.
pub(super) fn callers(
    path: &str,
    text: &str,
    credentials: Option<&Path>,
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
        Some(toml::Value::Table(callers)) => {
            callers::read(&callers, &places, credentials, problems)
        }
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

/// The place of the key at the end of this path; `None` if there is none.
pub(super) fn place(path: &str, text: &str, keys: &[&str]) -> Option<String> {
    let document = DeTable::parse(text).ok()?;
    let places = Places {
        path,
        text,
        document: document.get_ref(),
    };
    places.of_all(keys)
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
    let mut file = File {
        path,
        text,
        layers,
        problems,
    };
    for (section, keys) in document.get_ref() {
        let (span, name) = (section.span(), section.get_ref().as_ref());
        if name != CALLERS
            && let Some(value) = values.get(name)
        {
            file.add_top(name, &span, keys.get_ref(), value);
        }
    }
    values.iter_mut().for_each(|(_, value)| wipe(value));
    true
}

/// A file whose settings are added.
struct File<'f> {
    path: &'f str,
    text: &'f str,
    layers: &'f mut Layers,
    problems: &'f mut Vec<Problem>,
}

impl File<'_> {
    /// Adds a section, or a setting that is in none.
    fn add_top(
        &mut self,
        name: &str,
        span: &Range<usize>,
        keys: &DeValue<'_>,
        value: &toml::Value,
    ) {
        if self.layers.value(TOP, name).is_some() {
            self.add_setting(TOP, name, span, value);
        } else if let DeValue::Table(keys) = keys {
            if self.layers.has_section(name) {
                self.add_section(name, keys, value);
            } else {
                let known = self.layers.names().map(|(section, _)| section);
                let hint = did_you_mean(name, known.chain([CALLERS]));
                self.problem(span, format!("unknown section `{name}`"), hint);
            }
        } else {
            self.problem(span, format!("`{name}` is not a section"), None);
        }
    }

    /// Adds the settings of a section, and of the sections in it.
    fn add_section(&mut self, name: &str, keys: &DeTable<'_>, values: &toml::Value) {
        for (key, table) in keys {
            let span = key.span();
            let key = key.get_ref().as_ref();
            let Some(value) = values.get(key) else {
                continue;
            };
            let inner = format!("{name}.{key}");
            if !self.layers.has_section(&inner) {
                self.add_setting(name, key, &span, value);
            } else if let DeValue::Table(keys) = table.get_ref() {
                self.add_section(&inner, keys, value);
            } else {
                self.problem(&span, format!("`{inner}` is not a section"), None);
            }
        }
    }

    fn add_setting(&mut self, section: &str, key: &str, span: &Range<usize>, value: &toml::Value) {
        let place = place_of(self.path, self.text, span);
        let set = self
            .layers
            .set(section, key, value.clone(), &place, Layer::File);
        if let Err(refused) = set {
            self.problem(span, refused.message, refused.hint);
        }
    }

    fn problem(&mut self, span: &Range<usize>, message: String, hint: Option<String>) {
        self.problems.push(Problem {
            place: place_of(self.path, self.text, span),
            message,
            hint,
        });
    }
}
