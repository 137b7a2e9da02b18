//! Who reads next, by turns that the test gives.

use std::task::Waker;

use super::*;

fn readers(turns: &Arc<ReadTurns>, count: usize) -> Vec<Reader> {
    let reader = |_| Reader::new(Arc::clone(turns), Urgency::default());
    (0..count).map(reader).collect()
}

/// Who may read now. Each that may reads this much.
fn reading(readers: &mut [Reader], bytes: usize) -> Vec<usize> {
    let context = Context::from_waker(Waker::noop());
    let mut reading = Vec::new();
    for (n, reader) in readers.iter_mut().enumerate() {
        if reader.poll(&context).is_ready() {
            reader.was_read(bytes);
            reading.push(n);
        }
    }
    reading
}

/// A runtime on which as much has been read as is read at a time.
fn busy(count: usize) -> (Arc<ReadTurns>, Vec<Reader>) {
    let turns = Arc::new(ReadTurns::new(Arc::default()));
    let mut readers = readers(&turns, count);
    assert_eq!(reading(&mut readers[..1], BETWEEN_BATCHES), [0]);
    (turns, readers)
}

#[test]
fn everybody_reads_until_enough_was_read_and_again_once_nobody_waits() {
    let (turns, mut readers) = busy(5);
    assert!(reading(&mut readers, READ_AT_ONCE).is_empty());
    // Two of five, then, because these had nothing to read, the others.
    for _ in 0..2 {
        assert!(turns.give());
        // What has no more to read does not wait again.
        let context = Context::from_waker(Waker::noop());
        for reader in &mut readers {
            if reader.number.is_some() {
                let _ = reader.poll(&context);
            }
        }
    }
    assert!(!turns.give());
    assert!(readers.iter().all(|reader| reader.number.is_none()));
    for reader in &mut readers {
        reader.left = 0;
    }
    assert_eq!(reading(&mut readers, 100).len(), 5);
}

#[test]
fn a_few_connections_read_at_a_time_and_each_in_its_turn() {
    let (turns, mut readers) = busy(8);
    assert!(reading(&mut readers, READ_AT_ONCE).is_empty());
    let mut seen = Vec::new();
    for _ in 0..4 {
        assert!(turns.give());
        seen.extend(reading(&mut readers, READ_AT_ONCE));
    }
    seen.sort_unstable();
    assert_eq!(seen, [0, 1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn connections_that_have_little_to_read_have_more_turns_at_once() {
    let (turns, mut readers) = busy(400);
    assert!(reading(&mut readers, 100).is_empty());
    let mut most = 0;
    for _ in 0..12 {
        turns.give();
        let reading = reading(&mut readers, 100);
        for n in &reading {
            // It has read all that had arrived.
            readers[*n].left = 0;
        }
        most = most.max(reading.len());
    }
    assert!((82..=164).contains(&most), "{most}");
}

#[test]
fn connections_of_doors_read_at_once() {
    let (_turns, mut readers) = busy(3);
    assert!(reading(&mut readers, 100).is_empty());
    for reader in &readers {
        reader.urgency.note(true);
    }
    assert_eq!(reading(&mut readers, READ_AT_ONCE).len(), 3);
}

#[test]
fn a_connection_that_ends_leaves_its_place() {
    let (turns, mut readers) = busy(3);
    assert!(reading(&mut readers, 100).is_empty());
    drop(readers);
    assert!(turns.state.lock().waiting.is_empty());
    assert!(!turns.give());
}
