//! Settings in layers: the defaults say which settings there are and of which type, a file and the environment override
//! them one by one.

use std::{collections::BTreeMap, ffi::OsString, ops::Range};

use toml::{
    Value,
    de::{DeTable, DeValue},
};

use super::{DEFAULTS, Problem};
use crate::policy::did_you_mean;

/// What the names of our variables begin with.
const PREFIX: &str = "VERIGATE_";
/// What parts a section from a key in the name of a variable. One `_` would take `VERIGATE_PORT`, which Kubernetes sets for
/// a service of our name, for a setting.
const SEPARATOR: &str = "__";

/// Every setting, and where its value is from.
#[derive(Debug)]
pub(super) struct Layers {
    settings: BTreeMap<(String, String), Setting>,
}

#[derive(Debug)]
struct Setting {
    value: Value,
    place: String,
    layer: Layer,
}

/// Where a value is from; a later one overrides an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Layer {
    Default,
    File,
    Environment,
}

impl Layers {
    /// The lowest layer.
    pub(super) fn defaults() -> Self {
        let defaults: toml::Table = DEFAULTS.parse().unwrap_or_default();
        let mut settings = BTreeMap::new();
        for (section, keys) in defaults {
            let Value::Table(keys) = keys else { continue };
            for (key, value) in keys {
                let place = format!("{section}.{key}");
                let setting = Setting {
                    value,
                    place,
                    layer: Layer::Default,
                };
                settings.insert((section.clone(), key), setting);
            }
        }
        Self { settings }
    }

    /// Overrides settings with those of a file; whether it could be read.
    pub(super) fn add_file(&mut self, path: &str, text: &str, problems: &mut Vec<Problem>) -> bool {
        let at = |span: Range<usize>| {
            let before = text.get(..span.start).unwrap_or(text);
            let line = before.matches('\n').count().saturating_add(1);
            let column = before.chars().rev().take_while(|c| *c != '\n').count();
            format!("{path}:{line}:{}", column.saturating_add(1))
        };
        let mut problem = |place: String, message: String, hint| {
            problems.push(Problem {
                place,
                message,
                hint,
            });
        };
        // Read twice: once for the places, once for the values.
        let (document, values) = match (DeTable::parse(text), text.parse::<toml::Table>()) {
            (Ok(document), Ok(values)) => (document, values),
            (Err(error), _) | (_, Err(error)) => {
                let place = error.span().map_or_else(|| path.to_owned(), at);
                let message = format!("not TOML: {}", error.message());
                problem(place, message, None);
                return false;
            }
        };
        for (section, keys) in document.get_ref() {
            let (name, place) = (section.get_ref().as_ref(), at(section.span()));
            let known = self.settings.keys().any(|(s, _)| s == name);
            let DeValue::Table(keys) = keys.get_ref() else {
                problem(place, format!("`{name}` is not a section"), None);
                continue;
            };
            if !known {
                let hint = did_you_mean(name, self.settings.keys().map(|(s, _)| s.as_str()));
                problem(place, format!("unknown section `{name}`"), hint);
                continue;
            }
            for key in keys.keys() {
                let place = at(key.span());
                let Some(value) = values
                    .get(name)
                    .and_then(|keys| keys.get(key.get_ref().as_ref()))
                else {
                    continue;
                };
                let set = self.set(name, key.get_ref(), value.clone(), &place, Layer::File);
                if let Err((message, hint)) = set {
                    problem(place, message, hint);
                }
            }
        }
        true
    }

    /// Overrides settings with those of the environment: `VERIGATE_SECTION__KEY`.
    pub(super) fn add_environment(
        &mut self,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        problems: &mut Vec<Problem>,
    ) {
        for (name, value) in environment {
            let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else {
                continue;
            };
            let rest = name.strip_prefix(PREFIX).unwrap_or(name);
            let Some((section, key)) = rest.split_once(SEPARATOR) else {
                problems.extend(self.nearly_a_setting(name, rest));
                continue;
            };
            let (section, key) = (section.to_ascii_lowercase(), key.to_ascii_lowercase());
            let typed = value
                .to_str()
                .ok_or_else(|| ("the value is not UTF-8".to_owned(), None))
                .and_then(|text| self.typed(&section, &key, text));
            let set =
                typed.and_then(|value| self.set(&section, &key, value, name, Layer::Environment));
            if let Err((message, hint)) = set {
                problems.push(Problem {
                    place: name.to_owned(),
                    message,
                    hint,
                });
            }
        }
    }

