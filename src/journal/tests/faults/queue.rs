//! What is queued while the thread that writes ends.

use super::*;

/// The thread ends, which it never should.
#[tokio::test]
async fn nothing_is_recorded_and_nothing_is_ready_after_the_thread_has_ended() {
    for durability in [Durability::Queued, Durability::Written, Durability::Synced] {
        let (_root, [(path, _), _]) = both();
        let mut faulty = Faulty::at(&path, SegmentTerms::default());
        let mut writes = 0;
        faulty.on_write = Box::new(move |bytes| {
            writes += 1;
            assert!(writes < 2, "a fault of the test");
            Ok(bytes.len())
        });
        let mut running = faulty.run(durability);
        let first = running.journal.record(entry(0)).await;
        assert_eq!(first.is_ok(), durability == Durability::Queued);
        while running.state.is_writable() && running.state.changed().await {}
        assert!(!running.state.is_ready());
        assert!(running.state.state()["error"].is_string());
        for id in 1..4 {
            assert!(running.journal.record(entry(id)).await.is_err());
        }
        running.stop().await;
    }
}

/// Admitted before the thread ended, and added after it.
#[tokio::test]
async fn a_record_is_not_added_to_a_queue_that_nobody_reads() {
    for durability in [Durability::Queued, Durability::Written] {
        let (queue, messages) = mpsc::channel(4);
        let places = Arc::new(Semaphore::new(4));
        let obstacles = Health::new().subscribe();
        let groups = Arc::new(Groups::new(queue, places, durability, obstacles));
        let place = groups.admit().await.unwrap();
        drop(messages);
        let added = groups.add(&entry(0), place);
        assert_eq!(added.err(), Some(JournalError::Stopped));
    }
}

#[tokio::test]
async fn a_stop_does_not_overtake_what_was_answered() {
    let (_root, [(path, _), _]) = both();
    let mut faulty = Faulty::at(&path, SegmentTerms::default());
    let (go, gone): (_, Receiver<()>) = channel();
    let mut is_first = true;
    faulty.on_write = Box::new(move |bytes| {
        if std::mem::take(&mut is_first) {
            gone.recv().unwrap();
        }
        Ok(bytes.len())
    });
    let running = faulty.run(Durability::Queued);
    let change = || ChangeEvent {
        event: "policies_reloaded",
        members: serde_json::Map::new(),
    };
    while running.queue().upgrade().unwrap().capacity() > 0 {
        running.journal.record_change(change());
    }
    running.record(0..1).await;
    let stop = tokio::spawn(running.stop());
    for _ in 0..8 {
        tokio::task::yield_now().await;
    }
    go.send(()).unwrap();
    stop.await.unwrap();
    assert_eq!(Reader::of(&[&path]).ids(), [0]);
}
