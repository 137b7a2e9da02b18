//! The connection to a gRPC listener, in plain text or by TLS.

use std::{
    error::Error,
    fs,
    future::Future,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use http::Uri;
use hyper_util::rt::TokioIo;
use rustls::{
    AlertDescription, CertificateError, InvalidMessage,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use tokio::net::UnixStream;
use tonic::{
    Status, TimeoutExpired,
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity},
};
use tower_service::Service;

use crate::{
    config::GrpcListener,
    listener::ListenAddress,
    policy::Shown,
    tls::{check_ca_certificates, server_name},
};

/// How a service refuses the certificate of a client.
const REFUSALS: [AlertDescription; 8] = [
    AlertDescription::CertificateRequired,
    AlertDescription::UnknownCA,
    AlertDescription::BadCertificate,
    AlertDescription::CertificateExpired,
    AlertDescription::CertificateRevoked,
    AlertDescription::CertificateUnknown,
    AlertDescription::UnsupportedCertificate,
    AlertDescription::DecryptError,
];

/// The heading of the options about the service, in help texts.
pub(super) const SERVICE: &str = "The service";

/// The certificate by which a command identifies itself to a service, if it has one.
#[derive(Debug, Args)]
pub(super) struct OwnCertificate {
    /// Certificate chain to identify with (PEM), leaf first.
    #[arg(long, value_name = "FILE", requires = "key", help_heading = SERVICE)]
    certificate: Option<PathBuf>,
    /// Private key of that certificate (PEM).
    #[arg(long, value_name = "FILE", requires = "certificate", help_heading = SERVICE)]
    key: Option<PathBuf>,
}

impl OwnCertificate {
    /// The files of the chain and of its key.
    pub(super) fn files(&self) -> Option<(&Path, &Path)> {
        self.certificate.as_deref().zip(self.key.as_deref())
    }

    /// The same, to keep.
    pub(super) fn into_files(self) -> Option<(PathBuf, PathBuf)> {
        self.certificate.zip(self.key)
    }
}

/// The files for TLS, in PEM.
#[derive(Debug, Clone, Copy)]
pub(super) struct TlsFiles<'a> {
    /// The CA certificates that verify the service's, in place of those of this machine.
    pub(super) ca: Option<&'a Path>,
    /// Our own certificate chain, and its key.
    pub(super) identity: Option<(&'a Path, &'a Path)>,
}

/// Connects to the service at this address; by TLS if it is https.
pub(super) async fn open(
    server: &str,
    files: TlsFiles<'_>,
    timeout: Duration,
) -> anyhow::Result<Channel> {
    let endpoint = Endpoint::from_shared(server.to_owned())
        .with_context(|| format!("`{server}` is not a URL"))?;
    if !matches!(endpoint.uri().path(), "" | "/") || endpoint.uri().query().is_some() {
        bail!(
            "`{server}` has a path: the address of a gRPC service is a scheme, a host and a port"
        );
    }
    let unused = match files {
        TlsFiles { ca: Some(_), .. } => Some("--ca is"),
        TlsFiles { identity, .. } => identity.map(|_| "--certificate and --key are"),
    };
    let endpoint = match (endpoint.uri().scheme_str(), unused) {
        (Some("http"), None) => endpoint,
        (Some("http"), Some(unused)) => {
            bail!("{unused} for an address that begins with https://, and `{server}` does not")
        }
        (Some("https"), _) => endpoint
            .tls_config(tls(files)?)
            .with_context(|| format!("cannot set up TLS for `{server}`"))?,
        _ => bail!("`{server}` must begin with http:// or https://"),
    };
    let endpoint = endpoint.connect_timeout(timeout);
    connected(server, timeout, endpoint.connect()).await
}

/// Connects to the listener of a service on this machine, as its settings say. Where it speaks TLS, its own certificates verify it beside
/// the CA certificates of this machine: nobody else can put them at that address.
pub(super) async fn open_listener(
    listener: &GrpcListener,
    files: TlsFiles<'_>,
    timeout: Duration,
) -> anyhow::Result<Channel> {
    let server = shown(listener);
    let mut endpoint = match &listener.address {
        ListenAddress::Tcp(address) => Endpoint::from_shared(format!("http://{address}"))?,
        ListenAddress::Unix(_) => Endpoint::from_static("http://localhost"),
    };
    match (&listener.certificate, files) {
        (Some(certificate), _) => {
            let address = endpoint.uri().to_string().replacen("http:", "https:", 1);
            let tls = listener_tls(certificate, files)?;
            endpoint = Endpoint::from_shared(address)?.tls_config(tls)?;
        }
        (
            None,
            TlsFiles {
                ca: None,
                identity: None,
            },
        ) => {}
        (None, _) => bail!(
            "--ca, --certificate and --key are for a listener that speaks TLS, and grpc.tls.certificate is not set"
        ),
    }
    let endpoint = endpoint.connect_timeout(timeout);
    match &listener.address {
        ListenAddress::Tcp(_) => connected(&server, timeout, endpoint.connect()).await,
        ListenAddress::Unix(path) => {
            let socket = endpoint.connect_with_connector(ToSocket(path.clone()));
            connected(&server, timeout, socket).await
        }
    }
}

/// The address of a listener in messages.
pub(super) fn shown(listener: &GrpcListener) -> String {
    let scheme = match listener.certificate {
        Some(_) => "https",
        None => "http",
    };
    match &listener.address {
        ListenAddress::Tcp(address) => format!("{scheme}://{address}"),
        unix @ ListenAddress::Unix(_) => unix.to_string(),
    }
}

