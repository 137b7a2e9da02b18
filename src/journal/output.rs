//! Opening the journal's output, and writing to it until it succeeds.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write},
    path::Path,
};

/// Opens the file to append to; `-` is stdout.
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

/// Ends a line that a crash cut short, so that the next entry starts a line of its own.
fn end_line(file: &mut File) -> io::Result<()> {
    // Only a regular file has an end to look at; a pipe has none.
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

/// Writes all of it, however many attempts that takes; `on_failure` is called for each failed attempt and may pause. A failed write is
/// continued where it stopped, so lines stay whole. Returns the number of failed attempts.
pub(super) fn write_all(
    output: &mut dyn Write,
    lines: &[u8],
    on_failure: impl Fn(&io::Error, u64),
) -> u64 {
    let (mut rest, mut failed_attempts) = (lines, 0);
    let mut failed = |error| {
        on_failure(&error, failed_attempts);
        failed_attempts += 1;
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
    failed_attempts
}
