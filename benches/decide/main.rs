//! The claims about speed, measured in one run: a decision, its next change and remedies, a warm lookup of evidence, a whole warm check, the line
//! of the journal, the messages of a call, decoding a response, and compiling a set of policies. Read the figures as ratios; `cargo bench` prints them.

#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]

mod answers;
mod lines;
mod messages;

use std::{alloc::System, fmt::Write as _, hint::black_box, sync::Arc, time::Duration};

use answers::{horizon, remedies};
use async_trait::async_trait;
use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, criterion_group, criterion_main, measurement::WallTime,
};
use http::{HeaderMap, header::AUTHORIZATION};
use lines::lines;
use messages::messages;
use tracing::Instrument as _;
use verigate::{
    call::{Call, Deadline, TraceContext},
    callers::{Caller, CallerConfig, CallerId, CallerName, Callers, OverQuotaError, Proven, Token},
    clock::{Clock as _, SystemClock},
    config::{Account, Config},
    deps::Deps,
    gate::Gate,
    incode::{Incode, wire},
    journal::{self, AuditorKey, IdentifierKey, Keys, QueueLimits},
    jwt::KeySets,
    live::Live,
    policy::{
        DataKinds, Datum, Evidence, EvidenceTerms, Facts, Finding, Policy, PolicyName, PolicySet,
        Refusal, Request, Requirement, Rule, Scope, SourceText, Timestamp, Verification,
        VerificationId, before, diff::Comparison, parse, testing,
    },
    provenance::{Origin, Timings},
    rate_limit::Rate,
    refusals::Refusals,
    sim::{Cast, Credentials, Simulator, TOKEN_LIFE},
    source::{self, EvidenceCache, Known, LookupRequest, Priority, Source, Wait},
    span,
    telemetry::{self, LogConfig, TraceConfig},
    tls::TlsFiles,
};
use zeroizing_alloc::ZeroAlloc;

/// As in the program.
#[global_allocator]
static MEMORY: ZeroAlloc<System> = ZeroAlloc(System);

const DAY: Duration = Duration::from_hours(24);

fn request() -> Request {
    let verification = VerificationId::parse("v-1").unwrap();
    Request::bare(PolicyName::parse("p").unwrap(), verification)
}

/// Evidence of a subject who was verified this long before.
fn evidence(now: Timestamp, ago: Duration) -> Evidence {
    Evidence {
        finding: Finding::Present(Verification {
            id: Some("v-1".into()),
            status: Some("VERIFIED".into()),
            verified_at: Some(before(now, ago)),
            scopes: [Scope::Name, Scope::DateOfBirth].into(),
            name: Datum::Known(()),
            born: Datum::birth(587_455_200_000),
            ..Verification::default()
        }),
        seen_at: now,
    }
}

/// A policy of this many rules, all of which hold.
fn policy(rules: usize) -> Policy {
    let rule = |n: usize| {
        let requirement = match n % 3 {
            0 => Requirement::VerifiedWithin(DAY * u32::try_from(30 + n).unwrap()),
            1 => Requirement::Scopes(vec![Scope::Name, Scope::DateOfBirth]),
            _ => Requirement::AgeAtLeast(18),
        };
        Rule::new(requirement, Refusal::Deny)
    };
    let terms = EvidenceTerms {
        fresh_for: DAY,
        ..EvidenceTerms::default()
    };
    Policy::new(None, (0..rules).map(rule).collect(), terms, DAY)
}

/// Measures a function of the facts about a subject who was verified this long before.
fn run<T>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    id: BenchmarkId,
    ago: Duration,
    mut judge: impl FnMut(&Facts<'_>) -> T,
) {
    let now = SystemClock.now();
    let (request, evidence) = (request(), evidence(now, ago));
    let facts = Facts {
        request: &request,
        evidence: &evidence,
        now,
    };
    group.bench_function(id, |b| b.iter(|| judge(black_box(&facts))));
}

