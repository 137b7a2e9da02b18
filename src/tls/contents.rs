//! What files in PEM hold: certificates and private keys, each checked for what would make every handshake fail.

use std::{net::IpAddr, path::Path};

use rustls::pki_types::{
    CertificateDer, PrivateKeyDer,
    pem::{self, PemObject},
};
use secrecy::{ExposeSecret as _, SecretString};
use x509_parser::prelude::{ASN1Time, FromDer as _, GeneralName, Validity, X509Certificate};

use super::{
    error::{FileProblem, FilesError},
    pem_file::PemFile,
};
use crate::policy::Timestamp;

/// A file with its text.
pub(super) struct Contents<'f> {
    pub(super) file: &'f PemFile,
    pub(super) text: &'f SecretString,
}

/// Certificates, and the first instant at which one of them has expired.
#[derive(Debug)]
pub(super) struct Certificates {
    pub(super) list: Vec<CertificateDer<'static>>,
    pub(super) not_after: Timestamp,
}

/// The CA certificates in a file; at least one that is valid now. For a client that reads them by itself. Blocks.
pub fn ca_certificates(
    path: &Path,
    now: Timestamp,
) -> Result<Vec<CertificateDer<'static>>, FileProblem> {
    let file = PemFile::new("", "ca", path.to_owned());
    let text = &file.read()?;
    let file = &file;
    Ok(Contents { file, text }.trusted(now)?.list)
}

/// A name that the certificate of a listener is for, as a client gives it: the first name of DNS, with a label in place of `*`, or else the
/// first IP address. `None` if it has neither. `section` is that of the listener. Blocks.
pub fn server_name(section: &str, certificate: &Path) -> Result<Option<String>, FilesError> {
    let file = PemFile::new(section, "certificate", certificate.to_owned());
    let contents = Contents {
        file: &file,
        text: &file.read()?,
    };
    let chain = contents.certificates()?;
    let Some(leaf) = chain.first() else {
        return Ok(None);
    };
    let leaf = contents.parsed(leaf)?;
    let names = leaf
        .subject_alternative_name()
        .map_err(|_| contents.problem("has a certificate with an unreadable extension"))?;
    let names = names.map_or_else(Vec::new, |names| names.value.general_names.clone());
    let dns = names.iter().find_map(|name| match name {
        GeneralName::DNSName(name) => Some(name.replacen('*', "verigate", 1)),
        _ => None,
    });
    let address = || names.iter().find_map(ip_address);
    Ok(dns.or_else(|| Some(address()?.to_string())))
}

fn ip_address(name: &GeneralName<'_>) -> Option<IpAddr> {
    let GeneralName::IPAddress(bytes) = name else {
        return None;
    };
    let four = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from))
        .ok()
}

/// A certificate that verifies those of servers.
#[derive(Debug, Clone)]
pub(super) struct Anchor {
    pub(super) der: CertificateDer<'static>,
    /// When it is valid: from the first until the second instant.
    pub(super) from: Timestamp,
    pub(super) until: Timestamp,
}

impl Anchor {
    /// Whether it is valid at this instant.
    pub(super) fn is_valid(&self, now: Timestamp) -> bool {
        (self.from..=self.until).contains(&now)
    }
}

/// The certificate of a CA that issues those of clients.
#[derive(Debug, Clone)]
pub(super) struct Authority {
    pub(super) der: CertificateDer<'static>,
    /// Its name and its public key, in DER.
    pub(super) subject: Box<[u8]>,
    pub(super) key: Box<[u8]>,
    /// How many CAs may stand between it and a client's certificate; any number if it does not say.
    pub(super) path_len: Option<usize>,
    /// When it is valid: from the first until the second instant.
    pub(super) from: Timestamp,
    pub(super) until: Timestamp,
}

impl Authority {
    /// Whether it is valid at this instant.
    pub(super) fn is_valid(&self, now: Timestamp) -> bool {
        (self.from..=self.until).contains(&now)
    }
}

/// Which end of a connection a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Server,
    Client,
}

