//! Certificates and revocation lists, made for a test.

use std::sync::atomic::{AtomicU64, Ordering};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose as Usage, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    RevokedCertParams, SanType, SerialNumber, date_time_ymd,
};
use tokio_rustls::rustls::pki_types::CertificateDer;

static SERIAL: AtomicU64 = AtomicU64::new(1);

/// A CA.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: rcgen::Certificate,
    /// The certificates of the CAs above it, for chains.
    above: String,
}

/// A certificate and its key, in PEM.
pub struct Leaf {
    pub chain: String,
    pub key: String,
    pub serial: u64,
    pub der: CertificateDer<'static>,
}

/// A date as year, month, day.
pub type Date = (i32, u8, u8);

fn serial() -> u64 {
    SERIAL.fetch_add(1, Ordering::SeqCst)
}

fn ca_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new([]).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.serial_number = Some(serial().into());
    params
}

impl Authority {
    pub fn new(name: &str) -> Self {
        Self::with(name, |_| {})
    }

    pub fn with(name: &str, adjust: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = ca_params(name);
        adjust(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self {
            issuer: Issuer::new(params, key),
            certificate,
            above: String::new(),
        }
    }

    /// A CA below this one.
    pub fn intermediate(&self, name: &str) -> Self {
        self.intermediate_with(name, |_| {})
    }

    pub fn intermediate_with(
        &self,
        name: &str,
        adjust: impl FnOnce(&mut CertificateParams),
    ) -> Self {
        let mut params = ca_params(name);
        adjust(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Self {
            above: format!("{}{}", certificate.pem(), self.above),
            issuer: Issuer::new(params, key),
            certificate,
        }
    }

    pub fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// A certificate of this CA.
    pub fn issue(&self, adjust: impl FnOnce(&mut CertificateParams)) -> Leaf {
        let (params, serial) = leaf_params(adjust);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        leaf(&certificate, &key, serial, &self.above)
    }

    /// Signs as a CA with the key of a certificate that is not one of a CA.
    pub fn leaf_as_ca(&self, name: &str) -> Self {
        self.intermediate_with(name, |params| params.is_ca = IsCa::ExplicitNoCa)
    }

    /// A certificate for a server on this machine.
    pub fn server(&self) -> Leaf {
        self.issue(|params| {
            params.subject_alt_names = vec![SanType::IpAddress([127, 0, 0, 1].into())];
            params.extended_key_usages = vec![Usage::ServerAuth];
        })
    }

    /// A certificate for a client of this name.
    pub fn client(&self, uri: &str) -> Leaf {
        self.issue(|params| params.subject_alt_names = vec![uri_name(uri)])
    }

    /// The list of these revoked certificates, which does not expire soon.
    pub fn list(&self, revoked: &[&Leaf]) -> String {
        self.list_until(revoked, (4000, 1, 1))
    }

    pub fn list_until(&self, revoked: &[&Leaf], (year, month, day): Date) -> String {
        self.list_with(revoked, |params| {
            params.next_update = date_time_ymd(year, month, day);
        })
    }

    pub fn list_with(
        &self,
        revoked: &[&Leaf],
        adjust: impl FnOnce(&mut CertificateRevocationListParams),
    ) -> String {
        let entry = |leaf: &&Leaf| RevokedCertParams {
            serial_number: leaf.serial.into(),
            revocation_time: date_time_ymd(2026, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let mut params = CertificateRevocationListParams {
            this_update: date_time_ymd(2026, 1, 1),
            next_update: date_time_ymd(4000, 1, 1),
            crl_number: SerialNumber::from(serial()),
            issuing_distribution_point: None,
            revoked_certs: revoked.iter().map(entry).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        adjust(&mut params);
        params.signed_by(&self.issuer).unwrap().pem().unwrap()
    }
}

/// A certificate for a client that is its own issuer.
pub fn self_signed() -> Leaf {
    let (params, serial) = leaf_params(|params| {
        params.subject_alt_names = vec![uri_name("spiffe://example.org/door/self")];
    });
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    leaf(&certificate, &key, serial, "")
}

pub fn uri_name(uri: &str) -> SanType {
    SanType::URI(uri.try_into().unwrap())
}

fn leaf_params(adjust: impl FnOnce(&mut CertificateParams)) -> (CertificateParams, u64) {
    let serial = serial();
    let mut params = CertificateParams::new([]).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, "a name that counts for nothing");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![Usage::ClientAuth];
    params.serial_number = Some(serial.into());
    adjust(&mut params);
    (params, serial)
}

fn leaf(certificate: &rcgen::Certificate, key: &KeyPair, serial: u64, above: &str) -> Leaf {
    Leaf {
        chain: format!("{}{above}", certificate.pem()),
        key: key.serialize_pem(),
        serial,
        der: certificate.der().clone(),
    }
}
