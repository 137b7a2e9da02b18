//! A file of checkpoints: signed notes, one directly after the other.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use super::{
    append_file::{as_u64, sync_folder_of},
    checkpoint::Checkpoint,
    signed_note::{NOTE_BYTES_MAX, Note, VerifierKey},
};

/// The mode of the file.
const MODE: u32 = 0o600;
/// What is between the text of a note and its signature.
const SIGNATURE: &[u8] = "\n\n\u{2014} ".as_bytes();

/// Why checkpoints cannot be appended to a file.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointFileError {
    /// It cannot be read or written.
    #[error("`{path}` cannot be used: {error}", path = .0.display(), error = .1)]
    Unusable(PathBuf, #[source] io::Error),
    /// It has something else than notes of this key.
    #[error(
        "`{path}` does not end with a checkpoint by the key `{name}`: use the key that signed what is there, or begin a new journal with a new file of checkpoints",
        path = .0.display(), name = .1
    )]
    OtherKey(PathBuf, Box<str>),
    /// It has a checkpoint over as many lines already.
    #[error(
        "`{path}` has a checkpoint over {have} lines already, and the next one is over {next}: the journal or its checkpoints were set back, or two journals share the file",
        path = .path.display()
    )]
    NotAfter {
        /// The file.
        path: PathBuf,
        /// The size that its last checkpoint covers.
        have: u64,
        /// The size of the one that was to be appended.
        next: u64,
    },
}

/// A file of checkpoints by one key.
#[derive(Debug)]
pub(super) struct CheckpointFile {
    path: PathBuf,
    key: VerifierKey,
}

/// How a file ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct End {
    /// The size that its last whole note covers; 0 without one.
    size: u64,
    /// The end of that note.
    whole: u64,
    /// The end of the file.
    len: u64,
}

impl CheckpointFile {
    /// The file at this path. Nothing is read yet.
    pub(super) fn new(path: &Path, key: &VerifierKey) -> Self {
        Self {
            path: path.to_owned(),
            key: key.clone(),
        }
    }

    /// The size that the last checkpoint covers; 0 without one. Blocks.
    pub(super) fn last_size(&self) -> Result<u64, CheckpointFileError> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(self.unusable(error)),
        };
        self.end(&file).map(|end| end.size)
    }

    /// Appends a note over this many lines to the file, which is created for its owner alone, and waits until the disk has it. What a crash or a
    /// full disk has left of another one is cut. Blocks.
    pub(super) fn append(&self, size: u64, note: &str) -> Result<(), CheckpointFileError> {
        let unusable = |error| self.unusable(error);
        let mut options = OpenOptions::new();
        let options = options.read(true).append(true).create(true).mode(MODE);
        let mut file = options.open(&self.path).map_err(unusable)?;
        let end = self.end(&file)?;
        if end.size >= size {
            return Err(CheckpointFileError::NotAfter {
                path: self.path.clone(),
                have: end.size,
                next: size,
            });
        }
        if end.whole < end.len {
            file.set_len(end.whole).map_err(unusable)?;
        }
        let written = file.write_all(note.as_bytes());
        let written = written.and_then(|()| file.sync_data());
        if written.is_err() {
            // If that fails too, it is cut the next time.
            let _ = file.set_len(end.whole);
        } else if end.whole == 0 {
            // A file that was created has its name for good.
            sync_folder_of(&self.path).map_err(unusable)?;
        }
        written.map_err(unusable)
    }

    fn unusable(&self, error: io::Error) -> CheckpointFileError {
        CheckpointFileError::Unusable(self.path.clone(), error)
    }

    fn end(&self, file: &File) -> Result<End, CheckpointFileError> {
        let metadata = file.metadata().map_err(|error| self.unusable(error))?;
        if !metadata.is_file() {
            let error = io::Error::other("it is not a regular file");
            return Err(self.unusable(error));
        }
        let len = metadata.len();
        let from = len.saturating_sub(as_u64(NOTE_BYTES_MAX));
        let tail = read(file, from, len).map_err(|error| self.unusable(error))?;
        let end = self.last_note(&tail).map(|(size, end)| End {
            size,
            whole: from.saturating_add(as_u64(end)),
            len,
        });
        end.ok_or_else(|| {
            let name = self.key.name().into();
            CheckpointFileError::OtherKey(self.path.clone(), name)
        })
    }

    /// The size that the last whole note covers, and its end. `None` if that is not a checkpoint by this key, or if what follows is not the
    /// beginning of one.
    fn last_note(&self, bytes: &[u8]) -> Option<(u64, usize)> {
        let (size, end) = match last_whole(bytes) {
            Some((start, end)) => {
                let note = Note::parse(bytes.get(start..end)?).ok()?;
                let text = note.verified_by(&self.key).ok()?;
                let checkpoint = Checkpoint::parse(text).ok()?;
                let is_ours = *checkpoint.origin == *self.key.name();
                (is_ours.then_some(checkpoint.size)?, end)
            }
            None => (0, 0),
        };
        let start = format!("{}\n", self.key.name());
        let rest = bytes.get(end..)?;
        let is_torn = rest.starts_with(start.as_bytes()) || start.as_bytes().starts_with(rest);
        is_torn.then_some((size, end))
    }
}

