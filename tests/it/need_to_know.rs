//! Of a person's data only that is kept which the policies in force read, and what was not kept is never taken for missing.

mod reloads;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, mpsc};
use verigate::{
    callers::{CallerId, OverQuotaError},
    clock::{Clock as _, ManualClock},
    deps::Deps,
    incode::wire,
    live::{Live, Reloader},
    policy::{
        DataKinds, Datum, Effect, Evidence, Facts, Finding, Policy, PolicyName, PolicySet,
        ReasonCode, Request, Scope, SourceText, Verification, VerificationId, parse,
    },
    provenance::{Origin, Outage, Timings},
    source::{Config, EvidenceCache, Known, LookupRequest, Priority, Source, Wait},
};

use crate::world::PLENTY;

/// Requirements, and what each reads.
const REQUIREMENTS: [(&str, DataKinds); 14] = [
    ("status: [VERIFIED]", DataKinds::NONE),
    ("verified_within: 90d", DataKinds::NONE),
    ("project: [p-1]", DataKinds::NONE),
    ("attribute: {name: site, in: [hq]}", DataKinds::NONE),
    ("authenticated: {within: 1h}", DataKinds::NONE),
    (
        "schedule: {zone: UTC, days: [mon], from: \"08:00\", to: \"18:00\"}",
        DataKinds::NONE,
    ),
    ("scopes: [BADGE]", DataKinds::NONE),
    ("scopes: [NAME]", DataKinds::NAME),
    ("age_at_least: 18", DataKinds::BIRTH),
    ("age_below: 65", DataKinds::BIRTH),
    ("phone_prefix: [\"+1\"]", DataKinds::PHONE),
    ("identity: same_as_request", DataKinds::IDENTITY),
    ("identity_in: [id-1]", DataKinds::IDENTITY),
    ("identity_not_in: [id-9]", DataKinds::IDENTITY),
];

fn set(policies: &[(&str, &str)]) -> PolicySet {
    let mut text = "version: 1\npolicies:\n".to_owned();
    for (name, rule) in policies {
        let policy = format!(
            "  {name}:\n    description: x\n    evidence: {{fresh_for: 1h, unavailable: step_up}}\n    require:\n      - {rule}\n"
        );
        text.push_str(&policy);
    }
    let source = Arc::new(SourceText {
        path: "p.yaml".into(),
        text: text.clone(),
    });
    let no_lists = |_: &str, _: &str| Err("no lists".to_owned());
    let set = parse(&[source], &no_lists);
    assert!(set.is_ok(), "{text}");
    set.unwrap()
}

fn only(rule: &str) -> Policy {
    set(&[("p", rule)]).find(&name("p")).unwrap().clone()
}

fn name(text: &str) -> PolicyName {
    PolicyName::parse(text).unwrap()
}

fn id() -> VerificationId {
    VerificationId::parse("v-1").unwrap()
}

fn full() -> Verification {
    let body = r#"{"id":"v-1","status":"VERIFIED","verifiedAt":1767225600000,"projectId":"p-1","scopes":["NAME","PHONE","DATE_OF_BIRTH","BADGE"],
        "data":{"identityId":"id-1","fullName":"Ada Example","phone":"+12025550101","dateOfBirth":642902400000}}"#;
    wire::details(body.as_bytes(), &id(), DataKinds::ALL).unwrap()
}

#[test]
fn a_policy_reads_what_its_requirements_need_also_inside_of_others() {
    for (rule, reads) in REQUIREMENTS {
        let policy = only(rule);
        assert_eq!(policy.reads(), reads, "{rule}");
        let nested = only(&format!(
            "any_of: [{{all_of: [{{{rule}}}]}}, {{status: [X]}}]"
        ));
        assert_eq!(nested.reads(), reads, "{rule}");
        // `needs` shows authors the same.
        let scopes = policy.needs().scopes;
        let needed: DataKinds = scopes.iter().map(DataKinds::of_scope).collect();
        assert_eq!(needed, reads, "{rule}");
    }
    let both = set(&[("a", "age_at_least: 18"), ("b", "phone_prefix: [\"+1\"]")]);
    assert_eq!(both.reads(), DataKinds::BIRTH.and(DataKinds::PHONE));
}

