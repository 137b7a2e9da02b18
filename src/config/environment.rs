//! The layer of the environment: variables such as `VERIGATE_GRPC__LISTEN`.

use std::ffi::{OsStr, OsString};

use toml::Value;
use zeroize::Zeroize as _;

use super::{
    error::{Problem, SettingError},
    fit::fit,
    layers::{Layer, Layers},
};

/// The prefix of our variables.
const PREFIX: &str = "VERIGATE_";
/// The separator of section and key in the name of a variable. With a single `_`, `VERIGATE_PORT` would be taken for a setting, which
/// Kubernetes sets for a service of our name.
const SEPARATOR: &str = "__";

/// The variable in which systemd names the folder with the credentials of a unit.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// Overrides settings with those of the environment.
pub(super) fn add(
    layers: &mut Layers,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
    problems: &mut Vec<Problem>,
) {
    for (name, value) in environment {
        if name == CREDENTIALS && !value.is_empty() {
            layers.set_credentials(value.into());
            continue;
        }
        let Some((name, rest)) = name
            .to_str()
            .and_then(|n| Some((n, n.strip_prefix(PREFIX)?)))
        else {
            continue;
        };
        // A section in a section has a separator too.
        let Some((section, key)) = rest.rsplit_once(SEPARATOR) else {
            problems.extend(nearly_a_setting(layers, name, rest));
            continue;
        };
        let section = section.replace(SEPARATOR, ".").to_ascii_lowercase();
        let key = key.to_ascii_lowercase();
        let set = typed(layers, &section, &key, &value)
            .and_then(|value| layers.set(&section, &key, value, name, Layer::Environment));
        if let Err(SettingError { message, hint }) = set {
            problems.push(Problem {
                place: name.to_owned(),
                message,
                hint,
            });
        }
        value.into_encoded_bytes().zeroize();
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
            &format!("{section}.{key}"),
            Value::String(text.to_owned()),
            default,
        ),
    }
}
