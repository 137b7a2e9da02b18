//! The settings of the client of the vendor's API.

use std::path::Path;

use http::{HeaderName, HeaderValue};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::{
    layers::Layers,
    section::{Reported, Section},
};
use crate::{
    files::read_text,
    incode::{Config, PINGS, is_loopback},
    secrets,
};

/// The size of a file with certificates, in bytes.
const CERTIFICATES_BYTES_MAX: usize = 1024 * 1024;
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
    let ca = ca(section);
    let connect_timeout = section.duration("connect_timeout");
    let timeout = section.duration("timeout");
    let rate = section.rate("rate", "burst");
    let concurrency = section.count("concurrency");
    Ok(Config {
        url: url?,
        api_key: api_key?,
        integration_id: integration_id?.to_owned(),
        secret: secret?,
        headers: headers?,
        ca: ca?,
        pings: PINGS,
        connect_timeout: connect_timeout?,
        timeout: timeout?,
        rate: rate?,
        // Of all callers together: it is in the section of links.
        links: rate?,
        concurrency: concurrency?,
    })
}

fn url(section: &mut Section<'_>) -> Result<Url, Reported> {
    let text = section.required("url")?;
    let Ok(url) = Url::parse(text) else {
        let hint = "such as https://api.example.com";
        return Err(section.problem("url", "incode.url is not a URL", Some(hint)));
    };
    let names_version = |part: &str| part.eq_ignore_ascii_case("v1");
    let wrong = if url.scheme() != "https" && !(url.scheme() == "http" && is_loopback(&url)) {
        "incode.url must be https, because secrets are sent there; http only to a loopback address"
    } else if !url.username().is_empty() || url.password().is_some() {
        "incode.url must not contain a user name or password"
    } else if url.query().is_some() || url.fragment().is_some() {
        "incode.url must not contain a query or fragment"
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

/// The CA certificates in a file (PEM).
fn ca(section: &mut Section<'_>) -> Result<Vec<CertificateDer<'static>>, Reported> {
    let file = section.text("ca");
    if file.is_empty() {
        return Ok(Vec::new());
    }
    certificates(Path::new(file)).map_err(|error| {
        let message = format!("incode.ca: `{file}` {error}");
        section.problem("ca", message, Some("a file of certificates in PEM"))
    })
}

/// The certificates of a file, each of which can be that of a CA; or what is wrong with the file.
fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = read_text(file, CERTIFICATES_BYTES_MAX);
    let text = text.map_err(|error| format!("cannot be read: {error}"))?;
    let mut certificates = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(text.as_bytes()) {
        let certificate = certificate.map_err(|error| format!("is not PEM: {error}"))?;
        let added = RootCertStore::empty().add(certificate.clone());
        added.map_err(|error| format!("has a certificate that cannot be used: {error}"))?;
        certificates.push(certificate);
    }
    if certificates.is_empty() {
        return Err("has no certificate".to_owned());
    }
    Ok(certificates)
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