/// Waits for a connection, or says why there is none.
async fn connected(
    server: &str,
    timeout: Duration,
    connecting: impl Future<Output = Result<Channel, tonic::transport::Error>>,
) -> anyhow::Result<Channel> {
    // The connect timeout does not cover the TLS handshake.
    let connected = tokio::time::timeout(timeout, connecting)
        .await
        .with_context(|| format!("no connection to `{server}` within {}", Shown(timeout)))?;
    connected.map_err(|error| match tls_error(&error).and_then(cure) {
        Some(cure) => anyhow!("cannot connect to `{server}`: {cure}"),
        None => anyhow::Error::from(error).context(format!("cannot connect to `{server}`")),
    })
}

/// What to do about a connection that broke after it was made: then the service judges our certificate. What it says is lost if the
/// connection is closed before it is read, and the HTTP/2 library keeps only the text of it.
pub(super) fn hint(status: &Status, server: &str, has_certificate: bool) -> Option<&'static str> {
    let said = |alert| rustls::Error::AlertReceived(alert).to_string();
    // No answer of the service has a source: the connection broke.
    let mut next = Some(status.source()?);
    while let Some(error) = next {
        if error.is::<TimeoutExpired>() {
            return None;
        }
        let text = error.to_string();
        let alert = REFUSALS
            .into_iter()
            .find(|alert| text.contains(&said(*alert)));
        if let Some(alert) = alert {
            return cure(&rustls::Error::AlertReceived(alert));
        }
        next = error.source();
    }
    Some(match (server.starts_with("http://"), has_certificate) {
        (true, _) => "if the port speaks TLS, write https:// in place of http://",
        (false, false) => {
            "the service closed the connection: if it asks for a certificate, name one by --certificate FILE and --key FILE"
        }
        (false, true) => {
            "the service closed the connection: if it does not accept the certificate, its log event tls_handshake_refused says why"
        }
    })
}

/// Where a process of this machine reaches a listener: at the loopback address, if it listens at every one. `None` if it has a port of
/// which nobody knows the number.
pub(super) fn reachable(address: &ListenAddress) -> Option<ListenAddress> {
    let ListenAddress::Tcp(tcp) = address else {
        return Some(address.clone());
    };
    let ip = match tcp.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let at = SocketAddr::new(ip, tcp.port());
    (at.port() != 0).then(|| at.into())
}

/// Connects to a Unix socket, whatever the address is.
struct ToSocket(PathBuf);

impl Service<Uri> for ToSocket {
    type Response = TokioIo<UnixStream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let path = self.0.clone();
        Box::pin(async move { UnixStream::connect(path).await.map(TokioIo::new) })
    }
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

/// What to do about what TLS says is wrong.
pub(super) fn cure(error: &rustls::Error) -> Option<&'static str> {
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
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => Some(
            "the service asks for a certificate; name one by --certificate FILE and --key FILE",
        ),
        rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol) => {
            Some("the port does not speak gRPC; the address is that of grpc.listen")
        }
        rustls::Error::AlertReceived(alert) if REFUSALS.contains(alert) => Some(
            "the service does not accept the certificate; its log event tls_handshake_refused says why",
        ),
        rustls::Error::InvalidCertificate(Bad::Expired | Bad::ExpiredContext { .. }) => {
            Some("its certificate has expired")
        }
        rustls::Error::InvalidCertificate(_) => Some(
            "its certificate is not accepted; name the certificate of the CA that issued it by --ca FILE",
        ),
        _ => None,
    }
}

fn tls(files: TlsFiles<'_>) -> anyhow::Result<ClientTlsConfig> {
    let tls = match files.ca {
        None => ClientTlsConfig::new().with_native_roots(),
        Some(ca) => trusting(ca)?,
    };
    identified(tls, files)
}

/// TLS to a listener that presents this chain, under a name that is in it.
fn listener_tls(chain: &Path, files: TlsFiles<'_>) -> anyhow::Result<ClientTlsConfig> {
    let mut tls = match files.ca {
        Some(ca) => trusting(ca)?,
        // A machine may have none.
        None if check_ca_certificates().is_err() => trusting(chain)?,
        None => trusting(chain)?.with_native_roots(),
    };
    if let Some(name) = server_name("grpc.tls", chain)? {
        tls = tls.domain_name(name);
    }
    identified(tls, files)
}

/// Accepts what the certificates in this file verify.
fn trusting(ca: &Path) -> anyhow::Result<ClientTlsConfig> {
    let pem = Certificate::from_pem(certificates(ca)?);
    Ok(ClientTlsConfig::new().ca_certificate(pem))
}

/// Presents our own certificate, if one is named.
fn identified(tls: ClientTlsConfig, files: TlsFiles<'_>) -> anyhow::Result<ClientTlsConfig> {
    let Some((certificate, key)) = files.identity else {
        return Ok(tls);
    };
    let chain = certificates(certificate)?;
    let shown = key.display();
    let pem = fs::read(key).with_context(|| format!("cannot read `{shown}`"))?;
    PrivateKeyDer::from_pem_slice(&pem)
        .with_context(|| format!("`{shown}` holds no private key in PEM that is not encrypted"))?;
    Ok(tls.identity(Identity::from_pem(chain, pem)))
}

/// What a file of certificates holds.
fn certificates(path: &Path) -> anyhow::Result<Vec<u8>> {
    let shown = path.display();
    let pem = fs::read(path).with_context(|| format!("cannot read `{shown}`"))?;
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let certificates = read.with_context(|| format!("cannot read `{shown}` as PEM"))?;
    if certificates.is_empty() {
        bail!(
            "`{shown}` holds no certificate: give one in PEM, which begins with `-----BEGIN CERTIFICATE-----`"
        );
    }
    Ok(pem)
}
