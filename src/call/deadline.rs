//! A caller's deadline, kept by answering before it: evidence is waited for a little less long than the caller waits, so that
//! a degraded answer still arrives in time.
//!
//! Why not tonic's own timeout: it drops the handler when the time is up and answers CANCELLED, so a caller would get no decision
//! where a degraded one was possible. tonic's transport, which has it, is not used.

use std::{future::Future, time::Duration};

use futures_util::FutureExt as _;
use http::HeaderMap;
use tokio::time::timeout;

use super::config::Deadlines;

/// The header that carries it, as gRPC over HTTP/2 defines.
const HEADER: &str = "grpc-timeout";
/// What is kept back of the caller's time, to decide and to answer: a tenth, within these bounds.
const MARGIN_MIN: Duration = Duration::from_millis(5);
const MARGIN_MAX: Duration = Duration::from_millis(50);

/// How long the answer to one call may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Duration);

impl Deadline {
    /// The timeout that these headers carry, within the service's own. One that cannot be parsed counts as absent.
    pub fn of(headers: &HeaderMap, deadlines: Deadlines) -> Self {
        let given = Self::given(headers).unwrap_or(Self::within(deadlines.default));
        given.min(Self::within(deadlines.longest))
    }

    /// The timeout that these headers carry, however long; `None` if there is none that can be parsed.
    pub fn given(headers: &HeaderMap) -> Option<Self> {
        let text = headers.get(HEADER).and_then(|value| value.to_str().ok());
        text.and_then(parse).map(Self::within)
    }

    /// A deadline this far away.
    pub fn within(timeout: Duration) -> Self {
        Self(timeout)
    }

    /// What is left of it after this time.
    pub fn after(self, elapsed: Duration) -> Self {
        Self(self.0.saturating_sub(elapsed))
    }

    /// The time that is left.
    pub fn left(self) -> Duration {
        self.0
    }

    /// Whether nothing is left of it.
    pub fn is_over(self) -> bool {
        self.0.is_zero()
    }

    /// How long evidence may be waited for.
    pub fn wait_max(self) -> Duration {
        let margin = (self.0 / 10).clamp(MARGIN_MIN, MARGIN_MAX);
        self.0.saturating_sub(margin)
    }

    /// By when the decision must be recorded, so that the answer can be made: a quarter of what is kept back is time for the record.
    pub fn to_record(self) -> Self {
        let margin = self.0.saturating_sub(self.wait_max());
        Self(self.0.saturating_sub(margin / 4 * 3))
    }

    /// By when the answer must be made, so that it arrives in time: half of what is kept back.
    pub fn to_answer(self) -> Self {
        let margin = self.0.saturating_sub(self.wait_max());
        Self(self.0.saturating_sub(margin / 2))
    }

    /// Runs the work within the deadline; `None` if it does not finish in time.
    ///
    /// Not an `async fn`: that would hold the work twice, and each call is copied with what it holds.
    pub fn enforce<F: Future>(self, work: F) -> impl Future<Output = Option<F::Output>> {
        timeout(self.0, work).map(Result::ok)
    }
}

/// At most eight digits and a unit, as gRPC over HTTP/2 defines.
fn parse(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(count.checked_mul(3600)?),
        "M" => Duration::from_secs(count.checked_mul(60)?),
        "S" => Duration::from_secs(count),
        "m" => Duration::from_millis(count),
        "u" => Duration::from_micros(count),
        "n" => Duration::from_nanos(count),
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
