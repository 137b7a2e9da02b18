//! What came back: how many calls ended in which way, and how long they took, in histograms of high dynamic range.

use std::{collections::BTreeMap, time::Duration};

use hdrhistogram::Histogram;

use super::{answer::Decided, status::Status};

/// Longer times are recorded as this.
const LATENCY_MAX: Duration = Duration::from_hours(1);
/// Values are kept to three digits: 0.1 %.
const DIGITS: u8 = 3;
const NANOS_PER_MICRO: f64 = 1_000.0;

/// What an answer has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// A decision, whichever.
    AnyDecision,
    /// This one, for every check of a call.
    Decision(Decided),
    /// This status, such as one by which callers are refused.
    Status(Status),
}

impl Expected {
    /// Reads a decision of the contract, or a code of gRPC.
    pub fn read(text: &str) -> Option<Self> {
        let mut decisions = Decided::ALL.into_iter().filter(|of| *of != Decided::None);
        let decision = decisions.find(|of| of.name() == text).map(Self::Decision);
        decision.or_else(|| {
            let status = Status::of_code(text).filter(|status| *status != Status::OK);
            status.map(Self::Status)
        })
    }

    /// As it is read.
    pub fn name(self) -> Option<String> {
        match self {
            Self::AnyDecision => None,
            Self::Decision(decision) => Some(decision.name().to_owned()),
            Self::Status(status) => Some(status.to_string()),
        }
    }

    /// Whether a call of this many checks ended so.
    fn holds(self, status: Status, decisions: &Decisions, checks: u32) -> bool {
        let decided = |decision| decisions.of(decision);
        let is_whole = status == Status::OK && decisions.total() == checks;
        match self {
            Self::AnyDecision => is_whole && decided(Decided::None) == 0,
            Self::Decision(decision) => is_whole && decided(decision) == checks,
            Self::Status(expected) => status == expected,
        }
    }
}

/// The decisions of a call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Decisions([u32; 4]);

impl Decisions {
    pub(super) fn add(&mut self, decision: Decided) {
        for (count, of) in self.0.iter_mut().zip(Decided::ALL) {
            *count += u32::from(of == decision);
        }
    }

    fn of(&self, decision: Decided) -> u32 {
        let mut counts = self.0.iter().zip(Decided::ALL);
        let found = counts.find(|(_, of)| *of == decision);
        found.map_or(0, |(count, _)| *count)
    }

    fn total(&self) -> u32 {
        self.0.iter().sum()
    }
}

/// The part of a run that counts, since its beginning. What is due before is warm-up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    pub(super) begin: Duration,
    pub(super) end: Duration,
}

impl Window {
    pub(super) fn has(self, at: Duration) -> bool {
        self.begin <= at && at < self.end
    }
}

/// A call that was sent.
#[derive(Debug, Clone, Default)]
pub(super) struct Sent {
    /// When it was due, and when it was sent.
    pub(super) due: Duration,
    pub(super) at: Duration,
    /// Whether it found no stream at first.
    pub(super) waited: bool,
    pub(super) decisions: Decisions,
    /// What was wrong with the first check that has no decision.
    pub(super) error: Option<String>,
}

/// How long something took, in nanoseconds.
#[derive(Debug, Clone)]
pub struct Times(Histogram<u64>);

impl Times {
    fn new() -> Option<Self> {
        let most = u64::try_from(LATENCY_MAX.as_nanos()).ok()?;
        Histogram::new_with_bounds(1, most, DIGITS).ok().map(Self)
    }

