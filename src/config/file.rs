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
    let mut file = File {
        path,
        text,
        layers,
        problems,
    };
    for (section, keys) in document.get_ref() {
        let name = section.get_ref().as_ref();
        let (DeValue::Table(keys), Some(section_values)) = (keys.get_ref(), values.get(name))
        else {
            file.problem(&section.span(), format!("`{name}` is not a section"), None);
            continue;
        };
        if !file.layers.has_section(name) {
            let hint = did_you_mean(name, file.layers.names().map(|(section, _)| section));
            file.problem(&section.span(), format!("unknown section `{name}`"), hint);
            continue;
        }
        file.add_section(name, keys, section_values);
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
    /// Adds the settings of a section, and of the sections in it.
    fn add_section(&mut self, name: &str, keys: &DeTable<'_>, values: &toml::Value) {
        for (key, table) in keys {
            let span = key.span();
            let key = key.get_ref().as_ref();
            let Some(value) = values.get(key) else {
                continue;
            };
            let inner = format!("{name}.{key}");
            if self.layers.has_section(&inner) {
                match table.get_ref() {
                    DeValue::Table(keys) => self.add_section(&inner, keys, value),
                    _ => self.problem(&span, format!("`{inner}` is not a section"), None),
                }
                continue;
            }
            let place = place_of(self.path, self.text, &span);
            let set = self
                .layers
                .set(name, key, value.clone(), &place, Layer::File);
            if let Err(refused) = set {
                self.problem(&span, refused.message, refused.hint);
            }
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

/// A place as `path:line:column`, both counted from one.
fn place_of(path: &str, text: &str, span: &Range<usize>) -> String {
    let before = text.get(..span.start).unwrap_or(text);
    let line = before.matches('\n').count().saturating_add(1);
    let column = before.chars().rev().take_while(|c| *c != '\n').count();
    format!("{path}:{line}:{}", column.saturating_add(1))
}
