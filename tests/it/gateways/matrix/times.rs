//! How long each cell of the matrix takes. The figures are written to a file and not compared with what is promised, because the machine may be busy;
//! what is compared is whether an answer comes at once or only when the proxy has given up.

#![expect(clippy::panic, reason = "a test fails by panicking")]

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path, time::Duration};

use parking_lot::Mutex;
use tokio::time::timeout;
use verigate::clock::{Clock as _, SystemClock};

use crate::gateways::proxy::Kind;

/// A request is answered within this time whatever happens. Promised are 1.3 s where the service hangs, and 500 ms where it does not. Here it is more,
/// because the machine may be busy. Without a time-out, a proxy waits for 30 s or without bound.
pub const SOON: Duration = Duration::from_secs(5);
/// How long the recipes wait for the service.
const WAIT: Duration = Duration::from_millis(1_100);

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

    /// Whether the proxy waits until it gives up.
    fn waits(self) -> bool {
        match self {
            Self::Hung | Self::Frozen => true,
            Self::Allow
            | Self::StepUp
            | Self::Deny
            | Self::Down
            | Self::Garbage
            | Self::Spoofed
            | Self::Tricks => false,
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
        let began = SystemClock.moment().uptime;
        let answer = timeout(SOON, answer).await;
        let took = SystemClock.moment().uptime.saturating_sub(began);
        let answer = answer.unwrap_or_else(|_| panic!("{:?} does not answer: {cell:?}", self.kind));
        self.taken.lock().entry(cell).or_default().push(took);
        answer
    }

    /// Every cell was tried; where there is nothing to wait for, the proxy has not waited until it gave up; and the figures for those who want them.
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
            // The quickest: a busy machine makes single ones slow, and a proxy that waits is slow each time.
            assert!(cell.waits() || least < WAIT, "{report}");
        }
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("gateway-times");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{:?}.txt", self.kind)), report).unwrap();
    }
}
