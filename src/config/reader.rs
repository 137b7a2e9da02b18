//! Puts the layers together, and hands out the sections that components read.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use super::{
    environment,
    error::Problem,
    file,
    incode::Account,
    layers::{Layer, Layers, TOP},
    section::Section,
};
use crate::{callers::CallerConfig, secrets::read_text};

/// The size of a configuration file, in bytes.
const FILE_BYTES_MAX: usize = 1024 * 1024;

/// Reads a configuration file. One that others can change is not used: it says who may ask. Blocks.
pub(super) fn read_file(path: &Path) -> Result<Zeroizing<String>, Problem> {
    if let Some(problem) = file::written_by_others(path) {
        return Err(problem);
    }
    read_text(path, FILE_BYTES_MAX).map_err(|error| Problem {
        place: path.display().to_string(),
        message: format!("cannot be read: {error}"),
        hint: None,
    })
}

/// The settings that are secrets.
const SECRETS: [(&str, &str); 8] = [
    ("incode", "api_key"),
    ("incode", "secret"),
    ("webhook", "secret"),
    ("webhook", "previous_secret"),
    ("step_up", "state_key"),
    ("step_up", "previous_state_key"),
    ("journal", "signing_key"),
    ("journal", "identifier_key"),
];

/// The table of headers to the vendor, any of which may be a secret.
const HEADERS: (&str, &str) = ("incode", "headers");

/// The layers, and the problems that were found in them until now.
#[derive(Debug, Default)]
pub(super) struct Reader {
    layers: Layers,
    problems: Vec<Problem>,
    /// Whether the file could not be read. That explains every setting that is missing, so these are not reported.
    file_is_missing: bool,
    callers: Vec<CallerConfig>,
}

impl Reader {
    /// Sets the folder in which systemd puts the credentials of the unit.
    pub(super) fn set_credentials(&mut self, folder: Option<PathBuf>) {
        self.layers.set_credentials(folder);
    }

    /// Overrides settings with those of a file.
    pub(super) fn add_file(&mut self, path: &Path) {
        let shown = path.display().to_string();
        self.file_is_missing = match read_file(path) {
            Ok(text) => {
                let is_parsed = file::add(&mut self.layers, &shown, &text, &mut self.problems);
                if is_parsed {
                    let credentials = self.layers.credentials();
                    (self.callers, _) =
                        file::callers(&shown, &text, credentials, &mut self.problems);
                }
                !is_parsed
            }
            Err(problem) => {
                self.problems.push(problem);
                true
            }
        };
    }

    /// Overrides settings with those of the environment.
    pub(super) fn add_environment(
        &mut self,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) {
        environment::add(&mut self.layers, environment, &mut self.problems);
    }

    /// Sets the account at the vendor.
    pub(super) fn add_account(&mut self, account: &Account) {
        account.set(&mut self.layers);
    }

    /// Whether the file has a secret in it, and not only the name of a file with one.
    pub(super) fn file_has_secret(&self) -> bool {
        let is_of_file = |section: &str, key: &str| self.layers.layer(section, key) == Layer::File;
        let mut secrets = SECRETS.iter();
        let has_text = secrets.any(|(section, key)| {
            is_of_file(section, key) && !self.layers.text(section, key).is_empty()
        });
        // The value of a header may be the key of a gateway.
        let (section, key) = HEADERS;
        let headers = self.layers.value(section, key);
        let are_set = headers
            .and_then(toml::Value::as_table)
            .is_some_and(|t| !t.is_empty());
        has_text || are_set && is_of_file(section, key)
    }

    /// The callers of the file.
    pub(super) fn callers(&self) -> &[CallerConfig] {
        &self.callers
    }

    /// Whether a flag before the first section is set.
    pub(super) fn flag(&self, key: &str) -> bool {
        self.layers.flag(TOP, key)
    }

    /// The settings of a section.
    pub(super) fn section(&mut self, name: &'static str) -> Section<'_> {
        Section::new(name, &self.layers, &mut self.problems, self.file_is_missing)
    }

    /// A text that is set, if it is known: while the file cannot be read, it is not.
    pub(super) fn known_text(&self, section: &str, key: &str) -> Option<&str> {
        let text = Some(self.layers.text(section, key));
        text.filter(|text| !text.is_empty() && !self.file_is_missing)
    }

    /// Whether the settings of the file are known, if there is one.
    pub(super) fn is_read(&self) -> bool {
        !self.file_is_missing
    }

    /// The problems, in the order in which they were found.
    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems
    }
}
