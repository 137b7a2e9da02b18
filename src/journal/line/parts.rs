//! What several members of a line consist of.

use std::time::Duration;

use super::object::Object;
use crate::policy::Reason;

/// Why rules are not met.
pub(super) fn reasons(line: &mut Object<'_>, reasons: &[Reason]) {
    line.objects("reasons", reasons, |object, reason| {
        object.text("code", reason.code.as_str());
        object.text("rule", &reason.rule);
    });
}

/// A time in whole milliseconds.
pub(super) fn whole_ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
