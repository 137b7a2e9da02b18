//! The decision log: one line of JSON for each decision, written by a thread of its own. When its queue is full the check
//! waits, so that nothing is dropped; when a write fails it is tried again. What waits to be written is lost only with the process.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write},
    path::Path,
    sync::Arc,
    thread,
    time::Duration,
};

use serde::Serialize;
use tokio::sync::{mpsc, oneshot};
use tracing::{error, info};
use uuid::Uuid;

use crate::{
    metrics::Metrics,
    policy::{
        Decision, Evidence, Finding, Origin, PolicyName, Revision, Timestamp, Verification,
        VerificationId,
    },
};

/// How many decisions are written at once.
const BATCH_MAX: usize = 256;
/// A journal that stays broken is told of again after so many tries: a minute, as `Limits` are by default.
const TOLD_EVERY: u64 = 120;

/// One decision, as it is handed in.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Names the decision.
    pub id: Uuid,
    /// The caller's name for the question.
    pub request_id: Box<str>,
    /// The policy that it was judged by.
    pub policy: PolicyName,
    /// The policy set that decided.
    pub revision: Revision,
    /// The verification that was judged.
    pub verification: VerificationId,
    /// The identity that the caller believed it was dealing with.
    pub identity: Option<Box<str>>,
    /// What was decided, why, and when.
    pub decision: Decision,
    /// What it rests on.
    pub evidence: Arc<Evidence>,
    /// Where that came from.
    pub origin: Origin,
    /// Whether the upstream could not be asked.
    pub degraded: bool,
}

/// An entry as it is written. Carries no data of a person's.
#[derive(Serialize)]
struct Line<'e> {
    at: String,
    decision_id: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    request_id: &'e str,
    policy: &'e str,
    policy_revision: String,
    verification_id: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity_id: Option<&'e str>,
    decision: &'static str,
    reasons: Vec<LineReason<'e>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_until: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_change: Option<LineChange>,
    evidence: LineEvidence<'e>,
    degraded: bool,
}

#[derive(Serialize)]
struct LineReason<'e> {
    code: &'static str,
    rule: &'e str,
}

#[derive(Serialize)]
struct LineChange {
    at: String,
    to: &'static str,
}

#[derive(Serialize)]
struct LineEvidence<'e> {
    source: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    seen_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verified_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<&'e str>,
}

impl<'e> From<&'e Entry> for Line<'e> {
    fn from(entry: &'e Entry) -> Self {
        let decision = &entry.decision;
        let reasons = decision.reasons().iter().map(|reason| LineReason {
            code: reason.code.as_str(),
            rule: &reason.rule,
        });
        Self {
            at: rfc3339(decision.decided_at()),
            decision_id: entry.id.to_string(),
            request_id: &entry.request_id,
            policy: entry.policy.as_str(),
            policy_revision: entry.revision.to_string(),
            verification_id: entry.verification.as_str(),
            identity_id: entry.identity.as_deref(),
            decision: decision.effect().as_str(),
            reasons: reasons.collect(),
            valid_until: decision.valid_until().map(rfc3339),
            next_change: decision.next_change().map(|change| LineChange {
                at: rfc3339(change.at),
                to: change.to.as_str(),
            }),
            evidence: LineEvidence::new(&entry.evidence, entry.origin),
            degraded: entry.degraded,
        }
    }
}

impl<'e> LineEvidence<'e> {
    fn new(evidence: &'e Evidence, origin: Origin) -> Self {
        let verification: Option<&Verification> = match &evidence.finding {
            Finding::Present(verification) => Some(verification),
            Finding::Absent | Finding::Unusable(_) | Finding::Unknown(_) => None,
        };
        let said = !matches!(evidence.finding, Finding::Unknown(_));
        Self {
            source: origin.as_str(),
            seen_at: said.then(|| rfc3339(evidence.seen_at)),
            verified_at: verification.and_then(|v| v.verified_at).map(rfc3339),
            status: verification.and_then(|v| v.status.as_deref()),
            trace_id: verification.and_then(|v| v.trace_id.as_deref()),
        }
    }
}

