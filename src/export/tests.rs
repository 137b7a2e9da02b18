//! Receivers that are slow, stalled, refused, half-closed or restarted; bursts beyond the bound. Time is paused, so that pauses pass at once.

mod collector;
mod secured;

use std::{collections::BTreeMap, net::SocketAddr, ops::Range};

use bytes::Bytes;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream, UdpSocket},
    time::Instant,
};
use tracing::Level;

use super::{syslog::Sender, *};
use crate::{
    clock::{ManualClock, SystemClock},
    journal::{OUTLET_BYTES_MAX, tests::logged::Log},
    tls::ClientFiles,
};

/// More than the buffers of a connection take, and less than the bound.
const MANY: u64 = 60_000;

/// A running export to one target.
struct Running {
    outlet: Outlet,
    exports: Exports,
    deps: Deps,
}

impl Running {
    fn start(config: &Config) -> Self {
        Self::start_at(config, Arc::new(SystemClock))
    }

    fn start_at(config: &Config, clock: Arc<dyn crate::clock::Clock>) -> Self {
        let deps = Deps::new(clock);
        let mut files = TlsFiles::new(&deps.registry).unwrap();
        let (mut outlets, exports) = start(config, &mut files, &deps).unwrap();
        Self {
            outlet: outlets.pop().unwrap(),
            exports,
            deps,
        }
    }

    fn to_syslog(transport: Transport, address: SocketAddr) -> Self {
        Self::start(&Config {
            otlp: None,
            syslog: Some(syslog_config(transport, "127.0.0.1", address.port(), None)),
        })
    }

    /// Hands over the lines with these indexes, each alone.
    fn write(&self, indexes: Range<u64>) {
        for index in indexes {
            self.outlet.hand_over(&line(index), 1);
        }
    }

    /// The same, all at once.
    fn write_at_once(&self, indexes: Range<u64>) {
        let count = indexes.clone().count();
        let lines: Vec<u8> = indexes.flat_map(|index| line(index).to_vec()).collect();
        self.outlet.hand_over(&lines.into(), count);
    }

    /// What the metrics say, by their last label.
    fn counts(&self) -> BTreeMap<String, u64> {
        let text = crate::metrics::render(&self.deps.registry).unwrap();
        let lines = text
            .lines()
            .filter(|line| line.starts_with("verigate_journal_export"));
        let pairs = lines.map(|line| line.rsplit_once(' ').unwrap());
        pairs
            .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
            .collect()
    }

    fn count(&self, name: &str) -> u64 {
        let counts = self.counts();
        let found = counts.iter().filter(|(key, _)| key.contains(name));
        found.map(|(_, value)| *value).sum()
    }

