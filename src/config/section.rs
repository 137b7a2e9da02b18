//! Reads the settings of one section as values of a type.

use std::{path::Path, time::Duration};

use url::Url;

use super::{
    error::Problem,
    layers::{Layer, Layers},
};
use crate::{
    listener::{AddressError, ListenAddress},
    policy::parse_duration,
    rate_limit::Rate,
    web_url::web_url,
};

/// The largest number of things that happen in a second, or at once.
const COUNT_MAX: u32 = 1_000_000;

/// Proof that a problem was recorded. Who has it instead of a value has nothing left to report.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reported(());

/// The settings of one section. Each reading function records what is wrong with the setting that it reads.
#[derive(Debug)]
pub(super) struct Section<'r> {
    name: &'static str,
    layers: &'r Layers,
    problems: &'r mut Vec<Problem>,
    /// Whether the file could not be read, which explains every setting that is missing.
    file_is_missing: bool,
}

impl<'r> Section<'r> {
    pub(super) fn new(
        name: &'static str,
        layers: &'r Layers,
        problems: &'r mut Vec<Problem>,
        file_is_missing: bool,
    ) -> Self {
        Self {
            name,
            layers,
            problems,
            file_is_missing,
        }
    }

    /// The name of the section.
    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// A text, which may be empty.
    pub(super) fn text(&self, key: &str) -> &'r str {
        self.layers.text(self.name, key)
    }

    /// The folder with the credentials of systemd, if there is one.
    pub(super) fn credentials(&self) -> Option<&'r Path> {
        self.layers.credentials()
    }

    /// A truth value.
    pub(super) fn boolean(&mut self, key: &str) -> Result<bool, Reported> {
        let value = self.layers.boolean(self.name, key);
        value.ok_or_else(|| {
            let message = format!("{}.{key} is not true or false", self.name);
            self.problem(key, message, None)
        })
    }

    /// A number.
    pub(super) fn number(&self, key: &str) -> f64 {
        self.layers.number(self.name, key)
    }

    /// A list of texts; `None` in the place of an item that is not a text.
    pub(super) fn list(&self, key: &str) -> Vec<Option<&'r str>> {
        self.layers.list(self.name, key)
    }

    /// A table of texts; `None` in the place of a value that is not a text.
    pub(super) fn table(&self, key: &str) -> Vec<(&'r str, Option<&'r str>)> {
        self.layers.table(self.name, key)
    }

    /// The layer that sets a value.
    pub(super) fn layer(&self, key: &str) -> Layer {
        self.layers.layer(self.name, key)
    }

    /// A text that is not empty.
    pub(super) fn required(&mut self, key: &str) -> Result<&'r str, Reported> {
        let text = self.text(key);
        if text.is_empty() {
            return Err(self.missing(key, None));
        }
        Ok(text)
    }

    /// A duration above zero.
    pub(super) fn duration(&mut self, key: &str) -> Result<Duration, Reported> {
        let text = self.text(key);
        match parse_duration(text) {
            Ok(duration) if !duration.is_zero() => Ok(duration),
            _ => {
                let message = format!("{}.{key}: `{text}` is not a duration above zero", self.name);
                Err(self.problem(key, message, Some(r#"such as "2s""#)))
            }
        }
    }

    /// A number of bytes above zero.
    pub(super) fn bytes(&mut self, key: &str) -> Result<usize, Reported> {
        let text = self.text(key);
        match parse_bytes(text) {
            Some(bytes) if bytes > 0 => Ok(bytes),
            _ => {
                let message = format!("{}.{key}: `{text}` is not an amount of memory", self.name);
                let hint = r#"a whole number with a unit, KiB, MiB or GiB, such as "128MiB""#;
                Err(self.problem(key, message, Some(hint)))
            }
        }
    }

    /// A number of at least one.
    pub(super) fn at_least_one(&mut self, key: &str) -> Result<u64, Reported> {
        match u64::try_from(self.layers.integer(self.name, key)) {
            Ok(number) if number > 0 => Ok(number),
            _ => {
                let message = format!("{}.{key} must be at least 1", self.name);
                Err(self.problem(key, message, None))
            }
        }
    }

    /// A number of at least one that counts events.
    pub(super) fn count(&mut self, key: &str) -> Result<u32, Reported> {
        let number = self.at_least_one(key)?;
        match u32::try_from(number) {
            Ok(count) if count <= COUNT_MAX => Ok(count),
            _ => {
                let message = format!("{}.{key} must be at most {COUNT_MAX}", self.name);
                Err(self.problem(key, message, None))
            }
        }
    }

    /// A rate by its two settings.
    pub(super) fn rate(&mut self, per_second: &str, burst: &str) -> Result<Rate, Reported> {
        let per_second = self.count(per_second);
        let burst = self.count(burst);
        Ok(Rate {
            per_second: per_second?,
            burst: burst?,
        })
    }

    /// The value of one of these words.
    pub(super) fn one_of<T: Copy>(
        &mut self,
        key: &str,
        words: &[(&str, T)],
    ) -> Result<T, Reported> {
        let text = self.text(key);
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Ok(*value);
        }
        let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let words = words.join(", ");
        let message = format!("{}.{key}: `{text}` is not one of: {words}", self.name);
        Err(self.problem(key, message, None))
    }

    /// An address to listen on.
    pub(super) fn address(&mut self, key: &str) -> Result<ListenAddress, Reported> {
        let text = self.text(key);
        text.parse().map_err(|error: AddressError| {
            let name = self.name;
            let message = format!("{name}.{key}: `{text}` {error}");
            let hint =
                r#"such as "127.0.0.1:50051", "[::1]:50051" or "unix:/run/verigate/grpc.sock""#;
            self.problem(key, message, Some(hint))
        })
    }

    /// An address of http or https. It is not shown: a password may be in it.
    pub(super) fn web_url(&mut self, key: &str, hint: &str) -> Result<Url, Reported> {
        web_url(self.text(key)).map_err(|error| {
            let message = format!("{}.{key} {error}", self.name);
            self.problem(key, message, Some(hint))
        })
    }

    /// Records that a setting is missing.
    pub(super) fn missing(&mut self, key: &str, hint: Option<&str>) -> Reported {
        if self.file_is_missing {
            // Recorded when the file was read.
            return Reported(());
        }
        self.problem(key, format!("{}.{key} is not set", self.name), hint)
    }

    /// Records a problem of a setting.
    pub(super) fn problem(
        &mut self,
        key: &str,
        message: impl Into<String>,
        hint: Option<&str>,
    ) -> Reported {
        self.problems.push(Problem {
            place: self.layers.place(self.name, key),
            message: message.into(),
            hint: hint.map(str::to_owned),
        });
        Reported(())
    }
}

/// Bytes as a whole number with its unit.
fn parse_bytes(text: &str) -> Option<usize> {
    let units = [("KiB", 10), ("MiB", 20), ("GiB", 30)];
    units.iter().find_map(|(unit, shift)| {
        let number = text.strip_suffix(unit)?;
        // `parse` accepts a sign.
        let is_number = number.bytes().all(|digit| digit.is_ascii_digit());
        let number: usize = number.parse().ok().filter(|_| is_number)?;
        number.checked_mul(1 << shift)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_of_memory_is_a_whole_number_with_its_unit() {
        for (text, bytes) in [
            ("128MiB", Some(134_217_728)),
            ("1KiB", Some(1_024)),
            ("2GiB", Some(2_147_483_648)),
            ("128", None),
            ("128MB", None),
            ("MiB", None),
            ("+1MiB", None),
            ("-1MiB", None),
            ("1.5GiB", None),
            ("1 MiB", None),
            ("99999999999999999999GiB", None),
            ("17179869184GiB", None),
            ("", None),
        ] {
            assert_eq!(parse_bytes(text), bytes, "{text}");
        }
    }
}
