//! The facts of a decision in full, as they are sealed: all that judging again needs. The text exists while it is encrypted, in memory that
//! is overwritten.

use std::collections::BTreeMap;

use serde::Serialize;
use uuid::Uuid;

use crate::{
    journal::{entry::Entry, sealing::SealedFacts},
    policy::{Authentication, DataKinds, Datum, Finding, Identity, Scope, Timestamp, Verification},
    secrets::WipedBytes,
};

/// The version of this form.
const VERSION: u8 = 1;

/// The facts. Instants have all their digits, because a decision may depend on them.
#[derive(Serialize)]
struct PlainFacts<'e> {
    v: u8,
    at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    vendor_at: Option<String>,
    policy: &'e str,
    /// The one that the evidence is about.
    verification_id: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity_id: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authentication: Option<PlainAuthentication<'e>>,
    attributes: &'e BTreeMap<String, String>,
    seen_at: String,
    finding: PlainFinding<'e>,
}

#[derive(Serialize)]
struct PlainAuthentication<'e> {
    acr: &'e str,
    amr: &'e [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum PlainFinding<'e> {
    Present(Box<PlainVerification<'e>>),
    Absent,
    Unusable(&'static str),
    Unknown,
}

/// What the vendor said. A datum that it did not send is absent.
#[derive(Serialize)]
struct PlainVerification<'e> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    project: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verified_at: Option<String>,
    scopes: Vec<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<PlainDatum<&'e str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<PlainDatum<()>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<PlainDatum<&'e str>>,
    /// In milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    born: Option<PlainDatum<i64>>,
    /// The kinds that were kept: nothing is known of the others.
    kept: Vec<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum PlainDatum<T> {
    Unreadable,
    Known(T),
}

/// The facts of this entry, if its journal seals them.
pub(super) fn sealed_facts(entry: &Entry, decision_id: Uuid) -> Option<SealedFacts> {
    let sealer = entry.protection.facts.as_ref()?;
    let mut text = WipedBytes::default();
    // Texts, numbers and flags have a form in JSON, and memory takes them.
    serde_json::to_writer(&mut text, &PlainFacts::from(entry)).ok()?;
    sealer.seal(&decision_id.to_string(), &text)
}

impl<'e> From<&'e Entry> for PlainFacts<'e> {
    fn from(entry: &'e Entry) -> Self {
        let (request, ruling) = (&*entry.request, &entry.ruling);
        let evidence = &*ruling.evidence;
        let judged = ruling.successor.as_ref().unwrap_or(&request.verification);
        Self {
            v: VERSION,
            at: ruling.decision.decided_at().to_string(),
            vendor_at: text(ruling.vendor_at),
            policy: request.policy.as_str(),
            verification_id: judged.as_str(),
            identity_id: request.identity.as_text(),
            authentication: request
                .authentication
                .as_ref()
                .map(PlainAuthentication::from),
            attributes: &request.attributes,
            seen_at: evidence.seen_at.to_string(),
            finding: match &evidence.finding {
                Finding::Present(verification) => {
                    PlainFinding::Present(Box::new(PlainVerification::from(verification)))
                }
                Finding::Absent => PlainFinding::Absent,
                Finding::Unusable(flaw) => PlainFinding::Unusable(flaw.as_str()),
                Finding::Unknown => PlainFinding::Unknown,
            },
        }
    }
}

impl<'e> From<&'e Authentication> for PlainAuthentication<'e> {
    fn from(authentication: &'e Authentication) -> Self {
        Self {
            acr: &authentication.acr,
            amr: &authentication.amr,
            auth_time: text(authentication.auth_time),
        }
    }
}

impl<'e> From<&'e Verification> for PlainVerification<'e> {
    fn from(verification: &'e Verification) -> Self {
        let kinds = [
            ("identity", DataKinds::IDENTITY),
            ("name", DataKinds::NAME),
            ("phone", DataKinds::PHONE),
            ("birth", DataKinds::BIRTH),
        ];
        let kept = kinds.into_iter();
        let kept = kept.filter(|(_, kind)| verification.kept.include(*kind));
        Self {
            id: verification.id.as_deref(),
            trace_id: verification.trace_id.as_deref(),
            project: verification.project.as_deref(),
            status: verification.status.as_deref(),
            verified_at: text(verification.verified_at),
            scopes: verification.scopes.iter().map(Scope::as_str).collect(),
            identity: datum(&verification.identity, Identity::as_str),
            name: datum(&verification.name, |()| ()),
            phone: datum(&verification.phone, |phone| &**phone),
            born: datum(&verification.born, |born| born.instant().as_millisecond()),
            kept: kept.map(|(name, _)| name).collect(),
        }
    }
}

fn datum<'d, T, P>(datum: &'d Datum<T>, plain: impl Fn(&'d T) -> P) -> Option<PlainDatum<P>> {
    match datum {
        Datum::Missing => None,
        Datum::Unreadable => Some(PlainDatum::Unreadable),
        Datum::Known(value) => Some(PlainDatum::Known(plain(value))),
    }
}

fn text(instant: Option<Timestamp>) -> Option<String> {
    instant.map(|instant| instant.to_string())
}
