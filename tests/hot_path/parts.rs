//! The parts of a check whose instructions are counted: each is done some times within one function, whose instructions are counted.

use std::{hint::black_box, io, sync::Arc, time::Duration};

use async_trait::async_trait;
use prost::Message as _;
use tokio::runtime::Builder;
use verigate::{
    call::{Call, Deadline, TraceContext},
    callers::{Caller, OverQuotaError, Proven},
    clock::{Clock as _, SystemClock},
    deps::Deps,
    gate::Gate,
    journal::{self, Durability, Keys, QueueLimits},
    live::Live,
    policy::{
        ClaimedIdentity, Datum, Effect, Evidence, Facts, Finding, PolicyName, Request, Scope,
        Timestamp, Verification, VerificationId, before, testing,
    },
    proto::v1::{CheckAccessRequest, CheckAccessResponse},
    provenance::{Origin, Timings},
    rate_limit::Rate,
    refusals::Refusals,
    source::{self, EvidenceCache, Known, LookupRequest, Source, Succession},
};

use crate::{
    client,
    service::{ALLOW, FRESH, OLD, POLICY, Running, STEP_UP},
};

/// How often a part is done while it is counted.
pub const TIMES: u64 = 100;

const DAY: Duration = Duration::from_hours(24);

/// The function that is counted, by this name: what all threads do until it returns.
#[inline(never)]
fn counted(part: &mut dyn FnMut()) {
    for _ in 0..TIMES {
        part();
    }
}

/// Does a part until all that it needs is in memory, and then as often as it is counted.
fn count(part: &mut dyn FnMut()) {
    for _ in 0..10 {
        part();
    }
    counted(part);
}

/// Does every part once it is warm, in the order of [`crate::INSTRUCTIONS`].
pub fn all() {
    decide();
    check();
    messages();
    call();
}

/// Deciding alone: an ALLOW with its next change; and a STEP_UP, with reasons and remedies besides.
fn decide() {
    let set = testing::set(POLICY);
    let policy = set.find(&policy_name()).unwrap();
    for (id, effect) in [(FRESH, Effect::Allow), (OLD, Effect::StepUp)] {
        let (request, now) = (request(id), SystemClock.now());
        let evidence = evidence(&request.verification, now);
        let facts = Facts {
            request: &request,
            evidence: &evidence,
            now,
        };
        count(&mut || {
            let decision = policy.decide(black_box(&facts));
            assert_eq!(decision.effect(), effect);
        });
    }
}

/// A check without the network, whose evidence is cached, until its line is written: also by the thread that writes.
fn check() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let _entered = runtime.enter();
    let deps = Deps::new(Arc::new(SystemClock));
    let cache = source::Config {
        capacity: 1000,
        waiters: 1000,
        fetches: Rate {
            per_second: 1,
            burst: 1,
        },
    };
    let source = EvidenceCache::new(Arc::new(Upstream), cache, DAY, &deps).unwrap();
    let limits = QueueLimits {
        durability: Durability::Written,
        ..QueueLimits::default()
    };
    let output = Box::new(io::sink());
    let started = journal::start_with(output, limits, Keys::default(), Vec::new(), &deps).unwrap();
    let refusals = Refusals::new(started.journal.clone(), &deps).unwrap();
    let live = Arc::new(Live::new(testing::set(POLICY)));
    let journal = started.journal.clone();
    let gate = Gate::new(live, Arc::new(source), journal, refusals, &deps).unwrap();
    let request = Arc::new(request(FRESH));
    let call = Call {
        peer: None,
        handed_on: None,
        caller: Caller::internal(),
        deadline: Deadline::within(DAY),
        trace: TraceContext::default(),
        proven: Proven::default(),
    };
    count(&mut || {
        let ruling = runtime.block_on(gate.check(&request, &call)).unwrap();
        assert_eq!(ruling.decision.effect(), Effect::Allow);
    });
}

/// The message of a request is decoded, and that of an answer encoded.
fn messages() {
    let request = client::request(FRESH);
    let instant = |seconds| prost_types::Timestamp { seconds, nanos: 0 };
    let answer = CheckAccessResponse {
        decision: 1,
        decision_id: "0192f0c1-2222-7000-8000-000000000002".to_owned(),
        policy_revision: "0123456789abcdef".to_owned(),
        decided_at: Some(instant(1_767_225_600)),
        valid_until: Some(instant(1_767_226_200)),
        request_id: request.request_id.clone(),
        ..CheckAccessResponse::default()
    };
    let bytes = request.encode_to_vec();
    let mut buffer = Vec::with_capacity(answer.encoded_len());
    count(&mut || {
        let read = CheckAccessRequest::decode(black_box(bytes.as_slice())).unwrap();
        assert_eq!(read.verification_id, FRESH);
        buffer.clear();
        black_box(&answer).encode(&mut buffer).unwrap();
    });
}

/// A whole call over a connection, with that of the caller: an ALLOW and a STEP_UP.
fn call() {
    let running = Running::start();
    let (mut client, allow, step_up) = running.client();
    for (call, decision) in [(allow, ALLOW), (step_up, STEP_UP)] {
        count(&mut || client.decide(&call, decision, 1));
    }
    running.stop();
}

fn policy_name() -> PolicyName {
    PolicyName::parse("front-door").unwrap()
}

fn request(verification: &str) -> Request {
    Request {
        identity: ClaimedIdentity::parse("id-ada"),
        ..Request::bare(policy_name(), VerificationId::parse(verification).unwrap())
    }
}

/// Evidence of a subject who was verified an hour ago or, for the old verification, too long ago.
fn evidence(id: &VerificationId, now: Timestamp) -> Evidence {
    let ago = if id.as_str() == OLD {
        DAY * 400
    } else {
        DAY / 24
    };
    Evidence {
        finding: Finding::Present(Verification {
            id: Some(id.as_str().into()),
            status: Some("VERIFIED".into()),
            verified_at: Some(before(now, ago)),
            scopes: [Scope::Name, Scope::DateOfBirth].into(),
            identity: Datum::text("id-ada").as_identity(),
            name: Datum::Known(()),
            born: Datum::birth(642_902_400_000),
            ..Verification::default()
        }),
        seen_at: now,
    }
}

/// An upstream that answers at once.
#[derive(Debug)]
struct Upstream;

#[async_trait]
impl Source for Upstream {
    async fn look_up(
        &self,
        id: &VerificationId,
        request: LookupRequest,
    ) -> Result<Known, OverQuotaError> {
        Ok(Known {
            evidence: Arc::new(evidence(id, request.at.now)),
            origin: Origin::Upstream,
            outage: None,
            timings: Timings::default(),
            not_before: request.at.now,
            succession: Succession::None,
        })
    }
}
