//! Sockets that the service manager passes, and its notifications.

use std::{
    net::{SocketAddr, TcpListener},
    os::unix::net::{UnixDatagram, UnixListener},
};

use verigate::proto::v1::CheckAccessRequest;

use super::*;

/// As systemd does it for a socket named `grpc`: stdin becomes the first passed descriptor.
const ONE_NAMED: &str =
    "exec 3<&0 0</dev/null; export LISTEN_FDS=1 LISTEN_FDNAMES=grpc LISTEN_PID=$$";
/// The same for two, by their names: those are in another order than the listeners.
const TWO_NAMED: &str = "exec 3<&0 4<&1 0</dev/null 1>/dev/null; export LISTEN_FDS=2 LISTEN_FDNAMES=admin:grpc LISTEN_PID=$$";
/// Named after their unit, as systemd does without `FileDescriptorName=`.
const TWO_IN_ORDER: &str = "exec 3<&0 4<&1 0</dev/null 1>/dev/null; export LISTEN_FDS=2 LISTEN_FDNAMES=v.socket:v.socket LISTEN_PID=$$";
/// Meant for another process.
const OF_ANOTHER: &str =
    "exec 3<&0 0</dev/null; export LISTEN_FDS=1 LISTEN_FDNAMES=grpc LISTEN_PID=1";

fn bound() -> (TcpListener, String) {
    let socket = TcpListener::bind(loopback()).unwrap();
    let url = format!("http://{}", socket.local_addr().unwrap());
    (socket, url)
}

/// A program that gets these sockets.
fn with(before: &'static str, sockets: &[&TcpListener]) -> Start {
    Start {
        before,
        sockets: sockets
            .iter()
            .map(|socket| socket.try_clone().unwrap().into())
            .collect(),
        ..Start::default()
    }
}

#[tokio::test]
async fn during_a_restart_no_connection_is_refused_and_a_call_waits_for_the_next_process() {
    let (socket, url) = bound();
    let first = Program::start(with(ONE_NAMED, &[&socket])).await;
    assert_eq!(first.grpc, url);
    first.check("ada-fresh").await.unwrap();
    first.stop().await;
    // Nobody serves now. The system accepts the connection, and the call waits.
    let channel = Channel::from_shared(url.clone()).unwrap();
    let channel = channel.connect().await.expect("it is not refused");
    let mut client = AccessServiceClient::new(channel);
    let asked = tokio::spawn(async move {
        let request: CheckAccessRequest = check_request("front-door", "ada-fresh");
        client.check_access(request).await
    });
    let second = Program::start(with(ONE_NAMED, &[&socket])).await;
    let answer = tokio::time::timeout(SOON, asked).await.unwrap().unwrap();
    assert_eq!(answer.unwrap().into_inner().decision, 1);
    assert_eq!(second.grpc, url);
    let log = second.stop().await;
    assert!(events(&log, "accept_failed").is_empty());
}

#[tokio::test]
async fn sockets_belong_to_the_listeners_by_their_names_or_else_in_order() {
    let ((one, first), (two, second)) = (bound(), bound());
    let named = Program::start(with(TWO_NAMED, &[&one, &two])).await;
    assert_eq!((&named.admin, &named.grpc), (&first, &second));
    assert!(named.http != first && named.http != second, "its own");
    assert_eq!(named.get("/livez").await.0, 200);
    named.check("ada-fresh").await.unwrap();
    named.stop().await;
    let ordered = Program::start(with(TWO_IN_ORDER, &[&one, &two])).await;
    assert_eq!((&ordered.grpc, &ordered.http), (&first, &second));
    ordered.stop().await;
}

#[tokio::test]
async fn sockets_that_are_meant_for_another_process_are_not_touched() {
    let (socket, url) = bound();
    let program = Program::start(with(OF_ANOTHER, &[&socket])).await;
    assert_ne!(program.grpc, url);
    program.stop().await;
}

