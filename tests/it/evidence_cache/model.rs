//! Whatever happens in whatever order, evidence is never served that a naive reading of the rules forbids: too old, invalidated and
//! neither refused nor failed since, invalidated for too long, or revoked.

use parking_lot::Mutex;
use proptest::prelude::*;
use tokio::runtime::Builder;

use super::*;

/// What happens.
#[derive(Debug, Clone, Copy)]
enum Event {
    /// This many milliseconds pass.
    Passes(u64),
    /// The vendor answers so from now on.
    Vendor(State),
    /// The evidence is declared unusable, by the one identifier or the other.
    Invalidated(Invalidation, bool),
    /// A check, with the policy's `fresh_for` and `stale_for` in seconds; one in a hurry does not wait.
    Check {
        fresh_for: u64,
        stale_for: u64,
        in_a_hurry: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Verified,
    Pending,
    Absent,
    Unusable,
    Failing,
    Rejected,
    OverRate,
}

/// What the vendor was asked, and when it said what.
#[derive(Debug, Default)]
struct Record {
    /// The instants at which versions were seen, by version.
    seen: Vec<Duration>,
    /// Whether the last attempt brought nothing.
    failed: bool,
}

#[derive(Debug)]
struct Vendor {
    state: Mutex<State>,
    record: Mutex<Record>,
    clock: Arc<ManualClock>,
}

#[async_trait]
impl Source for Vendor {
    async fn look_up(&self, _: &VerificationId, _: LookupRequest) -> Result<Known, OverQuotaError> {
        let (state, at) = (*self.state.lock(), self.clock.moment());
        let mut record = self.record.lock();
        let finding = match state {
            State::Verified | State::Pending => {
                record.seen.push(at.uptime);
                let status = if state == State::Pending {
                    "PENDING"
                } else {
                    "VERIFIED"
                };
                Ok(Finding::Present(Verification {
                    id: Some("v-1".into()),
                    trace_id: Some("trace-1".into()),
                    status: Some(status.into()),
                    project: Some((record.seen.len() - 1).to_string().into()),
                    ..Verification::default()
                }))
            }
            State::Absent => Ok(Finding::Absent),
            State::Unusable => Ok(Finding::Unusable(Flaw::Unreadable)),
            State::Failing => Err(Outage::Failed),
            State::Rejected => Err(Outage::Rejected),
            State::OverRate => Err(Outage::OverRate),
        };
        record.failed = finding.is_err();
        Ok(match finding {
            Err(outage) => Known::nothing(outage, at.now, Timings::default()),
            Ok(finding) => Known {
                evidence: Arc::new(Evidence {
                    finding,
                    seen_at: at.now,
                }),
                origin: Origin::Upstream,
                outage: None,
                timings: Timings::default(),
                not_before: at.now,
                succession: verigate::source::Succession::None,
            },
        })
    }
}

/// The cache, and what a naive reader knows of it.
struct Model {
    cache: EvidenceCache,
    vendor: Arc<Vendor>,
    clock: Arc<ManualClock>,
    /// When evidence was declared unusable, how, and how many versions there had been.
    invalidations: Vec<(Duration, Invalidation, usize)>,
}

impl Model {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::at(from_millis(0)));
        let vendor = Arc::new(Vendor {
            state: Mutex::new(State::Verified),
            record: Mutex::default(),
            clock: Arc::clone(&clock),
        });
        let deps = Deps::new(Arc::clone(&clock) as _);
        let behind = Arc::clone(&vendor) as _;
        Self {
            cache: EvidenceCache::new(behind, CONFIG, FETCH_TIMEOUT, &deps).unwrap(),
            vendor,
            clock,
            invalidations: Vec::new(),
        }
    }

    async fn play(&mut self, event: Event) {
        match event {
            Event::Passes(millis) => self.clock.advance(Duration::from_millis(millis)),
            Event::Vendor(state) => *self.vendor.state.lock() = state,
            Event::Invalidated(invalidation, by_trace) => {
                let name = if by_trace { "trace-1" } else { "v-1" };
                self.cache.invalidate(&named(name), invalidation).await;
                let versions = self.vendor.record.lock().seen.len();
                // By the trace's name nothing can be meant that was never seen.
                if versions > 0 || !by_trace {
                    let now = self.clock.moment().uptime;
                    self.invalidations.push((now, invalidation, versions));
                }
            }
            Event::Check {
                fresh_for,
                stale_for,
                in_a_hurry,
            } => {
                let request = LookupRequest {
                    at: self.clock.moment(),
                    max_age: Duration::from_secs(fresh_for),
                    max_stale: Duration::from_secs(fresh_for + stale_for),
                    reads: DataKinds::NONE,
                    wait: if in_a_hurry {
                        Wait::No
                    } else {
                        Wait::AtMost(Duration::from_mins(1))
                    },
                    caller: CallerId::of(IpAddr::from([192, 0, 2, 1])),
                    priority: Priority::Cold,
                    failed_before: false,
                };
                let failed_before = self.vendor.record.lock().failed;
                let known = self.cache.look_up(&id(), request.clone()).await.unwrap();
                self.judge(&known, request, in_a_hurry && !failed_before);
            }
        }
        settle().await;
    }

    #[expect(clippy::needless_pass_by_value, reason = "a request is judged once")]
    fn judge(&self, known: &Known, request: LookupRequest, unasked: bool) {
        let Finding::Present(verification) = &known.evidence.finding else {
            return;
        };
        let version: usize = verification.project.as_deref().unwrap().parse().unwrap();
        let (now, record) = (request.at.uptime, self.vendor.record.lock());
        assert_eq!(version, record.seen.len() - 1, "not what was seen last");
        let age = now.checked_sub(record.seen[version]).unwrap();
        // Those that came after this version was seen.
        let since = || {
            let after = |(_, _, versions): &&(Duration, Invalidation, usize)| version < *versions;
            self.invalidations.iter().filter(after)
        };
        if known.degraded() {
            assert!(age < request.max_stale, "too old: {age:?}");
            for (at, invalidation, _) in since() {
                assert_eq!(*invalidation, Invalidation::Changed, "revoked");
                assert!(
                    now.checked_sub(*at).unwrap() < Duration::from_secs(10),
                    "invalidated too long ago"
                );
                assert!(!unasked, "nobody has asked again yet");
                assert!(record.failed, "asking again did not fail");
            }
        } else {
            assert_eq!(since().count(), 0, "invalidated");
            let unfinished = verification.status.as_deref() == Some("PENDING");
            let max_age = if unfinished {
                request.max_age.min(Duration::from_secs(4))
            } else {
                request.max_age
            };
            assert!(age < max_age || known.origin == Origin::Upstream);
        }
    }
}

