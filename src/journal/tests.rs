//! What is written, and what a full disk or a crash does to it.

mod chained;
mod compressed;
mod ending;
mod exported;
mod faults;
mod files;
mod folders;
pub(crate) mod logged;
mod protected;
mod replaced;
mod retained;
mod signed;
mod unrecorded;
mod unsynced;

use std::io::{self, Write};

use parking_lot::Mutex;
use uuid::Uuid;

use super::{line::Body as _, *};
use crate::{
    callers::CallerId,
    clock::SystemClock,
    peer::PeerAddress,
    policy::Request,
    policy::{
        Evidence, EvidenceTerms, Facts, Finding, Policy, PolicyName, PolicySet, Refusal,
        VerificationId, from_millis,
    },
    provenance::{Origin, Timings},
    ruling::Ruling,
};

fn entry(id: u128) -> Entry {
    let verification = VerificationId::parse("v-1").unwrap();
    let policy = PolicyName::parse("front-door").unwrap();
    let request = Request {
        id: "r\n1".into(),
        ..Request::bare(policy, verification)
    };
    let evidence = Arc::new(Evidence {
        finding: Finding::Unknown,
        seen_at: from_millis(0),
    });
    let terms = EvidenceTerms {
        unavailable: Refusal::StepUp,
        ..EvidenceTerms::default()
    };
    let decision = Policy::new(None, Vec::new(), terms, Duration::ZERO).decide(&Facts {
        request: &request,
        evidence: &evidence,
        now: from_millis(1_500),
    });
    let ruling = Ruling {
        id: Uuid::from_u128(id),
        revision: PolicySet::new(std::collections::BTreeMap::new()).revision(),
        decision,
        evidence,
        origin: Origin::None,
        successor: None,
        vendor_at: None,
        fresh_until: None,
        degraded: true,
        is_pending: false,
        shadow: None,
        timings: Timings::default(),
    };
    let call = CallFacts {
        caller: CallerId::of([127, 0, 0, 1].into()),
        peer: Some(PeerAddress::Unix),
        deadline: Duration::from_millis(1_500),
    };
    let sets = Sets {
        in_force: Arc::new(PolicySet::new(std::collections::BTreeMap::new())),
        shadow: None,
    };
    Entry::new(&Arc::new(request), call, ruling, sets)
}

fn body(entry: &Entry) -> String {
    let mut body = Vec::new();
    entry.append_to(&mut body);
    String::from_utf8(body).unwrap()
}

impl Output for Disk {}

/// A disk that is full at first, takes a few bytes at a time, and keeps what it took.
#[derive(Clone, Default)]
struct Disk {
    taken: Arc<Mutex<Vec<u8>>>,
    failures: usize,
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.failures > 0 {
            self.failures -= 1;
            return Err(io::ErrorKind::StorageFull.into());
        }
        let some = bytes.get(..7).unwrap_or(bytes);
        self.taken.lock().extend_from_slice(some);
        Ok(some.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn written(disk: Disk, entries: u128) -> Vec<serde_json::Value> {
    let limits = QueueLimits {
        queue_max: 4,
        retry_after: Duration::ZERO,
        durability: Durability::Queued,
    };
    let taken = Arc::clone(&disk.taken);
    let deps = Deps::new(Arc::new(SystemClock));
    let started = start(Box::new(disk), limits, &deps).unwrap();
    let (journal, writer) = (started.journal, started.writer);
    for id in 0..entries {
        // Rejected while the disk is full.
        while journal.record(entry(id)).await.is_err() {
            tokio::task::yield_now().await;
        }
    }
    writer.flush().await;
    assert_eq!(journal.record(entry(0)).await, Err(JournalError::Stopped));
    let text = String::from_utf8(taken.lock().clone()).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    let is_decision = |line: &serde_json::Value| line.get("decision_id").is_some();
    lines.filter(is_decision).collect()
}

#[tokio::test]
async fn a_burst_larger_than_the_queue_is_written_whole_and_in_order() {
    let lines = written(Disk::default(), 1000).await;
    let ids: Vec<String> = (0..1000u128)
        .map(|id| Uuid::from_u128(id).to_string())
        .collect();
    let written: Vec<&str> = lines
        .iter()
        .filter_map(|l| l["decision_id"].as_str())
        .collect();
    assert_eq!(written, ids);
}

#[tokio::test]
async fn a_disk_that_is_full_for_a_while_loses_nothing() {
    let disk = Disk {
        failures: 3,
        ..Disk::default()
    };
    assert_eq!(written(disk, 20).await.len(), 20);
}

#[test]
fn a_line_says_what_was_decided_and_why() {
    let line = body(&entry(7));
    expect_test::expect![[r#"
        {"decision_id":"00000000-0000-0000-0000-000000000007","caller":"anonymous","peer":"unix","request_id":"r\n1","policy":"front-door","policy_revision":"93b351fd0f054306","verification_id":"v-1","deadline_ms":1500,"decision":"step_up","reasons":[{"code":"EVIDENCE_UNAVAILABLE","rule":"guard"}],"remedies":[{"wait":{"until":"1970-01-01T00:00:06.500Z"}}],"alternatives":[{"remedies":[{"wait":{"until":"1970-01-01T00:00:06.500Z"}}]}],"evidence":{"source":"none","finding":"unknown"},"degraded":true,"timings":{"decide_us":0},"verdicts":[]}
    "#]]
    .assert_eq(&format!("{line}\n"));
    assert_eq!(entry(7).at(), from_millis(1_500));
}

#[test]
fn a_line_has_both_instants_where_the_clocks_are_apart() {
    let mut entry = entry(7);
    entry.ruling.vendor_at = Some(from_millis(3_601_500));
    let line = body(&entry);
    let start = r#"{"vendor_at":"1970-01-01T01:00:01.500Z","decision_id":"#;
    assert!(line.starts_with(start), "{line}");
}
