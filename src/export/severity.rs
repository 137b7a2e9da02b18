//! How severe a line is for those who receive it.

use crate::{audit::Brief, policy::Effect};

/// How severe a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Severity {
    Info,
    Notice,
    Warning,
    Error,
}

impl Severity {
    /// That of a line.
    pub(super) fn of(line: Brief<'_>) -> Self {
        match (line.event(), line.effect()) {
            (Some("gap"), _) => Self::Error,
            (Some("tail_cut"), _) => Self::Warning,
            (Some("caller_refused"), _) | (None, Some(Effect::Deny) | None) => Self::Notice,
            (Some(_), _) | (None, Some(Effect::Allow | Effect::StepUp)) => Self::Info,
        }
    }

    /// Its number in syslog (RFC 5424, 6.2.1).
    pub(super) fn syslog(self) -> u8 {
        match self {
            Self::Error => 3,
            Self::Warning => 4,
            Self::Notice => 5,
            Self::Info => 6,
        }
    }

    /// Its number and its name in OTLP, where a notice is the second level of information.
    pub(super) fn otlp(self) -> (i32, &'static str) {
        match self {
            Self::Error => (17, "ERROR"),
            Self::Warning => (13, "WARN"),
            Self::Notice => (10, "NOTICE"),
            Self::Info => (9, "INFO"),
        }
    }
}
