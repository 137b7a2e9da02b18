//! How long each cell of the matrix takes: each request is held to what is promised. The machine may be busy, so that one that takes longer is made
//! again, a few times. The figures are written to a file.

#![expect(clippy::panic, reason = "a test fails by panicking")]

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path, time::Duration};

use parking_lot::Mutex;
use reqwest::{RequestBuilder, Response};
use tokio::time::timeout;
use verigate::clock::{Clock as _, SystemClock};

use crate::gateways::proxy::Kind;

/// A request is answered within this time whatever happens. Without a time-out, a proxy waits for 30 s or without bound.
pub const SOON: Duration = Duration::from_secs(5);
/// Promised where the service hangs.
const HUNG_MAX: Duration = Duration::from_millis(1_300);
/// Promised everywhere else.
const USUAL_MAX: Duration = Duration::from_millis(500);
/// How often a request is made that takes longer: a busy machine makes single ones slow, and a proxy that waits is slow each time.
const TRIES: u32 = 5;

/// What is tried with every proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cell {
    Allow,
    StepUp,
    Deny,
    /// The service takes the request and does not answer, or not to the end; or the vendor hangs.
    Hung,
    /// The process of the service is stopped.
    Frozen,
    /// Nobody listens.
    Down,
    /// Something else answers.
    Garbage,
    Spoofed,
    Tricks,
}

impl Cell {
    pub const ALL: [Self; 9] = [
        Self::Allow,
        Self::StepUp,
        Self::Deny,
        Self::Hung,
        Self::Frozen,
        Self::Down,
        Self::Garbage,
        Self::Spoofed,
        Self::Tricks,
    ];

    /// Within which time an answer is promised.
    fn promised(self) -> Duration {
        match self {
            Self::Hung | Self::Frozen => HUNG_MAX,
            Self::Allow
            | Self::StepUp
            | Self::Deny
            | Self::Down
            | Self::Garbage
            | Self::Spoofed
            | Self::Tricks => USUAL_MAX,
        }
    }
}

/// How long each request to a proxy has taken.
#[derive(Debug)]
pub struct Times {
    kind: Kind,
    taken: Mutex<BTreeMap<Cell, Vec<Duration>>>,
}

impl Times {
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            taken: Mutex::default(),
        }
    }

    /// Waits for an answer, and records how long it took.
    pub async fn of<T>(&self, cell: Cell, answer: impl Future<Output = T>) -> T {
        let (answer, took) = self.timed(cell, answer).await;
        self.record(cell, took);
        answer
    }

    /// Sends a request, which is answered within the time that is promised.
    pub async fn of_request(&self, cell: Cell, what: &str, request: RequestBuilder) -> Response {
        let mut least = SOON;
        for _ in 0..TRIES {
            let sent = request.try_clone().unwrap().send();
            let (answer, took) = self.timed(cell, sent).await;
            if took <= cell.promised() {
                self.record(cell, took);
                return answer.unwrap();
            }
            least = least.min(took);
        }
        panic!("{:?} {cell:?}, {what}: {least:?} at least", self.kind)
    }

    async fn timed<T>(&self, cell: Cell, answer: impl Future<Output = T>) -> (T, Duration) {
        let began = SystemClock.moment().uptime;
        let answer = timeout(SOON, answer).await;
        let took = SystemClock.moment().uptime.saturating_sub(began);
        let answer = answer.unwrap_or_else(|_| panic!("{:?} does not answer: {cell:?}", self.kind));
        (answer, took)
    }

    fn record(&self, cell: Cell, took: Duration) {
        self.taken.lock().entry(cell).or_default().push(took);
    }

    /// Every cell was tried; what was not held to the promise one by one is so by its quickest; and the figures for those who want them.
    pub fn check(&self) {
        let taken = self.taken.lock();
        let mut report = String::new();
        for cell in Cell::ALL {
            let times = taken.get(&cell);
            let mut times = times
                .unwrap_or_else(|| panic!("{cell:?} was not tried"))
                .clone();
            times.sort_unstable();
            let (least, most) = (times[0], times[times.len() - 1]);
            let (count, median) = (times.len(), times[times.len() / 2]);
            let kind = self.kind;
            let ms = [least, median, most].map(|time| time.as_secs_f64() * 1_000.0);
            let [least_ms, median_ms, most_ms] = ms;
            writeln!(
                report,
                "{kind:?} {cell:?}: {count} requests, {least_ms:.1} ms at least, {median_ms:.1} ms in the median, {most_ms:.1} ms at most"
            )
            .unwrap();
            assert!(least <= cell.promised(), "{report}");
        }
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("gateway-times");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{:?}.txt", self.kind)), report).unwrap();
    }
}
