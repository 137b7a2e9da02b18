//! Decisions that are given although they could not be recorded, and what the journal says of them afterwards.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use super::{files::Running, *};

/// A disk that is full while the test says so.
#[derive(Clone, Default)]
struct Switched {
    disk: Disk,
    is_full: Arc<AtomicBool>,
}

impl Write for Switched {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_full.load(SeqCst) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.disk.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Output for Switched {}

fn lines(disk: &Disk) -> Vec<Value> {
    let text = String::from_utf8(disk.taken.lock().clone()).unwrap();
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Records a decision that is given in any case, as the gate does where a policy permits that.
async fn given_anyway(
    journal: &Journal,
    wait: Duration,
    mut entry: Entry,
) -> Result<(), JournalError> {
    let queued = journal.queue(&mut entry);
    let recorded = journal.recorded_within(wait, queued).await;
    recorded.map_err(|UnrecordedError { error, is_queued }| {
        let at = entry.ruling.decision.decided_at();
        journal.count_unrecorded(&entry.request.policy, at, is_queued);
        error
    })
}

#[tokio::test]
async fn once_the_journal_can_be_written_it_says_how_many_decisions_have_no_line() {
    let output = Switched::default();
    let clock = Arc::new(SystemClock);
    let running = Running::writing(Box::new(output.clone()), Durability::Written, clock);
    running.record(0..1).await;
    output.is_full.store(true, SeqCst);
    let minute = Duration::from_mins(1);
    // The first one is in the queue when the disk is found full; then no other is taken.
    let late = given_anyway(&running.journal, minute, entry(1)).await;
    assert_eq!(late, Err(JournalError::NotWritable));
    for id in 2..5 {
        let lost = given_anyway(&running.journal, minute, entry(id)).await;
        assert_eq!(lost, Err(JournalError::NotWritable));
    }
    assert!(!running.journal.is_writable());
    output.is_full.store(false, SeqCst);
    while !running.journal.is_writable() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // One that is recorded is not counted.
    let recorded = given_anyway(&running.journal, minute, entry(5)).await;
    assert_eq!(recorded, Ok(()));
    running.stop().await;
    let lines = lines(&output.disk);
    let what = |line: &Value| {
        line["event"]
            .as_str()
            .or(line["decision_id"].as_str())
            .map(str::to_owned)
    };
    let what: Vec<String> = lines.iter().filter_map(what).collect();
    let ids = [0, 1, 5].map(|id| Uuid::from_u128(id).to_string());
    assert_eq!(
        what.iter().filter(|what| ids.contains(what)).count(),
        3,
        "{what:?}"
    );
    let counted: Vec<&Value> = lines
        .iter()
        .filter(|line| line["event"] == "decisions_unrecorded")
        .collect();
    let [counted] = counted[..] else {
        panic!("{what:?}")
    };
    assert_eq!(
        counted["policies"],
        json!([{ "policy": "front-door", "lost": 3, "late": 1 }])
    );
    assert_eq!(counted["from"], "1970-01-01T00:00:01.500Z");
    assert_eq!(counted["to"], "1970-01-01T00:00:01.500Z");
    assert_eq!(what.last().unwrap(), "journal_stopped");
}

/// A disk that takes nothing as long as the test says so, without an error.
#[derive(Clone, Default)]
struct Held {
    disk: Disk,
    is_held: Arc<AtomicBool>,
}

impl Write for Held {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        while self.is_held.load(SeqCst) {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.disk.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Output for Held {}

#[tokio::test]
async fn what_a_journal_that_stops_has_not_said_yet_comes_before_its_end() {
    let output = Held::default();
    let clock = Arc::new(SystemClock);
    let running = Running::writing(Box::new(output.clone()), Durability::Written, clock);
    running.record(0..1).await;
    output.is_held.store(true, SeqCst);
    let wait = Duration::from_millis(1);
    let late = given_anyway(&running.journal, wait, entry(1)).await;
    assert_eq!(late, Err(JournalError::Late));
    output.is_held.store(false, SeqCst);
    running.stop().await;
    let lines = lines(&output.disk);
    let events: Vec<&str> = lines
        .iter()
        .filter_map(|line| line["event"].as_str())
        .collect();
    assert_eq!(
        events,
        ["journal_started", "decisions_unrecorded", "journal_stopped"]
    );
    let counted = lines.iter().find(|line| line.get("policies").is_some());
    assert_eq!(
        counted.unwrap()["policies"],
        json!([{ "policy": "front-door", "lost": 0, "late": 1 }])
    );
    // Its line is there all the same.
    let decisions = lines
        .iter()
        .filter(|line| line.get("decision_id").is_some());
    assert_eq!(decisions.count(), 2);
}
