//! Verifies the certificates of clients, and knows at each connection whether one is required.

use std::sync::Arc;

use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, UnixTime},
    server::danger::{ClientCertVerified, ClientCertVerifier},
};

use super::{
    chain::issuers,
    config::{ClientCertificatePolicy, ClientCertificates},
};
use crate::tls::provider::provider;

/// The verifiers of rustls; only whether a certificate is required is decided here.
#[derive(Debug)]
pub(super) struct Verifier {
    /// A certificate is accepted if one of these accepts it. None: no CA is valid.
    inner: Vec<Anchors>,
    subjects: Vec<DistinguishedName>,
    algorithms: WebPkiSupportedAlgorithms,
    policy: ClientCertificatePolicy,
}

/// CAs that permit the same number of CAs between them and a client's certificate.
#[derive(Debug)]
pub(super) struct Anchors {
    pub(super) verifier: Arc<dyn ClientCertVerifier>,
    pub(super) issuers_max: usize,
}

impl Verifier {
    pub(super) fn new(inner: Vec<Anchors>, policy: ClientCertificatePolicy) -> Self {
        let subjects = (inner.iter()).flat_map(|anchors| anchors.verifier.root_hint_subjects());
        Self {
            subjects: subjects.cloned().collect(),
            algorithms: provider().signature_verification_algorithms,
            inner,
            policy,
        }
    }
}

impl ClientCertVerifier for Verifier {
    fn client_auth_mandatory(&self) -> bool {
        self.policy.now() == ClientCertificates::Required
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.subjects
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let issuers = issuers(end_entity, intermediates).map_err(|error| {
            Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(error))))
        })?;
        let mut refused = Error::InvalidCertificate(CertificateError::UnknownIssuer);
        for Anchors {
            verifier,
            issuers_max,
        } in &self.inner
        {
            let issuers = issuers.get(..*issuers_max).unwrap_or(&issuers);
            match verifier.verify_client_cert(end_entity, issuers, now) {
                Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {}
                Err(error) => refused = error,
                accepted => return accepted,
            }
        }
        Err(refused)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