    fn record(&mut self, time: Duration) {
        self.0
            .saturating_record(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    fn add(&mut self, other: &Self) {
        // Both have the same bounds, so that every value fits.
        let _ = self.0.add(&other.0);
    }

    /// With those of the others that are longer than the median of these.
    fn with_longer(&self, others: &Self) -> Self {
        let mut all = self.clone();
        let median = self.0.value_at_percentile(50.0);
        let longer = others.0.iter_recorded().filter(|step| {
            let value = step.value_iterated_to();
            value > median && !self.0.is_empty()
        });
        for step in longer {
            let (value, count) = (step.value_iterated_to(), step.count_at_value());
            all.0.saturating_record_n(value, count);
        }
        all
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// What this share of them, in percent, did not exceed, in microseconds.
    pub fn percentile(&self, percent: f64) -> f64 {
        micros(self.0.value_at_percentile(percent))
    }

    /// The longest, in microseconds.
    pub fn max(&self) -> f64 {
        micros(self.0.max())
    }

    /// The mean, in microseconds.
    pub fn mean(&self) -> f64 {
        self.0.mean() / NANOS_PER_MICRO
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "an hour in nanoseconds has 42 bits"
)]
fn micros(nanos: u64) -> f64 {
    nanos as f64 / NANOS_PER_MICRO
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Tally {
    expected: Expected,
    checks: u32,
    window: Window,
    timeout: Duration,
    /// Calls that were due while it counted.
    pub due: u64,
    /// Those that ended as expected, and in time.
    pub as_expected: u64,
    /// Checks of calls that ended as expected while it counted, whenever they were due: what the throughput is made of.
    pub checks_in_window: u64,
    /// Calls that found no stream free when they were due.
    pub waited: u64,
    /// Calls that were due and never sent, because no stream became free.
    pub never_sent: u64,
    /// Calls whose answer was the expected one, but came later after their sending than the timeout.
    pub late: u64,
    /// Calls without an answer when the wait for answers ended.
    pub never_answered: u64,
    /// Calls by how they ended.
    pub statuses: BTreeMap<Status, u64>,
    /// Checks by their decision.
    pub decisions: BTreeMap<Decided, u64>,
    /// Connections that the server ended.
    pub reconnects: u64,
    /// The first answer that was not as expected.
    pub first_unexpected: Option<String>,
    /// From the instant at which a call was due to its answer, of calls with the expected answer. Of calls that were never sent or answered,
    /// how long they had waited: no less than their latency.
    pub(super) answered: Times,
    /// The same of calls that failed, or had another answer.
    pub(super) failed: Times,
    /// From the instant at which a call was sent to its answer, of calls with the expected answer: what a load generator measures that waits
    /// for the server.
    pub service: Times,
    /// How long calls waited for a stream, of those that did.
    pub queue: Times,
    /// How much later than due calls were sent that found a stream: how late the generator itself was.
    pub lateness: Times,
}

impl Tally {
    /// Of calls of this many checks. `None`: the bounds of the histograms are invalid, which they are not.
    pub(super) fn new(
        expected: Expected,
        checks: u32,
        window: Window,
        timeout: Duration,
    ) -> Option<Self> {
        Some(Self {
            expected,
            checks,
            window,
            timeout,
            due: 0,
            as_expected: 0,
            checks_in_window: 0,
            waited: 0,
            never_sent: 0,
            late: 0,
            never_answered: 0,
            statuses: BTreeMap::new(),
            decisions: BTreeMap::new(),
            reconnects: 0,
            first_unexpected: None,
            answered: Times::new()?,
            failed: Times::new()?,
            service: Times::new()?,
            queue: Times::new()?,
            lateness: Times::new()?,
        })
    }

    /// A call has ended at this instant.
    pub(super) fn ended(
        &mut self,
        call: &Sent,
        status: Status,
        message: Option<&str>,
        now: Duration,
    ) {
        let is_right = self.expected.holds(status, &call.decisions, self.checks);
        let is_late = now.saturating_sub(call.at) > self.timeout;
        let holds = is_right && !is_late;
        if holds && self.window.has(now) {
            self.checks_in_window += u64::from(self.checks);
        }
        if !self.window.has(call.due) {
            return;
        }
        self.sent(call);
        *self.statuses.entry(status).or_default() += 1;
        for decision in Decided::ALL {
            let count = call.decisions.of(decision);
            if count > 0 {
                *self.decisions.entry(decision).or_default() += u64::from(count);
            }
        }
        let latency = now.saturating_sub(call.due);
        if is_right {
            self.answered.record(latency);
            self.service.record(now.saturating_sub(call.at));
        } else {
            self.failed.record(latency);
        }
        self.as_expected += u64::from(holds);
        self.late += u64::from(is_right && is_late);
        if !holds && self.first_unexpected.is_none() {
            let message = message.or(call.error.as_deref());
            let described = described(status, message, &call.decisions);
            self.first_unexpected = Some(if is_right {
                format!("{described}, but too late")
            } else {
                described
            });
        }
    }

    /// A call has no answer at this instant, at which nobody waits any more.
    pub(super) fn unanswered(&mut self, call: &Sent, now: Duration) {
        if self.window.has(call.due) {
            self.sent(call);
            self.never_answered += 1;
            self.answered.record(now.saturating_sub(call.due));
        }
    }

    /// A call was due then, and was not sent when the time for it was over.
    pub(super) fn unsent(&mut self, due: Duration) {
        if self.window.has(due) {
            self.due += 1;
            self.waited += 1;
            self.never_sent += 1;
            let waited = self.window.end.saturating_sub(due);
            self.queue.record(waited);
            self.answered.record(waited);
        }
    }

    /// The server has ended a connection.
    pub(super) fn disconnected(&mut self, now: Duration) {
        self.reconnects += u64::from(self.window.has(now));
    }

    fn sent(&mut self, call: &Sent) {
        self.due += 1;
        let late = call.at.saturating_sub(call.due);
        if call.waited {
            self.waited += 1;
            self.queue.record(late);
        } else {
            self.lateness.record(late);
        }
    }

    /// With what another thread has counted.
    pub(super) fn add(&mut self, other: Self) {
        self.due += other.due;
        self.as_expected += other.as_expected;
        self.checks_in_window += other.checks_in_window;
        self.waited += other.waited;
        self.never_sent += other.never_sent;
        self.late += other.late;
        self.never_answered += other.never_answered;
        self.reconnects += other.reconnects;
        for (status, count) in other.statuses {
            *self.statuses.entry(status).or_default() += count;
        }
        for (decision, count) in other.decisions {
            *self.decisions.entry(decision).or_default() += count;
        }
        self.first_unexpected = self.first_unexpected.take().or(other.first_unexpected);
        self.answered.add(&other.answered);
        self.failed.add(&other.failed);
        self.service.add(&other.service);
        self.queue.add(&other.queue);
        self.lateness.add(&other.lateness);
    }

    /// From the instant at which a call was due to its end. A call that failed counts if it took longer than half of the answers: a server
    /// that stands still until the deadlines end does not look fast by that, nor does one that refuses calls at once.
    pub fn latency(&self) -> Times {
        self.answered.with_longer(&self.failed)
    }

    /// Calls that were sent and did not end as expected, or not in time.
    pub fn unexpected(&self) -> u64 {
        self.due
            .saturating_sub(self.as_expected)
            .saturating_sub(self.never_sent)
    }
}

fn described(status: Status, message: Option<&str>, decisions: &Decisions) -> String {
    let ended = match status {
        Status::OK if decisions.total() == 0 => "OK without a decision".to_owned(),
        Status::OK => {
            let all = Decided::ALL.into_iter();
            let found = all.filter(|of| decisions.of(*of) > 0).map(Decided::name);
            found.collect::<Vec<_>>().join(", ")
        }
        _ => status.to_string(),
    };
    match message.filter(|message| !message.is_empty()) {
        Some(message) => format!("{ended}: {message}"),
        None => ended,
    }
}

#[cfg(test)]
mod tests;
