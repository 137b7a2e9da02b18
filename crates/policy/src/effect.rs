//! What a decision may be, and what a rule may ask for.

use std::fmt;

use crate::time::Timestamp;

/// What a door shall do. Stricter is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// Let the person pass.
    Allow,
    /// More proof is needed.
    StepUp,
    /// Do not let the person pass.
    Deny,
}

/// What a rule may ask for where it is not met. There is no way to write "otherwise allow".
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

/// A change that time alone brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// The first instant at which the effect is another.
    pub at: Timestamp,
    /// The effect from then on.
    pub to: Effect,
}