fn event() -> impl Strategy<Value = Event> {
    use State::{Absent, Failing, OverRate, Pending, Rejected, Unusable, Verified};
    let state = prop::sample::select(vec![
        Verified, Verified, Pending, Absent, Unusable, Failing, Failing, Rejected, OverRate,
    ]);
    let invalidation = prop::sample::select(vec![
        Invalidation::Changed,
        Invalidation::Changed,
        Invalidation::Revoked,
    ]);
    prop_oneof![
        2 => prop::sample::select(vec![1, 500, 999, 1000, 1500, 3999, 4000, 5000, 9999, 10_000, 30_000])
            .prop_map(Event::Passes),
        2 => state.prop_map(Event::Vendor),
        2 => (invalidation, any::<bool>()).prop_map(|(how, by)| Event::Invalidated(how, by)),
        5 => (
            prop::sample::select(vec![0, 1, 5, 60]),
            prop::sample::select(vec![0, 3, 3600]),
            prop::bool::weighted(0.2),
        )
            .prop_map(|(fresh_for, stale_for, in_a_hurry)| Event::Check {
                fresh_for,
                stale_for,
                in_a_hurry,
            }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn nothing_is_served_that_the_rules_forbid(events in prop::collection::vec(event(), 1..60)) {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut model = Model::new();
            for event in events {
                model.play(event).await;
            }
        });
    }
}
