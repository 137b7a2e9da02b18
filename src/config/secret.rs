//! Secrets, each given in place or by a file. None is ever shown.

use std::cmp::Ordering;

use super::{
    fit::mistake,
    section::{Reported, Section},
};
use crate::secrets::{Check, Secret, SecretFile};

impl Section<'_> {
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
                let file = SecretFile {
                    setting: setting.clone(),
                    path: path.into(),
                    check,
                };
                file.read()
                    .map(Some)
                    .map_err(|error| self.problem(file_key, format!("{setting}: {error}"), None))
            }
        }
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
