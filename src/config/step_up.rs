//! The settings of the way back: links by which people verify again, and the webhooks that tell how it went.

use std::collections::BTreeSet;

use http::HeaderName;
use secrecy::{ExposeSecret as _, SecretString};

use super::{StepUpConfig, WebhookConfig, layers::Layers, reader::Reader};

/// A secret that comes with every webhook must not be guessed, however often it is tried.
const SECRET_BYTES_MIN: usize = 16;

impl Reader {
    pub(super) fn step_up(&mut self, layers: &Layers) -> Option<StepUpConfig> {
        let redirects = self.redirects(layers);
        let link_life = self.duration(layers, "step_up", "link_life");
        let links = self.rate(layers, "step_up", "links_per_second", "links_burst");
        Some(StepUpConfig {
            redirects: redirects?,
            link_life: link_life?,
            links: links?,
        })
    }

    fn redirects(&mut self, layers: &Layers) -> Option<BTreeSet<String>> {
        let listed = layers.list("step_up", "redirects");
        let redirects: Option<BTreeSet<String>> = listed
            .into_iter()
            .map(|text| text.map(str::to_owned))
            .collect();
        if redirects.is_none() {
            let message = "step_up.redirects is not a list of texts";
            self.problem(layers.place("step_up", "redirects"), message, None);
        }
        redirects
    }

    /// How webhooks are told from others; the inner nothing is that none are taken, the outer one a problem.
    #[expect(clippy::option_option, reason = "a problem is not the same as nothing")]
    pub(super) fn webhook(&mut self, layers: &Layers) -> Option<Option<WebhookConfig>> {
        let header = self.webhook_header(layers);
        let secret = self.webhook_secret(layers, "secret", "secret_file");
        let previous = self.webhook_secret(layers, "previous_secret", "previous_secret_file");
        let (header, secret, previous_secret) = (header?, secret?, previous?);
        match (secret, previous_secret) {
            (Some(secret), previous_secret) => Some(Some(WebhookConfig {
                header,
                secret,
                previous_secret,
            })),
            (None, None) => Some(None),
            (None, Some(_)) => {
                let hint = "set webhook.secret or webhook.secret_file to the new one";
                let message = "webhook.previous_secret is set, but webhook.secret is not";
                let place = layers.place("webhook", "previous_secret");
                self.problem(place, message, Some(hint));
                None
            }
        }
    }

    fn webhook_header(&mut self, layers: &Layers) -> Option<HeaderName> {
        let text = layers.text("webhook", "header");
        let header = HeaderName::try_from(text).ok();
        if header.is_none() {
            let message = format!("webhook.header: `{text}` is not the name of a header");
            let place = layers.place("webhook", "header");
            self.problem(place, message, Some(r#"such as "x-webhook-secret""#));
        }
        header
    }

    /// A secret that a header can carry as it is, and that nobody guesses.
    #[expect(clippy::option_option, reason = "a problem is not the same as nothing")]
    fn webhook_secret(
        &mut self,
        layers: &Layers,
        key: &'static str,
        file_key: &'static str,
    ) -> Option<Option<SecretString>> {
        let secret = self.secret(layers, "webhook", key, file_key)?;
        let text = secret.as_ref().map_or("", |secret| secret.expose_secret());
        let message = if text.trim() != text {
            format!("webhook.{key} begins or ends with a space, which a header does not keep")
        } else if secret.is_some() && text.len() < SECRET_BYTES_MIN {
            format!("webhook.{key} is shorter than {SECRET_BYTES_MIN} bytes, and could be guessed")
        } else {
            return Some(secret);
        };
        let place = layers.place("webhook", key);
        self.problem(
            place,
            message,
            Some("such as `openssl rand -hex 32` makes one"),
        );
        None
    }
}
