//! What several members of a line consist of.

use std::time::Duration;

use serde::Serialize;

use crate::policy::Reason;

/// Why a rule is not met.
#[derive(Serialize)]
pub(super) struct LineReason<'e> {
    code: &'static str,
    rule: &'e str,
}

/// The reasons of a decision.
pub(super) fn line_reasons(reasons: &[Reason]) -> Vec<LineReason<'_>> {
    let reasons = reasons.iter().map(|reason| LineReason {
        code: reason.code.as_str(),
        rule: &reason.rule,
    });
    reasons.collect()
}

/// A time in whole milliseconds.
pub(super) fn whole_ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
