//! Makes the configuration of a listener from its files.

use std::sync::Arc;

use rustls::{
    InconsistentKeys, RootCertStore, ServerConfig, SupportedProtocolVersion,
    server::{NoServerSessionStorage, WebPkiClientVerifier, danger::ClientCertVerifier},
    time_provider::TimeProvider,
    version::{TLS12, TLS13},
};
use sha2::{Digest as _, Sha256};

use super::{
    config::{Alpn, ClientCertificatePolicy, MinVersion, ServerTlsConfig},
    verifier::Verifier,
};
use crate::{
    clock::Clock,
    policy::Timestamp,
    tls::{
        contents::{Certificates, Contents, End},
        error::{FileProblem, FilesError},
        held::{Made, Make},
        pem_file::PemFile,
        provider::provider,
        time::ClockTime,
    },
};

const BOTH_VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
const ONLY_TLS13: [&SupportedProtocolVersion; 1] = [&TLS13];

/// Makes the configuration of a listener.
#[derive(Debug)]
pub(super) struct MakeServer {
    /// Certificate and key, then CA certificates and revocation lists if they are set.
    files: Vec<PemFile>,
    has_lists: bool,
    versions: &'static [&'static SupportedProtocolVersion],
    alpn: Alpn,
    policy: ClientCertificatePolicy,
    time: Arc<dyn TimeProvider>,
}

/// What a listener uses.
#[derive(Debug)]
pub(super) struct Serving {
    pub(super) config: Arc<ServerConfig>,
    /// Verifies the certificates of clients, if they are asked for.
    pub(super) verifier: Option<Arc<dyn ClientCertVerifier>>,
    /// The SHA-256 of what the verifier was made from.
    pub(super) trust: [u8; 32],
}

/// What certificates of clients are verified with.
struct Trust {
    authorities: Certificates,
    lists: Vec<rustls::pki_types::CertificateRevocationListDer<'static>>,
    lists_not_after: Option<Timestamp>,
}

impl MakeServer {
    pub(super) fn new(
        config: &ServerTlsConfig,
        alpn: Alpn,
        policy: ClientCertificatePolicy,
        clock: &Arc<dyn Clock>,
    ) -> Self {
        let named = [
            ("certificate", Some(&config.certificate)),
            ("key", Some(&config.key)),
            ("client_ca", config.client_ca.as_ref()),
            ("client_crl", config.client_crl.as_ref()),
        ];
        let files = named
            .into_iter()
            .filter_map(|(key, path)| Some(PemFile::new(config.section, key, path?.clone())));
        Self {
            files: files.collect(),
            has_lists: config.client_crl.is_some(),
            versions: match config.min_version {
                MinVersion::Tls12 => &BOTH_VERSIONS,
                MinVersion::Tls13 => &ONLY_TLS13,
            },
            alpn,
            policy,
            time: Arc::new(ClockTime(Arc::clone(clock))),
        }
    }

