//! TLS to a server that speaks another protocol than HTTP.

use std::sync::Arc;

use tokio_rustls::TlsConnector;

use super::{ClientError, ClientFiles, TlsSource, authorities::CaCertificates, source};
use crate::{
    deps::Deps,
    tls::{provider::install_crypto_provider, watch::TlsFiles},
};

/// Makes connectors, each with the files as they are then.
#[derive(Debug)]
pub struct StreamTls(TlsSource);

impl StreamTls {
    /// Reads the files, which are added to those that are read again when they change. Without a file, the CA certificates of this machine count.
    /// Blocks.
    pub fn new(
        client: &ClientFiles,
        files: &mut TlsFiles,
        deps: &Deps,
    ) -> Result<Self, ClientError> {
        install_crypto_provider();
        source(&CaCertificates::Machine, client, files, deps).map(Self)
    }

    /// What the next connection is secured by.
    pub fn connector(&self) -> TlsConnector {
        let mut config = match &self.0 {
            TlsSource::Fixed(tls) => (**tls).clone(),
            TlsSource::Files(held) => held.current().tls.clone(),
        };
        // Those of HTTP are offered elsewhere.
        config.alpn_protocols.clear();
        Arc::new(config).into()
    }
}
