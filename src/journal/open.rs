//! Opens what `journal.path` names.

use std::{
    fs::File,
    io::{self, Write},
    os::fd::AsFd as _,
    path::Path,
};

use super::{
    append_file::has_lost_reader,
    folder::Folder,
    output::{Next, Output, OutputCheck, OutputError},
    settings::SegmentTerms,
    single_file::AtPath,
};
use crate::policy::Timestamp;

/// Opens what this path names to append to: a file, a pipe, or a folder for segments; `-` is stdout. A file that is created is for its owner alone.
pub fn open(path: &Path, terms: SegmentTerms, now: Timestamp) -> io::Result<Box<dyn Output>> {
    if path.as_os_str() == "-" {
        // A descriptor of its own: without a buffer, and without the lock of `io::stdout`.
        let stdout = io::stdout().as_fd().try_clone_to_owned()?;
        return Ok(Box::new(Stdout(stdout.into())));
    }
    if path.is_dir() {
        return Ok(Box::new(Folder::open(path, terms, now)?));
    }
    Ok(Box::new(AtPath::open(path)?))
}

/// stdout, whatever it is.
#[derive(Debug)]
struct Stdout(File);

impl Output for Stdout {
    fn check(&mut self, _requested: bool, _next: Next) -> Result<OutputCheck, OutputError> {
        if has_lost_reader(&self.0) {
            return Err(OutputError::StdoutClosed);
        }
        Ok(OutputCheck::Same)
    }
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
