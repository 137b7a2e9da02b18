//! Obtains the text of a key set: from a file, or by HTTPS.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{ACCEPT, USER_AGENT},
};
use parking_lot::Mutex;
use reqwest::{Client, Response};
use rustls::pki_types::CertificateDer;
use tokio::task::{JoinError, spawn_blocking};
use url::Url;

use super::{
    config::{Keys, RsaAlgorithm},
    key_set::{KeySet, KeySetError, SET_BYTES_MAX},
};
use crate::{
    files::{read_start, writers},
    policy::Timestamp,
    tls::{self, CaCertificates, ClientError, ClientOptions},
};

/// How long a set may take to arrive, from connecting to its end.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long connecting may take, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Why there is no new key set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The file cannot be read.
    #[error("the file cannot be read: {0}")]
    Unreadable(String),
    /// The CA certificates that verify its server's cannot be used.
    #[error("the CA certificates of the server cannot be used: {0}")]
    Ca(String),
    /// The server cannot be reached, or its certificate is not accepted.
    #[error("the server cannot be reached: {0}")]
    Unreachable(String),
    /// The server does not answer in time.
    #[error("the server did not answer within {}s", TIMEOUT.as_secs())]
    Timeout,
    /// The server answers with another status than 200. Redirects are not followed.
    #[error("the server answered {0}, and not 200; redirects are not followed")]
    Status(u16),
    /// The set is too large.
    #[error("the key set is larger than {SET_BYTES_MAX} bytes")]
    TooLarge,
    /// The set cannot be used.
    #[error("the key set cannot be used: {0}")]
    Unusable(KeySetError),
}

impl From<KeySetError> for FetchError {
    fn from(error: KeySetError) -> Self {
        Self::Unusable(error)
    }
}

impl FetchError {
    /// The names of all kinds of failures in metrics.
    pub(super) const KINDS: [&'static str; 7] = [
        "unreadable",
        "ca",
        "unreachable",
        "timeout",
        "status",
        "too_large",
        "unusable",
    ];

    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Unusable(KeySetError::NotAKeySet { .. }) => Some("is the file written in full?"),
            _ => None,
        }
    }

    /// The kind of failure in metrics.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "unreadable",
            Self::Ca(_) => "ca",
            Self::Unreachable(_) => "unreachable",
            Self::Timeout => "timeout",
            Self::Status(_) => "status",
            Self::TooLarge => "too_large",
            Self::Unusable(_) => "unusable",
        }
    }
}

/// Where a key set is obtained.
#[derive(Debug)]
pub(super) enum Fetcher {
    File(PathBuf),
    Url(Server),
}

/// The server of a key set, and how it is called.
#[derive(Debug)]
pub(super) struct Server {
    url: Url,
    /// The file of the CA certificates that verify its own; `None`: those of this machine.
    ca: Option<PathBuf>,
    built: Mutex<Built>,
}

/// A client, and the CA certificates that it was built with.
#[derive(Debug)]
struct Built {
    certificates: Vec<CertificateDer<'static>>,
    client: Client,
}

impl Fetcher {
    pub(super) fn new(keys: &Keys, now: Timestamp) -> Result<Self, FetchError> {
        match keys {
            Keys::File(path) => Ok(Self::File(path.clone())),
            Keys::Url { url, ca } => {
                let certificates = ca.as_deref().map(|ca| read_ca(ca, now)).transpose()?;
                Ok(Self::Url(Server {
                    url: url.clone(),
                    ca: ca.clone(),
                    built: Mutex::new(Built::new(certificates)?),
                }))
            }
        }
    }

    /// The text of the set as it is now. The first reading of a file cannot be cut short, so this has no time limit for files.
    pub(super) async fn fetch(&self, now: Timestamp) -> Result<Vec<u8>, FetchError> {
        match self {
            Self::File(path) => {
                let path = path.clone();
                reading(spawn_blocking(move || read_file(&path)).await)
            }
            Self::Url(server) => {
                let client = server.client(now).await?;
                let request = client.get(server.url.clone());
                body(request.send().await.map_err(failure)?).await
            }
        }
    }
}

