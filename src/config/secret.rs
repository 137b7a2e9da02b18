//! Secrets, each given in place or by a file. None is ever shown.

use std::{cmp::Ordering, path::Path};

use secrecy::SecretString;

use super::{
    error::SettingError,
    fit::mistake,
    section::{Reported, Section},
};
use crate::files::read_text;

/// The size of a file with a secret, in bytes.
const SECRET_BYTES_MAX: usize = 16 * 1024;

impl Section<'_> {
    /// A secret that must be set.
    pub(super) fn required_secret(
        &mut self,
        key: &str,
        file_key: &str,
    ) -> Result<SecretString, Reported> {
        self.secret(key, file_key)?.ok_or_else(|| {
            let section = self.name();
            let hint = format!("set {section}.{key} or {section}.{file_key}");
            self.missing(key, Some(&hint))
        })
    }

    /// A secret, given in place or by a file, but not by both. `None` if it is not set.
    pub(super) fn secret(
        &mut self,
        key: &str,
        file_key: &str,
    ) -> Result<Option<SecretString>, Reported> {
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
        let (set_by, secret) = match (value, file) {
            ("", "") => return Ok(None),
            (value, "") => (key, value.to_owned()),
            (_, file) => (file_key, self.secret_of_file(file_key, file)?),
        };
        let name = format!("{section}.{set_by}");
        if let Some(SettingError { message, hint }) = mistake(&secret).map(|m| m.of(&name)) {
            return Err(self.problem(set_by, message, hint.as_deref()));
        }
        if secret.is_empty() || !secret.is_ascii() {
            let message = format!("{section}.{key} is empty or has characters beyond ASCII in it");
            return Err(self.problem(set_by, message, None));
        }
        Ok(Some(secret.into()))
    }

    /// The secret in a file, without the end of its line.
    fn secret_of_file(&mut self, file_key: &str, file: &str) -> Result<String, Reported> {
        match read_text(Path::new(file), SECRET_BYTES_MAX) {
            Ok(text) => Ok(text.trim_end_matches(['\r', '\n']).to_owned()),
            Err(error) => {
                let section = self.name();
                let message = format!("{section}.{file_key}: `{file}` cannot be read: {error}");
                Err(self.problem(file_key, message, None))
            }
        }
    }
}
