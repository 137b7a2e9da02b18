//! The connection to the service, in plain text or by TLS.

use std::{error::Error, fs, io, path::Path, time::Duration};

use anyhow::{Context as _, anyhow, bail};
use rustls::{
    CertificateError, InvalidMessage,
    pki_types::{CertificateDer, pem::PemObject as _},
};
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
    // The connect timeout does not cover the TLS handshake.
    let connected = tokio::time::timeout(timeout, endpoint.connect())
        .await
        .with_context(|| format!("no connection to `{server}` within {}", Shown(timeout)))?;
    connected.map_err(|error| match tls_error(&error).and_then(cure) {
        Some(cure) => anyhow!("cannot connect to `{server}`: {cure}"),
        None => anyhow::Error::from(error).context(format!("cannot connect to `{server}`")),
    })
}

/// What TLS says is wrong, if the error comes from there.
fn tls_error<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        let inner = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        if let Some(found) = inner.and_then(|inner| inner.downcast_ref()) {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// What to do about it.
fn cure(error: &rustls::Error) -> Option<&'static str> {
    use CertificateError as Bad;
    match error {
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            Some("the port does not speak TLS; try an address that begins with http://")
        }
        rustls::Error::InvalidCertificate(Bad::UnknownIssuer) => Some(
            "its certificate is of a CA that is not trusted here; name the CA's certificate by --ca FILE",
        ),
        rustls::Error::InvalidCertificate(
            Bad::NotValidForName | Bad::NotValidForNameContext { .. },
        ) => Some("its certificate is for another name; use a host name that the certificate has"),
        rustls::Error::InvalidCertificate(Bad::Expired | Bad::ExpiredContext { .. }) => {
            Some("its certificate has expired")
        }
        _ => None,
    }
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
