//! Fits a value to its setting: the type must be that of the default, and a text must not carry what was meant for a shell, a template
//! or TOML. No message shows the value, because it may be a secret.

use toml::Value;

use super::error::SettingError;
use crate::policy::{parse_duration, yaml::is_visible};

/// Settings that may be a table of texts in place of one text.
const TEXTS_OR_TABLES: [&str; 1] = ["authzen.policy_from"];

/// Fits a value of a file or a variable to the setting of this name.
pub(super) fn fit(name: &str, value: Value, default: &Value) -> Result<Value, SettingError> {
    let value = match (default, value) {
        (Value::Float(_), Value::Integer(number)) => match i32::try_from(number) {
            Ok(number) => Value::Float(number.into()),
            Err(_) => return Err(SettingError::new(format!("{name} is too large"))),
        },
        (default, value) if value.same_type(default) => value,
        (Value::String(_), value @ Value::Table(_)) if TEXTS_OR_TABLES.contains(&name) => value,
        (default, value) => {
            let wanted = default.type_str();
            return Err(SettingError {
                message: format!("{name} is not of type {wanted}"),
                hint: hint(&value, default),
            });
        }
    };
    check_texts(name, &value)?;
    Ok(value)
}

/// What to write instead of a value of another type.
fn hint(value: &Value, default: &Value) -> Option<String> {
    let hint = match (default, value) {
        (Value::String(default), Value::Integer(_) | Value::Float(_)) => {
            if parse_duration(default).is_ok() {
                r#"a duration is a text with a unit, such as "2s""#
            } else {
                "write it in quotes"
            }
        }
        (Value::String(_), Value::Boolean(_) | Value::Datetime(_)) => "write it in quotes",
        (Value::Integer(_), Value::Float(_)) => "a whole number has no point and no exponent",
        (Value::Integer(_) | Value::Float(_), Value::String(text)) => {
            let number = text.trim().replace('_', "").parse::<f64>();
            if number.is_err() {
                return None;
            }
            "write the number without quotes"
        }
        (Value::Array(_), Value::String(_)) => r#"a list is written as ["one", "two"]"#,
        (Value::Table(_), _) => r#"a table is written as { name = "value" }"#,
        _ => return None,
    };
    Some(hint.to_owned())
}

/// Checks every text in a value.
fn check_texts(name: &str, value: &Value) -> Result<(), SettingError> {
    match value {
        Value::String(text) => match mistake(text) {
            Some(mistake) => Err(mistake.of(name)),
            None => Ok(()),
        },
        Value::Array(items) => items.iter().try_for_each(|item| check_texts(name, item)),
        Value::Table(table) => table.values().try_for_each(|item| check_texts(name, item)),
        _ => Ok(()),
    }
}

/// What is surely not meant in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextMistake {
    Blanks,
    Control,
    Quotes,
    Placeholder,
}

impl TextMistake {
    /// What is wrong, in words that follow a name, and what to do.
    pub(super) fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Blanks => ("begins or ends with a space or a line end", "remove it"),
            Self::Control => ("has control or invisible characters in it", "remove them"),
            Self::Quotes => (
                "begins or ends with a quote, which is part of the value",
                "remove it: files and variables are read as they are",
            ),
            Self::Placeholder => (
                "contains a placeholder",
                "settings are not expanded: write the value, or set the variable VERIGATE_SECTION__KEY",
            ),
        }
    }

    /// The problem of the setting that has it.
    fn of(self, name: &str) -> SettingError {
        let (message, hint) = self.words();
        SettingError {
            message: format!("{name} {message}"),
            hint: Some(hint.to_owned()),
        }
    }
}

/// What is surely not meant in this text.
pub(super) fn mistake(text: &str) -> Option<TextMistake> {
    let is_quote = |c: char| matches!(c, '"' | '\'' | '`' | '\u{2018}'..='\u{201f}');
    if text.trim() != text || text.starts_with('\u{feff}') {
        Some(TextMistake::Blanks)
    } else if text.chars().any(|c| c.is_control() || !is_visible(c)) {
        Some(TextMistake::Control)
    } else if text.starts_with(is_quote) || text.ends_with(is_quote) {
        Some(TextMistake::Quotes)
    } else if has_placeholder(text) {
        Some(TextMistake::Placeholder)
    } else {
        None
    }
}

/// Whether a text has `${NAME}`, `$(NAME)` or `{{ NAME }}` in it, or is `$NAME`, `%NAME%` or `<NAME>`.
fn has_placeholder(text: &str) -> bool {
    let named = |name: &str| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || " _.:-".contains(c);
        !name.trim().is_empty() && name.chars().all(allowed)
    };
    let inside = |open: &str, close: &str| {
        let mut parts = text.split(open).skip(1);
        parts.any(|rest| rest.split_once(close).is_some_and(|(name, _)| named(name)))
    };
    let around = |open: &str, close: &str| {
        let name = text.strip_prefix(open).and_then(|t| t.strip_suffix(close));
        name.is_some_and(named)
    };
    let shell_name = |name: &str| {
        let allowed = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        !name.is_empty() && name.chars().all(allowed)
    };
    inside("${", "}")
        || inside("$(", ")")
        || inside("{{", "}}")
        || around("<", ">")
        || text.strip_prefix('$').is_some_and(shell_name)
        || text
            .strip_prefix('%')
            .and_then(|t| t.strip_suffix('%'))
            .is_some_and(shell_name)
}

#[cfg(test)]
mod tests;
