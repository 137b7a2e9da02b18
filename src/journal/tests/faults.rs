//! What disks, operators and a broken thread do to the journal while it is written.

mod queue;

use std::{
    fs::{self, OpenOptions},
    path::{Path, PathBuf},
    sync::{
        atomic::{AtomicBool, Ordering::SeqCst},
        mpsc::{Receiver, channel},
    },
};

use super::{
    chained::Reader,
    files::Running,
    folders::{files, read},
    *,
};
use crate::policy::Timestamp;

/// What is done instead of a write: how many bytes are written, or why none is.
type OnWrite = Box<dyn FnMut(&[u8]) -> io::Result<usize> + Send>;
/// What is done before something else.
type Before = Box<dyn FnMut() -> io::Result<()> + Send>;

/// An output on a disk that has faults.
pub(super) struct Faulty {
    inner: Box<dyn Output>,
    pub(super) on_write: OnWrite,
    pub(super) before_sync: Before,
    pub(super) before_replace: Before,
}

impl Faulty {
    pub(super) fn at(path: &Path, terms: SegmentTerms) -> Self {
        Self {
            inner: open(path, terms, crate::clock::Clock::now(&SystemClock)).unwrap(),
            on_write: Box::new(|bytes| Ok(bytes.len())),
            before_sync: Box::new(|| Ok(())),
            before_replace: Box::new(|| Ok(())),
        }
    }

    pub(super) fn run(self, durability: Durability) -> Running {
        Running::writing(Box::new(self), durability, Arc::new(SystemClock))
    }
}

impl Write for Faulty {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = (self.on_write)(bytes)?;
        self.inner.write(&bytes[..count])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl Output for Faulty {
    fn resume(&mut self) -> Resumed {
        self.inner.resume()
    }

    fn check(&mut self, requested: bool, next: Next) -> Result<OutputCheck, OutputError> {
        self.inner.check(requested, next)
    }

    fn is_kept(&mut self) -> bool {
        self.inner.is_kept()
    }

    fn sync(&mut self) -> io::Result<()> {
        (self.before_sync)()?;
        self.inner.sync()
    }

    fn replace(&mut self, next: Next) -> io::Result<Reopened> {
        (self.before_replace)()?;
        self.inner.replace(next)
    }

    fn cut_unfinished(&mut self) {
        self.inner.cut_unfinished();
    }

    fn finish(&mut self) {
        self.inner.finish();
    }

    fn is_full(&self, now: Timestamp) -> bool {
        self.inner.is_full(now)
    }

    fn prepare(&mut self, next: Next) -> io::Result<()> {
        self.inner.prepare(next)
    }

    fn go_on(&mut self, now: Timestamp) -> Option<Reopened> {
        self.inner.go_on(now)
    }
}

fn full() -> io::Error {
    io::ErrorKind::StorageFull.into()
}

fn cut(path: &Path) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(0).unwrap();
}

/// A journal in a file and one in a folder: where it is, and its first file.
pub(super) fn both() -> (tempfile::TempDir, [(PathBuf, PathBuf); 2]) {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("journal.jsonl");
    let folder = root.path().join("segments");
    fs::create_dir(&folder).unwrap();
    let segment = folder.join(segment_file::segment_name(0));
    (root, [(file.clone(), file), (folder, segment)])
}

/// The files of a journal, in their order.
pub(super) fn all(path: &Path) -> Vec<PathBuf> {
    if path.is_dir() {
        files(path)
    } else {
        vec![path.to_owned()]
    }
}

pub(super) fn read_all(files: &[PathBuf]) -> Reader {
    Reader::of(&files.iter().map(PathBuf::as_path).collect::<Vec<_>>())
}

/// With `synced`, room is reserved behind the file.
#[tokio::test]
async fn a_truncated_file_is_not_grown_again_with_nothing() {
    let (root, places) = both();
    for (path, first) in places {
        let running = Faulty::at(&path, SegmentTerms::default()).run(Durability::Synced);
        running.record(0..3).await;
        let copy = root.path().join("copy");
        fs::copy(&first, &copy).unwrap();
        cut(&first);
        running.record(3..5).await;
        running.stop().await;
        if path.is_dir() {
            assert_eq!(fs::metadata(&first).unwrap().len(), 0);
            fs::copy(&copy, &first).unwrap();
            assert_eq!(read(&path).ids(), [0, 1, 2, 3, 4]);
            continue;
        }
        let read = Reader::of(&[&copy, &path]);
        assert_eq!(read.ids(), [0, 1, 2, 3, 4]);
        assert!(!read.events().contains(&"tail_cut"));
    }
}

