//! Makes a decision again from what a journal says of it, without the facts: by the policies that made it, or by others. Three-valued: what
//! is not known is never guessed.
//!
//! What a journal has is the finding, the status and the time of a verification, the attributes that it was configured to record, and the verdict on
//! each requirement that was read. So requirements about the status, the time of the verification and schedules are always known, and any
//! other one if it was read, or follows from one that was.

mod truth;
mod read;
mod derive;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use self::{derive::derived, truth::all_of};
pub use self::{
    read::{ReadRequirement, Requirements},
    truth::Truth,
};
use crate::{
    decide::credible_at,
    effect::{Effect, Refusal},
    evidence::DataKinds,
    reason::{Reason, ReasonCode},
    rule::{AttributeNotIn, IfAbsent, Requirement, Rule},
    set::Policy,
    time::{Timestamp, after},
    when::Interval,
};

/// What a journal says of one decision.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The instant for which it was made.
    pub at: Timestamp,
    /// The instant of the other clock, if it was made for two.
    pub other: Option<Timestamp>,
    /// What the evidence was.
    pub finding: RecordedFinding,
    /// The attributes of the request that are recorded. Of others nothing is known.
    pub attributes: BTreeMap<String, String>,
    /// The verdicts, in their order.
    pub verdicts: Vec<RecordedVerdict>,
}

/// What a journal says of the evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordedFinding {
    /// The upstream described the verification.
    Present {
        /// Its status.
        status: Option<Box<str>>,
        /// When it was made.
        verified_at: Option<Timestamp>,
    },
    /// The upstream knows no such verification.
    Absent,
    /// The upstream's answer cannot be used, or is about another verification.
    Invalid,
    /// The upstream could not be asked.
    Unknown,
}

impl RecordedFinding {
    /// The name of a finding in the journal.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Present { .. } => "present",
            Self::Absent => "absent",
            Self::Invalid => "invalid",
            Self::Unknown => "unknown",
        }
    }
}

/// What a journal says of one requirement.
#[derive(Debug, Clone)]
pub struct RecordedVerdict {
    /// The requirement.
    pub requirement: Arc<ReadRequirement>,
    /// Whether it held at the instant of the decision.
    pub at: Truth,
    /// Whether it held at the instant of the other clock.
    pub other: Truth,
}

/// Which identities the lists of a policy have, in comparison with those of the policies that were recorded. The journal has not their text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SameLists {
    /// The policies are those that decided.
    InForce,
    /// The policies are the shadow policies that were judged beside those that decided.
    Shadow,
    /// They may have others.
    Unknown,
}

/// A decision that was made again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recomputed {
    /// The effect; `None` if it is not known.
    pub effect: Option<Effect>,
    /// The reasons; `None` if not all of them are known.
    pub reasons: Option<Vec<Reason>>,
    /// The requirements of which it is not known whether they held, as the policy writes them, each once.
    pub missing: BTreeSet<Box<str>>,
}

/// What is known of a decision for one instant: its effect is between these.
struct Bounds {
    least: Effect,
    most: Effect,
    reasons: Option<Vec<Reason>>,
}

/// One decision by one policy.
struct Again<'a> {
    policy: &'a Policy,
    recorded: &'a Recorded,
    lists: SameLists,
    missing: BTreeSet<Box<str>>,
}

impl Policy {
    /// Decides what was recorded, if the record says enough.
    pub fn recompute(&self, recorded: &Recorded, lists: SameLists) -> Recomputed {
        let mut again = Again {
            policy: self,
            recorded,
            lists,
            missing: BTreeSet::new(),
        };
        let ours = again.bounds(recorded.at, false);
        let bounds = match recorded.other {
            None => ours,
            Some(other) => stricter(ours, again.bounds(other, true)),
        };
        Recomputed {
            effect: (bounds.least == bounds.most).then_some(bounds.least),
            reasons: bounds.reasons,
            missing: again.missing,
        }
    }
}

