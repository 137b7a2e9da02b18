//! The thread that writes. It repeats a write until that succeeds, so lines stay whole and in order, and none is dropped.

use std::{io, sync::Arc, thread, time::Duration};

use tokio::sync::mpsc;
use tracing::info;

use super::{
    health::Health,
    line::lines,
    message::Message,
    metrics::Metrics,
    output::{Output, OutputCheck, OutputError},
};
use crate::{
    clock::Clock,
    log_throttle::{LogThrottle, throttled},
};

/// Entries written at once.
const BATCH_MAX: usize = 256;
/// The pause after a batch that was not full. Without it the thread is woken for each entry under load, and takes its core from the
/// checks each time. It is how much longer an entry waits to be written, at most.
const REST: Duration = Duration::from_millis(1);

pub(super) struct WriterThread {
    pub(super) output: Box<dyn Output>,
    pub(super) retry_after: Duration,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) log: LogThrottle,
    pub(super) metrics: Metrics,
    pub(super) health: Health,
}

impl WriterThread {
    pub(super) fn run(mut self, mut entries: mpsc::Receiver<Message>) {
        // A pipe may have no reader yet.
        self.check_output();
        let mut batch = Vec::with_capacity(BATCH_MAX);
        while entries.blocking_recv_many(&mut batch, BATCH_MAX) > 0 {
            let mut taken = Vec::with_capacity(batch.len());
            for message in batch.drain(..) {
                match message {
                    Message::Record(record) => taken.push(record),
                    // It has woken the thread, which is what it is for.
                    Message::CheckOutput => {}
                    Message::Stop => entries.close(),
                }
            }
            if self.health.take_check() {
                self.check_output();
            }
            self.write(&lines(&taken));
            self.metrics
                .entries
                .inc_by(u64::try_from(taken.len()).unwrap_or(u64::MAX));
            if taken.len() < BATCH_MAX && !entries.is_closed() {
                thread::sleep(REST);
            }
        }
    }

    /// Writes these lines, however many attempts that takes. A failed write is continued where it stopped.
    fn write(&mut self, lines: &[u8]) {
        let (mut written, mut failed_attempts) = (0, 0_u64);
        while written < lines.len() {
            match self.attempt(lines.get(written..).unwrap_or_default()) {
                Ok(count) => written += count,
                Err(error) => {
                    self.record_failure(&error, failed_attempts);
                    failed_attempts += 1;
                    // Repeated at once the first time: some failures are of that write alone.
                    if failed_attempts > 1 {
                        self.health.set_write(Some(error.to_string()));
                        thread::sleep(self.retry_after);
                    }
                    if self.check_output() == Some(OutputCheck::Reopened) {
                        written = start_of_line(lines, written);
                    }
                }
            }
        }
        if failed_attempts > 0 {
            self.health.set_write(None);
            info!(
                event = "journal_recovered",
                failed_attempts, "journal writable again; no entry was lost"
            );
        }
    }

    fn attempt(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(lost) = self.health.lost_output() {
            return Err(io::Error::other(lost));
        }
        let output = &mut self.output;
        self.health.watched(|| match output.write(bytes) {
            Ok(0) => Err(io::ErrorKind::WriteZero.into()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(0),
            result => result,
        })
    }

    fn record_failure(&self, error: &io::Error, failed_attempts: u64) {
        self.metrics.write_failures.inc();
        throttled!(
            self.log,
            self.clock.moment().uptime,
            error,
            "journal_write_failed",
            %error,
            failed_attempts,
            "journal write failed and is retried; if it fails again, checks are rejected until it succeeds: free space on the disk of journal.path, or repair its reader"
        );
    }

    /// Checks the output. `None` if something is wrong with it.
    fn check_output(&mut self) -> Option<OutputCheck> {
        let requested = self.health.take_request();
        let output = &mut self.output;
        match self.health.watched(|| output.check(requested)) {
            Ok(check) => {
                let recovered = self.health.set_output(None);
                if check == OutputCheck::Reopened {
                    self.metrics.reopened.inc();
                    info!(
                        event = "journal_reopened",
                        requested,
                        "journal opened again; decisions are written to the file that journal.path names now"
                    );
                } else if recovered {
                    info!(
                        event = "journal_output_recovered",
                        "the journal's output can be written again"
                    );
                }
                Some(check)
            }
            Err(error) => {
                let lost = error.loses_entries().then(|| error.to_string());
                self.health.set_output(lost);
                self.log_output_error(&error);
                None
            }
        }
    }

    fn log_output_error(&self, error: &OutputError) {
        let uptime = self.clock.moment().uptime;
        match error {
            OutputError::OldFile(..) | OutputError::Deleted(..) => throttled!(
                self.log,
                uptime,
                error,
                "journal_reopen_failed",
                %error,
                "journal cannot be opened again: make the folder of journal.path, and a file in it, writable for this service"
            ),
            OutputError::NoReader(_) => throttled!(
                self.log,
                uptime,
                error,
                "journal_reader_gone",
                %error,
                "no decision can be recorded, so checks are rejected until a process reads the pipe of journal.path"
            ),
            OutputError::StdoutClosed => throttled!(
                self.log,
                uptime,
                error,
                "journal_stdout_closed",
                %error,
                "no decision can ever be recorded, so all checks are rejected: restart the service together with the reader of its stdout, or set journal.path to a file"
            ),
        }
    }
}

/// The start of the line that was not written to its end. After a reopening it is written again as a whole.
fn start_of_line(lines: &[u8], written: usize) -> usize {
    let before = lines.get(..written).unwrap_or_default();
    let newline = before.iter().rposition(|byte| *byte == b'\n');
    newline.map_or(0, |at| at + 1)
}
