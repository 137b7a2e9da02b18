//! TLS to a server whose CA, or our own certificate, is in files; and the proxy on the way there.

use std::{path::PathBuf, sync::Arc};

use reqwest::Proxy;
use rustls::{ClientConfig, InconsistentKeys, RootCertStore, time_provider::TimeProvider};
use secrecy::ExposeSecret as _;
use url::Url;

use super::authorities::{CaCertificates, alpn, with_authorities};
use crate::{
    clock::Clock,
    policy::Timestamp,
    tls::{
        contents::{Certificates, Contents, End},
        error::{FileProblem, FilesError},
        held::{self, Made, Make},
        pem_file::PemFile,
        provider::provider,
        time::ClockTime,
    },
};

/// The settings of TLS to a server, and of the proxy on the way there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientFiles {
    /// The section, such as `incode`.
    pub section: &'static str,
    /// The file of the CA certificates that verify the server's (PEM).
    pub ca: Option<PathBuf>,
    /// The files of our certificate chain, leaf first, and of its key (PEM).
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// The proxy, without user and password.
    pub proxy: Option<Url>,
    /// The file with the user and the password for the proxy.
    pub proxy_credentials: Option<PathBuf>,
}

impl ClientFiles {
    /// Whether nothing is set.
    pub(super) fn are_none(&self) -> bool {
        self.ca.is_none() && self.certificate.is_none() && self.proxy.is_none()
    }
}

/// Checks the files as they are now, without using them. Blocks.
pub fn check_client(client: &ClientFiles, clock: &Arc<dyn Clock>) -> Result<(), FilesError> {
    // What this machine trusts is checked elsewhere.
    let make = MakeClient::new(client, CaCertificates::Only(Vec::new()), clock);
    held::check(&make, clock.now())
}

/// Makes the configuration of TLS, and the proxy.
#[derive(Debug)]
pub(super) struct MakeClient {
    /// Those that are set, each with what it holds.
    files: Vec<PemFile>,
    kinds: Vec<Kind>,
    ca_certificates: CaCertificates,
    proxy: Option<Url>,
    time: Arc<dyn TimeProvider>,
}

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Authorities,
    Certificate,
    Key,
    Credentials,
}

/// What calls to the server are made with.
#[derive(Debug)]
pub(super) struct Calling {
    pub(super) tls: ClientConfig,
    pub(super) proxy: Option<Proxy>,
}

impl MakeClient {
    pub(super) fn new(
        client: &ClientFiles,
        ca_certificates: CaCertificates,
        clock: &Arc<dyn Clock>,
    ) -> Self {
        let (certificate, key) = match &client.certificate {
            Some((certificate, key)) => (Some(certificate), Some(key)),
            None => (None, None),
        };
        let all = [
            (Kind::Authorities, "ca", client.ca.as_ref()),
            (Kind::Certificate, "client_certificate", certificate),
            (Kind::Key, "client_key", key),
            (
                Kind::Credentials,
                "proxy_credentials_file",
                client.proxy_credentials.as_ref(),
            ),
        ];
        let (kinds, files) = all
            .into_iter()
            .filter_map(|(kind, key, path)| {
                Some((kind, PemFile::new(client.section, key, path?.clone())))
            })
            .unzip();
        Self {
            files,
            kinds,
            ca_certificates,
            proxy: client.proxy.clone(),
            time: Arc::new(ClockTime(Arc::clone(clock))),
        }
    }

    /// The file of this kind, if it is set.
    fn find<'f>(
        &self,
        files: &'f [Result<Contents<'f>, FileProblem>],
        kind: Kind,
    ) -> Result<Option<&'f Contents<'f>>, FileProblem> {
        let index = self.kinds.iter().position(|of| *of == kind);
        let file = index.and_then(|index| files.get(index));
        file.map(|file| file.as_ref().map_err(Clone::clone))
            .transpose()
    }

    fn config(
        &self,
        authorities: Option<&Certificates>,
        identity: Option<(&Certificates, &Contents<'_>)>,
    ) -> Result<ClientConfig, FileProblem> {
        let unusable = |what: &str, error: rustls::Error| {
            let setting = self
                .files
                .first()
                .map_or("tls", |file| file.setting.as_str());
            FileProblem::new(setting, format!("{what} cannot be used: {error}"))
        };
        let builder = ClientConfig::builder_with_details(provider(), Arc::clone(&self.time));
        let builder = builder
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable("TLS", error))?;
        let builder = match authorities {
            None => with_authorities(builder, &self.ca_certificates)
                .map_err(|error| unusable("the CA certificates of this machine", error))?,
            Some(authorities) => {
                let mut roots = RootCertStore::empty();
                for authority in &authorities.list {
                    let added = roots.add(authority.clone());
                    added.map_err(|error| unusable("a certificate", error))?;
                }
                builder.with_root_certificates(roots)
            }
        };
        let mut config = match identity {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => builder
                .with_client_auth_cert(chain.list.clone(), key.key()?)
                .map_err(|error| match error {
                    rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                        key.file.problem("is not the key of the certificate")
                    }
                    error => key.file.problem(&format!("cannot be used: {error}")),
                })?,
        };
        config.alpn_protocols = alpn();
        Ok(config)
    }

    fn proxy(&self, credentials: Option<&Contents<'_>>) -> Result<Option<Proxy>, FileProblem> {
        let Some(url) = &self.proxy else {
            return Ok(None);
        };
        let proxy = Proxy::all(url.clone());
        let proxy = proxy.map_err(|error| FileProblem::new("incode.proxy", error.to_string()))?;
        Ok(Some(match credentials {
            None => proxy,
            Some(file) => {
                let (user, password) = file.credentials()?;
                proxy.basic_auth(&user, password.expose_secret())
            }
        }))
    }
}

impl Make for MakeClient {
    type Made = Calling;

    fn files(&self) -> &[PemFile] {
        &self.files
    }

    fn make(
        &self,
        files: &[Result<Contents<'_>, FileProblem>],
        now: Timestamp,
        _before: Option<&Calling>,
    ) -> Result<Made<Calling>, FilesError> {
        let unreadable = files.iter().filter_map(|file| file.as_ref().err());
        let problems: Vec<FileProblem> = unreadable.cloned().collect();
        if !problems.is_empty() {
            return Err(FilesError { problems });
        }
        let authorities = self.find(files, Kind::Authorities)?;
        let authorities = authorities.map(|file| file.trusted(now)).transpose()?;
        let chain = self.find(files, Kind::Certificate)?;
        let chain = chain.map(|file| file.chain(End::Client, now)).transpose()?;
        let key = self.find(files, Kind::Key)?;
        let proxy = self.proxy(self.find(files, Kind::Credentials)?)?;
        let mut expiries = Vec::new();
        expiries.extend(authorities.as_ref().map(|found| ("ca", found.not_after)));
        expiries.extend(
            chain
                .as_ref()
                .map(|found| ("client_certificate", found.not_after)),
        );
        let tls = self.config(authorities.as_ref(), chain.as_ref().zip(key))?;
        Ok(Made {
            value: Calling { tls, proxy },
            expiries,
            next_change: None,
            kept: Vec::new(),
        })
    }

    fn differs(_: &Calling, _: &Calling) -> bool {
        true
    }
}
