//! Obtains the text of a key set: from a file, or by HTTPS.

use std::{path::PathBuf, time::Duration};

use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{ACCEPT, USER_AGENT},
};
use reqwest::{Client, Response};
use tokio::task::spawn_blocking;
use url::Url;

use super::{
    config::Keys,
    key_set::{KeySetError, SET_BYTES_MAX},
};
use crate::{
    files::{read_start, writers},
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
    Unusable(#[from] KeySetError),
}

impl FetchError {
    /// The names of all kinds of failures in metrics.
    pub(super) const KINDS: [&'static str; 6] = [
        "unreadable",
        "unreachable",
        "timeout",
        "status",
        "too_large",
        "unusable",
    ];

    /// The kind of failure in metrics.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "unreadable",
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
    Url(Client, Url),
}

impl Fetcher {
    pub(super) fn new(keys: &Keys) -> Result<Self, ClientError> {
        match keys {
            Keys::File(path) => Ok(Self::File(path.clone())),
            Keys::Url { url, ca } => {
                let ca_certificates = if ca.is_empty() {
                    CaCertificates::Machine
                } else {
                    CaCertificates::Only(ca.clone())
                };
                Ok(Self::Url(client(ca_certificates)?, url.clone()))
            }
        }
    }

    /// The text of the set as it is now. The first reading of a file cannot be cut short, so this has no time limit for files.
    pub(super) async fn fetch(&self) -> Result<Vec<u8>, FetchError> {
        match self {
            Self::File(path) => {
                let path = path.clone();
                let read = spawn_blocking(move || read_file(&path)).await;
                // The text of a panic may quote what was read.
                let internal = |_| FetchError::Unreadable("an internal error".to_owned());
                read.map_err(internal).flatten()
            }
            Self::Url(client, url) => {
                let response = client.get(url.clone()).send().await.map_err(failure)?;
                body(response).await
            }
        }
    }
}

/// Reads a file at once. Blocks.
pub(super) fn read_file(path: &std::path::Path) -> Result<Vec<u8>, FetchError> {
    // Opening a pipe could wait for ever.
    if path.exists() && !path.is_file() {
        return Err(FetchError::Unreadable(
            "it is not a regular file".to_owned(),
        ));
    }
    // A person who can change the file decides whose tokens count.
    if let Some(exposure) = writers(path).iter().find(|found| found.is_writable()) {
        let why = format!("it is not used, because {exposure}");
        return Err(FetchError::Unreadable(why));
    }
    let bytes = read_start(path, SET_BYTES_MAX)
        .map_err(|error| FetchError::Unreadable(error.to_string()))?;
    if bytes.len() > SET_BYTES_MAX {
        return Err(FetchError::TooLarge);
    }
    Ok(bytes)
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
