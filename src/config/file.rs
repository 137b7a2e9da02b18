//! The layer of the configuration file: TOML, with the places of its settings.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::{
    error::Problem,
    layers::{Layer, Layers, wipe},
};
use crate::policy::did_you_mean;

/// Overrides settings with those of a file. Returns whether the file could be parsed.
pub(super) fn add(
    layers: &mut Layers,
    path: &str,
    text: &str,
    problems: &mut Vec<Problem>,
) -> bool {
    let mut problem = |place: String, message: String, hint| {
        problems.push(Problem {
            place,
            message,
            hint,
        });
    };
    // Parsed twice: once for the places, once for the values.
    let (document, mut values) = match (DeTable::parse(text), text.parse::<toml::Table>()) {
        (Ok(document), Ok(values)) => (document, values),
        (Err(error), _) | (_, Err(error)) => {
            let place = error.span();
            let place = place.map_or_else(|| path.to_owned(), |span| place_of(path, text, &span));
            let message = format!("not TOML: {}", error.message());
            problem(place, message, None);
            return false;
        }
    };
    for (section, keys) in document.get_ref() {
        let name = section.get_ref().as_ref();
        let place = place_of(path, text, &section.span());
        let DeValue::Table(keys) = keys.get_ref() else {
            problem(place, format!("`{name}` is not a section"), None);
            continue;
        };
        if !layers.names().any(|(section, _)| section == name) {
            let hint = did_you_mean(name, layers.names().map(|(section, _)| section));
            problem(place, format!("unknown section `{name}`"), hint);
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
                problem(place, refused.message, refused.hint);
            }
        }
    }
    values.iter_mut().for_each(|(_, value)| wipe(value));
    true
}

/// A place as `path:line:column`, both counted from one.
fn place_of(path: &str, text: &str, span: &Range<usize>) -> String {
    let before = text.get(..span.start).unwrap_or(text);
    let line = before.matches('\n').count().saturating_add(1);
    let column = before.chars().rev().take_while(|c| *c != '\n').count();
    format!("{path}:{line}:{}", column.saturating_add(1))
}