impl Contents<'_> {
    /// A certificate chain to present, leaf first. Each must be valid now, and the leaf must be for this end.
    pub(super) fn chain(&self, end: End, now: Timestamp) -> Result<Certificates, FileProblem> {
        let list = self.certificates()?;
        let mut not_after = Timestamp::MAX;
        for (index, der) in list.iter().enumerate() {
            let certificate = self.parsed(der)?;
            not_after = not_after.min(self.valid(certificate.validity(), now)?);
            if index == 0 {
                self.check_leaf(&certificate, end)?;
            }
        }
        Ok(Certificates { list, not_after })
    }

    /// The certificates of CAs that issue those of clients, also those that have expired or are not valid yet; one must be valid.
    pub(super) fn authorities(&self, now: Timestamp) -> Result<Vec<Authority>, FileProblem> {
        let mut authorities = Vec::new();
        for der in self.certificates()? {
            let certificate = self.parsed(&der)?;
            if !certificate.is_ca() {
                let problem = self.problem(&format!(
                    "has a certificate that is not one of a CA: `{}`",
                    certificate.subject()
                ));
                return Err(problem.hint("name the CA that issues the certificates of clients"));
            }
            if !may_sign_certificates(&certificate) {
                let problem = self.problem(&format!(
                    "has the certificate of a CA whose key must not sign certificates: `{}`",
                    certificate.subject()
                ));
                return Err(
                    problem.hint("its key usage lacks `keyCertSign`: issue it again with it")
                );
            }
            let validity = certificate.validity();
            authorities.push(Authority {
                path_len: path_len(&certificate),
                subject: certificate.subject().as_raw().into(),
                key: certificate.public_key().raw.into(),
                from: instant(validity.not_before),
                until: instant(validity.not_after),
                der: der.clone(),
            });
        }
        // An error if none is valid.
        self.trusted(now)?;
        Ok(authorities)
    }

    /// The certificates that verify others, also those that have expired or are not valid yet.
    pub(super) fn anchors(&self) -> Result<Vec<Anchor>, FileProblem> {
        let mut anchors = Vec::new();
        for der in self.certificates()? {
            let certificate = self.parsed(&der)?;
            let validity = certificate.validity();
            anchors.push(Anchor {
                from: instant(validity.not_before),
                until: instant(validity.not_after),
                der: der.clone(),
            });
        }
        Ok(anchors)
    }

    /// The certificates that verify others. Those that have expired or are not valid yet are left out; one must be left.
    pub(super) fn trusted(&self, now: Timestamp) -> Result<Certificates, FileProblem> {
        let mut list = Vec::new();
        let mut not_after = Timestamp::MAX;
        let mut flaw = None;
        for der in self.certificates()? {
            let certificate = self.parsed(&der)?;
            // One that has expired counts here, so that it is noticed before it is needed.
            not_after = not_after.min(instant(certificate.validity().not_after));
            let valid = self.valid(certificate.validity(), now);
            match valid {
                Ok(_) => list.push(der.clone()),
                Err(problem) => flaw = Some(problem),
            }
        }
        match flaw {
            Some(problem) if list.is_empty() => Err(problem),
            _ => Ok(Certificates { list, not_after }),
        }
    }

    /// The certificates, in the order of the file; at least one.
    pub(super) fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, FileProblem> {
        self.items("certificate")
    }

    /// The private key.
    pub(super) fn key(&self) -> Result<PrivateKeyDer<'static>, FileProblem> {
        let text = self.text.expose_secret();
        match PrivateKeyDer::from_pem_slice(text.as_bytes()) {
            _ if has_encrypted_key(text) => Err(self.encrypted()),
            Ok(key) => Ok(key),
            Err(pem::Error::NoItemsFound) => {
                let problem = self.problem("has no private key");
                Err(problem.hint("PEM of PKCS #8, PKCS #1 or SEC 1: `-----BEGIN PRIVATE KEY-----`"))
            }
            Err(error) => Err(self.not_pem(&error)),
        }
    }

    /// A user and a password, as `user:password`.
    pub(super) fn credentials(&self) -> Result<(String, SecretString), FileProblem> {
        let text = self.text.expose_secret().trim_end_matches(['\r', '\n']);
        let hint = "one line: the user, a colon, the password";
        if text.chars().any(char::is_control) {
            return Err(self.problem("has control characters in it").hint(hint));
        }
        match text.split_once(':') {
            Some((user, password)) if !user.is_empty() => Ok((user.to_owned(), password.into())),
            _ => Err(self.problem("has no user and password").hint(hint)),
        }
    }

    /// A leaf that no peer would accept.
    fn check_leaf(&self, leaf: &X509Certificate<'_>, end: End) -> Result<(), FileProblem> {
        if leaf.is_ca() {
            let problem = self.problem("begins with the certificate of a CA");
            return Err(problem.hint("the certificate of the key comes first, then its issuers"));
        }
        let Ok(usage) = leaf.extended_key_usage() else {
            return Err(self.problem("has a certificate with an unreadable extension"));
        };
        let (fits, what) = match (usage, end) {
            (None, _) => (true, ""),
            (Some(usage), End::Server) => (usage.value.any || usage.value.server_auth, "servers"),
            (Some(usage), End::Client) => (usage.value.any || usage.value.client_auth, "clients"),
        };
        if !fits {
            return Err(self.problem(&format!("has a certificate that is not one for {what}")));
        }
        Ok(())
    }

    /// When it expires, if it is valid now.
    pub(super) fn valid(
        &self,
        validity: &Validity,
        now: Timestamp,
    ) -> Result<Timestamp, FileProblem> {
        let (from, until) = (instant(validity.not_before), instant(validity.not_after));
        if now < from {
            Err(self.problem(&format!("is not valid before {from}: it is {now} now")))
        } else if now > until {
            Err(self.problem(&format!("has expired at {until}: it is {now} now")))
        } else {
            Ok(until)
        }
    }

    pub(super) fn parsed<'d>(
        &self,
        der: &'d CertificateDer<'static>,
    ) -> Result<X509Certificate<'d>, FileProblem> {
        match X509Certificate::from_der(der) {
            Ok(([], certificate)) => Ok(certificate),
            _ => Err(self.problem("has a certificate that cannot be parsed")),
        }
    }

    /// Everything of one kind in the file; at least one.
    pub(super) fn items<T: PemObject>(&self, what: &str) -> Result<Vec<T>, FileProblem> {
        let text = self.text.expose_secret();
        let items: Result<Vec<T>, _> = T::pem_slice_iter(text.as_bytes()).collect();
        let items = items.map_err(|error| self.not_pem(&error))?;
        if items.is_empty() {
            return Err(self.problem(&format!("has no {what} in PEM")));
        }
        Ok(items)
    }

    fn encrypted(&self) -> FileProblem {
        let problem = self.problem("has an encrypted key, for which nobody could be asked");
        problem
            .hint("decrypt it with `openssl pkey`, and keep the file readable for its owner only")
    }

    /// What is wrong with a text that is not PEM. The library would show bytes of it.
    fn not_pem(&self, error: &pem::Error) -> FileProblem {
        let flaw = match error {
            pem::Error::MissingSectionEnd { .. } => {
                "ends within a section, before its line `-----END …-----`"
            }
            pem::Error::IllegalSectionStart { .. } => {
                "has a line that begins a section and is not `-----BEGIN …-----`"
            }
            pem::Error::Base64Decode(_) => "has a section that is not base64",
            _ => "is not PEM",
        };
        self.problem(flaw)
            .hint("is the file written in full? write a new file beside it and rename it")
    }

    pub(super) fn problem(&self, flaw: &str) -> FileProblem {
        self.file.problem(flaw)
    }
}

/// Whether a CA may sign certificates with its key. One that does not say for what the key is may.
pub(super) fn may_sign_certificates(ca: &X509Certificate<'_>) -> bool {
    let usage = ca.key_usage();
    usage.is_ok_and(|usage| usage.is_none_or(|usage| usage.value.key_cert_sign()))
}

fn path_len(ca: &X509Certificate<'_>) -> Option<usize> {
    let constraints = ca.basic_constraints().ok()??;
    let limit = constraints.value.path_len_constraint?;
    Some(usize::try_from(limit).unwrap_or(usize::MAX))
}

/// Whether a key is encrypted, by either of the two ways.
fn has_encrypted_key(text: &str) -> bool {
    text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED")
}

/// An instant of a certificate. One beyond the calendar is the last one of it, or the first.
pub(super) fn instant(time: ASN1Time) -> Timestamp {
    let seconds = time.timestamp();
    let beyond = if seconds < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    };
    Timestamp::from_second(seconds).unwrap_or(beyond)
}
