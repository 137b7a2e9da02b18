//! Whether something held, if that is known.

use crate::reason::ReasonCode;

/// Whether a requirement held, if that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    /// It held.
    Met,
    /// It did not, for this reason, if the reason is known.
    Unmet(Option<ReasonCode>),
    /// That is not known.
    Unknown,
}

impl Truth {
    /// What is known; `otherwise` is the reason if it does not hold.
    pub(super) fn of(is_met: bool, otherwise: ReasonCode) -> Self {
        if is_met {
            Self::Met
        } else {
            Self::Unmet(Some(otherwise))
        }
    }
}

/// All of these; the reason is that of the first that does not hold.
pub(super) fn all_of(parts: &[Truth]) -> Truth {
    let first = parts.iter().find(|part| **part != Truth::Met);
    match first {
        None => Truth::Met,
        Some(Truth::Unmet(code)) => Truth::Unmet(*code),
        Some(_) => {
            let is_unmet = parts.iter().any(|part| matches!(part, Truth::Unmet(_)));
            if is_unmet {
                Truth::Unmet(None)
            } else {
                Truth::Unknown
            }
        }
    }
}
