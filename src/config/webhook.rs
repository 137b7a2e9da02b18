//! The settings of webhooks.

use http::HeaderName;
use secrecy::{ExposeSecret as _, SecretString};

use super::section::{Reported, Section};
use crate::http::webhook::Config;

/// The length of a secret, in bytes, below which it could be found by trying.
const SECRET_BYTES_MIN: usize = 16;

/// How webhooks are authenticated. `None` if no secret is set, and none are accepted.
pub(super) fn read(section: &mut Section<'_>) -> Result<Option<Config>, Reported> {
    let header = header(section);
    let secret = strong_secret(section, "secret", "secret_file");
    let previous = strong_secret(section, "previous_secret", "previous_secret_file");
    let (header, secret, previous_secret) = (header?, secret?, previous?);
    match (secret, previous_secret) {
        (Some(secret), previous_secret) => Ok(Some(Config {
            header,
            secret,
            previous_secret,
        })),
        (None, None) => Ok(None),
        (None, Some(_)) => {
            let message = "webhook.previous_secret is set, but webhook.secret is not";
            let hint = "set webhook.secret or webhook.secret_file to the new one";
            Err(section.problem("previous_secret", message, Some(hint)))
        }
    }
}

fn header(section: &mut Section<'_>) -> Result<HeaderName, Reported> {
    let text = section.text("header");
    HeaderName::try_from(text).map_err(|_| {
        let message = format!("webhook.header: `{text}` is not the name of a header");
        section.problem("header", message, Some(r#"such as "x-webhook-secret""#))
    })
}

/// A secret that is not guessed.
fn strong_secret(
    section: &mut Section<'_>,
    key: &str,
    file_key: &str,
) -> Result<Option<SecretString>, Reported> {
    let secret = section.secret(key, file_key)?;
    let text = secret.as_ref().map_or("", |secret| secret.expose_secret());
    if secret.is_none() || text.len() >= SECRET_BYTES_MIN {
        return Ok(secret);
    }
    let message =
        format!("webhook.{key} is shorter than {SECRET_BYTES_MIN} bytes, and could be guessed");
    let hint = "such as `openssl rand -hex 32` makes one";
    Err(section.problem(key, message, Some(hint)))
}
