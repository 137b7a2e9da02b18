//! Secrets, each given in place or by a file. None is ever shown.

use std::{cmp::Ordering, path::Path};

use http::HeaderValue;
use secrecy::SecretString;

use super::{layers::Layers, reader::Reader};
use crate::files::read_text;

/// No secret is longer.
const SECRET_BYTES_MAX: usize = 16 * 1024;

impl Reader {
    /// A secret that must be there.
    pub(super) fn required_secret(
        &mut self,
        layers: &Layers,
        section: &'static str,
        key: &'static str,
        file_key: &'static str,
    ) -> Option<SecretString> {
        let secret = self.secret(layers, section, key, file_key)?;
        if secret.is_none() {
            let hint = format!("set {section}.{key} or {section}.{file_key}");
            self.missing(layers, section, key, Some(&hint));
        }
        secret
    }

    /// A secret, given in place or by a file, but not by both; it may not be set at all. The outer nothing is a problem.
    #[expect(clippy::option_option, reason = "a problem is not the same as nothing")]
    pub(super) fn secret(
        &mut self,
        layers: &Layers,
        section: &'static str,
        key: &'static str,
        file_key: &'static str,
    ) -> Option<Option<SecretString>> {
        let (mut value, mut file) = (layers.text(section, key), layers.text(section, file_key));
        // The environment overrides the file, whichever of the two it sets.
        let (of_value, of_file) = (layers.layer(section, key), layers.layer(section, file_key));
        if !value.is_empty() && !file.is_empty() {
            match of_value.cmp(&of_file) {
                Ordering::Less => value = "",
                Ordering::Greater => file = "",
                Ordering::Equal => {
                    let message = format!("{section}.{key} and {section}.{file_key} are both set");
                    self.problem(layers.place(section, file_key), message, None);
                    return None;
                }
            }
        }
        let (place, secret) = if !file.is_empty() {
            let place = layers.place(section, file_key);
            match read_text(Path::new(file), SECRET_BYTES_MAX) {
                Ok(text) => (place, text.trim_end_matches(['\r', '\n']).to_owned()),
                Err(error) => {
                    let message = format!("{section}.{file_key}: `{file}` cannot be read: {error}");
                    self.problem(place, message, None);
                    return None;
                }
            }
        } else if value.is_empty() {
            return Some(None);
        } else {
            (layers.place(section, key), value.to_owned())
        };
        if secret.is_empty() || HeaderValue::from_str(&secret).is_err() {
            let message = format!("{section}.{key} is empty or has control characters in it");
            self.problem(place, message, None);
            return None;
        }
        Some(Some(secret.into()))
    }
}