#[tokio::test]
async fn a_file_that_is_truncated_behind_half_a_line_is_not_grown_again() {
    let (root, places) = both();
    for (path, first) in places {
        let copy = root.path().join("copy");
        let mut faulty = Faulty::at(&path, SegmentTerms::default());
        let (target, to, mut step) = (first.clone(), copy.clone(), 0);
        faulty.on_write = Box::new(move |bytes| {
            if !bytes.windows(13).any(|part| part == b"000000000002\"") && step != 1 {
                return Ok(bytes.len());
            }
            step += 1;
            match step {
                1 => {
                    fs::copy(&target, &to).unwrap();
                    Ok(20)
                }
                2 => {
                    cut(&target);
                    Err(full())
                }
                _ => Ok(bytes.len()),
            }
        });
        let running = faulty.run(Durability::Written);
        running.record(0..4).await;
        running.stop().await;
        let mut text = Vec::new();
        for file in all(&path) {
            text.extend(fs::read(file).unwrap());
        }
        assert!(!text.contains(&0), "{path:?}");
        let mut files = all(&path);
        if path.is_dir() {
            files.remove(0);
        }
        files.insert(0, copy);
        let read = read_all(&files);
        assert_eq!(read.ids(), [0, 1, 2, 3]);
        assert!(!read.events().contains(&"tail_cut"));
    }
}

/// A block of three lines: what is written of it is two lines and a half, and then the disk is full and the file is lost.
async fn lose_half_a_block(path: &Path, lose: impl FnMut() + Send + 'static) -> Running {
    let mut faulty = Faulty::at(path, SegmentTerms::default());
    let (go, gone): (_, Receiver<()>) = channel();
    let (mut step, mut lose) = (0, lose);
    let has_begun = Arc::new(AtomicBool::new(false));
    let begun = Arc::clone(&has_begun);
    faulty.on_write = Box::new(move |bytes| {
        step += 1;
        match step {
            2 => {
                begun.store(true, SeqCst);
                // Until what is recorded next is one block.
                gone.recv().unwrap();
                Ok(bytes.len())
            }
            3 => {
                let ends = bytes.iter().enumerate().filter(|(_, b)| **b == b'\n');
                Ok(ends.map(|(at, _)| at).nth(1).unwrap() + 20)
            }
            4 => {
                lose();
                Err(full())
            }
            _ => Ok(bytes.len()),
        }
    });
    let running = faulty.run(Durability::Queued);
    running.record(0..1).await;
    while !has_begun.load(SeqCst) {
        tokio::task::yield_now().await;
    }
    running.record(1..4).await;
    tokio::task::yield_now().await;
    go.send(()).unwrap();
    running
}

#[tokio::test]
async fn the_lines_of_half_a_block_are_written_again_where_their_file_is_lost() {
    for is_deleted in [true, false] {
        let (_root, places) = both();
        for (path, first) in places {
            let target = first.clone();
            let running = lose_half_a_block(&path, move || {
                if is_deleted {
                    fs::remove_file(&target).unwrap();
                } else {
                    cut(&target);
                }
            });
            let running = running.await;
            running.stop().await;
            let mut text = String::new();
            for file in all(&path) {
                text.push_str(&fs::read_to_string(file).unwrap());
            }
            for id in 1..4 {
                let found = text.matches(&format!("-00000000000{id}\"")).count();
                assert_eq!(found, 1, "{is_deleted} {path:?} {id}: {text}");
            }
        }
    }
}

/// What is in a file that was moved stays there, and the rest goes into the next one.
#[tokio::test]
async fn the_lines_of_half_a_block_stay_in_a_file_that_was_moved() {
    let (root, [(path, _), _]) = both();
    let old = root.path().join("old");
    let (from, to) = (path.clone(), old.clone());
    let running = lose_half_a_block(&path, move || fs::rename(&from, &to).unwrap()).await;
    running.stop().await;
    assert_eq!(Reader::of(&[&old, &path]).ids(), [0, 1, 2, 3]);
}

