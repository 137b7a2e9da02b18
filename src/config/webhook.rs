//! The settings of webhooks.

use http::HeaderName;

use super::{
    secret::fits_a_header,
    section::{Reported, Section},
};
use crate::http::webhook::Config;

/// The length of a secret, in bytes, below which it could be found by trying.
const SECRET_BYTES_MIN: usize = 16;

/// How webhooks are authenticated. `None` if no secret is set, and none are accepted.
pub(super) fn read(section: &mut Section<'_>) -> Result<Option<Config>, Reported> {
    let header = header(section);
    let secret = section.secret("secret", "secret_file", is_strong);
    let previous = section.secret("previous_secret", "previous_secret_file", is_strong);
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

/// A header must carry it unchanged, and nobody may guess it.
pub(super) fn is_strong(secret: &str) -> Result<(), String> {
    fits_a_header(secret)?;
    if secret.len() < SECRET_BYTES_MIN {
        return Err(format!(
            "is shorter than {SECRET_BYTES_MIN} bytes, and could be guessed: `openssl rand -hex 32` makes a longer one"
        ));
    }
    Ok(())
}
