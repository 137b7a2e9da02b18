//! Logs where browsers are sent nowhere, for operators: the person sees no more than a bare 401.

use std::time::Duration;

use http::HeaderMap;

use super::{answer::Answer, headers::accepts_pages};
use crate::{
    log_throttle::{LogThrottle, throttled},
    policy::PolicyName,
};

/// Logs that browsers were sent nowhere, at most once a minute for each reason.
#[derive(Debug, Default)]
pub struct StepUpUrlLog(LogThrottle);

impl StepUpUrlLog {
    /// A request with these headers got this answer about this policy, at this uptime. Only browsers are sent anywhere: programs read the
    /// challenge.
    pub fn note(
        &self,
        headers: &HeaderMap,
        answer: &Answer,
        policy: &PolicyName,
        uptime: Duration,
    ) {
        let Some(error) = answer.step_up_url_error() else {
            return;
        };
        let Some(hint) = error.hint().filter(|_| accepts_pages(headers)) else {
            return;
        };
        let reason = error.as_str();
        throttled!(
            self.0,
            uptime,
            warn,
            "step_up_url_missing" / reason,
            reason,
            %policy,
            hint,
            "a browser must step up, and there is no address to send it to"
        );
    }
}
