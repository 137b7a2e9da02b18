//! Effects of decisions and rules.

use std::fmt;

use crate::time::Timestamp;

/// What the PEP must do. Stricter is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// Let the person pass.
    Allow,
    /// More proof is needed.
    StepUp,
    /// Do not let the person pass.
    Deny,
}

/// The effect of an unmet rule. There is no "otherwise allow".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refusal {
    /// More proof is needed.
    StepUp,
    /// Do not let the person pass.
    Deny,
}

impl From<Refusal> for Effect {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::StepUp => Self::StepUp,
            Refusal::Deny => Self::Deny,
        }
    }
}

impl Effect {
    /// Every effect.
    pub const ALL: [Self; 3] = [Self::Allow, Self::StepUp, Self::Deny];

    /// The effect as policies, metrics and the journal name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::StepUp => "step_up",
            Self::Deny => "deny",
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A change of the effect that time alone brings, with the same policy, request and evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// The first instant of the new effect.
    pub at: Timestamp,
    /// The new effect.
    pub to: Effect,
}
