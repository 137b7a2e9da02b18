//! The revocation lists of CAs: which of those in a file count, and what is wrong with them.

use std::time::Duration;

use rustls::pki_types::CertificateRevocationListDer;
use x509_parser::prelude::{CertificateRevocationList, FromDer as _};

use super::{
    contents::{Authority, Contents, instant},
    error::FileProblem,
};
use crate::policy::Timestamp;

/// How far in the future a list may begin: the clock of its CA may be ahead, and to wait would let in whom it revokes.
const BEGINS_AHEAD_MAX: Duration = Duration::from_mins(5);
/// The extensions that say with which key a list is signed, and of which certificates it speaks.
const AUTHORITY_KEY: &str = "2.5.29.35";
const DISTRIBUTION_POINT: &str = "2.5.29.28";

type ListDer = CertificateRevocationListDer<'static>;
type Parsed<'d> = (&'d ListDer, CertificateRevocationList<'d>);

/// A revocation list that counts.
#[derive(Debug, Clone)]
pub(super) struct RevocationList {
    pub(super) der: ListDer,
    /// The name of its CA, in DER.
    pub(super) issuer: Box<[u8]>,
    /// The keys of CAs that have signed it; none if it is of a CA below them.
    pub(super) signers: Vec<Box<[u8]>>,
    pub(super) until: Timestamp,
}

/// Of which certificates a list speaks: with the same name, key and distribution point a newer one replaces an older one.
#[derive(Debug, PartialEq, Eq)]
struct Scope<'l> {
    issuer: &'l [u8],
    key: Option<&'l [u8]>,
    distribution_point: Option<&'l [u8]>,
}

impl Contents<'_> {
    /// The revocation lists, the newest first, without those that a newer one replaces: the library asks the first list of a CA. Each
    /// must be valid now, and be signed by its issuer if that is one of the CAs; and each CA that is valid must have one.
    pub(super) fn revocation_lists(
        &self,
        authorities: &[Authority],
        now: Timestamp,
    ) -> Result<Vec<RevocationList>, FileProblem> {
        let ders: Vec<ListDer> = self.items("revocation list")?;
        let valid = authorities.iter().filter(|ca| ca.is_valid(now));
        let valid: Vec<&Authority> = valid.collect();
        let mut lists = Vec::new();
        for (der, list) in self.newest(&ders)? {
            let until = self.list_until(&list, now)?;
            let signers = self.signers(&list, &valid)?;
            lists.push(RevocationList {
                der: der.clone(),
                issuer: list.issuer().as_raw().into(),
                signers,
                until,
            });
        }
        let is_covered = |ca: &&&Authority| lists.iter().any(|list| list.signers.contains(&ca.key));
        match valid.iter().find(|ca| !is_covered(ca)) {
            None => Ok(lists),
            Some(authority) => {
                let authority = self.parsed(&authority.der)?;
                let problem = self.problem(&format!(
                    "has no list of the CA `{}`, so every certificate of it would be refused",
                    authority.subject()
                ));
                Err(problem.hint("add its list; one without entries is enough"))
            }
        }
    }

    /// The newest list of each scope. Of two that are equally new, the one that stands later.
    fn newest<'d>(&self, ders: &'d [ListDer]) -> Result<Vec<Parsed<'d>>, FileProblem> {
        let mut lists: Vec<Parsed<'d>> = Vec::new();
        for der in ders.iter().rev() {
            match CertificateRevocationList::from_der(der) {
                Ok(([], list)) => lists.push((der, list)),
                _ => return Err(self.problem("has a revocation list that cannot be parsed")),
            }
        }
        lists.sort_by(|(_, one), (_, other)| age(other).cmp(&age(one)));
        let mut newest: Vec<Parsed<'d>> = Vec::new();
        for (der, list) in lists {
            if newest.iter().all(|(_, newer)| scope(newer) != scope(&list)) {
                newest.push((der, list));
            }
        }
        Ok(newest)
    }

    /// When a list expires. One that does not say so could be replayed for ever.
    fn list_until(
        &self,
        list: &CertificateRevocationList<'_>,
        now: Timestamp,
    ) -> Result<Timestamp, FileProblem> {
        let Some(next_update) = list.next_update() else {
            return Err(self.problem("has a list that does not say when it expires (nextUpdate)"));
        };
        let (begins, until) = (instant(list.last_update()), instant(next_update));
        if now > until {
            return Err(self.problem(&format!("has expired at {until}: it is {now} now")));
        }
        let ahead = Duration::try_from(begins.duration_since(now));
        if ahead.is_ok_and(|ahead| ahead > BEGINS_AHEAD_MAX) {
            return Err(self.problem(&format!("is not valid before {begins}: it is {now} now")));
        }
        Ok(until)
    }

    /// The keys of those of these CAs that have signed a list; an error if it claims to be of one of them, and none has.
    fn signers(
        &self,
        list: &CertificateRevocationList<'_>,
        authorities: &[&Authority],
    ) -> Result<Vec<Box<[u8]>>, FileProblem> {
        let named = authorities
            .iter()
            .filter(|ca| *ca.subject == *list.issuer().as_raw());
        let mut signers = Vec::new();
        let mut is_named = false;
        for authority in named {
            is_named = true;
            let certificate = self.parsed(&authority.der)?;
            if list.verify_signature(certificate.public_key()).is_ok() {
                signers.push(authority.key.clone());
            }
        }
        if is_named && signers.is_empty() {
            let issuer = list.issuer();
            let flaw = format!("has a list that its issuer `{issuer}` has not signed");
            return Err(self.problem(&flaw));
        }
        Ok(signers)
    }
}

/// How new a list is: greater is newer.
fn age<'l>(list: &'l CertificateRevocationList<'_>) -> impl Ord + use<'l> {
    (list.last_update().timestamp(), list.crl_number())
}

fn scope<'l>(list: &'l CertificateRevocationList<'_>) -> Scope<'l> {
    let extension = |oid: &str| {
        let mut extensions = list.extensions().iter();
        let found = extensions.find(|extension| extension.oid.to_id_string() == oid);
        found.map(|extension| extension.value)
    };
    Scope {
        issuer: list.issuer().as_raw(),
        key: extension(AUTHORITY_KEY),
        distribution_point: extension(DISTRIBUTION_POINT),
    }
}
