//! Faults that the simulator injects on request.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use http::{HeaderName, HeaderValue};
use parking_lot::{Mutex, MutexGuard};
use serde::Deserialize;

/// Maximum number of planned faults.
const FAULTS_MAX: usize = 256;

/// A call of the vendor's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApiCall {
    /// The call for a token.
    Authorize,
    /// The call for the details of a verification.
    Details,
    /// The call for a link by which a person verifies again.
    Link,
}

/// A fault and the calls to inject it into. Body of `POST /sim/faults`, for example
/// `{"call": "details", "times": 3, "fault": {"status": 503}}`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedFault {
    /// The call that fails.
    pub call: ApiCall,
    /// The verification for which it fails; every one if `None`.
    pub id: Option<String>,
    /// How many calls fail; every one if `None`.
    pub times: Option<u32>,
    /// How they fail.
    pub fault: Fault,
}

/// How a call fails.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The response is right, but late by this many milliseconds.
    LatencyMs(u64),
    /// The response is an error with this HTTP status.
    Status(u16),
    /// The response is the first half of the right one.
    Truncated,
    /// The response is an HTML page, as of a proxy in front of the vendor.
    Html,
    /// The response is right, but has this content type.
    ContentType(String),
    /// The response redirects to this URL.
    Redirect(String),
    /// The token is refused, even a valid one.
    ExpiredToken,
    /// The response is about another verification.
    AnotherId,
    /// There is no response; the connection stays open.
    Hang,
    /// The response is this text, as JSON.
    Body(String),
    /// The response is 429 with a `Retry-After` of this many seconds.
    RetryAfter(u64),
    /// The response is larger than clients should read.
    Huge,
    /// The response stops after its first half; the connection stays open.
    SlowBody,
    /// The connection is reset after the first half of the response.
    Reset,
    /// The response is right, but its `Date` is this many milliseconds ahead; behind, if negative.
    ClockAheadMs(i64),
    /// The response is another one.
    Answer(Answer),
}

/// A response in place of the right one, for example `{"status": 404, "headers": [["content-type", "text/html"]], "body": "not here"}`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// Its HTTP status.
    pub status: u16,
    /// Its headers. A content type replaces that of the body.
    #[serde(default)]
    pub headers: Vec<Header>,
    /// Its body. `None`: the right one under the status 200, and the vendor's error under any other.
    pub body: Option<String>,
}

/// A header of a response, as `["age", "600"]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "(String, String)")]
pub struct Header(pub HeaderName, pub HeaderValue);

impl TryFrom<(String, String)> for Header {
    type Error = http::Error;

    fn try_from((name, value): (String, String)) -> Result<Self, Self::Error> {
        Ok(Self(name.try_into()?, value.try_into()?))
    }
}

/// The planned faults.
#[derive(Debug, Default)]
pub struct Faults {
    planned: Mutex<Vec<PlannedFault>>,
    injected: AtomicU64,
}

/// The error for more planned faults than the simulator keeps.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("too many planned faults: at most {FAULTS_MAX} are kept")]
pub struct TooManyFaultsError;

impl Faults {
    /// Plans a fault, after those that are planned already.
    pub fn plan(&self, fault: PlannedFault) -> Result<(), TooManyFaultsError> {
        let mut planned = self.lock();
        if planned.len() >= FAULTS_MAX {
            return Err(TooManyFaultsError);
        }
        planned.push(fault);
        Ok(())
    }

    /// Removes every planned fault.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// How many faults were injected so far.
    pub fn injected(&self) -> u64 {
        self.injected.load(Ordering::SeqCst)
    }

    /// Takes the faults of one call: the sum of its latencies, and the first other fault.
    pub(super) fn inject(&self, call: ApiCall, id: Option<&str>) -> (Duration, Option<Fault>) {
        let mut planned = self.lock();
        let (mut latency, mut other) = (Duration::ZERO, None);
        for plan in planned.iter_mut() {
            let for_another_id = plan.id.is_some() && plan.id.as_deref() != id;
            if plan.call != call || for_another_id {
                continue;
            }
            match (&plan.fault, &other) {
                (Fault::LatencyMs(ms), _) => {
                    latency = latency.saturating_add(Duration::from_millis(*ms));
                }
                (fault, None) => other = Some(fault.clone()),
                (_, Some(_)) => continue,
            }
            self.injected.fetch_add(1, Ordering::SeqCst);
            plan.times = plan.times.map(|times| times.saturating_sub(1));
        }
        planned.retain(|plan| plan.times != Some(0));
        (latency, other)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<PlannedFault>> {
        self.planned.lock()
    }
}