fn read(file: &File, from: u64, to: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(to.saturating_sub(from)).unwrap_or(0)];
    file.read_exact_at(&mut bytes, from)?;
    Ok(bytes)
}

/// Where the last whole note of some bytes begins and ends, if its text has three lines.
fn last_whole(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut before = bytes;
    loop {
        let mut windows = before.windows(SIGNATURE.len());
        let at = windows.rposition(|window| window == SIGNATURE)?;
        let after = at.checked_add(SIGNATURE.len())?;
        let newline = bytes.get(after..)?.iter().position(|byte| *byte == b'\n');
        if let Some(newline) = newline {
            let text = bytes.get(..at)?;
            let mut newlines = text.iter().enumerate().rev();
            let start = newlines
                .by_ref()
                .filter(|(_, byte)| **byte == b'\n')
                .nth(2)
                .map_or(0, |(at, _)| at.saturating_add(1));
            return Some((start, after.checked_add(newline)?.checked_add(1)?));
        }
        before = bytes.get(..at)?;
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::MetadataExt as _};

    use super::*;
    use crate::journal::signed_note::{SigningKey, signing_key_text};

    fn key(name: &str, seed: u8) -> SigningKey {
        SigningKey::parse(&signing_key_text(name, &[seed; 32]).unwrap()).unwrap()
    }

    fn note(key: &SigningKey, size: u64) -> String {
        let checkpoint = Checkpoint {
            origin: key.verifier().name().into(),
            size,
            root: [7; 32],
        };
        key.note(&checkpoint.to_string())
    }

    fn code(result: Result<impl std::fmt::Debug, CheckpointFileError>) -> &'static str {
        match result.unwrap_err() {
            CheckpointFileError::Unusable(..) => "unusable",
            CheckpointFileError::OtherKey(..) => "other key",
            CheckpointFileError::NotAfter { .. } => "not after",
        }
    }

    #[test]
    fn a_note_that_a_crash_cut_anywhere_is_removed_and_the_one_before_counts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoints");
        let key = key("door.example.org/journal", 7);
        let file = CheckpointFile::new(&path, key.verifier());
        assert_eq!(file.last_size().unwrap(), 0);
        let (first, second) = (note(&key, 5), note(&key, 12));
        for (kept, size) in [(String::new(), 0), (first.clone(), 5)] {
            for cut in 0..second.len() {
                let torn = second.as_bytes().get(..cut).unwrap();
                fs::write(&path, [kept.as_bytes(), torn].concat()).unwrap();
                assert_eq!(file.last_size().unwrap(), size, "{cut}");
                file.append(12, &second).unwrap();
                assert_eq!(
                    fs::read_to_string(&path).unwrap(),
                    format!("{kept}{second}")
                );
            }
        }
        assert_eq!(file.last_size().unwrap(), 12);
    }

    #[test]
    fn what_is_not_by_this_key_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoints");
        let ours = key("door.example.org/journal", 7);
        let file = CheckpointFile::new(&path, ours.verifier());
        let of_another_name = note(&key("gate.example.org/journal", 7), 5);
        let of_another_key = note(&key("door.example.org/journal", 8), 5);
        let no_checkpoint = ours.note("door.example.org/journal\nfive\n");
        let other_origin = ours.note(
            &note(&ours, 5)
                .split_inclusive('\n')
                .take(3)
                .collect::<String>()
                .replace("door", "gate"),
        );
        let with_rest = format!("{}something else", note(&ours, 5));
        let lines = "root:x:0:0:root:/root:/bin/bash\n".repeat(5000);
        for text in [
            of_another_name,
            of_another_key,
            no_checkpoint,
            other_origin,
            with_rest,
            lines,
        ] {
            fs::write(&path, &text).unwrap();
            assert_eq!(code(file.last_size()), "other key", "{text}");
            assert_eq!(code(file.append(99, &note(&ours, 99))), "other key");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn a_checkpoint_over_no_more_lines_is_not_appended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoints");
        let key = key("door.example.org/journal", 7);
        let file = CheckpointFile::new(&path, key.verifier());
        file.append(5, &note(&key, 5)).unwrap();
        for size in [1, 4, 5] {
            assert_eq!(code(file.append(size, &note(&key, size))), "not after");
        }
        assert_eq!(file.last_size().unwrap(), 5);
        file.append(6, &note(&key, 6)).unwrap();
        let text = format!("{}{}", note(&key, 5), note(&key, 6));
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }

    #[test]
    fn a_folder_and_a_file_in_no_folder_cannot_be_used() {
        let folder = tempfile::tempdir().unwrap();
        let key = key("door.example.org/journal", 7);
        for path in [
            folder.path().to_owned(),
            folder.path().join("no/checkpoints"),
        ] {
            let file = CheckpointFile::new(&path, key.verifier());
            assert_eq!(code(file.append(1, &note(&key, 1))), "unusable");
        }
    }

    #[test]
    fn a_file_of_checkpoints_is_created_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoints");
        let key = key("door.example.org/journal", 7);
        let file = CheckpointFile::new(&path, key.verifier());
        file.append(5, &note(&key, 5)).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
    }
}
