//! What a cached verification takes of memory, with all data that policies can read, as the growth of what is resident of a process of its own.
//!
//! `VERIGATE_TEST_MEMORY=1000000 cargo test --test it memory -- --nocapture` shows the figures for as many.

use std::{
    fs,
    net::IpAddr,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use verigate::{
    callers::{CallerId, OverQuotaError},
    clock::{Clock as _, ManualClock},
    deps::Deps,
    incode::wire,
    policy::{DataKinds, Evidence, Finding, VerificationId, from_millis},
    provenance::{Origin, Timings},
    source::{Config, EvidenceCache, Known, LookupRequest, Priority, Source, Succession, Wait},
};

use crate::world::PLENTY;

/// Set for the process that fills a cache: with how many.
const FILLED: &str = "VERIGATE_TEST_MEMORY_FILLED";
const NAME: &str = "memory::a_cached_verification_takes_at_most_700_bytes";
const ENTRIES: usize = 20_000;
/// Those that are there before it is measured, so that what the process needs once does not count.
const FIRST: usize = 1_000;
const BYTES_EACH_MAX: usize = 700;
/// Once as many have been evicted: the cache keeps hashes of half of them, and their aliases stay.
const BYTES_LATER_MAX: usize = 850;
const MINUTE: Duration = Duration::from_mins(1);
/// However many are looked up, a millisecond each, all are fresh.
const AGE_MAX: Duration = Duration::from_hours(24);

/// Answers as the vendor does, of ids that are UUIDs.
#[derive(Debug)]
struct Vendor(AtomicUsize);

/// A UUID that no other number and kind has.
fn uuid(kind: u64, n: usize) -> String {
    let n = u64::try_from(n).unwrap();
    let text = format!(
        "{:016x}{:016x}",
        n.wrapping_mul(0x9e37_79b9_7f4a_7c15),
        n ^ kind << 48
    );
    let parts = [
        &text[..8],
        &text[8..12],
        &text[12..16],
        &text[16..20],
        &text[20..],
    ];
    parts.join("-")
}

#[async_trait]
impl Source for Vendor {
    async fn look_up(
        &self,
        id: &VerificationId,
        request: LookupRequest,
    ) -> Result<Known, OverQuotaError> {
        let n = self.0.fetch_add(1, Ordering::Relaxed);
        let (trace, identity) = (uuid(2, n), uuid(3, n));
        let body = format!(
            r#"{{"id": "{id}", "traceId": "{trace}", "projectId": "ad30fbcb-a41c-465b-a9d3-f245ab418b18",
            "verifiedAt": 1730481625983, "status": "VERIFIED", "scopes": ["NAME", "DATE_OF_BIRTH", "PHONE"],
            "data": {{"identityId": "{identity}", "fullName": "Ada Example", "dateOfBirth": 642902400000, "phone": "+1202{n:08}"}}}}"#
        );
        let verification = wire::details(body.as_bytes(), id, request.reads).unwrap();
        Ok(Known {
            evidence: Arc::new(Evidence {
                finding: Finding::Present(verification),
                seen_at: request.at.now,
            }),
            origin: Origin::Upstream,
            outage: None,
            timings: Timings::default(),
            not_before: request.at.now,
            succession: Succession::None,
        })
    }
}

/// Bytes of this process that are resident.
fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib: usize = line
        .unwrap()
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    kib * 1024
}

struct Filling {
    cache: EvidenceCache,
    clock: Arc<ManualClock>,
}

impl Filling {
    fn new(capacity: usize) -> Self {
        let clock = Arc::new(ManualClock::at(from_millis(1_764_000_000_000)));
        let config = Config {
            capacity: u64::try_from(capacity).unwrap(),
            fetches: PLENTY,
            waiters: 1,
        };
        let deps = Deps::new(Arc::clone(&clock) as _);
        let vendor = Arc::new(Vendor(AtomicUsize::new(0)));
        let cache = EvidenceCache::new(vendor, config, MINUTE, &deps).unwrap();
        Self { cache, clock }
    }

    fn request(&self) -> LookupRequest {
        LookupRequest {
            at: self.clock.moment(),
            max_age: AGE_MAX,
            max_stale: AGE_MAX,
            reads: DataKinds::ALL,
            wait: Wait::AtMost(MINUTE),
            caller: CallerId::Address(IpAddr::from([192, 0, 2, 1])),
            priority: Priority::Cold,
            failed_before: false,
        }
    }

    /// Looks these up, which the cache has not yet.
    async fn look_up(&self, numbers: std::ops::Range<usize>) {
        for n in numbers {
            self.clock.advance(Duration::from_millis(1));
            let id = VerificationId::parse(&uuid(1, n)).unwrap();
            let known = self.cache.look_up(&id, self.request()).await.unwrap();
            assert_eq!(known.origin, Origin::Upstream);
        }
    }

    /// How many of these it has.
    fn cached(&self, numbers: std::ops::Range<usize>) -> usize {
        let request = self.request();
        let has = |n: &usize| {
            let id = VerificationId::parse(&uuid(1, *n)).unwrap();
            self.cache.look_up_now(&id, &request).is_some()
        };
        numbers.filter(has).count()
    }
}

/// Fills a cache, and sends as many again through it.
#[expect(
    clippy::print_stdout,
    reason = "the figures of docs/performance.md, with --nocapture"
)]
async fn fill(entries: usize) {
    let filling = Filling::new(entries);
    filling.look_up(0..FIRST).await;
    let before = resident();
    filling.look_up(FIRST..entries).await;
    let full = resident();
    let cached = filling.cached(0..entries);
    let each = (full - before) / (cached - FIRST);
    println!("{cached} verifications, {each} bytes each");
    // Its parts are not quite equally full.
    assert!(cached > entries / 100 * 98, "{cached}");
    assert!(each <= BYTES_EACH_MAX, "{each}");

    filling.look_up(entries..2 * entries).await;
    let later = resident();
    let each = (later - before) / (cached - FIRST);
    println!("{each} bytes each once as many have been evicted");
    assert!(each <= BYTES_LATER_MAX, "{each}");
}

#[expect(
    clippy::disallowed_methods,
    reason = "the environment says to the process that this test starts what to do"
)]
#[tokio::test]
async fn a_cached_verification_takes_at_most_700_bytes() {
    if let Ok(entries) = std::env::var(FILLED) {
        return fill(entries.parse().unwrap()).await;
    }
    if !cfg!(target_os = "linux") {
        return;
    }
    let entries = std::env::var("VERIGATE_TEST_MEMORY").unwrap_or_else(|_| ENTRIES.to_string());
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", NAME, "--nocapture", "--test-threads", "1"])
        .env(FILLED, entries)
        .output()
        .unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    println!("{said}");
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}"
    );
}
