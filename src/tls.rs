//! TLS, on both sides: what our listeners speak ([`ServerTls`]), and the HTTP clients of outgoing calls, which are all built alike
//! ([`ClientFactory`]).
//!
//! Certificates, keys, CA certificates and revocation lists are files that are read again while the service runs: see `watch`. Files
//! that cannot be used never replace good ones. The certificates in them are judged by our clock.

mod provider;
mod time;
mod client;
mod server;
mod peer;
mod held;
mod pem_file;
mod contents;
mod revocation_lists;
mod error;
mod expiry;
mod metrics;
mod watch;

pub use self::{
    client::{
        CaCertificates, ClientError, ClientFactory, ClientFiles, ClientOptions, Pings, StreamTls,
        check_ca_certificates, check_client, client,
    },
    contents::{ca_certificates, server_name},
    error::{FileProblem, FilesError},
    expiry::Expiry,
    peer::peer_certificate,
    provider::install_crypto_provider,
    server::{
        Alpn, ClientCertificatePolicy, ClientCertificates, Handshake, MinVersion, ServerTls,
        ServerTlsConfig, check,
    },
    watch::{TlsFiles, watch},
};