#[test]
fn what_is_not_kept_is_dropped_when_it_is_decoded() {
    let kinds = [
        DataKinds::IDENTITY,
        DataKinds::NAME,
        DataKinds::PHONE,
        DataKinds::BIRTH,
    ];
    for mask in 0..16_usize {
        let chosen = kinds
            .iter()
            .enumerate()
            .filter(|(bit, _)| mask & 1 << bit != 0);
        let keeps: DataKinds = chosen.map(|(_, kind)| *kind).collect();
        let kept = full().keeping(keeps);
        let known = [
            matches!(kept.identity, Datum::Known(_)),
            matches!(kept.name, Datum::Known(())),
            matches!(kept.phone, Datum::Known(_)),
            matches!(kept.born, Datum::Known(_)),
        ];
        for (kind, known) in kinds.into_iter().zip(known) {
            assert_eq!(known, keeps.include(kind), "{mask:04b}");
        }
        assert_eq!(kept.kept, keeps);
        // What is no person's data is always kept.
        assert_eq!(kept.project.as_deref(), Some("p-1"));
        assert!(kept.scopes.contains(&Scope::Phone));
    }
}

#[test]
fn evidence_that_lacks_what_a_policy_reads_is_no_evidence_and_not_missing_data() {
    for (rule, reads) in REQUIREMENTS {
        let policy = only(rule);
        for keeps in [
            DataKinds::NONE,
            DataKinds::NAME,
            DataKinds::BIRTH,
            DataKinds::ALL,
        ] {
            let evidence = Evidence {
                finding: Finding::Present(full().keeping(keeps)),
                seen_at: "2026-01-02T00:00:00Z".parse().unwrap(),
            };
            let request = Request::bare(name("p"), id());
            let decision = policy.decide(&Facts {
                request: &request,
                evidence: &evidence,
                now: evidence.seen_at,
            });
            let codes: Vec<ReasonCode> = decision.reasons().iter().map(|r| r.code).collect();
            if keeps.include(reads) {
                assert!(!codes.contains(&ReasonCode::EvidenceUnavailable), "{rule}");
            } else {
                assert_eq!(codes, [ReasonCode::EvidenceUnavailable], "{rule}");
                assert_eq!(decision.effect(), Effect::StepUp, "{rule}");
            }
        }
    }
}

/// A vendor that answers when the test lets it, with what it was asked to keep.
#[derive(Debug)]
struct Vendor {
    asked: Mutex<Vec<DataKinds>>,
    /// Says that it was asked.
    on_asked: mpsc::UnboundedSender<()>,
    may_answer: Semaphore,
    is_down: Mutex<bool>,
}

#[async_trait]
impl Source for Vendor {
    async fn look_up(
        &self,
        _: &VerificationId,
        request: LookupRequest,
    ) -> Result<Known, OverQuotaError> {
        self.asked.lock().push(request.reads);
        let _ = self.on_asked.send(());
        let _permit = self.may_answer.acquire().await.unwrap();
        let now = request.at.now;
        if *self.is_down.lock() {
            return Ok(Known::nothing(Outage::Failed, now, Timings::default()));
        }
        Ok(Known {
            evidence: Arc::new(Evidence {
                finding: Finding::Present(full().keeping(request.reads)),
                seen_at: now,
            }),
            origin: Origin::Upstream,
            outage: None,
            timings: Timings::default(),
            not_before: now,
            succession: verigate::source::Succession::None,
        })
    }
}

struct Scene {
    clock: Arc<ManualClock>,
    vendor_asked: tokio::sync::Mutex<mpsc::UnboundedReceiver<()>>,
    vendor: Arc<Vendor>,
    cache: EvidenceCache,
}

impl Scene {
    fn new(answers: usize) -> Self {
        let clock = Arc::new(ManualClock::at("2026-01-02T00:00:00Z".parse().unwrap()));
        let (on_asked, vendor_asked) = mpsc::unbounded_channel();
        let vendor = Arc::new(Vendor {
            asked: Mutex::default(),
            on_asked,
            may_answer: Semaphore::new(answers),
            is_down: Mutex::default(),
        });
        let config = Config {
            capacity: 100,
            waiters: 100_000,
            fetches: PLENTY,
        };
        let deps = Deps::new(Arc::clone(&clock) as _);
        let behind = Arc::clone(&vendor) as _;
        let cache = EvidenceCache::new(behind, config, Duration::from_mins(1), &deps).unwrap();
        Self {
            clock,
            vendor_asked: vendor_asked.into(),
            vendor,
            cache,
        }
    }

