//! The queue of log lines, and the thread that writes them to stderr. Nobody who logs waits for stderr: a line that does not fit into
//! the queue is dropped and counted, and the count is logged as soon as lines can be written again.
//!
//! Why not tracing-appender: at exit its guard may print to stdout, which is the journal and may have stalled too; its queue is bounded
//! by lines and not by bytes, and a line that stderr refuses is not counted.

use std::{
    cell::Cell,
    collections::VecDeque,
    io::{self, Write},
    os::fd::AsFd as _,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use parking_lot::{Condvar, Mutex};
use tracing::warn;
use tracing_subscriber::fmt::MakeWriter;

/// Lines that wait to be written; further ones are dropped.
const LINES_MAX: usize = 4096;
/// Bytes that wait to be written.
const BYTES_MAX: usize = 1024 * 1024;
/// Pause before a write is repeated where stderr is in non-blocking mode and full.
const RETRY_AFTER: Duration = Duration::from_millis(10);

/// Log lines that were dropped since the process started. Logging is one for the whole process, and so is this.
static DROPPED: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// Whether this is the thread that writes. Its own line, about dropped ones, always fits.
    static WRITES: Cell<bool> = const { Cell::new(false) };
}

/// How many log lines were dropped since the process started.
pub(super) fn dropped() -> u64 {
    DROPPED.load(Ordering::Relaxed)
}

/// The queue. Clones are the same queue.
#[derive(Debug, Clone, Default)]
pub(super) struct LogQueue(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Notified when a line was queued, and when all of them are written.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    lines: VecDeque<Vec<u8>>,
    bytes: usize,
    /// Dropped lines that no line has reported yet.
    unreported: u64,
    /// Whether taken lines are being written.
    writing: bool,
}

impl LogQueue {
    /// Starts the thread that writes to stderr.
    pub(super) fn to_stderr() -> io::Result<Self> {
        // A descriptor of its own, so that a write that blocks holds no lock of `io::stderr`.
        let stderr = io::stderr().as_fd().try_clone_to_owned()?;
        Self::start(std::fs::File::from(stderr))
    }

    /// Starts the thread that writes to this output.
    fn start(output: impl Write + Send + 'static) -> io::Result<Self> {
        let queue = Self::default();
        let own = queue.clone();
        thread::Builder::new()
            .name("log".into())
            .spawn(move || own.write_all_lines(output))?;
        Ok(queue)
    }

    /// Waits until every queued line is written, for at most this long; whether they are. Blocks.
    pub(super) fn flush(&self, within: Duration) -> bool {
        let mut state = self.0.state.lock();
        let busy = |state: &mut State| state.writing || !state.lines.is_empty();
        let waited = self.0.changed.wait_while_for(&mut state, busy, within);
        !waited.timed_out()
    }

    fn push(&self, line: &[u8]) {
        let mut state = self.0.state.lock();
        let fits = state.lines.len() < LINES_MAX
            && state.bytes.saturating_add(line.len()) <= BYTES_MAX
            || WRITES.get();
        if fits {
            state.bytes = state.bytes.saturating_add(line.len());
            state.lines.push_back(line.to_vec());
            self.0.changed.notify_all();
        } else {
            state.drop_lines(1);
        }
    }

    /// What the thread does, as long as the process lives.
    fn write_all_lines(&self, mut output: impl Write) {
        WRITES.set(true);
        loop {
            let (lines, unreported) = self.take();
            let lost = lines
                .iter()
                .filter(|line| write_line(&mut output, line).is_err())
                .count();
            // Reported only once something can be written.
            let report = unreported > 0 && lost < lines.len();
            if report {
                warn!(
                    event = "log_lines_dropped",
                    dropped = unreported,
                    "log lines were dropped, because stderr was not read fast enough"
                );
            }
            let mut state = self.0.state.lock();
            state.drop_lines(u64::try_from(lost).unwrap_or(u64::MAX));
            if !report {
                state.unreported = state.unreported.saturating_add(unreported);
            }
            state.writing = false;
            self.0.changed.notify_all();
        }
    }

    /// Waits for lines, and takes all of them with the number of unreported ones that were dropped before.
    fn take(&self) -> (VecDeque<Vec<u8>>, u64) {
        let mut state = self.0.state.lock();
        while state.lines.is_empty() {
            self.0.changed.wait(&mut state);
        }
        state.writing = true;
        state.bytes = 0;
        let unreported = std::mem::take(&mut state.unreported);
        (std::mem::take(&mut state.lines), unreported)
    }
}

impl State {
    fn drop_lines(&mut self, count: u64) {
        self.unreported = self.unreported.saturating_add(count);
        DROPPED.fetch_add(count, Ordering::Relaxed);
    }
}

/// Writes one line whole. An error means that it is lost.
fn write_line(output: &mut impl Write, line: &[u8]) -> io::Result<()> {
    let mut rest = line;
    while !rest.is_empty() {
        match output.write(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => rest = rest.get(count..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(RETRY_AFTER),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

impl<'q> MakeWriter<'q> for LogQueue {
    type Writer = LineWriter<'q>;

    fn make_writer(&'q self) -> LineWriter<'q> {
        LineWriter(self)
    }
}

/// Queues each line that it is given as a whole.
#[derive(Debug)]
pub(super) struct LineWriter<'q>(&'q LogQueue);

impl Write for LineWriter<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
