//! Checkpoints: signed while the journal is written and at its end, beside it and at a second place.

use std::{
    fs,
    ops::Range,
    path::{Path, PathBuf},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket},
};

use super::{chained::Reader, *};
use crate::{
    clock::ManualClock,
    journal::{
        checkpoint::Checkpoint,
        checkpoints::{Checkpoints, TreeHead},
        signed_note::{Note, SigningKey, signing_key_text},
    },
};

/// Enough for a disk that has other work.
const END_MAX: Duration = Duration::from_mins(1);

fn key() -> SigningKey {
    let text = signing_key_text("door.example.org/journal", &[7; 32]).unwrap();
    SigningKey::parse(&text).unwrap()
}

/// Writes these decisions; how many checkpoints and copies were lost.
async fn run(
    path: &Path,
    file: Option<PathBuf>,
    copy: Option<CopyTarget>,
    ids: Range<u128>,
) -> [f64; 2] {
    let output = open(path, SegmentTerms::default(), from_millis(0)).unwrap();
    let signing = Signing {
        key: key(),
        file,
        copy,
    };
    let limits = QueueLimits {
        durability: Durability::Written,
        ..QueueLimits::default()
    };
    // It stands still: only the first group and the end have a checkpoint.
    let deps = Deps::new(Arc::new(ManualClock::at(from_millis(0))));
    let keys = Keys {
        signing: Some(signing),
        ..Keys::default()
    };
    let started = start_with(output, limits, keys, Vec::new(), &deps).unwrap();
    for id in ids {
        started.journal.record(entry(id)).await.unwrap();
    }
    started.writer.flush_and_sign(END_MAX).await;
    let families = deps.registry.gather();
    ["checkpoints", "checkpoint_copies"].map(|what| {
        let name = format!("verigate_journal_{what}_lost_total");
        let family = families.iter().find(|family| family.name() == name);
        family.unwrap().get_metric()[0].get_counter().get_value()
    })
}

/// The checkpoints of a file, their signatures verified.
fn checkpoints(file: &Path) -> Vec<Checkpoint> {
    let text = fs::read_to_string(file).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let notes = lines.chunks(5).map(|note| {
        let note = note.concat();
        let note = Note::parse(note.as_bytes()).unwrap();
        Checkpoint::parse(note.verified_by(key().verifier()).unwrap()).unwrap()
    });
    notes.collect()
}

fn assert_covers(files: &[&Path], checkpoints: &[Checkpoint]) {
    let read = Reader::of(files);
    let last = checkpoints.last().unwrap();
    assert_eq!(last.size, read.lines.len() as u64);
    assert_eq!(*last.origin, *read.lines[0]["origin"].as_str().unwrap());
    assert_eq!(&*last.origin, "door.example.org/journal");
    assert!(checkpoints.is_sorted_by(|a, b| a.size < b.size));
}

#[tokio::test]
async fn the_last_checkpoint_covers_the_whole_journal_beside_it_and_in_a_second_file() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (
        folder.path().join("journal.jsonl"),
        folder.path().join("copy"),
    );
    let file = folder.path().join("journal.jsonl.checkpoints");
    assert_eq!(checkpoints_beside(&path).as_ref(), Some(&file));
    for start in [0, 5] {
        let target = Some(CopyTarget::File(copy.clone()));
        let lost = run(&path, checkpoints_beside(&path), target, start..start + 5).await;
        assert!(lost.iter().all(|lost| *lost < 0.5), "{lost:?}");
        assert_covers(&[&path], &checkpoints(&file));
        assert_covers(&[&path], &checkpoints(&copy));
    }
    assert_eq!(checkpoints_beside(Path::new("-")), None);
    assert_eq!(checkpoints_beside(Path::new("/dev/null")), None);
    assert_eq!(
        checkpoints_beside(folder.path()),
        Some(folder.path().join("checkpoints"))
    );
}