/// An instant as RFC 3339, to the millisecond.
fn rfc3339(instant: Timestamp) -> String {
    format!("{instant:.3}")
}

/// How much may wait, and how long.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How many decisions may wait to be written before checks wait too.
    pub queue_max: usize,
    /// How long a write that failed is put off.
    pub retry_after: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            queue_max: 4096,
            retry_after: Duration::from_millis(500),
        }
    }
}

/// Where decisions are handed in.
#[derive(Debug, Clone)]
pub struct Journal {
    queue: mpsc::Sender<Message>,
}

/// What the writer is handed.
#[derive(Debug)]
enum Message {
    /// A decision, boxed because the queue has room for many.
    Record(Box<Entry>),
    /// Take nothing more.
    Stop,
}

/// The journal has stopped, so that a decision cannot be recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the journal has stopped")]
pub struct Stopped;

impl Journal {
    /// Hands in a decision; waits while the queue is full.
    pub async fn record(&self, entry: Entry) -> Result<(), Stopped> {
        let message = Message::Record(Box::new(entry));
        self.queue.send(message).await.map_err(|_| Stopped)
    }
}

/// The thread that writes, and how it is waited for.
#[derive(Debug)]
pub struct Writer {
    queue: mpsc::Sender<Message>,
    ended: oneshot::Receiver<()>,
}

impl Writer {
    /// Takes nothing more, and waits until everything that was taken is written.
    pub async fn flush(self) {
        // An error says that the thread has ended already.
        let _ = self.queue.send(Message::Stop).await;
        // An error says that the thread is gone, which is what is waited for.
        let _ = self.ended.await;
    }
}

/// Opens the file to append to, or stdout for `-`.
pub fn open(path: &Path) -> io::Result<Box<dyn Write + Send>> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(io::stdout()));
    }
    let mut file = OpenOptions::new()
        .create(true)
        .read(true)
        .append(true)
        .open(path)?;
    end_line(&mut file)?;
    Ok(Box::new(file))
}

