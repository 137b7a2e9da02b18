//! What a line says of a decision: what is needed to decide again, and to compare with a shadow.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::changes::Change;
use crate::{
    journal::SealedFacts,
    json::Object,
    policy::{
        ReasonCode, Timestamp, parse_instant,
        recompute::{Recorded, RecordedFinding, RecordedVerdict, Requirements, Truth},
    },
};

/// What a line says of a decision.
#[derive(Debug)]
pub struct DecisionLine(Wire);

/// What a line says that the shadow policies would have decided.
#[derive(Debug, Clone, Deserialize)]
pub struct ShadowLine {
    /// The revision of the shadow set.
    pub revision: Box<str>,
    /// The decision, `absent` or `unknown`.
    pub decision: Box<str>,
}

/// Why a line says not enough to decide again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotRecordedError {
    /// It has no verdicts: it is of the first format.
    #[error("it has no verdicts: it is of an earlier version")]
    NoVerdicts,
    /// It has a value that is not known here.
    #[error("it has a value that this version does not know")]
    NotKnown,
}

#[derive(Debug, Deserialize)]
struct Wire {
    at: Box<str>,
    vendor_at: Option<Box<str>>,
    caller: Box<str>,
    policy: Box<str>,
    policy_revision: Box<str>,
    decision: Box<str>,
    #[serde(default)]
    reasons: Vec<WireReason>,
    evidence: WireEvidence,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
    verdicts: Option<Vec<WireVerdict>>,
    shadow: Option<ShadowLine>,
    #[serde(default)]
    decision_id: Box<str>,
    sealed_facts: Option<SealedFacts>,
}

/// A line that is none of a decision.
#[derive(Debug, Deserialize)]
struct Event {
    #[serde(rename = "event")]
    _event: Box<str>,
}

#[derive(Debug, Deserialize)]
struct WireReason {
    code: Box<str>,
    rule: Box<str>,
}

#[derive(Debug, Deserialize)]
struct WireEvidence {
    finding: Option<Box<str>>,
    status: Option<Box<str>>,
    verified_at: Option<Box<str>>,
}

#[derive(Debug, Deserialize)]
struct WireVerdict {
    requirement: Box<str>,
    #[serde(flatten)]
    window: WireWindow,
    vendor: Option<WireWindow>,
}

#[derive(Debug, Deserialize)]
struct WireWindow {
    holds: WireHolds,
    reason: Option<Box<str>>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum WireHolds {
    Known(bool),
    Unknown(Box<str>),
}

impl DecisionLine {
    /// Reads the line of a decision; `None` if it is that of an event. A line whose decision, or what a shadow would have decided, is not known here
    /// is an error.
    pub fn read(line: &[u8]) -> Result<Option<Self>, NotRecordedError> {
        if let Ok(Object(wire)) = serde_json::from_slice::<Object<Wire>>(line) {
            let line = Self(wire);
            let is_known = line.change_to(line.decision()).is_some()
                && line
                    .shadow()
                    .is_none_or(|shadow| line.change_to(&shadow.decision).is_some());
            return is_known
                .then_some(Some(line))
                .ok_or(NotRecordedError::NotKnown);
        }
        let event = serde_json::from_slice::<Object<Event>>(line);
        event.map(|_| None).map_err(|_| NotRecordedError::NotKnown)
    }

    /// When it was decided.
    pub fn at(&self) -> Option<Timestamp> {
        parse_instant(&self.0.at)
    }

    /// The other instant, where the clocks were apart.
    pub fn vendor_at(&self) -> Option<Timestamp> {
        parse_instant(self.0.vendor_at.as_deref()?)
    }

    /// Its id.
    pub fn decision_id(&self) -> &str {
        &self.0.decision_id
    }

    /// Its facts, if they are in it.
    pub fn sealed_facts(&self) -> Option<&SealedFacts> {
        self.0.sealed_facts.as_ref()
    }

    /// Who asked.
    pub fn caller(&self) -> &str {
        &self.0.caller
    }

    /// The policy.
    pub fn policy(&self) -> &str {
        &self.0.policy
    }

    /// The revision of the set that decided.
    pub fn policy_revision(&self) -> &str {
        &self.0.policy_revision
    }

    /// The decision.
    pub fn decision(&self) -> &str {
        &self.0.decision
    }

    /// The change from the decision to another one; `None` if either is not known.
    pub fn change_to(&self, other: &str) -> Option<Change> {
        Change::new(self.decision(), other)
    }

    /// The value of an attribute, if it is recorded.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.0.attributes.get(name).map(String::as_str)
    }

    /// What the shadow would have decided, if there was one.
    pub fn shadow(&self) -> Option<&ShadowLine> {
        self.0.shadow.as_ref()
    }

    /// The code and the rule of each reason.
    pub fn reasons(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        let reasons = self.0.reasons.iter();
        reasons.map(|reason| (&*reason.code, &*reason.rule))
    }

    /// What it says of the facts.
    pub fn recorded(&self, requirements: &mut Requirements) -> Result<Recorded, NotRecordedError> {
        let wire = &self.0;
        let verdicts = wire.verdicts.as_ref().ok_or(NotRecordedError::NoVerdicts)?;
        let finding = wire.evidence.finding.as_deref();
        let finding = finding.ok_or(NotRecordedError::NoVerdicts)?;
        let instant = |text: &str| parse_instant(text).ok_or(NotRecordedError::NotKnown);
        let verified_at = wire.evidence.verified_at.as_deref();
        let present = RecordedFinding::Present {
            status: wire.evidence.status.clone(),
            verified_at: verified_at.map(instant).transpose()?,
        };
        let findings = [
            present,
            RecordedFinding::Absent,
            RecordedFinding::Invalid,
            RecordedFinding::Unknown,
        ];
        let mut findings = findings.into_iter();
        let verdicts = verdicts.iter().map(|verdict| verdict.read(requirements));
        Ok(Recorded {
            at: instant(&wire.at)?,
            other: wire.vendor_at.as_deref().map(instant).transpose()?,
            finding: findings
                .find(|known| known.name() == finding)
                .ok_or(NotRecordedError::NotKnown)?,
            attributes: wire.attributes.clone(),
            verdicts: verdicts.collect::<Result<_, _>>()?,
        })
    }
}

impl WireVerdict {
    fn read(&self, requirements: &mut Requirements) -> Result<RecordedVerdict, NotRecordedError> {
        let at = self.window.truth()?;
        let vendor = self.vendor.as_ref();
        Ok(RecordedVerdict {
            requirement: requirements.read(&self.requirement),
            at,
            other: vendor.map_or(Ok(at), WireWindow::truth)?,
        })
    }
}

impl WireWindow {
    fn truth(&self) -> Result<Truth, NotRecordedError> {
        match &self.holds {
            WireHolds::Known(true) => Ok(Truth::Met),
            WireHolds::Known(false) => Ok(Truth::Unmet(
                self.reason.as_deref().and_then(ReasonCode::parse),
            )),
            WireHolds::Unknown(text) if &**text == "unknown" => Ok(Truth::Unknown),
            WireHolds::Unknown(_) => Err(NotRecordedError::NotKnown),
        }
    }
}
