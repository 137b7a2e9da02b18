//! What the pretend Incode does wrong, on request.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde::Deserialize;

/// No more faults than this wait at once.
const FAULTS_MAX: usize = 256;

/// A call of the upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// Asking for a token.
    Authorize,
    /// Asking for the details of a verification.
    Details,
    /// Asking for a link by which a person verifies again.
    Link,
}

/// A fault that waits for its call.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Planned {
    /// The call that it spoils.
    pub call: Call,
    /// The only verification that it spoils; every one if nothing.
    pub id: Option<String>,
    /// How many calls it spoils; every one if nothing.
    pub times: Option<u32>,
    /// What goes wrong.
    pub fault: Fault,
}

/// What goes wrong.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The answer comes late by so many milliseconds, but it comes.
    LatencyMs(u64),
    /// The answer is an error of this HTTP status.
    Status(u16),
    /// The answer is the beginning of the right one.
    Truncated,
    /// The answer is a page of a proxy in between.
    Html,
    /// The answer is the right one, but under another content type.
    ContentType(String),
    /// The answer is that the right one is elsewhere.
    Redirect(String),
    /// The token is refused, whatever it is.
    ExpiredToken,
    /// The answer is about another verification.
    AnotherId,
    /// The answer never comes.
    Hang,
    /// The answer is this JSON text, whatever was asked.
    Body(String),
    /// The answer asks for peace, for so many seconds.
    RetryAfter(u64),
    /// The answer is larger than any honest one.
    Huge,
    /// The answer begins, and comes so slowly that it never ends.
    SlowBody,
    /// The connection breaks in the middle of the answer.
    Reset,
    /// The answer is the right one, dated so many milliseconds in the future, or in the past.
    ClockAheadMs(i64),
}

/// The faults that wait.
#[derive(Debug, Default)]
pub struct Faults {
    planned: Mutex<Vec<Planned>>,
    struck: AtomicU64,
}

/// Too many faults wait already.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("{FAULTS_MAX} faults wait already")]
pub struct TooMany;

impl Faults {
    /// Plans a fault.
    pub fn plan(&self, fault: Planned) -> Result<(), TooMany> {
        let mut planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
        if planned.len() >= FAULTS_MAX {
            return Err(TooMany);
        }
        planned.push(fault);
        Ok(())
    }

    /// Lifts every fault.
    pub fn clear(&self) {
        self.planned
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// How often a fault has struck.
    pub fn struck(&self) -> u64 {
        self.struck.load(Ordering::SeqCst)
    }

    /// The faults of this call: how late it is, and what else goes wrong.
    pub(super) fn strike(&self, call: Call, id: Option<&str>) -> (Duration, Option<Fault>) {
        let mut planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut late, mut other) = (Duration::ZERO, None);
        for plan in planned.iter_mut() {
            let meant = plan.call == call && plan.id.as_deref().is_none_or(|only| Some(only) == id);
            let struck = match (&plan.fault, &other) {
                _ if !meant => false,
                (Fault::LatencyMs(ms), _) => {
                    late = late.saturating_add(Duration::from_millis(*ms));
                    true
                }
                (fault, None) => {
                    other = Some(fault.clone());
                    true
                }
                (_, Some(_)) => false,
            };
            if struck {
                self.struck.fetch_add(1, Ordering::SeqCst);
                plan.times = plan.times.map(|times| times.saturating_sub(1));
            }
        }
        planned.retain(|plan| plan.times != Some(0));
        (late, other)
    }
}
