//! The form of facts as they are sealed, read back to what a policy judges.

use std::{collections::BTreeMap, sync::Arc};

use serde::Deserialize;

use super::opened::OpenedFacts;
use crate::policy::{
    Authentication, BirthDate, ClaimedIdentity, DataKinds, Datum, Evidence, Finding, Flaw,
    Identity, PersonalText, PolicyName, Request, Scope, Timestamp, Verification, VerificationId,
};

/// The version of the form.
const VERSION: u8 = 1;

#[derive(Deserialize)]
pub(super) struct PlainFacts {
    v: u8,
    at: Box<str>,
    vendor_at: Option<Box<str>>,
    policy: Box<str>,
    verification_id: Box<str>,
    identity_id: Option<Box<str>>,
    authentication: Option<PlainAuthentication>,
    attributes: BTreeMap<String, String>,
    seen_at: Box<str>,
    finding: PlainFinding,
}

#[derive(Deserialize)]
struct PlainAuthentication {
    acr: String,
    amr: Vec<String>,
    auth_time: Option<Box<str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum PlainFinding {
    Present(Box<PlainVerification>),
    Absent,
    Unusable(Box<str>),
    Unknown,
}

#[derive(Deserialize)]
struct PlainVerification {
    id: Option<Box<str>>,
    trace_id: Option<Box<str>>,
    project: Option<Box<str>>,
    status: Option<Box<str>>,
    verified_at: Option<Box<str>>,
    scopes: Vec<Box<str>>,
    identity: Option<PlainDatum<Box<str>>>,
    name: Option<PlainDatum<()>>,
    phone: Option<PlainDatum<Box<str>>>,
    born: Option<PlainDatum<i64>>,
    kept: Vec<Box<str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum PlainDatum<T> {
    Unreadable,
    Known(T),
}

impl PlainFacts {
    /// The facts; `None` if a value is not one.
    pub(super) fn read(self) -> Option<OpenedFacts> {
        if self.v != VERSION {
            return None;
        }
        let identity = self.identity_id.as_deref();
        Some(OpenedFacts {
            at: instant(&self.at)?,
            vendor_at: optional_instant(self.vendor_at)?,
            request: Request {
                policy: PolicyName::parse(&self.policy).ok()?,
                verification: VerificationId::parse(&self.verification_id).ok()?,
                identity: identity.map_or(ClaimedIdentity::None, ClaimedIdentity::parse),
                authentication: match self.authentication {
                    Some(authentication) => Some(authentication.read()?),
                    None => None,
                },
                attributes: self.attributes,
                id: "".into(),
            },
            evidence: Evidence {
                seen_at: instant(&self.seen_at)?,
                finding: match self.finding {
                    PlainFinding::Present(verification) => Finding::Present(verification.read()?),
                    PlainFinding::Absent => Finding::Absent,
                    PlainFinding::Unusable(flaw) => Finding::Unusable(read_flaw(&flaw)?),
                    PlainFinding::Unknown => Finding::Unknown,
                },
            },
        })
    }
}

impl PlainAuthentication {
    fn read(self) -> Option<Authentication> {
        Some(Authentication {
            acr: self.acr,
            amr: self.amr,
            auth_time: optional_instant(self.auth_time)?,
        })
    }
}

impl PlainVerification {
    fn read(self) -> Option<Verification> {
        let kinds = self.kept.iter().map(|kind| match &**kind {
            "identity" => Some(DataKinds::IDENTITY),
            "name" => Some(DataKinds::NAME),
            "phone" => Some(DataKinds::PHONE),
            "birth" => Some(DataKinds::BIRTH),
            _ => None,
        });
        let phone = |text| Some(PersonalText::from(text));
        Some(Verification {
            id: self.id.map(Arc::from),
            trace_id: self.trace_id.map(Arc::from),
            project: self.project.map(Arc::from),
            status: self.status.map(Arc::from),
            verified_at: optional_instant(self.verified_at)?,
            scopes: self
                .scopes
                .iter()
                .map(|scope| Scope::from(&**scope))
                .collect(),
            identity: datum(self.identity, |text| Identity::parse(&text).ok())?,
            name: datum(self.name, Some)?,
            phone: datum(self.phone, phone)?,
            born: datum(self.born, BirthDate::from_millis)?,
            kept: kinds.collect::<Option<DataKinds>>()?,
        })
    }
}

/// A datum; `None` if its value is none.
fn datum<P, T>(plain: Option<PlainDatum<P>>, read: impl Fn(P) -> Option<T>) -> Option<Datum<T>> {
    Some(match plain {
        None => Datum::Missing,
        Some(PlainDatum::Unreadable) => Datum::Unreadable,
        Some(PlainDatum::Known(value)) => Datum::Known(read(value)?),
    })
}

fn read_flaw(name: &str) -> Option<Flaw> {
    let flaws = [Flaw::Unreadable, Flaw::TooLarge, Flaw::AnotherVerification];
    flaws.into_iter().find(|flaw| flaw.as_str() == name)
}

fn instant(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

/// An instant that may be absent; `None` if the text is none.
#[expect(
    clippy::option_option,
    reason = "absent and unreadable are different, and `?` ends the reading"
)]
fn optional_instant(text: Option<Box<str>>) -> Option<Option<Timestamp>> {
    match text {
        None => Some(None),
        Some(text) => instant(&text).map(Some),
    }
}
