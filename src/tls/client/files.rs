//! TLS to a server whose CA, or our own certificate, is in files; and the proxy on the way there.

use std::{path::PathBuf, sync::Arc};

use reqwest::Proxy;
use rustls::{
    ClientConfig, InconsistentKeys, RootCertStore,
    pki_types::CertificateDer,
    sign::{CertifiedKey, SingleCertAndKey},
    time_provider::TimeProvider,
};
use secrecy::ExposeSecret as _;
use url::Url;

use super::authorities::{CaCertificates, alpn, with_authorities};
use crate::{
    clock::Clock,
    policy::Timestamp,
    tls::{
        contents::{Anchor, Certificates, Contents, End},
        error::{FileProblem, FilesError},
        expiry::Expiry,
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
    /// The setting in it that names the file of the CA certificates.
    pub ca_setting: &'static str,
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

/// Checks the files as they are now, without using them; what of them expires when. Blocks.
pub fn check_client(
    client: &ClientFiles,
    clock: &Arc<dyn Clock>,
) -> Result<Vec<Expiry>, FilesError> {
    // What this machine trusts is checked elsewhere.
    let make = MakeClient::new(client, CaCertificates::Only(Vec::new()), clock);
    held::check(client.section, &make, clock.now())
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
    parts: Parts,
    /// The CA certificates that are valid.
    valid: Vec<CertificateDer<'static>>,
}

/// What the files hold, also what is not valid now.
#[derive(Debug, Clone)]
struct Parts {
    /// `None`: those of this machine count.
    anchors: Option<Vec<Anchor>>,
    identity: Option<Identity>,
    proxy: Option<Proxy>,
}

/// Our certificate.
#[derive(Debug, Clone)]
struct Identity {
    key: Arc<CertifiedKey>,
    not_after: Timestamp,
}

impl Calling {
    pub(super) fn proxy(&self) -> Option<&Proxy> {
        self.parts.proxy.as_ref()
    }
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
            (Kind::Authorities, client.ca_setting, client.ca.as_ref()),
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

    /// What the files hold.
    fn read(
        &self,
        files: &[Result<Contents<'_>, FileProblem>],
        now: Timestamp,
    ) -> Result<Parts, FilesError> {
        let unreadable = files.iter().filter_map(|file| file.as_ref().err());
        let problems: Vec<FileProblem> = unreadable.cloned().collect();
        if !problems.is_empty() {
            return Err(FilesError { problems });
        }
        let anchors = self.find(files, Kind::Authorities)?;
        let anchors = anchors.map(Contents::anchors).transpose()?;
        let chain = self.find(files, Kind::Certificate)?;
        let pair = chain.zip(self.find(files, Kind::Key)?);
        let identity = pair.map(|(chain, key)| identity(chain, key, now));
        Ok(Parts {
            anchors,
            identity: identity.transpose()?,
            proxy: self.proxy(self.find(files, Kind::Credentials)?)?,
        })
    }

    /// What calls are made with, now. CA certificates that are not valid verify nothing.
    fn calling(&self, parts: Parts, now: Timestamp) -> Result<Calling, FileProblem> {
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
        let mut valid = Vec::new();
        let builder = match &parts.anchors {
            None => with_authorities(builder, &self.ca_certificates)
                .map_err(|error| unusable("the CA certificates of this machine", error))?,
            Some(anchors) => {
                let mut roots = RootCertStore::empty();
                for anchor in anchors.iter().filter(|anchor| anchor.is_valid(now)) {
                    let added = roots.add(anchor.der.clone());
                    added.map_err(|error| unusable("a certificate", error))?;
                    valid.push(anchor.der.clone());
                }
                builder.with_root_certificates(roots)
            }
        };
        let mut tls = match &parts.identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let own = SingleCertAndKey::from(Arc::clone(&identity.key));
                builder.with_client_cert_resolver(Arc::new(own))
            }
        };
        tls.alpn_protocols = alpn();
        Ok(Calling { tls, parts, valid })
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

    /// Files that cannot be used leave the last good ones in use, but no CA certificate that has expired: as long as none is valid, no
    /// server is trusted.
    fn make(
        &self,
        files: &[Result<Contents<'_>, FileProblem>],
        now: Timestamp,
        before: Option<&Calling>,
    ) -> Result<Made<Calling>, FilesError> {
        let (parts, mut kept) = match (self.read(files, now), before) {
            (Ok(parts), _) => (parts, Vec::new()),
            (Err(error), Some(before)) => (before.parts.clone(), error.problems),
            (Err(error), None) => return Err(error),
        };
        if let (Some(file), Some(anchors)) = (
            self.find(files, Kind::Authorities).ok().flatten(),
            &parts.anchors,
        ) && !anchors.iter().any(|anchor| anchor.is_valid(now))
        {
            // Says since when, or until when, they are not valid.
            let problem = file.trusted(now).err();
            if before.is_none() {
                problem.clone().map_or(Ok(()), Err)?;
            }
            kept.extend(problem.filter(|problem| !kept.contains(problem)));
        }
        let mut expiries = Vec::new();
        let anchors = parts.anchors.as_ref();
        let first = anchors.and_then(|all| all.iter().map(|anchor| anchor.until).min());
        expiries.extend(first.map(|at| ("ca", at)));
        let own = parts.identity.as_ref().map(|identity| identity.not_after);
        expiries.extend(own.map(|at| ("client_certificate", at)));
        let validities = anchors.into_iter().flatten();
        let changes = validities.flat_map(|anchor| [anchor.from, anchor.until]);
        let next_change = changes.chain(own).filter(|at| *at >= now).min();
        Ok(Made {
            value: self.calling(parts, now)?,
            expiries,
            next_change,
            kept,
        })
    }

    fn differs(before: &Calling, now: &Calling) -> bool {
        let own = |calling: &Calling| {
            let identity = calling.parts.identity.as_ref();
            identity.map(|identity| identity.key.cert.clone())
        };
        before.valid != now.valid || own(before) != own(now)
    }
}

/// Our certificate with its key.
fn identity(
    chain: &Contents<'_>,
    key: &Contents<'_>,
    now: Timestamp,
) -> Result<Identity, FileProblem> {
    let Certificates { list, not_after } = chain.chain(End::Client, now)?;
    let pair = CertifiedKey::from_der(list, key.key()?, &provider());
    let pair = pair.map_err(|error| match error {
        rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            key.file.problem("is not the key of the certificate")
        }
        error => key.file.problem(&format!("cannot be used: {error}")),
    })?;
    Ok(Identity {
        key: Arc::new(pair),
        not_after,
    })
}
