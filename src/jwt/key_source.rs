//! The keys of one issuer while the service runs: read again at an interval, and when a token names a key that is not known. The last
//! set that could be used stays in use for as long as there is no other.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};
use tokio::time::timeout;
use tracing::{info, warn};

use super::{
    config::{Keys, RsaAlgorithm, jwks_url},
    fetch::{FetchError, Fetcher, read_file},
    key_set::KeySet,
    metrics::Metrics,
};
use crate::{
    clock::{Clock, pause},
    deps::{Deps, Task},
    flight::{Flight, Spawn},
    jitter::lengthen,
    log_throttle::{LogThrottle, throttled},
    rate_limit::TokenBucket,
};

/// How often an address is asked; up to half as much again.
const URL_PERIOD: Duration = Duration::from_mins(10);
/// How long after a failure it is asked again; up to half as much again.
const URL_RETRY_AFTER: Duration = Duration::from_secs(20);
/// How often a file is read.
const FILE_PERIOD: Duration = Duration::from_secs(2);
/// How often tokens that name unknown keys may cause a set to be read, all together.
const ASKED_EVERY: Duration = Duration::from_secs(30);

/// Why the keys of an issuer cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The address of a key set cannot be used.
    #[error("the address of the key set {0}")]
    Url(super::JwksUrlError),
    /// The file with a key set, or with the CA certificates of its server, cannot be used.
    #[error("`{0}`: {1}")]
    File(String, FetchError),
}

/// The keys of one issuer. Dropping it ends the task that reads them.
#[derive(Debug)]
pub(super) struct KeySource {
    shared: Arc<Shared>,
    _task: Task,
}

#[derive(Debug)]
struct Shared {
    shown: String,
    rsa: RsaAlgorithm,
    fetcher: Fetcher,
    current: ArcSwapOption<Loaded>,
    /// The uptime of the last reading without an error, in milliseconds; of the start, before the first one.
    read_at: AtomicU64,
    /// The last reading: in flight, or ended. Whether it had no error.
    reading: Mutex<Option<Flight<bool>>>,
    asked: TokenBucket,
    clock: Arc<dyn Clock>,
    spawn: Spawn,
    metrics: Metrics,
    log: LogThrottle,
}

/// A set, and the digest of its text.
#[derive(Debug)]
struct Loaded {
    set: Arc<KeySet>,
    digest: [u8; 32],
}

impl KeySource {
    /// Begins to read the keys. A file is read at once and must be usable (blocks); an address may be down.
    pub(super) fn start(
        keys: &Keys,
        rsa: RsaAlgorithm,
        deps: &Deps,
        metrics: Metrics,
    ) -> Result<Self, KeysError> {
        if let Keys::Url { url, .. } = keys {
            jwks_url(url.as_str()).map_err(KeysError::Url)?;
        }
        let unusable = |error| KeysError::File(keys.shown(), error);
        let fetcher = Fetcher::new(keys, deps.clock.now()).map_err(unusable)?;
        let shared = Arc::new(Shared {
            shown: keys.shown(),
            rsa,
            fetcher,
            current: ArcSwapOption::empty(),
            read_at: AtomicU64::new(0),
            reading: Mutex::default(),
            asked: TokenBucket::every(ASKED_EVERY, 1),
            clock: Arc::clone(&deps.clock),
            spawn: deps.spawn.clone(),
            metrics,
            log: LogThrottle::default(),
        });
        shared.mark_read();
        if let Keys::File(path) = keys {
            let stored = read_file(path).and_then(|text| shared.store(&text));
            stored.map_err(unusable)?;
        } else {
            // Before the first call, so that it finds a reading in flight to wait for.
            shared.refresh();
        }
        let task = deps.start(Arc::clone(&shared).keep());
        Ok(Self {
            shared,
            _task: task,
        })
    }

    /// The keys as they were last read. `None` if they never could be.
    pub(super) fn current(&self) -> Option<Arc<KeySet>> {
        let loaded = self.shared.current.load();
        loaded.as_ref().map(|loaded| Arc::clone(&loaded.set))
    }

    /// Reads the keys again because one is missing, and waits for that; no longer than `wait_max`, and not at all if tokens have caused
    /// a reading within the last 30 s. A reading in flight is waited for in any case.
    pub(super) async fn ask(&self, wait_max: Duration) {
        if let Some(reading) = self.shared.ask() {
            // The caller looks at what was stored, if anything was.
            let _ = timeout(wait_max, reading.result()).await;
        }
    }