    async fn look(&self, reads: DataKinds) -> Known {
        let hour = Duration::from_hours(1);
        let request = LookupRequest {
            at: self.clock.moment(),
            max_age: hour,
            max_stale: hour,
            reads,
            wait: Wait::AtMost(hour),
            caller: CallerId::Internal,
            priority: Priority::Cold,
            failed_before: false,
        };
        self.cache.look_up(&id(), request).await.unwrap()
    }

    /// Waits until the vendor is asked once more. With the time paused, a vendor that is not asked fails the test at once.
    async fn vendor_is_asked(&self) {
        let mut asked = self.vendor_asked.lock().await;
        let asked = tokio::time::timeout(Duration::from_secs(30), asked.recv()).await;
        asked.expect("the vendor is asked");
    }

    fn asked(&self) -> Vec<DataKinds> {
        self.vendor.asked.lock().clone()
    }
}

fn kept(known: &Known) -> Option<DataKinds> {
    match &known.evidence.finding {
        Finding::Present(verification) => Some(verification.kept),
        _ => None,
    }
}

#[tokio::test]
async fn an_entry_without_what_is_read_is_a_miss_and_one_with_more_is_a_hit() {
    let scene = Scene::new(10);
    let known = scene.look(DataKinds::BIRTH).await;
    assert_eq!(kept(&known), Some(DataKinds::BIRTH));
    assert_eq!(scene.look(DataKinds::NONE).await.origin, Origin::Cache);
    let known = scene.look(DataKinds::PHONE).await;
    assert_eq!(kept(&known), Some(DataKinds::PHONE));
    assert_eq!(known.origin, Origin::Upstream);
    assert_eq!(scene.look(DataKinds::PHONE).await.origin, Origin::Cache);
    assert_eq!(scene.asked(), [DataKinds::BIRTH, DataKinds::PHONE]);
}

#[tokio::test]
async fn one_fetch_keeps_what_all_policies_in_force_read_as_they_are_when_it_starts() {
    let scene = Scene::new(10);
    let policies = [("a", "age_at_least: 18"), ("b", "phone_prefix: [\"+1\"]")];
    let live = Arc::new(Live::new(set(&policies)));
    scene.cache.keep_for(live);
    scene.look(DataKinds::BIRTH).await;
    assert_eq!(scene.look(DataKinds::PHONE).await.origin, Origin::Cache);
    assert_eq!(scene.asked(), [DataKinds::BIRTH.and(DataKinds::PHONE)]);
}

/// Shadow policies in a file.
struct ShadowFile {
    file: tempfile::NamedTempFile,
    live: Arc<Live>,
    reloader: Arc<Reloader>,
}

impl ShadowFile {
    /// One that reads a birth date, beside policies that read a telephone number; evidence is kept for both.
    fn beside(scene: &Scene) -> Self {
        let file = tempfile::NamedTempFile::new().unwrap();
        let text = "version: 1\npolicies: {a: {require: [age_at_least: 18]}}";
        std::fs::write(file.path(), text).unwrap();
        let shadow = Arc::new(Live::new(PolicySet::new(BTreeMap::new())));
        let deps = Deps::new(Arc::clone(&scene.clock) as _);
        let reloader = Reloader::of_shadow(file.path(), [].into(), Arc::clone(&shadow), &deps);
        let in_force = Live::new(set(&[("a", "phone_prefix: [\"+1\"]")]));
        let live = Arc::new(in_force.with_shadow(shadow));
        scene.cache.keep_for(Arc::clone(&live));
        Self {
            file,
            live,
            reloader: reloader.unwrap(),
        }
    }

    /// The policies are removed, and no longer held.
    fn remove(&self, scene: &Scene) {
        self.remove_by(&scene.clock);
        assert_eq!(self.live.reads(), DataKinds::PHONE);
    }

    fn remove_by(&self, clock: &ManualClock) {
        std::fs::remove_file(self.file.path()).unwrap();
        self.reloader.reload();
        clock.advance(Duration::from_secs(5));
        self.reloader.reload();
    }
}

