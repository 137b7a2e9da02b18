//! Calls of operators to a running service, on its listener for operators.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use clap::Args;
use http::{
    HeaderMap, HeaderValue,
    header::{CONTENT_TYPE, HeaderName},
};
use reqwest::{Client, StatusCode};
use serde_json::Value;
use url::Url;

use super::{
    caller_token,
    check::timeout,
    connection::{OwnCertificate, SERVICE},
};
use crate::{
    clock::SystemClock,
    deps::Deps,
    policy::Shown,
    tls::{CaCertificates, ClientFactory, ClientFiles, ClientOptions, TlsFiles},
};

const DEFAULT_SERVER: &str = "http://127.0.0.1:9090";
/// What an answer may have, in bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
const TOKEN: HeaderName = HeaderName::from_static("x-verigate-token");

/// Where the service is, and who calls it.
#[derive(Debug, Args)]
pub(super) struct AdminServer {
    /// Address of admin.listen: http, or https where it speaks TLS.
    #[arg(long, value_name = "URL", default_value = DEFAULT_SERVER, help_heading = SERVICE)]
    server: String,
    /// File that holds the token of a caller with admin = true.
    #[arg(long, value_name = "FILE", help_heading = SERVICE)]
    token_file: Option<PathBuf>,
    /// CA certificates (PEM) to accept in place of those of this machine.
    #[arg(long, value_name = "FILE", help_heading = SERVICE)]
    ca: Option<PathBuf>,
    #[command(flatten)]
    own: OwnCertificate,
    /// How long the answer may take, at most 1h.
    #[arg(long, value_name = "DURATION", default_value = "15s", value_parser = timeout, help_heading = SERVICE)]
    timeout: Duration,
}

impl AdminServer {
    /// Posts this to a path; the answer, which is JSON. An answer of another kind, and a refusal, is an error.
    pub(super) async fn post(
        self,
        path: &str,
        body: &Value,
    ) -> anyhow::Result<(StatusCode, Value)> {
        let url = self.url(path)?;
        let (server, timeout) = (self.server.clone(), self.timeout);
        let client = self.client(&url)?;
        let request = client.post(url).body(body.to_string());
        let within = Shown(timeout);
        let response = request.send().await;
        let mut response = response.map_err(|error| {
            // Its own text has the whole address.
            anyhow::Error::from(error.without_url())
                .context(format!("no answer from `{server}` within {within}"))
        })?;
        let status = response.status();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > ANSWER_BYTES_MAX {
                bail!(
                    "`{server}` answers with more than {ANSWER_BYTES_MAX} bytes: is that admin.listen?"
                );
            }
        }
        let answer: Result<Value, _> = serde_json::from_slice(&bytes);
        let Ok(answer) = answer else {
            bail!("`{server}` answers {status}, and not with JSON: is that admin.listen?");
        };
        if !status.is_success() {
            let error = answer.get("error").and_then(Value::as_str);
            let hint = match status {
                StatusCode::UNAUTHORIZED => "; name the token of a caller by --token-file FILE",
                StatusCode::FORBIDDEN => "; the caller needs admin = true",
                _ => "",
            };
            bail!("{status}: {}{hint}", error.unwrap_or("no reason is given"));
        }
        Ok((status, answer))
    }

    fn url(&self, path: &str) -> anyhow::Result<Url> {
        let server = &self.server;
        let mut url = Url::parse(server).with_context(|| format!("`{server}` is not a URL"))?;
        if !matches!(url.scheme(), "http" | "https") {
            bail!("`{server}` must begin with http:// or https://");
        }
        let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        if !is_bare || !url.username().is_empty() || url.password().is_some() {
            bail!("`{server}` has more than a scheme, a host and a port");
        }
        let has_files = self.ca.is_some() || self.own.files().is_some();
        if url.scheme() == "http" && has_files {
            bail!(
                "--ca, --certificate and --key are for an address that begins with https://, and `{server}` does not"
            );
        }
        url.set_path(path);
        Ok(url)
    }

    fn client(self, url: &Url) -> anyhow::Result<Client> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(path) = &self.token_file {
            let token = caller_token::read(path)?;
            let mut token = HeaderValue::from_str(&token).context("the token is no header")?;
            token.set_sensitive(true);
            headers.insert(TOKEN, token);
        }
        let options = ClientOptions {
            timeout: self.timeout,
            connect_timeout: None,
            https_only: false,
            headers,
            ca_certificates: match self.ca {
                Some(_) => CaCertificates::Only(Vec::new()),
                None => CaCertificates::for_calls_to(url),
            },
            pings: None,
        };
        let files = ClientFiles {
            section: "verigate",
            ca_setting: "ca",
            ca: self.ca,
            certificate: self.own.into_files(),
            proxy: None,
            proxy_credentials: None,
        };
        let deps = Deps::new(Arc::new(SystemClock));
        let mut read = TlsFiles::new(&deps.registry)?;
        let factory = ClientFactory::with_files(options, &files, &mut read, &deps)?;
        Ok(factory.build()?)
    }
}
