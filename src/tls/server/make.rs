//! Makes the configuration of a listener from its files.

use std::sync::Arc;

use rustls::{
    Error, InconsistentKeys, ServerConfig, SupportedProtocolVersion,
    server::NoServerSessionStorage,
    sign::{CertifiedKey, SingleCertAndKey},
    time_provider::TimeProvider,
    version::{TLS12, TLS13},
};

use super::{
    config::{Alpn, ClientCertificatePolicy, MinVersion, ServerTlsConfig},
    trust::{Trust, Unusable},
    verifier::Verifier,
};
use crate::{
    clock::Clock,
    policy::Timestamp,
    tls::{
        contents::{Contents, End},
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
    versions: &'static [&'static SupportedProtocolVersion],
    alpn: Alpn,
    policy: ClientCertificatePolicy,
    time: Arc<dyn TimeProvider>,
}

/// What a listener uses.
#[derive(Debug)]
pub(super) struct Serving {
    pub(super) config: Arc<ServerConfig>,
    identity: Identity,
    /// Who is accepted, if clients are asked for certificates.
    pub(super) clients: Option<Clients>,
}

/// Our certificate.
#[derive(Debug, Clone)]
struct Identity {
    key: Arc<CertifiedKey>,
    not_after: Timestamp,
}

/// Whose certificates of clients are accepted.
#[derive(Debug, Clone)]
pub(super) struct Clients {
    trust: Arc<Trust>,
    pub(super) verifier: Arc<Verifier>,
    /// The SHA-256 of what the verifier was made from.
    digest: [u8; 32],
}

impl Serving {
    /// Whether other certificates of clients may be accepted than before.
    pub(super) fn has_other_clients(&self, before: &Self) -> bool {
        let digest = |serving: &Self| serving.clients.as_ref().map(|clients| clients.digest);
        digest(self) != digest(before)
    }
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
            versions: match config.min_version {
                MinVersion::Tls12 => &BOTH_VERSIONS,
                MinVersion::Tls13 => &ONLY_TLS13,
            },
            alpn,
            policy,
            time: Arc::new(ClockTime(Arc::clone(clock))),
        }
    }

    /// Our certificate and its key.
    fn identity(&self, files: &Files<'_>, now: Timestamp) -> Result<Identity, FilesError> {
        let file = |index: usize| match files.get(index) {
            Some(file) => file.as_ref().map_err(Clone::clone),
            None => Err(FileProblem::new("tls", "internal error: a file is missing")),
        };
        let chain = file(0).and_then(|file| file.chain(End::Server, now));
        let key = file(1).and_then(Contents::key);
        let (chain, key) = both(chain, key)?;
        let key = CertifiedKey::from_der(chain.list, key, &provider());
        Ok(Identity {
            key: Arc::new(key.map_err(|error| self.pair_problem(&error))?),
            not_after: chain.not_after,
        })
    }

    /// The CA certificates and the revocation lists, if clients are asked for certificates.
    fn clients(&self, files: &Files<'_>, now: Timestamp) -> Result<Option<Clients>, FilesError> {
        let Some(ca) = files.get(2) else {
            return Ok(None);
        };
        let authorities = ca.as_ref().map_err(Clone::clone);
        let authorities = authorities.and_then(|ca| ca.authorities(now));
        let list = files.get(3).map(|file| file.as_ref().map_err(Clone::clone));
        let (authorities, list) = both(authorities, list.transpose())?;
        let lists = list.map(|file| file.revocation_lists(&authorities, now));
        let trust = Trust {
            lists: lists.transpose()?,
            authorities,
        };
        Ok(Some(self.trusting(Arc::new(trust), now)?))
    }

    fn trusting(&self, trust: Arc<Trust>, now: Timestamp) -> Result<Clients, FileProblem> {
        let verifier = trust.verifier(now, &self.policy);
        let verifier = verifier.map_err(|unusable| self.unusable(&unusable))?;
        Ok(Clients {
            verifier: Arc::new(verifier),
            digest: trust.digest(now),
            trust,
        })
    }

    fn unusable(&self, unusable: &Unusable) -> FileProblem {
        let (index, error) = unusable.in_file();
        match self.files.get(index) {
            Some(file) => file.problem(&format!("cannot be used: {error}")),
            None => FileProblem::new("tls", error),
        }
    }

    fn config(
        &self,
        identity: &Identity,
        clients: Option<&Clients>,
    ) -> Result<ServerConfig, FileProblem> {
        let builder = ServerConfig::builder_with_details(provider(), Arc::clone(&self.time));
        let builder = builder.with_protocol_versions(self.versions);
        let builder = builder.map_err(|error| self.pair_problem(&error))?;
        let builder = match clients {
            Some(clients) => builder.with_client_cert_verifier(Arc::clone(&clients.verifier) as _),
            None => builder.with_no_client_auth(),
        };
        let own = SingleCertAndKey::from(Arc::clone(&identity.key));
        let mut config = builder.with_cert_resolver(Arc::new(own));
        config.alpn_protocols = self.alpn.protocols();
        if clients.is_some() {
            // A session that is resumed is not verified again: a certificate could be revoked, or its CA removed.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        Ok(config)
    }

    /// The problem of certificate and key together.
    fn pair_problem(&self, error: &Error) -> FileProblem {
        let key = self.files.get(1);
        let problem = |flaw: &str| match key {
            Some(file) => file.problem(flaw),
            None => FileProblem::new("tls", flaw),
        };
        match error {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                let problem = problem("is not the key of the certificate");
                problem.hint("certificate and key belong together, and the certificate of the key comes first")
            }
            error => problem(&format!("cannot be used with the certificate: {error}")),
        }
    }
}

