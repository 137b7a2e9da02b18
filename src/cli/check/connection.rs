//! The connection to the service, in plain text or by TLS.

use std::{fs, path::Path, time::Duration};

use anyhow::{Context as _, bail};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};

use crate::policy::Shown;

/// Connects to the service at this address; by TLS if it is https, with these CA certificates or those of this machine.
pub(super) async fn open(
    server: &str,
    ca: Option<&Path>,
    timeout: Duration,
) -> anyhow::Result<Channel> {
    let endpoint = Endpoint::from_shared(server.to_owned())
        .with_context(|| format!("`{server}` is not a URL"))?;
    if !matches!(endpoint.uri().path(), "" | "/") || endpoint.uri().query().is_some() {
        bail!(
            "`{server}` has a path: the address of a gRPC service is a scheme, a host and a port"
        );
    }
    let endpoint = match (endpoint.uri().scheme_str(), ca) {
        (Some("http"), None) => endpoint,
        (Some("http"), Some(_)) => {
            bail!("--ca is for an address that begins with https://, and `{server}` does not")
        }
        (Some("https"), ca) => endpoint
            .tls_config(tls(ca)?)
            .with_context(|| format!("cannot set up TLS for `{server}`"))?,
        _ => bail!("`{server}` must begin with http:// or https://"),
    };
    let endpoint = endpoint.connect_timeout(timeout);
    // By itself, that would be no limit of the handshake of TLS.
    let connected = tokio::time::timeout(timeout, endpoint.connect())
        .await
        .with_context(|| format!("no connection to `{server}` within {}", Shown(timeout)))?;
    connected.with_context(|| format!("cannot connect to `{server}`"))
}

fn tls(ca: Option<&Path>) -> anyhow::Result<ClientTlsConfig> {
    let Some(path) = ca else {
        return Ok(ClientTlsConfig::new().with_native_roots());
    };
    let shown = path.display();
    let pem = fs::read(path).with_context(|| format!("cannot read `{shown}`"))?;
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let certificates = read.with_context(|| format!("cannot read `{shown}` as PEM"))?;
    if certificates.is_empty() {
        bail!(
            "`{shown}` holds no certificate: give one in PEM, which begins with `-----BEGIN CERTIFICATE-----`"
        );
    }
    Ok(ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem)))
}