    /// The file or the address.
    pub(super) fn shown(&self) -> &str {
        &self.shared.shown
    }

    /// How many keys there are.
    pub(super) fn keys(&self) -> usize {
        self.current().map_or(0, |set| set.len())
    }

    /// Time since the keys were last read without an error.
    pub(super) fn age(&self) -> Duration {
        let read_at = Duration::from_millis(self.shared.read_at.load(Ordering::Relaxed));
        self.shared.uptime().saturating_sub(read_at)
    }
}

impl Shared {
    fn uptime(&self) -> Duration {
        self.clock.moment().uptime
    }

    fn mark_read(&self) {
        let millis = u64::try_from(self.uptime().as_millis()).unwrap_or(u64::MAX);
        self.read_at.store(millis, Ordering::Relaxed);
    }

    /// Reads the keys at an interval, for ever.
    async fn keep(self: Arc<Self>) {
        if let Fetcher::File(_) = self.fetcher {
            // It was read at the start.
            pause(FILE_PERIOD).await;
        }
        loop {
            let succeeded = self.refresh().result().await.unwrap_or(false);
            pause(match self.fetcher {
                Fetcher::File(_) => FILE_PERIOD,
                Fetcher::Url(..) if succeeded => lengthen(URL_PERIOD),
                Fetcher::Url(..) => lengthen(URL_RETRY_AFTER),
            })
            .await;
        }
    }

    /// The reading in flight, or a new one.
    fn refresh(self: &Arc<Self>) -> Flight<bool> {
        let mut reading = self.reading.lock();
        match &*reading {
            Some(reading) if reading.is_running() => reading.clone(),
            _ => {
                let started = self.start_reading();
                *reading = Some(started.clone());
                started
            }
        }
    }

    /// The reading in flight, or a new one if tokens may cause one now.
    fn ask(self: &Arc<Self>) -> Option<Flight<bool>> {
        let mut reading = self.reading.lock();
        let running = reading.as_ref().filter(|reading| reading.is_running());
        if let Some(running) = running {
            return Some(running.clone());
        }
        self.asked.take(self.uptime(), Duration::ZERO).ok()?;
        let started = self.start_reading();
        *reading = Some(started.clone());
        Some(started)
    }

    fn start_reading(self: &Arc<Self>) -> Flight<bool> {
        let shared = Arc::clone(self);
        Flight::start(&self.spawn, async move { shared.read().await })
    }

    /// Reads the keys once; whether that had no error. A set that cannot be used changes nothing.
    async fn read(&self) -> bool {
        let text = self.fetcher.fetch(self.clock.now()).await;
        let stored = text.and_then(|text| self.store(&text));
        self.metrics.count_refresh(stored.as_ref().copied());
        let succeeded = stored.is_ok();
        if let Err(error) = stored {
            let in_use = self.current.load().is_some();
            throttled!(
                self.log,
                self.uptime(),
                error,
                "jwks_read_failed" / error.kind(),
                source = self.shown,
                keys_in_use = in_use,
                %error,
                "the key set of an issuer of tokens cannot be read; the last one stays in use"
            );
        }
        succeeded
    }

    /// Uses a set from now on.
    fn store(&self, text: &[u8]) -> Result<(), FetchError> {
        let digest: [u8; 32] = Sha256::digest(text).into();
        let is_same = |loaded: &Arc<Loaded>| loaded.digest == digest;
        if !self.current.load().as_ref().is_some_and(is_same) {
            let set = Arc::new(KeySet::parse(text, self.rsa)?);
            self.report(&set);
            self.current.store(Some(Arc::new(Loaded { set, digest })));
        }
        self.mark_read();
        Ok(())
    }

    fn report(&self, set: &KeySet) {
        info!(
            event = "jwks_loaded",
            source = self.shown,
            keys = set.len(),
            "the keys of an issuer of tokens were read"
        );
        if set.skipped() > 0 {
            warn!(
                event = "jwks_keys_skipped",
                source = self.shown,
                skipped = set.skipped(),
                reasons = set.skip_reasons(),
                "some keys of an issuer of tokens are not used; tokens that they sign are refused"
            );
        }
    }
}