type Files<'f> = [Result<Contents<'f>, FileProblem>];

/// Both values, or the problems of both.
fn both<A, B>(
    one: Result<A, FileProblem>,
    other: Result<B, FileProblem>,
) -> Result<(A, B), FilesError> {
    match (one, other) {
        (Ok(one), Ok(other)) => Ok((one, other)),
        (one, other) => Err(FilesError {
            problems: [one.err(), other.err()].into_iter().flatten().collect(),
        }),
    }
}

impl Make for MakeServer {
    type Made = Serving;

    fn files(&self) -> &[PemFile] {
        &self.files
    }

    /// Our certificate, and whose are accepted, are read apart: a certificate that cannot be used must not keep a new revocation list
    /// from being used. CAs that have expired are not trusted any more, whatever the files hold.
    fn make(
        &self,
        files: &Files<'_>,
        now: Timestamp,
        before: Option<&Serving>,
    ) -> Result<Made<Serving>, FilesError> {
        let mut kept = Vec::new();
        let identity = self.identity(files, now).or_else(|error| {
            kept.extend(error.problems);
            before.map(|before| before.identity.clone()).ok_or(())
        });
        let clients = self.clients(files, now).or_else(|error| {
            kept.extend(error.problems);
            let trust =
                before.map(|before| before.clients.as_ref().map(|of| Arc::clone(&of.trust)));
            let trusting = trust.ok_or(())?.map(|trust| self.trusting(trust, now));
            trusting.transpose().map_err(|problem| kept.push(problem))
        });
        let (Ok(identity), Ok(clients)) = (identity, clients) else {
            return Err(FilesError { problems: kept });
        };
        let trust = clients.as_ref().map(|clients| &clients.trust);
        let (authorities, lists) = trust.map_or((None, None), |trust| trust.not_after());
        let mut expiries = vec![("certificate", identity.not_after)];
        expiries.extend(authorities.map(|at| ("client_ca", at)));
        expiries.extend(lists.map(|at| ("client_crl", at)));
        let own = Some(identity.not_after).filter(|at| *at >= now);
        let trusted = trust.and_then(|trust| trust.next_change(now));
        Ok(Made {
            next_change: own.into_iter().chain(trusted).min(),
            value: Serving {
                config: Arc::new(self.config(&identity, clients.as_ref())?),
                identity,
                clients,
            },
            expiries,
            kept,
        })
    }

    fn differs(before: &Serving, now: &Serving) -> bool {
        now.has_other_clients(before) || now.identity.key.cert != before.identity.key.cert
    }
}
