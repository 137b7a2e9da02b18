//! Whose certificates of clients are accepted: CAs and their revocation lists, and the verifier that is made from those of them that are
//! valid.

use rustls::{
    RootCertStore,
    server::{VerifierBuilderError, WebPkiClientVerifier},
};
use sha2::{Digest as _, Sha256};

use super::{
    config::ClientCertificatePolicy,
    verifier::{Anchors, Verifier},
};
use crate::{
    policy::Timestamp,
    tls::{contents::Authority, provider::provider, revocation_lists::RevocationList},
};

/// CAs and their revocation lists, also those that are not valid now.
#[derive(Debug)]
pub(super) struct Trust {
    pub(super) authorities: Vec<Authority>,
    /// `None`: no certificate counts as revoked.
    pub(super) lists: Option<Vec<RevocationList>>,
}

/// What the library says against these files.
#[derive(Debug)]
pub(super) enum Unusable {
    Authority(rustls::Error),
    List(VerifierBuilderError),
}

impl Trust {
    /// Accepts certificates of the CAs that are valid now. With revocation lists, each certificate of a chain must be covered by a list
    /// that has not expired.
    pub(super) fn verifier(
        &self,
        now: Timestamp,
        policy: &ClientCertificatePolicy,
    ) -> Result<Verifier, Unusable> {
        let mut inner = Vec::new();
        for set in self.sets(now) {
            let mut roots = RootCertStore::empty();
            for authority in &set {
                let added = roots.add(authority.der.clone());
                added.map_err(Unusable::Authority)?;
            }
            let mut builder = WebPkiClientVerifier::builder_with_provider(roots.into(), provider());
            if let Some(lists) = &self.lists {
                let lists = lists.iter().filter(|list| speaks_of(list, &set));
                let lists: Vec<_> = lists.map(|list| list.der.clone()).collect();
                // Without any list the library would accept everybody.
                if lists.is_empty() {
                    continue;
                }
                builder = builder.with_crls(lists).enforce_revocation_expiration();
            }
            let path_len = set.first().and_then(|authority| authority.path_len);
            inner.push(Anchors {
                verifier: builder.build().map_err(Unusable::List)?,
                issuers_max: path_len.unwrap_or(usize::MAX),
            });
        }
        Ok(Verifier::new(inner, policy.clone()))
    }

    /// The SHA-256 of what is trusted now.
    pub(super) fn digest(&self, now: Timestamp) -> [u8; 32] {
        let mut digest = Sha256::new();
        for authority in self.valid(now) {
            digest.update(&authority.der);
        }
        for list in self.lists.iter().flatten() {
            digest.update(&list.der);
        }
        digest.finalize().into()
    }

    /// The first instant, from now on, after which other CAs or lists are valid.
    pub(super) fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        let authorities = self.authorities.iter();
        let authorities = authorities.flat_map(|authority| [authority.from, authority.until]);
        let lists = self.lists.iter().flatten().map(|list| list.until);
        authorities.chain(lists).filter(|at| *at >= now).min()
    }

    /// When the first CA, and the first list, expires or has expired.
    pub(super) fn not_after(&self) -> (Option<Timestamp>, Option<Timestamp>) {
        let authorities = self.authorities.iter().map(|authority| authority.until);
        let lists = self.lists.iter().flatten().map(|list| list.until);
        (authorities.min(), lists.min())
    }

    fn valid(&self, now: Timestamp) -> impl Iterator<Item = &Authority> {
        self.authorities.iter().filter(move |ca| ca.is_valid(now))
    }

    /// The CAs that are valid now, in sets. None has two of the same name with different keys: of lists with the same name, the library
    /// asks the first one only, which may be the other key's. Those of one set permit the same number of CAs below them, which the library
    /// does not look at.
    fn sets(&self, now: Timestamp) -> Vec<Vec<&Authority>> {
        let mut sets: Vec<Vec<&Authority>> = Vec::new();
        for authority in self.valid(now) {
            let clashes = |other: &&Authority| {
                other.path_len != authority.path_len
                    || (other.subject == authority.subject && other.key != authority.key)
            };
            match sets.iter_mut().find(|set| !set.iter().any(clashes)) {
                Some(set) => set.push(authority),
                None => sets.push(vec![authority]),
            }
        }
        sets
    }
}

/// Whether a list is of one of these CAs, or of one below them.
fn speaks_of(list: &RevocationList, set: &[&Authority]) -> bool {
    let mut named = set.iter().filter(|ca| ca.subject == list.issuer);
    let is_other = named.next().is_none();
    is_other || set.iter().any(|ca| list.signers.contains(&ca.key))
}

impl Unusable {
    /// The place of the file among those of a listener, and what is wrong.
    pub(super) fn in_file(&self) -> (usize, String) {
        match self {
            Self::Authority(error) => (2, error.to_string()),
            Self::List(error) => (3, error.to_string()),
        }
    }
}
