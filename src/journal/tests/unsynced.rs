//! A sync that fails while the service stops, and a decision that follows.

use std::{fs, sync::mpsc::channel};

use super::{
    faults::{Faulty, all, both, read_all},
    *,
};

/// How often another file is refused before the event is given up.
const REFUSALS: usize = 2;

#[tokio::test]
async fn no_decision_follows_in_a_file_that_could_not_be_synced_when_the_service_stops() {
    let (root, places) = both();
    for (path, _) in places {
        let ((reached, is_reached), (goes_on, go_on)) = (channel(), channel());
        let mut output = Faulty::at(&path, SegmentTerms::default());
        // Of what the journal begins with, of the first decision, and of the event.
        let mut syncs = 0;
        output.before_sync = Box::new(move || {
            syncs += 1;
            if syncs != 3 {
                return Ok(());
            }
            reached.send(()).unwrap();
            go_on.recv().unwrap();
            Err(rustix::io::Errno::IO.into())
        });
        let mut refusals = 0;
        output.before_replace = Box::new(move || {
            refusals += 1;
            if refusals <= REFUSALS {
                return Err(io::ErrorKind::PermissionDenied.into());
            }
            Ok(())
        });
        let running = output.run(Durability::Synced);
        running.record(0..1).await;
        running.journal.record_change(ChangeEvent {
            event: "purged",
            members: serde_json::Map::new(),
        });
        while is_reached.try_recv().is_err() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        running.stop_behind(1, || goes_on.send(()).unwrap()).await;
        let mut files = all(&path);
        if !path.is_dir() {
            let beside = fs::read_dir(root.path()).unwrap();
            let mut beside = beside.map(|entry| entry.unwrap().path());
            let old = beside.find(|file| file.to_string_lossy().contains("sync-failed"));
            files.insert(0, old.expect("the old file is aside"));
        }
        let newest = fs::read_to_string(files.last().unwrap()).unwrap();
        let read = read_all(&files);
        assert_eq!(read.event("gap")["reason"], "sync_failed");
        let purged = read
            .lines
            .iter()
            .position(|line| line["event"] == "purged")
            .unwrap();
        assert_eq!(read.event("gap")["first_index"], purged);
        for said in ["\"purged\"", "-000000000001\"", "\"journal_stopped\""] {
            assert!(newest.contains(said), "{said} is not in\n{newest}");
        }
    }
}