#[tokio::test]
async fn what_is_no_socket_of_a_listener_ends_the_start_with_the_reason() {
    let (listening, _) = bound();
    let everywhere = TcpListener::bind(SocketAddr::from(([0, 0, 0, 0], 0))).unwrap();
    let connected = std::net::TcpStream::connect(listening.local_addr().unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let unix = UnixListener::bind(folder.path().join("x")).unwrap();
    let datagrams = UnixDatagram::unbound().unwrap();
    let file = File::open("/dev/null").unwrap();
    let named = "exec 3<&0; export LISTEN_FDS=1 LISTEN_PID=$$ LISTEN_FDNAMES=";
    for (socket, before, expected) in [
        (
            everywhere.into(),
            format!("{named}grpc"),
            "which other machines can reach",
        ),
        (
            connected.into(),
            format!("{named}grpc"),
            "it does not listen",
        ),
        (
            datagrams.into(),
            format!("{named}http"),
            "neither a TCP nor a Unix stream socket",
        ),
        (
            file.into(),
            format!("{named}admin"),
            "neither a TCP nor a Unix stream socket",
        ),
        (
            unix.into(),
            format!("{named}public"),
            "the configuration has no such listener",
        ),
        (
            OwnedFd::from(listening),
            format!("{named}grpc:x"),
            "2 names for 1 sockets",
        ),
        (
            File::open("/dev/null").unwrap().into(),
            "export LISTEN_PID=$$ LISTEN_FDS=many".to_owned(),
            "LISTEN_FDS is `many`",
        ),
    ] {
        let (code, stderr) = fails(socket, &before, &folder);
        assert_eq!(code, Some(2), "{before}: {stderr}");
        assert!(stderr.contains(expected), "{before}: {stderr}");
    }
}

/// The exit code and the stderr of a program that gets this as stdin, after a shell command.
fn fails(stdin: OwnedFd, before: &str, folder: &TempDir) -> (Option<i32>, String) {
    let path = |name: &str| folder.path().join(name);
    fs::write(path("p.yaml"), crate::world::POLICIES).unwrap();
    let ended = Command::new("timeout")
        .args(["30", "sh", "-c", &format!("{before}; exec \"$@\""), "sh"])
        .arg(env!("CARGO_BIN_EXE_verigate"))
        .arg("serve")
        .env("VERIGATE_GRPC__LISTEN", "127.0.0.1:0")
        .env("VERIGATE_HTTP__LISTEN", "127.0.0.1:0")
        .env("VERIGATE_ADMIN__LISTEN", "127.0.0.1:0")
        .env("VERIGATE_POLICIES__PATH", path("p.yaml"))
        .env("VERIGATE_JOURNAL__PATH", path("journal.jsonl"))
        .env("VERIGATE_INCODE__URL", "http://127.0.0.1:9")
        .env("VERIGATE_INCODE__API_KEY", "key")
        .env("VERIGATE_INCODE__INTEGRATION_ID", "integration")
        .env("VERIGATE_INCODE__SECRET", "secret")
        .stdin(Stdio::from(stdin))
        .stdout(Stdio::null())
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&ended.stderr).into_owned();
    (ended.status.code(), stderr)
}

#[test]
fn each_socket_unit_is_for_a_listener_at_its_default_address() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let defaults = fs::read_to_string(root.join("src/config.default.toml")).unwrap();
    let defaults: toml::Table = defaults.parse().unwrap();
    let service = fs::read_to_string(root.join("deploy/systemd/verigate.service")).unwrap();
    for name in ["grpc", "http", "admin"] {
        let unit = format!("verigate-{name}.socket");
        assert_eq!(service.matches(&unit).count(), 2, "{unit}");
        let unit = fs::read_to_string(root.join("deploy/systemd").join(unit)).unwrap();
        let listen = defaults[name]["listen"].as_str().unwrap();
        for line in [
            format!("ListenStream={listen}"),
            format!("FileDescriptorName={name}"),
            "Service=verigate.service".to_owned(),
        ] {
            assert!(unit.lines().any(|has| has == line), "{name}: {line}");
        }
    }
}

