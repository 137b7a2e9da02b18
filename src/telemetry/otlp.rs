//! OTLP over HTTP: sends encoded messages to a collector.

use std::time::Duration;

use bytes::Bytes;
use http::{
    HeaderMap, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER},
};
use url::Url;

use crate::tls::{self, CaCertificates, ClientError, ClientOptions};

/// How long one request may take.
const SEND_TIMEOUT: Duration = Duration::from_secs(3);
/// A response is no longer than this, in bytes; what follows is not read.
const RESPONSE_MAX: usize = 16 * 1024;

/// The attributes of the resource that sends.
pub const SERVICE: [(&str, &str); 2] = [
    ("service.name", "verigate"),
    ("service.version", env!("CARGO_PKG_VERSION")),
];

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Spans.
    Traces,
    /// Log records.
    Logs,
}

/// Why a message was not taken.
#[derive(Debug, thiserror::Error)]
pub enum OtlpError {
    /// The collector could not be reached, or did not respond.
    #[error("the collector cannot be reached: {0}")]
    Unreachable(String),
    /// The collector cannot take it now; it may say when it can.
    #[error("the collector responded with status {0}")]
    Later(StatusCode, Option<Duration>),
    /// The collector will never take it.
    #[error("the collector responded with status {0}")]
    Refused(StatusCode),
}

/// A collector.
#[derive(Debug, Clone)]
pub struct OtlpClient {
    http: reqwest::Client,
    url: Url,
}

impl OtlpClient {
    /// The collector at this address, to which the path of the signal is appended.
    pub fn new(address: &Url, signal: Signal) -> Result<Self, ClientError> {
        let mut url = address.clone();
        let signal = match signal {
            Signal::Traces => "traces",
            Signal::Logs => "logs",
        };
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["v1", signal]);
        }
        let http = tls::client(ClientOptions {
            timeout: SEND_TIMEOUT,
            connect_timeout: None,
            https_only: false,
            headers: HeaderMap::new(),
            ca_certificates: CaCertificates::for_calls_to(&url),
            pings: None,
        })?;
        Ok(Self { http, url })
    }

    /// Sends the body of one request; the body of its response.
    pub async fn send(&self, body: Bytes) -> Result<Bytes, OtlpError> {
        let request = self.http.post(self.url.clone()).body(body);
        let request = request.header(CONTENT_TYPE, "application/x-protobuf");
        let mut response = request.send().await.map_err(not_reached)?;
        let status = response.status();
        if status.is_success() {
            let mut read = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(not_reached)? {
                let room = RESPONSE_MAX.saturating_sub(read.len());
                read.extend_from_slice(chunk.get(..room.min(chunk.len())).unwrap_or_default());
                if read.len() >= RESPONSE_MAX {
                    break;
                }
            }
            return Ok(read.into());
        }
        let retry_after = response.headers().get(RETRY_AFTER);
        let seconds = retry_after.and_then(|value| value.to_str().ok()?.parse().ok());
        // These, and no others, are to be tried again (OTLP, "Failures").
        match status.as_u16() {
            429 | 502 | 503 | 504 => {
                Err(OtlpError::Later(status, seconds.map(Duration::from_secs)))
            }
            _ => Err(OtlpError::Refused(status)),
        }
    }
}

/// With its causes, and without the address.
fn not_reached(error: reqwest::Error) -> OtlpError {
    let error = anyhow::Error::from(error.without_url());
    OtlpError::Unreachable(format!("{error:#}"))
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    /// However much of it arrives at once.
    #[tokio::test]
    async fn no_more_of_a_response_is_kept_than_its_bound() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let collector = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
            let mut response = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n".to_vec();
            response.resize(response.len() + 1_000_000, b'x');
            // It is closed while this is sent.
            let _ = stream.write_all(&response).await;
        });
        let address = Url::parse(&format!("http://{address}")).unwrap();
        let client = OtlpClient::new(&address, Signal::Logs).unwrap();
        let response = client.send(Bytes::new()).await.unwrap();
        assert_eq!(response.len(), RESPONSE_MAX);
        drop(client);
        collector.await.unwrap();
    }
}