/// The decision for two instants.
fn stricter(ours: Bounds, others: Bounds) -> Bounds {
    let is_known = ours.least == ours.most && others.least == others.most;
    let reasons = match others.least > ours.least {
        _ if !is_known => None,
        true => others.reasons,
        false => ours.reasons,
    };
    Bounds {
        least: ours.least.max(others.least),
        most: ours.most.max(others.most),
        reasons,
    }
}

impl Bounds {
    fn refused(effect: Refusal, code: ReasonCode) -> Self {
        let reason = Reason::of_guard(effect, code);
        Self {
            least: effect.into(),
            most: effect.into(),
            reasons: Some(vec![reason]),
        }
    }
}

impl Again<'_> {
    fn bounds(&mut self, instant: Timestamp, is_other: bool) -> Bounds {
        let unavailable = self.policy.evidence().unavailable;
        let verified_at = match &self.recorded.finding {
            RecordedFinding::Unknown => {
                return Bounds::refused(unavailable, ReasonCode::EvidenceUnavailable);
            }
            RecordedFinding::Absent => {
                return Bounds::refused(Refusal::Deny, ReasonCode::VerificationNotFound);
            }
            RecordedFinding::Invalid => {
                return Bounds::refused(Refusal::Deny, ReasonCode::EvidenceInvalid);
            }
            RecordedFinding::Present { verified_at, .. } => *verified_at,
        };
        let kept = self.kept();
        if kept == Some(false) {
            return Bounds::refused(unavailable, ReasonCode::EvidenceUnavailable);
        }
        let credible = credible_at(verified_at);
        let bounds = if credible.at.contains(instant) {
            self.of_rules(instant, is_other)
        } else {
            Bounds::refused(Refusal::Deny, credible.otherwise)
        };
        if kept == Some(true) {
            return bounds;
        }
        Bounds {
            least: bounds.least.min(unavailable.into()),
            most: bounds.most.max(unavailable.into()),
            reasons: None,
        }
    }

    /// Whether the evidence had kept what the policy reads, if that is known.
    fn kept(&self) -> Option<bool> {
        let reads = self.policy.reads();
        let verdicts = self.recorded.verdicts.iter();
        let (mut known, mut is_lacking) = (DataKinds::NONE, false);
        for verdict in verdicts {
            let Some(kinds) = verdict.requirement.reads() else {
                continue;
            };
            if verdict.at != Truth::Unknown {
                known = known.and(kinds);
            } else if kinds != DataKinds::NONE && reads.include(kinds) {
                is_lacking = true;
            }
        }
        if is_lacking {
            return Some(false);
        }
        known.include(reads).then_some(true)
    }

    fn of_rules(&mut self, instant: Timestamp, is_other: bool) -> Bounds {
        let policy = self.policy;
        let (mut least, mut most) = (Effect::Allow, Effect::Allow);
        let mut reasons = Some(Vec::new());
        for rule in policy.rules() {
            let effect = Effect::from(rule.otherwise());
            match self.truth(rule.requirement(), instant, is_other) {
                Truth::Met => {}
                Truth::Unmet(code) => {
                    (least, most) = (least.max(effect), most.max(effect));
                    reasons = reasons.and_then(|reasons| Some(with(reasons, rule, code?)));
                }
                Truth::Unknown => {
                    most = most.max(effect);
                    reasons = None;
                }
            }
        }
        let reasons = reasons.map(|mut reasons: Vec<Reason>| {
            reasons.sort_by_key(|reason| std::cmp::Reverse(reason.effect));
            reasons
        });
        Bounds {
            least,
            most,
            reasons,
        }
    }

    fn truth(&mut self, requirement: &Requirement, instant: Timestamp, is_other: bool) -> Truth {
        match requirement {
            Requirement::AnyOf(parts) => {
                let parts = parts.iter().map(|part| self.truth(part, instant, is_other));
                let parts: Vec<Truth> = parts.collect();
                if parts.contains(&Truth::Met) {
                    Truth::Met
                } else if parts.contains(&Truth::Unknown) {
                    Truth::Unknown
                } else {
                    Truth::Unmet(Some(ReasonCode::NoAlternativeMet))
                }
            }
            Requirement::AllOf(parts) => {
                let parts = parts.iter().map(|part| self.truth(part, instant, is_other));
                all_of(&parts.collect::<Vec<_>>())
            }
            leaf => {
                let truth = self.leaf(leaf, instant, is_other);
                if truth == Truth::Unknown {
                    self.missing.insert(leaf.to_string().into());
                }
                truth
            }
        }
    }

    /// Of a requirement without parts, for evidence that is there.
    fn leaf(&self, leaf: &Requirement, instant: Timestamp, is_other: bool) -> Truth {
        let RecordedFinding::Present {
            status,
            verified_at,
        } = &self.recorded.finding
        else {
            return Truth::Unknown;
        };
        match leaf {
            Requirement::Status(accepted) => {
                let is_met = status
                    .as_ref()
                    .is_some_and(|status| accepted.contains(status));
                Truth::of(is_met, ReasonCode::StatusNotAccepted)
            }
            Requirement::VerifiedWithin(age_max) => match verified_at {
                None => Truth::Unmet(Some(ReasonCode::VerifiedAtMissing)),
                Some(at) => {
                    let is_met = Interval::until(after(*at, *age_max)).contains(instant);
                    Truth::of(is_met, ReasonCode::VerificationTooOld)
                }
            },
            Requirement::Schedule(schedule) => {
                let is_met = schedule.utc(instant).next(true, instant) == Some(instant);
                Truth::of(is_met, ReasonCode::OutsideSchedule)
            }
            leaf => match self.of_attribute(leaf) {
                Some(is_met) => Truth::of(is_met, ReasonCode::AttributeNotAccepted),
                None => self.recorded_or_derived(leaf, is_other),
            },
        }
    }

    /// Whether a requirement about an attribute that is recorded holds.
    fn of_attribute(&self, leaf: &Requirement) -> Option<bool> {
        let attributes = &self.recorded.attributes;
        match leaf {
            Requirement::Attribute(name, accepted) => {
                let value = attributes.get(name.as_ref())?;
                Some(accepted.contains(value.as_str()))
            }
            Requirement::AttributeNotIn(AttributeNotIn {
                name,
                values,
                if_absent: IfAbsent::Holds | IfAbsent::Fails,
            }) => {
                let value = attributes.get(name.as_ref())?;
                Some(!values.contains(value.as_str()))
            }
            _ => None,
        }
    }

    fn recorded_or_derived(&self, leaf: &Requirement, is_other: bool) -> Truth {
        let verdicts = &self.recorded.verdicts;
        let of = |verdict: &RecordedVerdict| if is_other { verdict.other } else { verdict.at };
        let text = leaf.to_string();
        let mut same = verdicts.iter().filter(|v| v.requirement.text() == text);
        let found = match leaf {
            Requirement::IdentityIn(_) | Requirement::IdentityNotIn(_) => {
                let which = self.which_list(leaf, &text);
                which.and_then(|which| same.nth(which))
            }
            _ => same.next(),
        };
        match found.map(of) {
            Some(truth) if truth != Truth::Unknown => truth,
            _ => {
                let known = verdicts.iter().map(|v| (&*v.requirement, of(v)));
                derived(leaf, known)
            }
        }
    }

    /// Which of the verdicts with this text is about this list; `None` if that is not known. Lists of different identities may have one text.
    fn which_list(&self, leaf: &Requirement, text: &str) -> Option<usize> {
        let mut leaves = self
            .policy
            .leaves()
            .iter()
            .filter(|other| &*other.text == text);
        let verdicts = self.recorded.verdicts.iter();
        match self.lists {
            SameLists::Unknown => None,
            // Its own come first, in its order.
            SameLists::InForce => leaves.position(|other| other.requirement == *leaf),
            SameLists::Shadow => {
                let verdicts = verdicts.filter(|v| v.requirement.text() == text);
                (verdicts.count() == 1 && leaves.count() == 1).then_some(0)
            }
        }
    }
}

fn with(mut reasons: Vec<Reason>, rule: &Rule, code: ReasonCode) -> Vec<Reason> {
    reasons.push(Reason {
        code,
        rule: Arc::clone(rule.text()),
        effect: rule.otherwise(),
    });
    reasons
}