/// The cost of the parts of an answer: the effect alone; an ALLOW with its next change; a refusal with its next change, reasons and
/// remedies.
fn decide(c: &mut Criterion) {
    let mut group = c.benchmark_group("decide, by rules");
    for rules in [1, 8, 64] {
        let policy = policy(rules);
        let id = |what| BenchmarkId::new(what, rules);
        run(&mut group, id("effect only"), DAY, |facts| {
            policy.effect(facts)
        });
        run(&mut group, id("ALLOW"), DAY, |facts| policy.decide(facts));
        run(&mut group, id("DENY, with remedies"), DAY * 32, |facts| {
            policy.decide(facts)
        });
    }
    group.finish();
}

fn file(text: &str) -> Arc<SourceText> {
    testing::source("p.yaml", text)
}

fn compiled(files: &[Arc<SourceText>]) -> PolicySet {
    parse(files, &testing::no_lists).unwrap()
}

/// Three policies with a schedule: it decides, a stricter rule masks it, or two schedules never hold together.
const SCHEDULES: &str = "\
version: 1
policies:
  open:
    require:
      - schedule: {days: [mon, tue, wed, thu, fri], from: \"07:00\", to: \"19:00\", zone: Europe/Berlin}
  masked:
    require:
      - age_below: 1
      - schedule: {days: [mon, tue, wed, thu, fri], from: \"07:00\", to: \"19:00\", zone: Europe/Berlin}
  never:
    require:
      - schedule: {days: [mon], from: \"07:00\", to: \"19:00\", zone: Europe/Berlin}
      - schedule: {days: [tue], from: \"07:00\", to: \"19:00\", zone: Europe/Berlin}
";

/// A schedule that a stricter rule masks for ever is not looked at; two that never hold together are recognised when combined.
fn schedules(c: &mut Criterion) {
    let mut group = c.benchmark_group("decide, with a weekly schedule");
    let set = testing::set(SCHEDULES);
    for (name, policy) in set.iter() {
        let id = |what| BenchmarkId::new(what, name);
        run(&mut group, id("effect only"), DAY, |facts| {
            policy.effect(facts)
        });
        run(&mut group, id("whole"), DAY, |facts| policy.decide(facts));
    }
    group.finish();
}

/// An upstream that answers immediately.
#[derive(Debug)]
struct Instant;

#[async_trait]
impl Source for Instant {
    async fn look_up(
        &self,
        _: &VerificationId,
        request: LookupRequest,
    ) -> Result<Known, OverQuotaError> {
        Ok(Known {
            evidence: Arc::new(evidence(request.at.now, DAY)),
            origin: Origin::Upstream,
            outage: None,
            timings: Timings::default(),
            not_before: request.at.now,
            succession: verigate::source::Succession::None,
        })
    }
}

/// A cache that every request hits.
const CACHE: source::Config = source::Config {
    capacity: 1000,
    waiters: 100_000,
    fetches: Rate {
        per_second: 1,
        burst: 1,
    },
};

/// A gate over this source, whose journal keeps nothing, and what keeps the journal open.
fn gate(
    keys: Keys,
    live: &Arc<Live>,
    source: &EvidenceCache,
    deps: &Deps,
) -> (Gate, journal::Started) {
    let output = Box::new(std::io::sink());
    let started =
        journal::start_with(output, QueueLimits::default(), keys, Vec::new(), deps).unwrap();
    let journal = started.journal.clone();
    let refusals = Refusals::new(journal.clone(), deps).unwrap();
    let source = Arc::new(source.clone());
    let gate = Gate::new(Arc::clone(live), source, journal, refusals, deps);
    (gate.unwrap(), started)
}

/// An auditor, to whom facts are sealed, and a key of identifiers.
fn keys() -> Keys {
    Keys {
        auditor: AuditorKey::generate().map(|key| key.recipient()),
        identifiers: Some(IdentifierKey::parse(&"07".repeat(32)).unwrap()),
        ..Keys::default()
    }
}

fn lookup() -> LookupRequest {
    LookupRequest {
        at: SystemClock.moment(),
        max_age: DAY,
        max_stale: DAY,
        reads: DataKinds::NONE,
        wait: Wait::AtMost(DAY),
        caller: CallerId::Internal,
        priority: Priority::Cold,
        failed_before: false,
    }
}

fn call() -> Call {
    Call {
        peer: None,
        handed_on: None,
        caller: Caller::internal(),
        deadline: Deadline::within(DAY),
        trace: TraceContext::default(),
        proven: Proven::default(),
    }
}

fn check(c: &mut Criterion) {
    let mut group = c.benchmark_group("warm, 8 rules");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let deps = Deps::new(Arc::new(SystemClock));
    let _entered = runtime.enter();
    let source = EvidenceCache::new(Arc::new(Instant), CACHE, DAY, &deps).unwrap();
    let policies = [(PolicyName::parse("p").unwrap(), policy(8))].into();
    let live = Arc::new(Live::new(PolicySet::new(policies)));
    let (plain, _started) = gate(Keys::default(), &live, &source, &deps);
    let deps = Deps::new(Arc::new(SystemClock));
    let (protected, _started) = gate(keys(), &live, &source, &deps);
    let request = Arc::new(request());
    let (lookup, call) = (lookup(), call());
    let ruling = runtime.block_on(plain.check(&request, &call)).unwrap();
    group.bench_function("look up", |b| {
        b.to_async(&runtime)
            .iter(|| source.look_up(&request.verification, lookup.clone()));
    });
    // As the service runs without a trace collector: the log uses no spans.
    let log = LogConfig {
        level: tracing::Level::INFO,
        json: false,
    };
    let _telemetry = telemetry::start(
        log,
        false,
        &TraceConfig::default(),
        runtime.handle(),
        Arc::new(SystemClock),
    )
    .unwrap();
    group.bench_function("spans of a check that nobody collects", |b| {
        b.to_async(&runtime).iter(async || {
            let checking = async {
                std::future::ready(()).instrument(span::look_up()).await;
                span::decided(&request.policy, &ruling);
            };
            checking
                .instrument(span::check(black_box(&call.trace), call.caller.id.as_str()))
                .await;
        });
    });
    group.bench_function("check", |b| {
        b.to_async(&runtime)
            .iter(async || plain.check(&request, &call).await.unwrap());
    });
    let (callers, headers) = thousand_callers(&deps);
    group.bench_function("check, with facts sealed and identifiers keyed", |b| {
        b.to_async(&runtime)
            .iter(async || protected.check(&request, &call).await.unwrap());
    });
    group.bench_function("caller by token", |b| {
        b.to_async(&runtime)
            .iter(async || callers.authenticate(&headers, None).await.unwrap());
    });
    group.finish();
    lines(c, &live.current(), &request, &ruling);
}

/// A thousand callers with a token each, and the headers of a call of one of them.
fn thousand_callers(deps: &Deps) -> (Callers, HeaderMap) {
    let token = |n: u16| {
        let digit = |n: u16| u8::try_from(n % 36).unwrap();
        let id = [0, 0, 0, 0, 0, digit(n / 1296), digit(n / 36), digit(n)];
        Token::from_random(id, [digit(n); 32])
    };
    let config = |n: u16| {
        let name = CallerName::parse(&format!("door-{n}")).unwrap();
        let mut config = CallerConfig::new(name);
        config.tokens.push(token(n).entry());
        config
    };
    let configs: Vec<CallerConfig> = (0..1000).map(config).collect();
    let key_sets = KeySets::new(deps).unwrap();
    let callers = Callers::new(&configs, key_sets, Arc::clone(&deps.clock)).unwrap();
    let bearer = format!("Bearer {}", token(7).reveal());
    let headers = HeaderMap::from_iter([(AUTHORIZATION, bearer.parse().unwrap())]);
    (callers, headers)
}

/// A lookup of the vendor's simulator over loopback HTTP, without a cache in front: what a cold check costs besides the vendor's own time
/// and the network. Nothing in it may wait for the runtime's timer, whose tick of a millisecond is most of the figure if it does.
fn cold(c: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let deps = Deps::new(Arc::new(SystemClock));
    let cast = "people: { ada: {} }\nverifications: { v-1: { person: ada, verified_ago: 1d } }\n";
    let simulator = runtime.block_on(async {
        let cast = Cast::read("the bench's cast", cast, SystemClock.now()).unwrap();
        let at = ([127, 0, 0, 1], 0).into();
        let credentials = Credentials::default();
        let simulator = Simulator::start(at, cast, credentials, TOKEN_LIFE, Arc::new(SystemClock));
        simulator.await.unwrap()
    });
    let known = simulator.credentials().clone();
    let account = Account {
        url: format!("http://{}", simulator.address).parse().unwrap(),
        api_key: known.api_key.into(),
        integration_id: known.integration_id,
        secret: known.secret.into(),
    };
    let mut config = Config::from_defaults(&account).unwrap().incode;
    config.rate = Rate {
        per_second: 1_000_000,
        burst: 1_000_000,
    };
    let mut tls_files = TlsFiles::new(&deps.registry).unwrap();
    let incode = Incode::new(config, &mut tls_files, &deps).unwrap();
    let request = LookupRequest {
        at: SystemClock.moment(),
        max_age: DAY,
        max_stale: DAY,
        reads: DataKinds::NONE,
        wait: Wait::AtMost(Duration::from_secs(2)),
        caller: CallerId::Internal,
        priority: Priority::Cold,
        failed_before: false,
    };
    let id = VerificationId::parse("v-1").unwrap();
    let look_up = async || incode.look_up(&id, request.clone()).await.unwrap();
    assert!(!runtime.block_on(look_up()).degraded());
    c.bench_function("cold look up over loopback HTTP", |b| {
        b.to_async(&runtime).iter(look_up);
    });
}

/// What it costs to keep only what policies read, against keeping everything.
fn decode(c: &mut Criterion) {
    let mut group = c.benchmark_group("decode the vendor's response, keeping");
    let body = br#"{"id":"v-1","status":"VERIFIED","verifiedAt":1767225600000,"projectId":"p-1","scopes":["NAME","PHONE","DATE_OF_BIRTH"],
        "data":{"identityId":"id-1","fullName":"Ada Example","firstName":"Ada","lastName":"Example","phone":"+12025550101","dateOfBirth":642902400000}}"#;
    let id = VerificationId::parse("v-1").unwrap();
    for (name, keeps) in [
        ("everything", DataKinds::ALL),
        ("the date of birth", DataKinds::BIRTH),
        ("nothing of the person", DataKinds::NONE),
    ] {
        group.bench_function(name, |b| {
            b.iter(|| wire::details(black_box(body), &id, keeps).unwrap());
        });
    }
    group.finish();
}

fn compile(c: &mut Criterion) {
    let mut text = String::from("version: 1\npolicies:\n");
    for n in 0..1000 {
        let days = n + 1;
        writeln!(
            text,
            "  p{n}:\n    require:\n      - verified_within: {days}d"
        )
        .unwrap();
        writeln!(text, "      - scopes: [NAME]\n        otherwise: step_up").unwrap();
    }
    let files = [file(&text)];
    c.bench_function("compile 1000 policies", |b| {
        b.iter(|| compiled(black_box(&files)));
    });
}

/// A set of one policy of twenty rules of every kind; some are of this many days.
fn twenty_rules(days: u32) -> PolicySet {
    let mut rules = String::new();
    for n in 0..5 {
        write!(
            rules,
            "
      - any_of: [verified_within: {}d, authenticated: {{within: {}h, amr_any: [hwk, face]}}]
        otherwise: step_up
      - scopes: [NAME, S{n}]
      - attribute: {{name: a{n}, in: [x, y]}}
        otherwise: step_up
      - schedule: {{days: [mon, tue, wed], from: \"0{n}:00\", to: \"2{}:00\", zone: Europe/Berlin}}",
            days + n,
            n + 1,
            n % 4
        )
        .unwrap();
    }
    let text = format!("version: 1\npolicies:\n  p:\n    require:{rules}\n");
    testing::set(&text)
}

fn diff(c: &mut Criterion) {
    let (old, new) = (twenty_rules(30), twenty_rules(33));
    c.bench_function("diff of two policies of 20 rules", |b| {
        b.iter(|| Comparison::of(black_box(&old), black_box(&new), None));
    });
}

criterion_group!(
    benches, decide, schedules, horizon, remedies, check, cold, messages, decode, compile, diff
);
criterion_main!(benches);
