//! Settings in layers. The defaults define which settings there are and of which type; a file and the environment override them one by
//! one.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use toml::Value;
use zeroize::Zeroize as _;

use super::{error::SettingError, fit::fit};
use crate::policy::did_you_mean;

/// The defaults, which are the documentation of the settings too.
pub const DEFAULTS: &str = include_str!("../config.default.toml");

/// The section of the settings that stand before the first one.
pub(super) const TOP: &str = "";

/// Every setting, with its value and where that was set.
#[derive(Debug)]
pub(super) struct Layers {
    settings: BTreeMap<(String, String), Setting>,
    /// Where systemd puts the credentials of the unit.
    credentials: Option<PathBuf>,
}

/// A value, which may be a secret: it is not shown, and overwritten when it is dropped.
struct Setting {
    value: Value,
    place: String,
    layer: Layer,
}

/// Where a value was set. A later layer overrides an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Layer {
    Default,
    File,
    Environment,
}

impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setting")
            .field("place", &self.place)
            .field("layer", &self.layer)
            .finish_non_exhaustive()
    }
}

impl Drop for Setting {
    fn drop(&mut self) {
        wipe(&mut self.value);
    }
}

/// Overwrites every text in a value.
pub(super) fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Table(table) => table.iter_mut().for_each(|(_, value)| wipe(value)),
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => {}
    }
}

impl Default for Layers {
    /// The defaults alone.
    fn default() -> Self {
        let defaults: toml::Table = DEFAULTS.parse().unwrap_or_default();
        let mut settings = BTreeMap::new();
        for (section, keys) in defaults {
            if let Value::Table(keys) = keys {
                add_section(&mut settings, &section, keys);
            } else {
                let setting = Setting {
                    value: keys,
                    place: section.clone(),
                    layer: Layer::Default,
                };
                settings.insert((TOP.to_owned(), section), setting);
            }
        }
        Self {
            settings,
            credentials: None,
        }
    }
}

/// Adds the settings of a section, and of the sections in it: of the tables that have settings. A table without any is a setting.
fn add_section(
    settings: &mut BTreeMap<(String, String), Setting>,
    section: &str,
    keys: toml::Table,
) {
    for (key, value) in keys {
        let place = format!("{section}.{key}");
        match value {
            Value::Table(keys) if !keys.is_empty() => add_section(settings, &place, keys),
            value => {
                let setting = Setting {
                    value,
                    place,
                    layer: Layer::Default,
                };
                settings.insert((section.to_owned(), key), setting);
            }
        }
    }
}

impl Layers {
    /// Whether there is a section of this name.
    pub(super) fn has_section(&self, name: &str) -> bool {
        self.names().any(|(section, _)| section == name)
    }

    /// The folder with the credentials of systemd, if there is one.
    pub(super) fn credentials(&self) -> Option<&Path> {
        self.credentials.as_deref()
    }

    /// Sets the folder with the credentials of systemd.
    pub(super) fn set_credentials(&mut self, folder: Option<PathBuf>) {
        self.credentials = folder;
    }

    /// The section and key of every setting.
    pub(super) fn names(&self) -> impl Iterator<Item = (&str, &str)> {
        let names = self.settings.keys();
        names.map(|(section, key)| (section.as_str(), key.as_str()))
    }

    /// The value of a setting, if there is such a setting.
    pub(super) fn value(&self, section: &str, key: &str) -> Option<&Value> {
        self.get(section, key).map(|setting| &setting.value)
    }

    /// Sets a text in place of its default.
    pub(super) fn set_default(&mut self, section: &str, key: &str, text: &str) {
        let name = (section.to_owned(), key.to_owned());
        if let Some(setting) = self.settings.get_mut(&name) {
            wipe(&mut setting.value);
            setting.value = Value::String(text.to_owned());
        }
    }

    /// Overrides a setting. The value must fit it.
    pub(super) fn set(
        &mut self,
        section: &str,
        key: &str,
        value: Value,
        place: &str,
        layer: Layer,
    ) -> Result<(), SettingError> {
        let name = (section.to_owned(), key.to_owned());
        let Some(setting) = self.settings.get_mut(&name) else {
            let known: Vec<String> = self.names().map(|(s, k)| full_name(s, k)).collect();
            let full = full_name(section, key);
            let hint = if self.get(TOP, key).is_some() {
                Some(format!("write `{key}` before the first section"))
            } else {
                did_you_mean(&full, known.iter().map(String::as_str))
            };
            let message = format!("unknown setting `{full}`");
            return Err(SettingError { message, hint });
        };
        let value = fit(&full_name(section, key), value, &setting.value)?;
        *setting = Setting {
            value,
            place: place.to_owned(),
            layer,
        };
        Ok(())
    }

    /// Where the value of this setting was set: a position in a file, a variable, or the name of the setting.
    pub(super) fn place(&self, section: &str, key: &str) -> String {
        self.get(section, key)
            .map_or_else(String::new, |setting| setting.place.clone())
    }

    /// The layer that sets this setting.
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

    /// Whether a flag is set.
    pub(super) fn flag(&self, section: &str, key: &str) -> bool {
        self.get(section, key)
            .and_then(|setting| setting.value.as_bool())
            .unwrap_or_default()
    }

    /// A whole number.
    pub(super) fn integer(&self, section: &str, key: &str) -> i64 {
        self.get(section, key)
            .and_then(|setting| setting.value.as_integer())
            .unwrap_or_default()
    }

    /// A truth value.
    pub(super) fn boolean(&self, section: &str, key: &str) -> Option<bool> {
        self.get(section, key)
            .and_then(|setting| setting.value.as_bool())
    }

    /// A number.
    pub(super) fn number(&self, section: &str, key: &str) -> f64 {
        self.get(section, key)
            .and_then(|setting| setting.value.as_float())
            .unwrap_or_default()
    }

    /// A list of texts; `None` in the place of an item that is not a text.
    pub(super) fn list(&self, section: &str, key: &str) -> Vec<Option<&str>> {
        let list = self.get(section, key).and_then(|s| s.value.as_array());
        list.map_or_else(Vec::new, |list| list.iter().map(|v| v.as_str()).collect())
    }

    /// A table of texts; `None` in the place of a value that is not a text.
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

/// The name of a setting in messages.
pub(super) fn full_name(section: &str, key: &str) -> String {
    if section == TOP {
        key.to_owned()
    } else {
        format!("{section}.{key}")
    }
}
