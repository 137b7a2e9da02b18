//! A gate with a cache and a vendor in this process, a wall clock that is wrong, and the true time beside it.

use std::{
    collections::BTreeMap,
    fmt, io,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use verigate::{
    call::{Call, Deadline, TraceContext},
    callers::{Caller, OverQuotaError, Proven},
    clock::{Clock as _, ManualClock, OffsetRange},
    deps::Deps,
    gate::Gate,
    journal::{self, QueueLimits},
    live::Live,
    policy::{
        Authentication, Datum, Effect, Evidence, Facts, Finding, PolicyName, PolicySet, Request,
        Scope, Timestamp, Verification, VerificationId, after, before, from_millis, testing,
    },
    provenance::{Origin, Timings},
    refusals::Refusals,
    ruling::Ruling,
    source::{Config, EvidenceCache, Known, LookupRequest, Source},
};

use crate::world::{PLENTY, at};

/// A Tuesday, half an hour before the offices open.
const START: &str = "2026-02-03T05:30:00Z";
const DAY: Duration = Duration::from_hours(24);

/// Policies of every requirement that time decides. Those that end in `-old` only ever become stricter by time.
const POLICIES: &str = "\
version: 1
policies:
  half-hour-old: { require: [{ verified_within: 30m }], evidence: { fresh_for: 30d } }
  day-old: { require: [{ verified_within: 1d }], evidence: { fresh_for: 30d } }
  month-old:
    require: [{ verified_within: 30d }]
    evidence: { fresh_for: 30d }
    reuse: { allow: 10m }
  steps-old:
    require:
      - { verified_within: 90d }
      - { verified_within: 1d, otherwise: step_up }
    evidence: { fresh_for: 30d }
  adults: { require: [{ age_at_least: 18 }], evidence: { fresh_for: 30d } }
  minors: { require: [{ age_below: 18 }], evidence: { fresh_for: 30d } }
  offices:
    require: [{ schedule: { days: [mon, tue, wed, thu, fri], from: \"07:00\", to: \"19:00\", zone: Europe/Berlin } }]
    evidence: { fresh_for: 30d }
  nights:
    require: [{ schedule: { days: [mon, tue, wed, thu, fri], from: \"19:00\", to: \"07:00\", zone: Europe/Berlin } }]
    evidence: { fresh_for: 30d }
  session: { require: [{ authenticated: { within: 1h } }], evidence: { fresh_for: 30d } }
  either:
    require: [{ any_of: [{ verified_within: 1d }, { age_below: 18 }] }]
    evidence: { fresh_for: 30d }
  anybody: { require: [{ status: [VERIFIED] }], evidence: { fresh_for: 30d }, reuse: { allow: 10m } }
";

/// How long ago verifications were made, and how old their people are: days around the eighteenth birthday.
const VERIFIED_AGO: [Duration; 8] = [
    Duration::from_secs(20),
    Duration::from_mins(10),
    Duration::from_mins(40),
    Duration::from_mins(23 * 60 + 30),
    Duration::from_mins(24 * 60 + 30),
    Duration::from_hours(29 * 24),
    Duration::from_hours(31 * 24),
    Duration::from_hours(100 * 24),
];
const BORN_DAYS: [i64; 4] = [-400, -3, 3, 400];

/// Answers at once with verifications whose instants are true.
#[derive(Debug)]
struct Vendor(BTreeMap<String, Verification>);

impl Vendor {
    fn new(now: Timestamp) -> Self {
        let birthday = at("2008-02-03T00:00:00Z");
        let mut verifications = BTreeMap::new();
        for (n, ago) in VERIFIED_AGO.into_iter().enumerate() {
            for (m, days) in BORN_DAYS.into_iter().enumerate() {
                let id = format!("v-{n}-{m}");
                let born = birthday.as_millisecond() + days * 86_400_000;
                let verification = Verification {
                    id: Some(id.as_str().into()),
                    status: Some("VERIFIED".into()),
                    verified_at: Some(before(now, ago)),
                    scopes: [Scope::DateOfBirth].into(),
                    born: Datum::birth(born),
                    ..Verification::default()
                };
                verifications.insert(id, verification);
            }
        }
        Self(verifications)
    }

    fn evidence(&self, id: &VerificationId, seen_at: Timestamp) -> Evidence {
        Evidence {
            finding: Finding::Present(self.0[id.as_str()].clone()),
            seen_at,
        }
    }
}

#[async_trait]
impl Source for Vendor {
    async fn look_up(
        &self,
        id: &VerificationId,
        request: LookupRequest,
    ) -> Result<Known, OverQuotaError> {
        let now = request.at.now;
        Ok(Known {
            evidence: Arc::new(self.evidence(id, now)),
            origin: Origin::Upstream,
            outage: None,
            timings: Timings::default(),
            not_before: now,
            succession: verigate::source::Succession::None,
        })
    }
}

/// A ruling, and what was asked.
pub struct Asked {
    pub policy: String,
    pub ruling: Ruling,
    request: Arc<Request>,
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { policy, ruling, .. } = self;
        let (id, decision) = (self.request.verification.as_str(), &ruling.decision);
        write!(
            f,
            "{policy} {id} {decision:?} vendor_at {:?}",
            ruling.vendor_at
        )
    }
}

pub struct Scene {
    wall: Arc<ManualClock>,
    true_ms: AtomicI64,
    deps: Deps,
    set: PolicySet,
    vendor: Arc<Vendor>,
    gate: Gate,
    authenticated_at: Timestamp,
}

impl Scene {
    /// A service whose wall clock is ahead by this many milliseconds when it starts.
    pub fn starting(ahead_ms: i64) -> Self {
        let start = at(START);
        let wall = from_millis(start.as_millisecond() + ahead_ms);
        let wall = Arc::new(ManualClock::at(wall));
        let deps = Deps::new(Arc::clone(&wall) as _);
        let vendor = Arc::new(Vendor::new(start));
        let config = Config {
            capacity: 1_000,
            waiters: 100_000,
            fetches: PLENTY,
        };
        let cache = EvidenceCache::new(Arc::clone(&vendor) as _, config, DAY, &deps).unwrap();
        let (output, limits) = (Box::new(io::sink()), QueueLimits::default());
        let journal = journal::start(output, limits, &deps);
        let journal = journal.unwrap().journal;
        let refusals = Refusals::new(journal.clone(), &deps).unwrap();
        let set = testing::set(POLICIES);
        let live = Arc::new(Live::new(set.clone()));
        Self {
            gate: Gate::new(live, Arc::new(cache), journal, refusals, &deps).unwrap(),
            wall,
            true_ms: AtomicI64::new(start.as_millisecond()),
            deps,
            set,
            vendor,
            authenticated_at: before(start, Duration::from_mins(40)),
        }
    }

    pub fn truth(&self) -> Timestamp {
        from_millis(self.true_ms.load(Ordering::SeqCst))
    }

    pub fn wall(&self) -> Timestamp {
        self.wall.now()
    }

    pub fn wait(&self, ms: i64) {
        let waited = Duration::from_millis(ms.try_into().unwrap());
        self.wall.advance(waited);
        self.true_ms.fetch_add(ms, Ordering::SeqCst);
    }

    /// Sets the wall clock ahead of the true time by this many milliseconds.
    pub fn set(&self, ahead_ms: i64) {
        let ms = self.true_ms.load(Ordering::SeqCst) + ahead_ms;
        self.wall.set(from_millis(ms));
    }

    /// The vendor's `Date` has shown the true time, to the second.
    pub fn vendor_is_heard(&self) {
        let second = from_millis(self.truth().as_second() * 1_000);
        let uptime = self.deps.clock.moment().uptime;
        let until = after(second, Duration::from_secs(1));
        let range = OffsetRange::new(second, until, uptime, uptime);
        self.deps.anchored.confirm(range);
    }

    /// Every policy asked about every verification.
    pub async fn ask_all(&self) -> Vec<Asked> {
        let mut answers = Vec::new();
        for (name, _) in self.set.iter() {
            for id in self.vendor.0.keys() {
                answers.push(self.ask(name, id).await);
            }
        }
        answers
    }

    async fn ask(&self, policy: &PolicyName, id: &str) -> Asked {
        let verification = VerificationId::parse(id).unwrap();
        let request = Arc::new(Request {
            authentication: Some(Authentication {
                auth_time: Some(self.authenticated_at),
                ..Authentication::default()
            }),
            ..Request::bare(policy.clone(), verification)
        });
        let call = Call {
            handed_on: None,
            caller: Caller::internal(),
            deadline: Deadline::within(DAY),
            trace: TraceContext::default(),
            proven: Proven::default(),
        };
        Asked {
            policy: policy.as_str().to_owned(),
            ruling: self.gate.check(&request, &call).await.unwrap(),
            request,
        }
    }

    /// What the true time carries.
    pub fn effect_now(&self, asked: &Asked) -> Effect {
        let policy = self.set.find(&asked.request.policy).unwrap();
        let now = self.truth();
        policy.effect(&Facts {
            request: &asked.request,
            evidence: &self.vendor.evidence(&asked.request.verification, now),
            now,
        })
    }
}