    /// The CA certificates and the revocation lists, if clients are asked for certificates.
    fn trust(
        files: &[Result<Contents<'_>, FileProblem>],
        now: Timestamp,
    ) -> Result<Option<Trust>, FilesError> {
        let Some(ca) = files.get(2) else {
            return Ok(None);
        };
        let authorities = ca.as_ref().map_err(Clone::clone);
        let authorities = authorities.and_then(|ca| ca.authorities(now));
        let list = files.get(3).map(|file| file.as_ref().map_err(Clone::clone));
        let (authorities, list) = match (authorities, list.transpose()) {
            (Ok(authorities), Ok(list)) => (authorities, list),
            (authorities, list) => {
                return Err(problems([authorities.err(), list.err()]));
            }
        };
        let lists = list.map(|file| file.revocation_lists(&authorities.list, now));
        let (lists, lists_not_after) = match lists.transpose()? {
            Some((lists, not_after)) => (lists, Some(not_after)),
            None => (Vec::new(), None),
        };
        Ok(Some(Trust {
            authorities,
            lists,
            lists_not_after,
        }))
    }

    /// Accepts certificates of these CAs. With revocation lists, each certificate of a chain must be covered by a list that has not
    /// expired.
    fn verifier(&self, trust: &Trust) -> Result<Arc<dyn ClientCertVerifier>, FileProblem> {
        let unusable = |index: usize, error: &dyn std::fmt::Display| match self.files.get(index) {
            Some(file) => file.problem(&format!("cannot be used: {error}")),
            None => FileProblem::new("tls", error.to_string()),
        };
        let mut roots = RootCertStore::empty();
        for authority in &trust.authorities.list {
            let added = roots.add(authority.clone());
            added.map_err(|error| unusable(2, &error))?;
        }
        let mut builder = WebPkiClientVerifier::builder_with_provider(roots.into(), provider());
        if self.has_lists {
            let lists = trust.lists.iter().cloned();
            builder = builder.with_crls(lists).enforce_revocation_expiration();
        }
        let inner = builder.build().map_err(|error| unusable(3, &error))?;
        Ok(Arc::new(Verifier {
            inner,
            policy: self.policy.clone(),
        }))
    }

    fn config(
        &self,
        chain: Certificates,
        key: rustls::pki_types::PrivateKeyDer<'static>,
        verifier: Option<&Arc<dyn ClientCertVerifier>>,
    ) -> Result<ServerConfig, FileProblem> {
        let builder = ServerConfig::builder_with_details(provider(), Arc::clone(&self.time));
        let builder = builder.with_protocol_versions(self.versions);
        let builder = builder.map_err(|error| self.pair_problem(&error))?;
        let builder = match verifier {
            Some(verifier) => builder.with_client_cert_verifier(Arc::clone(verifier)),
            None => builder.with_no_client_auth(),
        };
        let config = builder.with_single_cert(chain.list, key);
        let mut config = config.map_err(|error| self.pair_problem(&error))?;
        config.alpn_protocols = self.alpn.protocols();
        if verifier.is_some() {
            // A session that is resumed is not verified again: a certificate could be revoked, or its CA removed.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        Ok(config)
    }

    /// The problem of certificate and key together.
    fn pair_problem(&self, error: &rustls::Error) -> FileProblem {
        let key = self.files.get(1);
        let problem = |flaw: &str| match key {
            Some(file) => file.problem(flaw),
            None => FileProblem::new("tls", flaw),
        };
        match error {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                let problem = problem("is not the key of the certificate");
                problem.hint("certificate and key belong together, and the certificate of the key comes first")
            }
            error => problem(&format!("cannot be used with the certificate: {error}")),
        }
    }
}

/// Those of the problems that there are.
fn problems(found: [Option<FileProblem>; 2]) -> FilesError {
    FilesError {
        problems: found.into_iter().flatten().collect(),
    }
}

impl Make for MakeServer {
    type Made = Serving;

    fn files(&self) -> &[PemFile] {
        &self.files
    }

    fn make(
        &self,
        files: &[Result<Contents<'_>, FileProblem>],
        now: Timestamp,
    ) -> Result<Made<Serving>, FilesError> {
        let file = |index: usize| match files.get(index) {
            Some(file) => file.as_ref().map_err(Clone::clone),
            None => Err(FileProblem::new("tls", "internal error: a file is missing")),
        };
        let chain = file(0).and_then(|file| file.chain(End::Server, now));
        let key = file(1).and_then(Contents::key);
        let trust = Self::trust(files, now);
        let (chain, key, trust) = match (chain, key, trust) {
            (Ok(chain), Ok(key), Ok(trust)) => (chain, key, trust),
            (chain, key, trust) => {
                let mut error = problems([chain.err(), key.err()]);
                error
                    .problems
                    .extend(trust.err().into_iter().flat_map(|error| error.problems));
                return Err(error);
            }
        };
        let verifier = trust.as_ref().map(|trust| self.verifier(trust));
        let verifier = verifier.transpose()?;
        let mut expiries = vec![("certificate", chain.not_after)];
        let mut digest = Sha256::new();
        if let Some(trust) = &trust {
            expiries.push(("client_ca", trust.authorities.not_after));
            expiries.extend(trust.lists_not_after.map(|at| ("client_crl", at)));
            trust
                .authorities
                .list
                .iter()
                .for_each(|der| digest.update(der));
            trust.lists.iter().for_each(|der| digest.update(der));
        }
        Ok(Made {
            value: Serving {
                config: Arc::new(self.config(chain, key, verifier.as_ref())?),
                verifier,
                trust: digest.finalize().into(),
            },
            expiries,
        })
    }
}