/// Ends the line that a crash may have cut, so that the next decision has a line of its own.
fn end_line(file: &mut File) -> io::Result<()> {
    // What is no regular file, such as a pipe, has no end to look at.
    if !file.metadata()?.is_file() || file.seek(SeekFrom::End(0))? == 0 {
        return Ok(());
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    if last != *b"\n" {
        file.write_all(b"\n")?;
    }
    Ok(())
}

/// Starts the writer.
pub fn start(
    mut output: Box<dyn Write + Send>,
    limits: Limits,
    metrics: Arc<Metrics>,
) -> io::Result<(Journal, Writer)> {
    let (queue, mut entries) = mpsc::channel::<Message>(limits.queue_max);
    let (ending, ended) = oneshot::channel();
    thread::Builder::new()
        .name("journal".into())
        .spawn(move || {
            let mut batch = Vec::with_capacity(BATCH_MAX);
            while entries.blocking_recv_many(&mut batch, BATCH_MAX) > 0 {
                let mut taken = Vec::with_capacity(batch.len());
                for message in batch.drain(..) {
                    match message {
                        Message::Record(entry) => taken.push(entry),
                        Message::Stop => entries.close(),
                    }
                }
                write_all(&mut *output, &lines(&taken), |error, tries| {
                    metrics.journal_failed();
                    complain(error, tries);
                    thread::sleep(limits.retry_after);
                });
                metrics.journaled(u64::try_from(taken.len()).unwrap_or(u64::MAX));
            }
            let _ = ending.send(());
        })?;
    let journal = Journal {
        queue: queue.clone(),
    };
    Ok((journal, Writer { queue, ended }))
}

/// The entries as lines of JSON.
fn lines(entries: &[Box<Entry>]) -> Vec<u8> {
    let mut lines = Vec::new();
    for entry in entries {
        // Texts and flags only: writing them to memory cannot fail.
        let _ = serde_json::to_writer(&mut lines, &Line::from(&**entry));
        lines.push(b'\n');
    }
    lines
}

/// Writes all of it, however often that has to be tried. Going on from where a write failed keeps lines whole.
fn write_all(output: &mut dyn Write, lines: &[u8], put_off: impl Fn(&io::Error, u64)) {
    let (mut rest, mut tries) = (lines, 0);
    let mut failed = |error| {
        put_off(&error, tries);
        tries += 1;
    };
    while !rest.is_empty() {
        match output.write(rest) {
            Ok(count) if count > 0 => rest = rest.get(count..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(_) => failed(io::ErrorKind::WriteZero.into()),
            Err(error) => failed(error),
        }
    }
    while let Err(error) = output.flush() {
        failed(error);
    }
    if tries > 0 {
        info!(
            tries,
            "the journal can be written again, and nothing of it is lost"
        );
    }
}

/// Tells of the first write that fails and, while it goes on, of one a minute.
fn complain(error: &io::Error, tries: u64) {
    if tries.is_multiple_of(TOLD_EVERY) {
        error!(%error, tries, "the journal cannot be written, and checks wait until it can: make room on the disk of journal.path, or mend what reads it");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::policy::{
        EvidenceTerms, Facts, Outage, Policy, PolicySet, Refusal, Request, from_millis,
    };

    fn entry(id: u128) -> Entry {
        let verification = VerificationId::parse("v-1").unwrap();
        let policy = PolicyName::parse("front-door").unwrap();
        let request = Request {
            id: "r\n1".into(),
            ..Request::bare(policy, verification)
        };
        let evidence = Arc::new(Evidence {
            finding: Finding::Unknown(Outage::TimedOut),
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
        Entry {
            id: Uuid::from_u128(id),
            request_id: request.id,
            policy: request.policy,
            revision: PolicySet::new(std::collections::BTreeMap::new()).revision(),
            verification: request.verification,
            identity: None,
            decision,
            evidence,
            origin: Origin::Nowhere,
            degraded: true,
        }
    }

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
            self.taken.lock().unwrap().extend_from_slice(some);
            Ok(some.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    async fn written(disk: Disk, entries: u128) -> Vec<serde_json::Value> {
        let limits = Limits {
            queue_max: 4,
            retry_after: Duration::ZERO,
        };
        let taken = Arc::clone(&disk.taken);
        let (journal, writer) = start(Box::new(disk), limits, Metrics::new().unwrap()).unwrap();
        for id in 0..entries {
            journal.record(entry(id)).await.unwrap();
        }
        writer.flush().await;
        assert_eq!(journal.record(entry(0)).await, Err(Stopped));
        let text = String::from_utf8(taken.lock().unwrap().clone()).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
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
    fn a_line_that_a_crash_cut_does_not_swallow_the_next_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        for (before, after) in [
            ("", "new"),
            ("{\"at\":\"ha", "{\"at\":\"ha\nnew"),
            ("{}\n", "{}\nnew"),
        ] {
            std::fs::write(&path, before).unwrap();
            open(&path).unwrap().write_all(b"new").unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), after);
        }
    }

    #[test]
    fn a_line_tells_what_was_decided_and_why() {
        let line = String::from_utf8(lines(&[Box::new(entry(7))])).unwrap();
        expect_test::expect![[r#"
            {"at":"1970-01-01T00:00:01.500Z","decision_id":"00000000-0000-0000-0000-000000000007","request_id":"r\n1","policy":"front-door","policy_revision":"93b351fd0f054306","verification_id":"v-1","decision":"step_up","reasons":[{"code":"EVIDENCE_UNAVAILABLE","rule":"guard"}],"evidence":{"source":"none"},"degraded":true}
        "#]]
        .assert_eq(&line);
    }
}
