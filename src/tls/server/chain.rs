//! The chain of CAs above a client's certificate, in its order. The library tries every order of what a client has sent, which takes long
//! if many certificates have one name; and it does not look at two limits of CAs, which are checked here.

use std::collections::BTreeSet;

use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::tls::contents::may_sign_certificates;

/// The most certificates of CAs that a client may send.
pub(super) const INTERMEDIATES_MAX: usize = 4;

/// A chain that is not looked at any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum ChainError {
    /// More certificates than a chain needs.
    #[error("the client has sent more than {INTERMEDIATES_MAX} certificates of CAs")]
    TooLong,
    /// Which of them is the issuer would have to be tried.
    #[error("the client has sent two certificates of CAs with one name")]
    SameName,
    /// Not a certificate.
    #[error("a certificate of the client cannot be parsed")]
    Unreadable,
    /// Its key usage does not have the signing of certificates.
    #[error("an issuer of the client's certificate must not sign certificates")]
    MustNotSign,
}

/// What a certificate of a CA says of itself.
struct Sent<'c, 'd> {
    der: &'c CertificateDer<'d>,
    subject: &'c [u8],
    issuer: &'c [u8],
    may_sign: bool,
}

/// The issuer of the leaf, its issuer, and so on, up to the last one that the client has sent. What it has sent beside these is left out.
pub(super) fn issuers<'c, 'd>(
    leaf: &'c CertificateDer<'_>,
    sent: &'c [CertificateDer<'d>],
) -> Result<Vec<CertificateDer<'d>>, ChainError> {
    if sent.len() > INTERMEDIATES_MAX {
        return Err(ChainError::TooLong);
    }
    let sent: Result<Vec<Sent<'c, 'd>>, ChainError> = sent.iter().map(Sent::of).collect();
    let mut sent = sent?;
    let mut names = BTreeSet::new();
    if !sent.iter().all(|ca| names.insert(ca.subject)) {
        return Err(ChainError::SameName);
    }
    let mut wanted = parsed(leaf)?.tbs_certificate.issuer.as_raw();
    let mut chain = Vec::new();
    // Each is taken once, so a circle ends.
    while let Some(index) = sent.iter().position(|ca| ca.subject == wanted) {
        let ca = sent.swap_remove(index);
        if !ca.may_sign {
            return Err(ChainError::MustNotSign);
        }
        wanted = ca.issuer;
        chain.push(ca.der.clone());
    }
    Ok(chain)
}

impl<'c, 'd> Sent<'c, 'd> {
    fn of(der: &'c CertificateDer<'d>) -> Result<Self, ChainError> {
        let certificate = parsed(der)?;
        Ok(Self {
            der,
            subject: certificate.tbs_certificate.subject.as_raw(),
            issuer: certificate.tbs_certificate.issuer.as_raw(),
            may_sign: may_sign_certificates(&certificate),
        })
    }
}

fn parsed<'c>(der: &'c CertificateDer<'_>) -> Result<X509Certificate<'c>, ChainError> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Ok(certificate),
        _ => Err(ChainError::Unreadable),
    }
}