    async fn until(&self, name: &str, value: u64) {
        while self.count(name) < value {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

fn syslog_config(
    transport: Transport,
    host: &str,
    port: u16,
    ca: Option<std::path::PathBuf>,
) -> SyslogConfig {
    SyslogConfig {
        target: SyslogTarget {
            transport,
            host: host.into(),
            port,
        },
        sender: Sender {
            host: "door-host".into(),
            process: "7".into(),
            enterprise: 32473,
        },
        files: ClientFiles {
            section: "journal",
            ca_setting: "syslog_ca",
            ca,
            certificate: None,
            proxy: None,
            proxy_credentials: None,
        },
    }
}

fn line(index: u64) -> Bytes {
    let zeros = "0".repeat(64);
    let line = format!(
        "{{\"v\":2,\"index\":{index},\"previous\":\"{zeros}\",\"at\":\"2026-01-31T12:00:00.000Z\",\"decision_id\":\"d-{index}\",\"caller\":\"door\",\"policy\":\"front-door\",\"decision\":\"allow\"}}\n"
    );
    line.into()
}

fn message(index: u64) -> String {
    format!(
        "<86>1 2026-01-31T12:00:00.000Z door-host verigate 7 decision [verigate@32473 index=\"{index}\" decision=\"allow\" id=\"d-{index}\" policy=\"front-door\" caller=\"door\"]"
    )
}

/// Reads a framed message, strictly.
async fn read_frame(reader: &mut (impl tokio::io::AsyncBufRead + Unpin)) -> String {
    let mut length = Vec::new();
    reader.read_until(b' ', &mut length).await.unwrap();
    let length = String::from_utf8(length).unwrap();
    let length: usize = length
        .trim_end()
        .parse()
        .unwrap_or_else(|_| panic!("{length:?}"));
    let mut frame = vec![0; length];
    reader.read_exact(&mut frame).await.unwrap();
    String::from_utf8(frame).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "time is paused in these tests")]
fn paused_now() -> Instant {
    Instant::now()
}

/// More lines than wait for a receiver.
fn beyond_the_bound() -> u64 {
    let each = line(0).len() + 512;
    (OUTLET_BYTES_MAX / each + 100) as u64
}

async fn accept(listener: &TcpListener) -> BufReader<TcpStream> {
    BufReader::new(listener.accept().await.unwrap().0)
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

#[tokio::test(start_paused = true)]
async fn lines_arrive_framed_and_in_order_and_the_last_ones_before_the_end() {
    let (listener, address) = listen().await;
    let running = Running::to_syslog(Transport::Tcp, address);
    running.write(0..2000);
    let reading = tokio::spawn(async move {
        let mut reader = accept(&listener).await;
        for index in 0..2001 {
            assert_eq!(read_frame(&mut reader).await, message(index));
        }
        // Our side is closed in order.
        assert_eq!(reader.read(&mut [0]).await.unwrap(), 0);
    });
    running
        .until("exported_total{target=\"syslog\"}", 2000)
        .await;
    running.write(2000..2001);
    let Running {
        outlet, exports, ..
    } = running;
    drop(outlet);
    exports.finish(Duration::from_mins(1)).await;
    reading.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_is_not_there_gets_all_that_fits_once_it_is() {
    let (log, _logging) = Log::begin(Level::INFO);
    let (listener, address) = listen().await;
    drop(listener);
    let running = Running::to_syslog(Transport::Tcp, address);
    // A burst over the bound, at which nobody waits.
    let most = beyond_the_bound();
    running.write(0..most);
    running
        .until("export_failures_total{target=\"syslog\"}", 2)
        .await;
    let dropped = running.count("reason=\"queue_full\",target=\"syslog\"");
    assert!(dropped > 0, "{:?}", running.counts());
    let listener = TcpListener::bind(address).await.unwrap();
    let mut reader = accept(&listener).await;
    let kept = most - dropped;
    for index in 0..kept {
        assert_eq!(read_frame(&mut reader).await, message(index));
    }
    running.write(most..most + 1);
    assert_eq!(
        read_frame(&mut reader).await,
        message(most),
        "the gap shows"
    );
    let text = log.text();
    assert!(text.contains("\"journal_export_dropped\""), "{text}");
    running
        .until("exported_total{target=\"syslog\"}", kept + 1)
        .await;
    assert_eq!(running.count("export_waiting{target=\"syslog\"}"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_closes_or_half_closes_is_connected_to_again() {
    let (listener, address) = listen().await;
    let running = Running::to_syslog(Transport::Tcp, address);
    let began = paused_now();
    for index in 0..6 {
        let half = index % 2 == 0;
        running.write(index..index + 1);
        let mut reader = accept(&listener).await;
        assert_eq!(read_frame(&mut reader).await, message(index));
        if half {
            reader.get_mut().shutdown().await.unwrap();
        }
        let failures = running.count("export_failures_total{target=\"syslog\"}");
        let kept = half.then_some(reader);
        running
            .until("export_failures_total{target=\"syslog\"}", failures + 1)
            .await;
        drop(kept);
    }
    // Each line that arrives ends the growth of the pauses.
    assert!(began.elapsed() < Duration::from_secs(3));
}

/// It takes all, and does not close its side.
#[tokio::test(start_paused = true)]
async fn the_end_waits_little_for_a_receiver_to_close_its_side() {
    let (listener, address) = listen().await;
    let running = Running::to_syslog(Transport::Tcp, address);
    running.write(0..1);
    let mut reader = accept(&listener).await;
    assert_eq!(read_frame(&mut reader).await, message(0));
    let Running {
        outlet, exports, ..
    } = running;
    drop(outlet);
    let began = paused_now();
    exports.finish(Duration::from_mins(1)).await;
    assert!(began.elapsed() < Duration::from_secs(1));
    drop(reader);
}

/// It accepts, and reads nothing: neither it nor what it holds up is waited for.
#[tokio::test(start_paused = true)]
async fn a_stalled_receiver_is_left_and_the_next_connection_gets_what_it_has_not_taken() {
    let (listener, address) = listen().await;
    let running = Running::to_syslog(Transport::Tcp, address);
    running.write_at_once(0..MANY);
    let stalled = accept(&listener).await;
    let began = paused_now();
    running
        .until("export_failures_total{target=\"syslog\"}", 1)
        .await;
    assert!(began.elapsed() < Duration::from_mins(1));
    let taken = running.count("exported_total{target=\"syslog\"}");
    assert!(taken < MANY);
    let mut reader = accept(&listener).await;
    for index in taken..MANY {
        assert_eq!(read_frame(&mut reader).await, message(index));
    }
    drop(stalled);
}

/// What was taken of the queue to be written is beside its bound, so it is little.
#[tokio::test(start_paused = true)]
async fn no_more_lines_than_the_bound_wait_for_a_stalled_receiver() {
    let (listener, address) = listen().await;
    let running = Running::to_syslog(Transport::Tcp, address);
    running.write_at_once(0..MANY);
    let stalled = accept(&listener).await;
    running.until("exported_total{target=\"syslog\"}", 1).await;
    running.write_at_once(MANY..2 * MANY);
    assert_eq!(
        running.count("reason=\"queue_full\",target=\"syslog\""),
        MANY
    );
    drop(stalled);
}

#[tokio::test(start_paused = true)]
async fn a_slow_receiver_gets_every_line_by_one_connection() {
    let (listener, address) = listen().await;
    let running = Running::to_syslog(Transport::Tcp, address);
    running.write_at_once(0..MANY);
    let mut reader = accept(&listener).await;
    for index in 0..MANY {
        if index % 10_000 == 0 {
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
        assert_eq!(read_frame(&mut reader).await, message(index));
    }
    assert_eq!(running.count("export_failures_total{target=\"syslog\"}"), 0);
}

#[tokio::test(start_paused = true)]
async fn the_end_does_not_wait_for_a_stalled_receiver_and_counts_what_it_has_not_taken() {
    let (listener, address) = listen().await;
    let running = Running::to_syslog(Transport::Tcp, address);
    running.write_at_once(0..MANY);
    let stalled = accept(&listener).await;
    let Running {
        outlet,
        exports,
        deps,
    } = running;
    drop(outlet);
    exports.finish(Duration::from_millis(500)).await;
    let text = crate::metrics::render(&deps.registry).unwrap();
    let of = |name: &str| -> u64 {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap();
        line.rsplit_once(' ').unwrap().1.parse().unwrap()
    };
    let stopped = of("verigate_journal_export_dropped_total{reason=\"stopped\",target=\"syslog\"}");
    let exported = of("verigate_journal_exported_total{target=\"syslog\"}");
    assert!(stopped > 0);
    assert_eq!(stopped + exported, MANY);
    drop(stalled);
}

#[tokio::test]
async fn datagrams_have_one_message_each() {
    let receiver = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let running = Running::to_syslog(Transport::Udp, receiver.local_addr().unwrap());
    let long = String::from_utf8(line(50).to_vec()).unwrap();
    let long = long.replace("front-door", &"p".repeat(5000));
    running.write(0..50);
    running.outlet.hand_over(&long.into(), 1);
    let mut datagram = vec![0; 65_536];
    for index in 0..50 {
        let length = receiver.recv(&mut datagram).await.unwrap();
        assert_eq!(datagram[..length], *message(index).as_bytes());
    }
    let length = receiver.recv(&mut datagram).await.unwrap();
    assert!(length <= 2048);
    let expected = message(50).replace(" policy=\"front-door\"", "");
    assert_eq!(datagram[..length], *expected.as_bytes());
}

/// As after the receiver has moved: each look-up is followed by a socket of its own.
#[tokio::test]
async fn the_name_of_a_receiver_of_datagrams_is_looked_up_again_after_a_minute() {
    let receiver = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = receiver.local_addr().unwrap().port();
    let clock = Arc::new(ManualClock::at(crate::policy::from_millis(0)));
    let config = Config {
        otlp: None,
        syslog: Some(syslog_config(Transport::Udp, "127.0.0.1", port, None)),
    };
    let running = Running::start_at(&config, Arc::clone(&clock) as _);
    let mut ports = Vec::new();
    for index in 0..20 {
        running.write(index..index + 1);
        ports.push(receiver.recv_from(&mut [0; 4096]).await.unwrap().1.port());
        if index >= 10 {
            clock.advance(Duration::from_secs(61));
        }
    }
    let (before, after) = ports.split_at(11);
    assert!(before.iter().all(|port| *port == before[0]), "{ports:?}");
    assert!(after.iter().any(|port| *port != before[0]), "{ports:?}");
}
