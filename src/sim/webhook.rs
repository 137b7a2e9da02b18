//! Sends the vendor's webhooks.

use std::time::Duration;

use anyhow::Context as _;
use axum::http::{HeaderName, HeaderValue};
use serde_json::Value;
use url::Url;

/// Timeout of one webhook.
const TIMEOUT: Duration = Duration::from_secs(5);
/// A secret that no receiver is configured with.
const FORGED: HeaderValue = HeaderValue::from_static("a-secret-that-nobody-agreed-on");

/// Where webhooks are sent, and the header that authenticates them.
#[derive(Debug, Clone)]
pub struct WebhookTarget {
    http: reqwest::Client,
    url: Url,
    header: HeaderName,
    secret: HeaderValue,
}

impl WebhookTarget {
    /// Webhooks go to this URL, with this secret in this header.
    pub fn new(url: &str, header: &str, secret: &str) -> anyhow::Result<Self> {
        // The provider is installed once per process; an error means that it already is.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let url = Url::parse(url).with_context(|| format!("`{url}` is not a URL"))?;
        let mut http = reqwest::Client::builder().no_proxy().timeout(TIMEOUT);
        if url.scheme() == "http" {
            // A machine without CA certificates can send these.
            http = http.tls_certs_only(std::iter::empty());
        }
        let http = http.build()?;
        let mut secret =
            HeaderValue::from_str(secret).context("the webhook secret is not a header value")?;
        secret.set_sensitive(true);
        Ok(Self {
            http,
            url,
            header: header
                .parse()
                .with_context(|| format!("`{header}` is not a header name"))?,
            secret,
        })
    }

    /// Sends one webhook, if `forged` with a wrong secret. Returns the HTTP status of the response as text, or `no answer`.
    pub(super) async fn send(&self, body: &Value, forged: bool) -> String {
        let secret = if forged { &FORGED } else { &self.secret };
        let request = self.http.post(self.url.clone()).json(body);
        match request.header(&self.header, secret).send().await {
            Ok(response) => response.status().as_u16().to_string(),
            Err(_) => "no answer".to_owned(),
        }
    }
}