#[tokio::test]
async fn a_segment_that_is_lost_as_it_ends_is_followed_by_one_that_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let terms = SegmentTerms {
        size: 1_500,
        ..SegmentTerms::default()
    };
    let mut faulty = Faulty::at(folder, terms);
    let (target, mut is_lost) = (folder.to_owned(), false);
    faulty.on_write = Box::new(move |bytes| {
        if bytes.windows(14).any(|part| part == b"segment_closed") && !is_lost {
            is_lost = true;
            fs::remove_file(target.join(segment_file::segment_name(0))).unwrap();
        }
        Ok(bytes.len())
    });
    let running = faulty.run(Durability::Written);
    running.record(0..12).await;
    running.stop().await;
    let files = files(folder);
    assert!(files.len() > 1, "{files:?}");
    for (at, file) in files.iter().enumerate() {
        let text = fs::read_to_string(file).unwrap();
        assert!(!text.is_empty(), "{file:?}");
        let closed = text
            .lines()
            .position(|line| line.contains("segment_closed"));
        let last = text.lines().count() - 1;
        assert_eq!(closed, (at + 1 < files.len()).then_some(last), "{file:?}");
    }
}

/// A sync fails, and no other file can be had at first. Meanwhile it is asked for the file to be opened again, or it is moved.
#[tokio::test]
async fn a_file_that_could_not_be_synced_is_left_by_a_gap_alone() {
    for is_moved in [false, true] {
        let (root, places) = both();
        for (path, first) in places {
            if is_moved && path.is_dir() {
                continue;
            }
            let old = root.path().join("old");
            let mut faulty = Faulty::at(&path, SegmentTerms::default());
            let (from, to, mut syncs) = (first.clone(), old.clone(), 0);
            faulty.before_sync = Box::new(move || {
                syncs += 1;
                if syncs != 2 {
                    return Ok(());
                }
                if is_moved {
                    fs::rename(&from, &to).unwrap();
                }
                Err(rustix::io::Errno::IO.into())
            });
            let state: Arc<Mutex<Option<JournalState>>> = Arc::default();
            let (asked, mut refusals) = (Arc::clone(&state), 3);
            faulty.before_replace = Box::new(move || {
                if let Some(state) = asked.lock().as_ref() {
                    state.reopen();
                }
                refusals -= 1;
                if refusals >= 0 {
                    return Err(io::ErrorKind::PermissionDenied.into());
                }
                Ok(())
            });
            let running = faulty.run(Durability::Synced);
            *state.lock() = Some(running.state.clone());
            running.record(0..3).await;
            running.stop().await;
            *state.lock() = None;
            let mut files = all(&path);
            if !path.is_dir() {
                let aside = fs::read_dir(root.path())
                    .unwrap()
                    .map(|f| f.unwrap().path());
                let aside = aside.filter(|file| file.to_string_lossy().contains("sync-failed"));
                files.insert(0, aside.chain([old]).next().unwrap());
            }
            let read = read_all(&files);
            assert_eq!(read.event("gap")["reason"], "sync_failed");
            let ids = read.ids();
            assert_eq!(ids.first(), Some(&0), "{ids:?}");
            assert!(ids.windows(2).any(|pair| pair[0] == pair[1]), "{ids:?}");
            assert_eq!(ids.last(), Some(&2));
        }
    }
}

#[tokio::test]
async fn what_operators_changed_is_recorded_again_after_a_sync_that_failed() {
    let (_root, [_, (path, _)]) = both();
    let mut faulty = Faulty::at(&path, SegmentTerms::default());
    let fails = Arc::new(AtomicBool::new(false));
    let failing = Arc::clone(&fails);
    faulty.before_sync = Box::new(move || {
        if failing.swap(false, SeqCst) {
            Err(rustix::io::Errno::IO.into())
        } else {
            Ok(())
        }
    });
    let running = faulty.run(Durability::Synced);
    running.record(0..1).await;
    let change = own::Own::Changed(ChangeEvent {
        event: "policies_reloaded",
        members: serde_json::Map::new(),
    });
    let removed = own::Own::SegmentRemoved(own::RemovedSegment {
        name: "decisions-00000000000000000000.jsonl".into(),
        first_index: 0,
        last_index: 1,
        last_hash: None,
        root: None,
    });
    for own in [change, removed] {
        fails.store(true, SeqCst);
        let (written, when_written) = oneshot::channel();
        let queue = running.queue().upgrade().unwrap();
        queue.send(Message::Own(own, written)).await.unwrap();
        drop(queue);
        when_written.await.unwrap();
    }
    running.stop().await;
    let newest = read(&path);
    for name in ["policies_reloaded", "segment_removed"] {
        let count = newest
            .events()
            .iter()
            .filter(|event| **event == name)
            .count();
        assert_eq!(count, 2, "{name}: {:?}", newest.events());
    }
}