const PHONE_AND_BIRTH: DataKinds = DataKinds::PHONE.and(DataKinds::BIRTH);

#[tokio::test(start_paused = true)]
async fn what_only_a_shadow_reads_is_kept_while_it_is_there_and_dropped_from_the_cache_with_it() {
    let scene = Scene::new(10);
    let shadow = ShadowFile::beside(&scene);
    let known = scene.look(DataKinds::PHONE).await;
    assert_eq!(kept(&known), Some(PHONE_AND_BIRTH));
    shadow.remove(&scene);
    let dropped = async || kept(&scene.look(DataKinds::PHONE).await) == Some(DataKinds::PHONE);
    crate::world::until("the date of birth is dropped", dropped).await;
    // What is left is as fresh as before, and nobody is asked for it.
    assert_eq!(scene.asked(), [PHONE_AND_BIRTH]);
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_was_in_flight_when_a_shadow_went_stores_nothing_that_only_the_shadow_read() {
    let scene = Arc::new(Scene::new(0));
    let shadow = ShadowFile::beside(&scene);
    let waiting = Arc::clone(&scene);
    let waiting = tokio::spawn(async move { waiting.look(DataKinds::PHONE).await });
    scene.vendor_is_asked().await;
    shadow.remove(&scene);
    scene.vendor.may_answer.add_permits(10);
    waiting.await.unwrap();
    let known = scene.look(DataKinds::PHONE).await;
    assert_eq!(
        (kept(&known), known.origin),
        (Some(DataKinds::PHONE), Origin::Cache)
    );
    assert_eq!(scene.asked(), [PHONE_AND_BIRTH]);
}

#[tokio::test]
async fn what_a_check_reads_is_stored_though_no_policy_in_force_reads_it() {
    let scene = Scene::new(10);
    let _shadow = ShadowFile::beside(&scene);
    let reads = DataKinds::IDENTITY;
    scene.look(reads).await;
    assert_eq!(scene.look(reads).await.origin, Origin::Cache);
}

#[tokio::test(start_paused = true)]
async fn a_fetch_in_flight_that_would_lack_what_is_read_is_replaced_and_still_answers_its_own() {
    let scene = Arc::new(Scene::new(0));
    let look = |reads| {
        let scene = Arc::clone(&scene);
        tokio::spawn(async move { scene.look(reads).await })
    };
    let before = look(DataKinds::BIRTH);
    scene.vendor_is_asked().await;
    let after = look(DataKinds::PHONE);
    scene.vendor_is_asked().await;
    // One of before the reload that comes later does not replace it again.
    let late = look(DataKinds::BIRTH);
    tokio::task::yield_now().await;
    scene.vendor.may_answer.add_permits(10);
    assert_eq!(kept(&before.await.unwrap()), Some(DataKinds::BIRTH));
    let both = DataKinds::BIRTH.and(DataKinds::PHONE);
    assert_eq!(kept(&after.await.unwrap()), Some(both));
    assert_eq!(kept(&late.await.unwrap()), Some(both));
    assert_eq!(scene.asked(), [DataKinds::BIRTH, both]);
    // The later fetch is the one that is kept, whichever ended first.
    assert_eq!(scene.look(both).await.origin, Origin::Cache);
}

#[tokio::test]
async fn stale_evidence_without_what_is_read_is_not_used_in_an_outage() {
    let scene = Scene::new(10);
    scene.look(DataKinds::BIRTH).await;
    *scene.vendor.is_down.lock() = true;
    let known = scene.look(DataKinds::PHONE).await;
    assert!(known.degraded() && kept(&known).is_none());
    // What is there is still used by who needs no more.
    let known = scene.look(DataKinds::BIRTH).await;
    assert_eq!(kept(&known), Some(DataKinds::BIRTH));
}

#[expect(
    clippy::zero_sized_map_values,
    reason = "the kinds have an order and no hash"
)]
#[test]
fn every_kind_of_requirement_is_in_the_table() {
    // The variants of the language, as the compiler lists them in `Requirement::reads`; the groups are tried around each.
    let mut kinds = BTreeMap::new();
    for (rule, _) in REQUIREMENTS {
        kinds.insert(rule.split(':').next().unwrap(), ());
    }
    assert_eq!(kinds.len(), 13, "{kinds:?}");
}