/// By systemd itself, where it is installed; the test of the Debian package needs it.
#[test]
fn the_units_are_valid_and_the_service_is_exposed_as_little_as_its_page_says() {
    let units = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/systemd");
    let analyze = |arguments: &[&str]| {
        let output = Command::new("systemd-analyze")
            .args(arguments)
            .arg(units.join("verigate.service"))
            .env("SYSTEMD_COLORS", "0")
            .output();
        match output {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            output => {
                let output = output.unwrap();
                Some(String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
            }
        }
    };
    let Some(verified) = analyze(&["verify", "--man=no"]) else {
        return;
    };
    // This machine need not have it installed.
    let found: Vec<&str> = verified
        .lines()
        .filter(|line| !line.contains("is not executable"))
        .collect();
    assert!(found.is_empty(), "{found:?}");
    let rated = analyze(&["security", "--offline=yes", "--no-pager"]).unwrap();
    let (_, exposure) = rated
        .split_once("exposure level for verigate.service: ")
        .unwrap();
    let exposure = exposure.split(' ').next().unwrap();
    let page = fs::read_to_string(units.join("../../docs/operations.md")).unwrap();
    assert!(
        page.contains(&format!("rates its exposure {exposure} of 10")),
        "{exposure}"
    );
    assert!(exposure.parse::<f32>().unwrap() <= 1.5, "{exposure}");
}

#[tokio::test]
async fn the_service_manager_is_notified_when_it_serves_reloads_and_stops() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(SOON)).unwrap();
    let notified = || {
        let mut message = [0; 256];
        let length = manager.recv(&mut message).unwrap();
        String::from_utf8_lossy(&message[..length]).into_owned()
    };
    let program = Program::start(Start {
        notify: Some(path),
        ..Start::default()
    })
    .await;
    assert_eq!(notified(), "READY=1\n");
    program.process.signal("-HUP");
    let reloading = notified();
    assert!(
        reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="),
        "{reloading}"
    );
    assert_eq!(notified(), "READY=1\n");
    program.stop().await;
    assert_eq!(notified(), "STOPPING=1\n");
}

/// As systemd does it for `WatchdogSec=`.
const WATCHED: &str = "export WATCHDOG_USEC=30000 WATCHDOG_PID=$$";

#[tokio::test]
async fn a_service_manager_with_a_watchdog_is_notified_again_and_again_until_the_end() {
    for (before, is_watched) in [
        (WATCHED, true),
        // Meant for another process, or without an effect.
        ("export WATCHDOG_USEC=30000 WATCHDOG_PID=1", false),
        ("export WATCHDOG_USEC=0 WATCHDOG_PID=$$", false),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        manager.set_read_timeout(Some(SOON)).unwrap();
        let program = Program::start(Start {
            notify: Some(path),
            before,
            ..Start::default()
        })
        .await;
        let notified = || {
            let mut message = [0; 256];
            let length = manager.recv(&mut message).unwrap();
            String::from_utf8_lossy(&message[..length]).into_owned()
        };
        assert_eq!(notified(), "READY=1\n");
        for _ in 0..10 * usize::from(is_watched) {
            assert_eq!(notified(), "WATCHDOG=1\n");
        }
        let stopped = tokio::task::spawn_blocking(move || {
            let mut before_the_end = Vec::new();
            loop {
                let mut message = [0; 256];
                let length = manager.recv(&mut message).unwrap();
                match &message[..length] {
                    b"STOPPING=1\n" => return before_the_end,
                    other => before_the_end.push(String::from_utf8_lossy(other).into_owned()),
                }
            }
        });
        let log = program.stop().await;
        assert!(events(&log, "runtime_blocked").is_empty());
        let before_the_end = stopped.await.unwrap();
        let only_beats = before_the_end.iter().all(|beat| beat == "WATCHDOG=1\n");
        assert!(
            only_beats && (is_watched || before_the_end.is_empty()),
            "{before_the_end:?}"
        );
    }
}