#[tokio::test]
async fn a_place_that_is_down_holds_up_no_decision_and_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (
        folder.path().join("journal.jsonl"),
        folder.path().join("copy"),
    );
    let down = folder.path().join("no/such/folder");
    let lost = run(
        &path,
        Some(down.clone()),
        Some(CopyTarget::File(copy.clone())),
        0..5,
    )
    .await;
    assert!(lost[0] >= 1.0, "{lost:?}");
    assert!(!copy.exists(), "a copy has what is not beside the journal");
    let target = CopyTarget::File(down);
    let lost = run(&path, checkpoints_beside(&path), Some(target), 5..9).await;
    assert!(lost[0] == 0.0 && lost[1] >= 1.0, "{lost:?}");
    assert_covers(
        &[&path],
        &checkpoints(&folder.path().join("journal.jsonl.checkpoints")),
    );
    // Taken, so that nobody else listens there, and not listened at.
    let refusing = TcpSocket::new_v4().unwrap();
    refusing.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let url = format!("http://{}/", refusing.local_addr().unwrap());
    let target = CopyTarget::Url(url.parse().unwrap());
    let lost = run(&path, checkpoints_beside(&path), Some(target), 9..10).await;
    assert!(lost[0] == 0.0 && lost[1] >= 1.0, "{lost:?}");
    assert_eq!(Reader::of(&[&path]).ids(), (0..10).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_journal_that_was_cut_back_while_nobody_wrote_it_is_a_gap() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let _ = run(&path, checkpoints_beside(&path), None, 0..5).await;
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    fs::write(&path, lines[..lines.len() - 3].concat()).unwrap();
    let _ = run(&path, checkpoints_beside(&path), None, 5..6).await;
    let read = Reader::of(&[&path]);
    let gap = read.event("gap");
    assert_eq!(gap["reason"], "truncated_from_outside");
    assert_eq!(gap["first_index"], lines.len() - 3);
    assert_eq!(gap["last_index"], lines.len() - 1);
}

/// Accepts one request and answers it so; what was received.
async fn receive(listener: TcpListener, status: &'static str) -> String {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut text = Vec::new();
    while !text.ends_with(b"=\n") {
        let read = stream.read_buf(&mut text).await.unwrap();
        assert!(read > 0);
    }
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    stream.write_all(answer.as_bytes()).await.unwrap();
    String::from_utf8(text).unwrap()
}

#[tokio::test]
async fn a_checkpoint_is_sent_to_an_address_and_only_a_success_counts() {
    for (status, is_kept) in [
        ("204 No Content", true),
        ("200 OK", true),
        ("302 Found", false),
        ("404 Not Found", false),
        ("503 Service Unavailable", false),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/checkpoints", listener.local_addr().unwrap());
        let received = tokio::spawn(receive(listener, status));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        let copy = CopyTarget::Url(url.parse().unwrap());
        let lost = run(&path, checkpoints_beside(&path), Some(copy), 0..2).await;
        let request = received.await.unwrap();
        assert!(
            request.starts_with("POST /checkpoints HTTP/1.1\r\n"),
            "{request}"
        );
        let kept = fs::read_to_string(folder.path().join("journal.jsonl.checkpoints")).unwrap();
        let (_, body) = request.split_once("\r\n\r\n").unwrap();
        assert!(kept.contains(body), "{kept} {body}");
        if !is_kept {
            assert!(lost[1] >= 1.0, "{status}");
        }
    }
}

#[test]
fn there_is_at_most_one_checkpoint_a_second_and_none_without_new_lines() {
    let lost = prometheus::IntCounter::new("lost", "lost").unwrap();
    let (heads, _waiting) = super::super::newest::newest(&lost);
    let mut checkpoints = Checkpoints::after(10, heads);
    let root = [0; 32];
    let at = Duration::from_millis;
    for (size, uptime, is_last, is_due) in [
        (10, 0, false, false),
        (10, 0, true, false),
        (11, 0, false, true),
        (12, 999, false, false),
        (12, 999, true, true),
        (13, 1000, false, false),
        (13, 1999, false, true),
        (13, 5000, false, false),
        (13, 5000, true, false),
        (12, 6000, true, false),
        (14, 6000, false, true),
    ] {
        let due = checkpoints.is_due(size, at(uptime), is_last);
        assert_eq!(due, is_due, "{size} {uptime} {is_last}");
        if due {
            checkpoints.sign(TreeHead { size, root }, at(uptime));
        }
    }
}