    /// The problem of a variable that is a setting but for its second underscore.
    fn nearly_a_setting(&self, name: &str, rest: &str) -> Option<Problem> {
        let meant = self
            .settings
            .keys()
            .find(|(section, key)| format!("{section}_{key}").eq_ignore_ascii_case(rest));
        meant.map(|(section, key)| {
            let (section, key) = (section.to_ascii_uppercase(), key.to_ascii_uppercase());
            Problem {
                place: name.to_owned(),
                message: "sets nothing".to_owned(),
                hint: Some(format!("did you mean `{PREFIX}{section}{SEPARATOR}{key}`?")),
            }
        })
    }

    /// A variable's text as a value of the setting's type.
    fn typed(&self, section: &str, key: &str, text: &str) -> Result<Value, Refused> {
        let setting = self.settings.get(&(section.to_owned(), key.to_owned()));
        let written = match setting.map(|setting| &setting.value) {
            None | Some(Value::String(_)) => return Ok(Value::String(text.to_owned())),
            Some(other) => (
                other.type_str(),
                format!("value = {text}").parse::<toml::Table>(),
            ),
        };
        let (wanted, parsed) = written;
        parsed
            .ok()
            .and_then(|mut table| table.remove("value"))
            .ok_or_else(|| (format!("{section}.{key} is not of type {wanted}"), None))
    }

    fn set(
        &mut self,
        section: &str,
        key: &str,
        value: Value,
        place: &str,
        layer: Layer,
    ) -> Result<(), Refused> {
        let name = (section.to_owned(), key.to_owned());
        let Some(setting) = self.settings.get_mut(&name) else {
            let known = self.settings.keys().map(|(s, k)| format!("{s}.{k}"));
            let known: Vec<String> = known.collect();
            let full = format!("{section}.{key}");
            let hint = did_you_mean(&full, known.iter().map(String::as_str));
            return Err((format!("unknown setting `{full}`"), hint));
        };
        if !value.same_type(&setting.value) {
            let wanted = setting.value.type_str();
            return Err((format!("{section}.{key} is not of type {wanted}"), None));
        }
        *setting = Setting {
            value,
            place: place.to_owned(),
            layer,
        };
        Ok(())
    }

    /// Where the value of this setting is from.
    pub(super) fn place(&self, section: &str, key: &str) -> String {
        self.get(section, key)
            .map_or_else(String::new, |setting| setting.place.clone())
    }

    /// Which layer the value of this setting is from.
    pub(super) fn layer(&self, section: &str, key: &str) -> Layer {
        self.get(section, key)
            .map_or(Layer::Default, |setting| setting.layer)
    }

    /// A text.
    pub(super) fn text(&self, section: &str, key: &str) -> &str {
        self.get(section, key)
            .and_then(|setting| setting.value.as_str())
            .unwrap_or_default()
    }

    /// A whole number.
    pub(super) fn integer(&self, section: &str, key: &str) -> i64 {
        self.get(section, key)
            .and_then(|setting| setting.value.as_integer())
            .unwrap_or_default()
    }

    /// A number.
    pub(super) fn number(&self, section: &str, key: &str) -> f64 {
        self.get(section, key)
            .and_then(|setting| setting.value.as_float())
            .unwrap_or_default()
    }

    /// A list of texts; nothing where an item is none.
    pub(super) fn list(&self, section: &str, key: &str) -> Vec<Option<&str>> {
        let list = self.get(section, key).and_then(|s| s.value.as_array());
        list.map_or_else(Vec::new, |list| list.iter().map(|v| v.as_str()).collect())
    }

    /// A table of texts; nothing where a value is none.
    pub(super) fn table(&self, section: &str, key: &str) -> Vec<(&str, Option<&str>)> {
        let table = self.get(section, key).and_then(|s| s.value.as_table());
        table.map_or_else(Vec::new, |table| {
            table
                .iter()
                .map(|(k, v)| (k.as_str(), v.as_str()))
                .collect()
        })
    }

    fn get(&self, section: &str, key: &str) -> Option<&Setting> {
        self.settings.get(&(section.to_owned(), key.to_owned()))
    }
}

/// Why a setting cannot be set, and a hint.
type Refused = (String, Option<String>);