impl Server {
    /// The client: another one if the CA certificates are others than before. While they cannot be used, there is none.
    async fn client(&self, now: Timestamp) -> Result<Client, FetchError> {
        let Some(ca) = self.ca.clone() else {
            return Ok(self.built.lock().client.clone());
        };
        let certificates = reading(spawn_blocking(move || read_ca(&ca, now)).await)?;
        let mut built = self.built.lock();
        if built.certificates != certificates {
            *built = Built::new(Some(certificates))?;
        }
        Ok(built.client.clone())
    }
}

impl Built {
    fn new(certificates: Option<Vec<CertificateDer<'static>>>) -> Result<Self, FetchError> {
        let accepted = certificates
            .clone()
            .map_or(CaCertificates::Machine, CaCertificates::Only);
        let client = client(accepted).map_err(|error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            FetchError::Ca(cause.unwrap_or_else(|| error.to_string()))
        })?;
        Ok(Self {
            certificates: certificates.unwrap_or_default(),
            client,
        })
    }
}

/// What a reading in the background has come to.
fn reading<T>(read: Result<Result<T, FetchError>, JoinError>) -> Result<T, FetchError> {
    // The text of a panic may quote what was read.
    let internal = |_| FetchError::Unreadable("an internal error".to_owned());
    read.map_err(internal).flatten()
}

/// Checks what can be checked of a key set without a call: its file, or the CA certificates of its server. Blocks.
pub fn check_keys(keys: &Keys, now: Timestamp) -> Result<(), FetchError> {
    match keys {
        Keys::File(path) => {
            KeySet::parse(&read_file(path)?, RsaAlgorithm::default())?;
        }
        Keys::Url { ca, .. } => {
            ca.as_deref().map(|ca| read_ca(ca, now)).transpose()?;
        }
    }
    Ok(())
}

/// Reads a file at once. Blocks.
pub(super) fn read_file(path: &Path) -> Result<Vec<u8>, FetchError> {
    let unreadable = |why: String| Err(FetchError::Unreadable(why));
    // Opening a pipe could wait for ever.
    if path.exists() && !path.is_file() {
        return unreadable("it is not a regular file".to_owned());
    }
    // A person who can change the keys can sign tokens of every caller.
    if let Some(exposure) = writers(path).iter().find(|found| found.is_writable()) {
        return unreadable(format!("it is not used, because {exposure}"));
    }
    let bytes = read_start(path, SET_BYTES_MAX)
        .map_err(|error| FetchError::Unreadable(error.to_string()))?;
    if bytes.len() > SET_BYTES_MAX {
        return Err(FetchError::TooLarge);
    }
    Ok(bytes)
}

/// Reads CA certificates. Blocks.
fn read_ca(path: &Path, now: Timestamp) -> Result<Vec<CertificateDer<'static>>, FetchError> {
    tls::ca_certificates(path, now).map_err(|problem| FetchError::Ca(problem.message))
}

fn client(ca_certificates: CaCertificates) -> Result<Client, ClientError> {
    let mut headers = HeaderMap::new();
    let user_agent = concat!("verigate/", env!("CARGO_PKG_VERSION"));
    headers.insert(USER_AGENT, HeaderValue::from_static(user_agent));
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    tls::client(ClientOptions {
        timeout: TIMEOUT,
        connect_timeout: Some(CONNECT_TIMEOUT),
        https_only: true,
        headers,
        ca_certificates,
        pings: None,
    })
}

/// The body of a response, read to its end within the bound.
async fn body(mut response: Response) -> Result<Vec<u8>, FetchError> {
    if response.status() != StatusCode::OK {
        return Err(FetchError::Status(response.status().as_u16()));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failure)? {
        if body.len().saturating_add(chunk.len()) > SET_BYTES_MAX {
            return Err(FetchError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn failure(error: reqwest::Error) -> FetchError {
    if error.is_timeout() {
        return FetchError::Timeout;
    }
    // The address is in the log line already; what helps is the last cause, such as the flaw of a certificate.
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    FetchError::Unreachable(cause.to_string())
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    #[test]
    fn a_key_set_that_others_can_write_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jwks.json");
        fs::write(&path, "{}").unwrap();
        for (mode, used) in [(0o600, true), (0o644, true), (0o646, false), (0o602, false)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let read = read_file(&path);
            assert_eq!(read.is_ok(), used, "{mode:o}: {read:?}");
        }
    }
}
