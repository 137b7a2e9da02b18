//! The layer of the environment: variables such as `VERIGATE_GRPC__LISTEN`.

use std::{
    ffi::{OsStr, OsString},
    path::PathBuf,
};

use toml::Value;
use zeroize::Zeroize as _;

use super::{
    error::{Problem, SettingError},
    file::CALLERS,
    fit::fit,
    layers::{Layer, Layers, TOP, full_name},
};

/// The prefix of our variables.
const PREFIX: &str = "VERIGATE_";
/// The separator of section and key in the name of a variable. With a single `_`, `VERIGATE_PORT` would be taken for a setting, which
/// Kubernetes sets for a service of our name.
const SEPARATOR: &str = "__";

/// The variable in which systemd names the folder with the credentials of a unit.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// The folder in which systemd puts the credentials of a unit, if the environment names one.
pub(super) fn credentials(environment: &[(OsString, OsString)]) -> Option<PathBuf> {
    let mut variables = environment.iter();
    let found = variables.find(|(name, value)| name == CREDENTIALS && !value.is_empty());
    found.map(|(_, folder)| folder.into())
}

/// Overrides settings with those of the environment.
pub(super) fn add(
    layers: &mut Layers,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
    problems: &mut Vec<Problem>,
) {
    for (name, value) in environment {
        let Some((name, rest)) = name
            .to_str()
            .and_then(|n| Some((n, n.strip_prefix(PREFIX)?)))
        else {
            continue;
        };
        problems.extend(add_one(layers, name, rest, &value));
        value.into_encoded_bytes().zeroize();
    }
}

/// Sets what one variable is for; what is wrong with it. `rest` is its name without the prefix.
fn add_one(layers: &mut Layers, name: &str, rest: &str, value: &OsStr) -> Option<Problem> {
    let lower = rest.to_ascii_lowercase();
    if lower == CALLERS || lower.starts_with("callers__") {
        return Some(callers_are_in_the_file(name));
    }
    let (section, key) = if layers.value(TOP, &lower).is_some() {
        (TOP.to_owned(), lower.as_str())
    } else if let Some((section, key)) = lower.rsplit_once(SEPARATOR) {
        // A section in a section has a separator too.
        (section.replace(SEPARATOR, "."), key)
    } else {
        return nearly_a_setting(layers, name, rest);
    };
    let set = typed(layers, &section, key, value)
        .and_then(|value| layers.set(&section, key, value, name, Layer::Environment));
    let SettingError { message, hint } = set.err()?;
    Some(Problem {
        place: name.to_owned(),
        message,
        hint,
    })
}

/// Callers are read again while the service runs, and the environment cannot be.
fn callers_are_in_the_file(name: &str) -> Problem {
    Problem {
        place: name.to_owned(),
        message: "callers cannot be set by the environment".to_owned(),
        hint: Some("write [callers.NAME] in the configuration file".to_owned()),
    }
}

/// The problem of a variable that would be a setting with a second underscore.
fn nearly_a_setting(layers: &Layers, name: &str, rest: &str) -> Option<Problem> {
    let (section, key) = layers.names().find(|(section, key)| {
        let name = format!("{section}_{key}").replace('.', "_");
        name.eq_ignore_ascii_case(rest)
    })?;
    let section = section.replace('.', SEPARATOR).to_ascii_uppercase();
    let key = key.to_ascii_uppercase();
    Some(Problem {
        place: name.to_owned(),
        message: "sets nothing".to_owned(),
        hint: Some(format!("did you mean `{PREFIX}{section}{SEPARATOR}{key}`?")),
    })
}

/// The text of a variable as a value of the type of the setting.
fn typed(layers: &Layers, section: &str, key: &str, text: &OsStr) -> Result<Value, SettingError> {
    let text = text
        .to_str()
        .ok_or_else(|| SettingError::new("the value is not UTF-8"))?;
    let default = match layers.value(section, key) {
        None | Some(Value::String(_)) => return Ok(Value::String(text.to_owned())),
        Some(default) => default,
    };
    let parsed = format!("value = {text}").parse::<toml::Table>();
    let value = parsed.ok().and_then(|mut table| table.remove("value"));
    match value {
        Some(value) => Ok(value),
        // Refused as the text that it is, with what to write instead.
        None => fit(
            &full_name(section, key),
            Value::String(text.to_owned()),
            default,
        ),
    }
}
