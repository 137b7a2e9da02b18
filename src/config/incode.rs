//! The settings of the client of the vendor's API.

use std::path::PathBuf;

use http::{HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::{
    layers::Layers,
    section::{Reported, Section},
};
use crate::{
    incode::{Config, PINGS},
    secrets,
    tls::ClientFiles,
    web_url::{WebUrlError, is_secure, web_url},
};

/// The headers that the service or its HTTP client sets itself.
const OWN_HEADERS: [&str; 14] = [
    "x-api-key",
    "x-auth-token",
    "host",
    "content-type",
    "content-length",
    "accept",
    "cache-control",
    "user-agent",
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The settings that have no default: where the vendor's API is, and who we are to it.
#[derive(Debug, Clone)]
pub struct Account {
    /// The base address of the API.
    pub url: Url,
    /// The API key.
    pub api_key: SecretString,
    /// The id of the integration.
    pub integration_id: String,
    /// The secret of the integration.
    pub secret: SecretString,
}

impl Account {
    /// Sets the account in place of the defaults, which are empty.
    pub(super) fn set(&self, layers: &mut Layers) {
        for (key, value) in [
            ("url", self.url.as_str()),
            ("api_key", self.api_key.expose_secret()),
            ("integration_id", &self.integration_id),
            ("secret", self.secret.expose_secret()),
        ] {
            layers.set_default("incode", key, value);
        }
    }
}

pub(super) fn read(section: &mut Section<'_>) -> Result<Config, Reported> {
    let url = url(section);
    let api_key = section.required_secret("api_key", "api_key_file");
    let integration_id = section.required("integration_id");
    let secret = section.required_secret("secret", "secret_file");
    let headers = headers(section);
    let files = files(section);
    let connect_timeout = section.duration("connect_timeout");
    let timeout = section.duration("timeout");
    let rate = section.rate("rate", "burst");
    let concurrency = section.count("concurrency");
    let concurrency_min = section.count("concurrency_min");
    Ok(Config {
        url: url?,
        api_key: api_key?,
        integration_id: integration_id?.to_owned(),
        secret: secret?,
        headers: headers?,
        files: files?,
        pings: PINGS,
        connect_timeout: connect_timeout?,
        timeout: timeout?,
        rate: rate?,
        // Of all callers together: it is in the section of links.
        links: rate?,
        concurrency: concurrency?,
        concurrency_min: concurrency_min?,
    })
}

fn url(section: &mut Section<'_>) -> Result<Url, Reported> {
    section.required("url")?;
    let url = section.web_url("url", "such as https://api.example.com")?;
    let names_version = |part: &str| part.eq_ignore_ascii_case("v1");
    let wrong = if !is_secure(&url) {
        "incode.url must be https, because secrets are sent there; http only to a loopback address"
    } else if url.query().is_some() {
        "incode.url must not contain a query"
    } else if url
        .path_segments()
        .is_some_and(|mut parts| parts.any(names_version))
    {
        "incode.url must end before `/v1`: the service appends the path"
    } else {
        return Ok(url);
    };
    Err(section.problem("url", wrong, None))
}

/// The files of TLS, and the proxy. What the files hold is checked with the machine.
fn files(section: &mut Section<'_>) -> Result<ClientFiles, Reported> {
    let path = |key| {
        let path = section.text(key);
        (!path.is_empty()).then(|| PathBuf::from(path))
    };
    let (ca, own) = (path("ca"), path("client_certificate"));
    let credentials = section.secret_file("proxy_credentials_file");
    let key = section.secret_file("client_key");
    let (credentials, pair) = (credentials?, (own, key?));
    let proxy = proxy(section);
    let certificate = match pair {
        (Some(certificate), Some(key)) => Ok(Some((certificate, key))),
        (None, None) => Ok(None),
        (Some(_), None) => Err(("client_certificate", "client_key")),
        (None, Some(_)) => Err(("client_key", "client_certificate")),
    };
    let certificate = certificate.map_err(|(set, missing)| {
        let message = format!("incode.{set} is set, but incode.{missing} is not");
        section.problem(set, message, None)
    });
    let proxy = proxy?;
    if credentials.is_some() && proxy.is_none() {
        let message = "incode.proxy_credentials_file is set, but incode.proxy is not";
        return Err(section.problem("proxy_credentials_file", message, None));
    }
    Ok(ClientFiles {
        section: "incode",
        ca_setting: "ca",
        ca,
        certificate: certificate?,
        proxy,
        proxy_credentials: credentials,
    })
}

/// The address of the proxy; `None` if it is not set.
fn proxy(section: &mut Section<'_>) -> Result<Option<Url>, Reported> {
    let text = section.text("proxy");
    if text.is_empty() {
        return Ok(None);
    }
    let hint = "such as http://proxy.example.org:3128";
    let in_a_file =
        "write `user:password` into a file, and name it by incode.proxy_credentials_file";
    let is_with_credentials = web_url(text) == Err(WebUrlError::Credentials);
    let url = section.web_url("proxy", if is_with_credentials { in_a_file } else { hint })?;
    let plain = section.text("url").starts_with("http:");
    let (wrong, hint) = if url.scheme() != "http" {
        (
            "incode.proxy must be http: the connection to the vendor is by TLS through it",
            hint,
        )
    } else if url.path() != "/" || url.query().is_some() {
        ("incode.proxy must be a host and a port", hint)
    } else if plain {
        (
            "incode.proxy needs an incode.url of https",
            "leave the proxy out for a loopback address",
        )
    } else {
        return Ok(Some(url));
    };
    Err(section.problem("proxy", wrong, Some(hint)))
}

/// The additional headers. Every one that cannot be set is reported.
fn headers(section: &mut Section<'_>) -> Result<Vec<(HeaderName, HeaderValue)>, Reported> {
    let read = section.table("headers").into_iter().map(|(name, value)| {
        header(name, value).map_err(|message| section.problem("headers", message, None))
    });
    // Collected twice, because the first problem would otherwise end it.
    let read: Vec<_> = read.collect();
    read.into_iter().collect()
}

fn header(name: &str, value: Option<&str>) -> Result<(HeaderName, HeaderValue), String> {
    // A value may be the key of a gateway.
    let parsed = HeaderName::try_from(name)
        .ok()
        .zip(value.and_then(secrets::header));
    let Some((header, value)) = parsed else {
        return Err(format!(
            "incode.headers: `{name}` is not a header with a text"
        ));
    };
    if OWN_HEADERS.iter().any(|own| own.eq_ignore_ascii_case(name)) {
        return Err(format!(
            "incode.headers: `{name}` is set by the service itself"
        ));
    }
    Ok((header, value))
}
