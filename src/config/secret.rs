//! Secrets, each given in place or by a file. None is ever shown.

use std::{
    cmp::Ordering,
    path::{Path, PathBuf},
};

use super::{
    fit::mistake,
    section::{Reported, Section},
};
use crate::secrets::{Check, Secret, SecretFile};

/// What the name of a credential of systemd begins with.
const CREDENTIAL: &str = "credential:";
const CREDENTIAL_HINT: &str =
    "systemd sets the folder for units with LoadCredential= or LoadCredentialEncrypted=";

impl Section<'_> {
    /// The file that this text names.
    fn file_of(&self, text: &str) -> Result<PathBuf, String> {
        file_of(text, self.credentials())
    }

    /// A secret that must be set.
    pub(super) fn required_secret(
        &mut self,
        key: &str,
        file_key: &str,
    ) -> Result<Secret, Reported> {
        self.secret(key, file_key, fits_a_header)?.ok_or_else(|| {
            let section = self.name();
            let hint = format!("set {section}.{key} or {section}.{file_key}");
            self.missing(key, Some(&hint))
        })
    }

    /// A secret that passes a check, given in place or by a file, but not by both. `None` if it is not set.
    pub(super) fn secret(
        &mut self,
        key: &str,
        file_key: &str,
        check: Check,
    ) -> Result<Option<Secret>, Reported> {
        let section = self.name();
        let (mut value, mut file) = (self.text(key), self.text(file_key));
        if !value.is_empty() && !file.is_empty() {
            // The environment overrides the file, whichever of the two settings it sets.
            match self.layer(key).cmp(&self.layer(file_key)) {
                Ordering::Less => value = "",
                Ordering::Greater => file = "",
                Ordering::Equal => {
                    let message = format!("{section}.{key} and {section}.{file_key} are both set");
                    return Err(self.problem(file_key, message, None));
                }
            }
        }
        match (value, file) {
            ("", "") => Ok(None),
            (value, "") => match check(value) {
                Ok(()) => Ok(Some(value.into())),
                Err(flaw) => Err(self.problem(key, format!("{section}.{key} {flaw}"), None)),
            },
            (_, path) => {
                let setting = format!("{section}.{file_key}");
                let path = self.file_of(path);
                let path = path.map_err(|flaw| {
                    self.problem(
                        file_key,
                        format!("{setting}: {flaw}"),
                        Some(CREDENTIAL_HINT),
                    )
                })?;
                let file = SecretFile {
                    setting: setting.clone(),
                    path,
                    check,
                };
                file.read()
                    .map(Some)
                    .map_err(|error| self.problem(file_key, format!("{setting}: {error}"), None))
            }
        }
    }
}

/// The file that a setting names: by its path, or as `credential:NAME` in the folder in which systemd puts the credentials of a unit.
pub(super) fn file_of(text: &str, credentials: Option<&Path>) -> Result<PathBuf, String> {
    let Some(name) = text.strip_prefix(CREDENTIAL) else {
        return Ok(text.into());
    };
    let is_name = !name.is_empty() && name != "." && name != ".." && !name.contains('/');
    match credentials {
        _ if !is_name => Err(format!("`{name}` is not the name of a credential")),
        None => {
            Err("there are no credentials, because CREDENTIALS_DIRECTORY is not set".to_owned())
        }
        Some(folder) => Ok(folder.join(name)),
    }
}

/// A header must carry it unchanged, and nothing in it may be left over from a template.
pub(super) fn fits_a_header(secret: &str) -> Result<(), String> {
    if let Some(mistake) = mistake(secret) {
        let (flaw, hint) = mistake.words();
        return Err(format!("{flaw}: {hint}"));
    }
    if secret.is_empty() || !secret.is_ascii() {
        return Err("is empty or contains non-ASCII characters".to_owned());
    }
    Ok(())
}
