//! Sends messages to a receiver of syslog, by UDP, TCP or TLS.
//!
//! What the system has taken to send counts as sent: neither UDP nor syslog over TCP confirms what has arrived. What a connection has taken when it
//! breaks may be lost; the index in each message shows it.

mod connection;
mod frames;
mod message;

use std::{sync::Arc, time::Duration};

use tokio::net::UdpSocket;

pub use self::message::{EXAMPLE_ENTERPRISE, Sender, host};
use self::{
    connection::{Connection, connect, datagrams},
    frames::Frames,
};
use super::{
    backoff::Backoff,
    config::{SyslogConfig, Transport},
    members::members,
    tally::Tally,
};
use crate::{
    clock::Clock,
    journal::{LineStart, WrittenLine, WrittenLines},
    tls::StreamTls,
};

/// How long a receiver may take nothing.
const STALLED_AFTER: Duration = Duration::from_secs(30);
/// After this time the name of a receiver of datagrams is looked up again: nothing else shows that it has moved.
const RESOLVE_EVERY: Duration = Duration::from_mins(1);
/// Framed messages that are written at once, in bytes.
const WRITE_BYTES: usize = 64 * 1024;

/// Sends lines as messages of syslog.
#[derive(Debug)]
pub(super) struct Syslog {
    config: SyslogConfig,
    tls: Option<StreamTls>,
    lines: WrittenLines,
    tally: Tally,
    clock: Arc<dyn Clock>,
    backoff: Backoff,
    /// Taken, and not sent.
    pending: Frames,
    /// The message that was made last: its memory is used for the next one.
    message: String,
    failures: usize,
    /// Lines that are known not to have fitted into the queue.
    dropped: u64,
}

/// Why a connection is not used any longer.
enum End {
    /// All lines are sent, and there will be no more.
    Finished,
    /// The name is to be looked up again.
    Renew,
    Failed(String),
}

impl Syslog {
    pub(super) fn new(
        config: SyslogConfig,
        tls: Option<StreamTls>,
        lines: WrittenLines,
        tally: Tally,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            config,
            tls,
            lines,
            tally,
            clock,
            backoff: Backoff::default(),
            pending: Frames::default(),
            message: String::new(),
            failures: 0,
            dropped: 0,
        }
    }

    /// Sends lines until the journal has ended and all are sent.
    pub(super) async fn run(mut self) {
        while self.fill().await {
            let end = match self.config.target.transport {
                Transport::Udp => match datagrams(&self.config.target, self.failures).await {
                    Ok(socket) => self.send_datagrams(&socket).await,
                    Err(error) => End::Failed(error),
                },
                Transport::Tcp | Transport::Tls => {
                    let tls = self.tls.as_ref().map(StreamTls::connector);
                    match connect(&self.config.target, tls, STALLED_AFTER).await {
                        Ok(connection) => self.send_frames(connection).await,
                        Err(error) => End::Failed(error),
                    }
                }
            };
            match end {
                End::Finished => return,
                End::Renew => {}
                End::Failed(error) => {
                    self.failures = self.failures.wrapping_add(1);
                    self.tally.failed(&error);
                    self.backoff.pause(Duration::ZERO).await;
                }
            }
        }
    }

    /// Waits until something is to be sent; whether there is.
    async fn fill(&mut self) -> bool {
        if self.pending.is_empty() {
            let Some(line) = self.lines.next().await else {
                return false;
            };
            self.push(&line);
        }
        true
    }

    fn push(&mut self, line: &WrittenLine) {
        let is_framed = self.config.target.transport != Transport::Udp;
        let at = LineStart::parse(&line.bytes).map(|start| start.at);
        let (members, at) = (members(&line.bytes), at.unwrap_or_default());
        self.config.sender.write(&members, at, &mut self.message);
        self.pending.push(&self.message, is_framed);
    }

    /// Takes what waits, as much as is written at once.
    fn take_waiting(&mut self) {
        while self.pending.len() < WRITE_BYTES {
            let Some(line) = self.lines.try_next() else {
                break;
            };
            self.push(&line);
        }
        self.tally.look_at_dropped(&mut self.dropped);
    }

    async fn send_datagrams(&mut self, socket: &UdpSocket) -> End {
        let until = self.clock.moment().uptime.saturating_add(RESOLVE_EVERY);
        loop {
            if !self.fill().await {
                return End::Finished;
            }
            while let Some(message) = self.pending.first() {
                let sent = tokio::time::timeout(STALLED_AFTER, socket.send(message)).await;
                match sent {
                    Ok(Ok(_)) => {
                        self.pending.drop_first();
                        self.sent(1);
                    }
                    Ok(Err(error)) => return End::Failed(error.to_string()),
                    Err(_) => return End::Failed("no datagram could be sent in time".to_owned()),
                }
            }
            self.tally.look_at_dropped(&mut self.dropped);
            if self.clock.moment().uptime >= until {
                return End::Renew;
            }
        }
    }

    async fn send_frames(&mut self, mut connection: Connection) -> End {
        loop {
            if self.pending.is_empty() {
                let line = tokio::select! {
                    biased;
                    error = connection.closed() => return End::Failed(error),
                    line = self.lines.next() => line,
                };
                let Some(line) = line else {
                    connection.finish().await;
                    return End::Finished;
                };
                self.push(&line);
            }
            self.take_waiting();
            while !self.pending.is_empty() {
                match connection.write(self.pending.bytes(), STALLED_AFTER).await {
                    Ok(count) => {
                        let sent = self.pending.written(count);
                        self.sent(sent);
                    }
                    Err(error) => {
                        // What was begun is sent again, whole.
                        self.pending.rewind();
                        return End::Failed(error);
                    }
                }
            }
        }
    }

    fn sent(&mut self, count: usize) {
        if count > 0 {
            self.tally.exported(count);
            self.backoff.reset();
        }
    }
}
