//! The layer of the configuration file: TOML, with the places of its settings.

use toml::de::{DeTable, DeValue};

use super::{
    callers,
    error::Problem,
    layers::{Layer, Layers, TOP},
    places::{Places, place_of},
};
use crate::{callers::CallerConfig, policy::did_you_mean};

/// The section of the callers, which has a table for each.
pub(super) const CALLERS: &str = "callers";

/// The callers of a file, and its other sections; every problem with the callers is added.
pub(super) fn callers(
    path: &str,
    text: &str,
    problems: &mut Vec<Problem>,
) -> (Vec<CallerConfig>, toml::Table) {
    let (document, mut values) = match (DeTable::parse(text), text.parse::<toml::Table>()) {
        (Ok(document), Ok(values)) => (document, values),
        (Err(error), _) | (_, Err(error)) => {
            problems.push(not_toml(path, text, &error));
            return (Vec::new(), toml::Table::new());
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
    (configs, values)
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
    let (document, values) = match (DeTable::parse(text), text.parse::<toml::Table>()) {
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
        let values = values.get(name);
        for key in keys.keys() {
            let place = place_of(path, text, &key.span());
            let key = key.get_ref().as_ref();
            let Some(value) = values.and_then(|values| values.get(key)) else {
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
    true
}
