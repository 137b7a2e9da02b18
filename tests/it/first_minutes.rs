//! The first steps of a new user: the demo, the service beside the simulator, a manual check, completions and manual pages.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::SocketAddr,
    process::{Command, Output, Stdio},
    sync::Arc,
};

use rustls::pki_types::PrivatePkcs8KeyDer;
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};
use verigate::{
    clock::{Clock as _, SystemClock},
    sim::{BUILT_IN, Cast, Credentials, Simulator, TOKEN_LIFE},
};

use crate::world::{Killed, loopback};

const CONFIG: &str = "deploy/sim/verigate.toml";
/// The documents that show commands.
const DOCUMENTS: [&str; 5] = [
    "README.md",
    "docs/policy.md",
    "docs/operations.md",
    "docs/step-up.md",
    CONFIG,
];

fn verigate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_verigate"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(arguments)
        .output()
        .unwrap()
}

/// The service with the configuration that newcomers paste, but on free ports, beside a simulator.
struct Pasted {
    _simulator: Simulator,
    _service: Killed,
    grpc: SocketAddr,
    folder: TempDir,
}

impl Pasted {
    async fn start() -> Self {
        let clock = Arc::new(SystemClock);
        let cast = Cast::read("the built-in cast", BUILT_IN, clock.now()).unwrap();
        let known = Credentials::default();
        let simulator = Simulator::start(loopback(), cast, known, TOKEN_LIFE, clock);
        let simulator = simulator.await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let journal = folder.path().join("decisions.jsonl").display().to_string();
        let service = Command::new(env!("CARGO_BIN_EXE_verigate"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(["serve", "--config", CONFIG])
            .env(
                "VERIGATE_INCODE__URL",
                format!("http://{}", simulator.address),
            )
            .env("VERIGATE_GRPC__LISTEN", "127.0.0.1:0")
            .env("VERIGATE_HTTP__LISTEN", "127.0.0.1:0")
            .env("VERIGATE_ADMIN__LISTEN", "127.0.0.1:0")
            .env("VERIGATE_JOURNAL__PATH", journal)
            .env("VERIGATE_LOG__FORMAT", "json")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut service = Killed(service);
        let stderr = BufReader::new(service.0.stderr.take().unwrap());
        let ready = tokio::task::spawn_blocking(move || {
            let lines = stderr.lines().map(|line| line.unwrap());
            let mut lines = lines.map(|line| serde_json::from_str::<Value>(&line).expect(&line));
            lines
                .find(|line| line["fields"]["event"] == "service_ready")
                .unwrap()
        });
        let grpc = ready.await.unwrap()["fields"]["grpc"]
            .as_str()
            .unwrap()
            .to_owned();
        Self {
            _simulator: simulator,
            _service: service,
            grpc: grpc.parse().unwrap(),
            folder,
        }
    }

    /// Checks Ada's verification of a month ago at a server: the exit code, and what was printed.
    async fn check(&self, server: &str, more: &str) -> (Option<i32>, String) {
        let about = "check --policy sso-admin --verification ada-month-old --identity id-ada";
        let command = format!("{about} --server {server} {more}");
        let run = move || verigate(&command.split_whitespace().collect::<Vec<_>>());
        let output = tokio::task::spawn_blocking(run).await.unwrap();
        let printed = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(printed).unwrap())
    }

    async fn check_plain(&self, more: &str) -> (Option<i32>, String) {
        self.check(&format!("http://{}", self.grpc), more).await
    }

    /// An address in front of the service that speaks TLS, and the file with its CA certificate.
    async fn behind_tls(&self) -> (SocketAddr, String) {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let ca = self.folder.path().join("ca.pem");
        fs::write(&ca, pem(made.cert.der())).unwrap();
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key.into())
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let (acceptor, grpc) = (TlsAcceptor::from(Arc::new(config)), self.grpc);
        let listener = TcpListener::bind(loopback()).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    // A client that does not trust it breaks off.
                    if let Ok(mut stream) = acceptor.accept(stream).await {
                        let mut service = TcpStream::connect(grpc).await.unwrap();
                        let _ = copy_bidirectional(&mut stream, &mut service).await;
                    }
                });
            }
        });
        (address, ca.to_str().unwrap().to_owned())
    }
}

/// A certificate in PEM.
fn pem(der: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in der.chunks(48) {
        for three in line.chunks(3) {
            let byte = |i: usize| three.get(i).copied().map_or(0, usize::from);
            let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
            for (i, shift) in [18, 12, 6, 0].into_iter().enumerate() {
                let digit = char::from(DIGITS[bits >> shift & 63]);
                text.push(if i <= three.len() { digit } else { '=' });
            }
        }
        text.push('\n');
    }
    text + "-----END CERTIFICATE-----\n"
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_configuration_to_paste_serves_beside_the_simulator_and_a_session_counts() {
    let service = Pasted::start().await;
    // Verified a month ago: a policy for administrators wants a session by a key in hardware, not older than 15 minutes.
    for (session, expected) in [
        ("", 3),
        ("--amr hwk --auth-ago 5m", 0),
        ("--amr pwd --amr hwk --acr phr --auth-ago 5m", 0),
        ("--amr pwd --auth-ago 5m", 3),
        ("--amr hwk --auth-ago 16m", 3),
        ("--amr hwk", 3),
        ("--amr hwk --auth-ago 5m --timeout 30s", 0),
    ] {
        let (code, printed) = service.check_plain(session).await;
        assert_eq!(code, Some(expected), "{session}: {printed}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_behind_tls_is_asked_only_if_its_certificate_is_trusted() {
    let service = Pasted::start().await;
    let (address, ca) = service.behind_tls().await;
    let server = format!("https://{address}");
    let session = "--amr hwk --auth-ago 5m";
    let (code, printed) = service
        .check(&server, &format!("{session} --ca {ca}"))
        .await;
    assert_eq!(code, Some(0), "{printed}");
    let (code, printed) = service.check(&server, session).await;
    assert_eq!(code, Some(2), "no CA of this machine knows it: {printed}");
    assert!(printed.contains("cannot connect to"), "{printed}");
    assert!(printed.contains("by --ca FILE"), "{printed}");
    let (code, printed) = service
        .check(&server.replace("https", "http"), session)
        .await;
    assert_eq!(code, Some(2), "{printed}");
    assert!(printed.contains("write https://"), "{printed}");
    let plain = format!("https://{}", service.grpc);
    let (code, printed) = service.check(&plain, &format!("--ca {ca}")).await;
    assert_eq!(code, Some(2), "{printed}");
    assert!(printed.contains("does not speak TLS"), "{printed}");
    // The trusted certificate is a different one.
    let other = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let path = service.folder.path().join("other.pem");
    fs::write(&path, pem(other.cert.der())).unwrap();
    let (code, printed) = service
        .check(&server, &format!("--ca {}", path.display()))
        .await;
    assert_eq!(code, Some(2), "{printed}");
}

#[test]
fn a_check_with_a_mistake_says_which_and_asks_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let (empty, broken) = (
        folder.path().join("empty.pem"),
        folder.path().join("broken.pem"),
    );
    fs::write(&empty, "no certificate\n").unwrap();
    fs::write(
        &broken,
        "-----BEGIN CERTIFICATE-----\n*\n-----END CERTIFICATE-----\n",
    )
    .unwrap();
    let (empty, broken) = (empty.display(), broken.display());
    for (flags, expected) in [
        ("--auth-ago 5".to_owned(), "not a duration such as"),
        ("--timeout 0s".to_owned(), "longer than 0s, and at most 1h"),
        ("--timeout 61m".to_owned(), "longer than 0s, and at most 1h"),
        (
            "--server ftp://127.0.0.1".to_owned(),
            "must begin with http:// or https://",
        ),
        (
            "--server 127.0.0.1:1".to_owned(),
            "must begin with http:// or https://",
        ),
        (
            "--server http://127.0.0.1:1/access".to_owned(),
            "has a path",
        ),
        (
            "--server http://127.0.0.1:1 --ca x.pem".to_owned(),
            "begins with https://",
        ),
        (
            "--server https://127.0.0.1:1 --ca /no/such.pem".to_owned(),
            "cannot read `/no/such.pem`",
        ),
        (
            format!("--server https://127.0.0.1:1 --ca {empty}"),
            "holds no certificate",
        ),
        (
            format!("--server https://127.0.0.1:1 --ca {broken}"),
            "as PEM",
        ),
    ] {
        let command = format!("check --policy p --verification v {flags}");
        let output = verigate(&command.split_whitespace().collect::<Vec<_>>());
        let printed = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{flags}: {printed}");
        assert!(printed.contains(expected), "{flags}: {printed}");
    }
}

#[test]
fn a_server_that_never_answers_ends_a_check_after_its_timeout() {
    // Connections are accepted by the system, and nobody reads them.
    let silent = std::net::TcpListener::bind(loopback()).unwrap();
    let address = silent.local_addr().unwrap();
    for scheme in ["http", "https"] {
        let command = format!(
            "check --policy p --verification v --timeout 50ms --server {scheme}://{address}"
        );
        let output = verigate(&command.split_whitespace().collect::<Vec<_>>());
        let printed = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{printed}");
    }
}

/// The commands of a text that begin with `verigate`, without comments and what follows in a shell.
fn commands(text: &str) -> Vec<String> {
    let joined = text.replace("\\\n", " ");
    let lines = joined
        .lines()
        .map(|line| line.trim().trim_start_matches(['#', '$', ' ']));
    let commands = lines.filter_map(|line| line.strip_prefix("verigate "));
    let ends = [" #", "  ", " >", " |", " &&"];
    let first = |command: &str| {
        let ends = ends.iter().filter_map(|end| command.find(end));
        command[..ends.min().unwrap_or(command.len())].to_owned()
    };
    commands
        .map(|command| first(&command.split_inclusive("  ").collect::<String>()))
        .collect()
}

#[test]
fn every_command_of_the_documents_and_of_the_help_is_one_that_the_program_knows() {
    let mut texts: Vec<String> = DOCUMENTS
        .iter()
        .map(|path| fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap())
        .collect();
    texts.push(include_str!("../golden/help.txt").replace("\n$ verigate", "\n"));
    let mut known = 0;
    for command in texts.iter().flat_map(|text| commands(text)) {
        let mut arguments: Vec<String> = Vec::new();
        let mut quoted = command.split(['"', '\'']);
        while let Some(bare) = quoted.next() {
            arguments.extend(bare.split_whitespace().map(str::to_owned));
            arguments.extend(quoted.next().map(str::to_owned));
        }
        arguments.push("--help".to_owned());
        let output = verigate(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        let why = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "verigate {command}\n{why}");
        known += 1;
    }
    assert!(known > 40, "{known}");
}

/// The completions of this input, by a real shell; `None` if it is not installed.
fn completed(typed: &str) -> Option<String> {
    let script = verigate(&["completions", "bash"]).stdout;
    let words = format!("COMP_WORDS=({typed}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))");
    let call = "_verigate verigate \"${COMP_WORDS[COMP_CWORD]}\" \"${COMP_WORDS[COMP_CWORD-1]}\"";
    let mut bash = Command::new("bash")
        .args(["--norc", "-s"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    let mut stdin = bash.stdin.take().unwrap();
    stdin.write_all(&script).unwrap();
    write!(stdin, "\n{words}\n{call}\necho \"${{COMPREPLY[@]}}\"\n").unwrap();
    drop(stdin);
    Some(String::from_utf8(bash.wait_with_output().unwrap().stdout).unwrap())
}

#[test]
fn completions_know_every_command_in_every_shell_and_bash_uses_them() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = verigate(&["completions", shell]);
        assert!(output.status.success());
        let script = String::from_utf8(output.stdout).unwrap();
        for word in [
            "serve",
            "demo",
            "sim",
            "check",
            "explain",
            "completions",
            "verified-ago",
        ] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    assert_eq!(verigate(&["completions", "csh"]).status.code(), Some(2));
    let Some(words) = completed("verigate che") else {
        return;
    };
    assert_eq!(words.trim(), "check");
    let flags = completed("verigate check --au").unwrap();
    assert_eq!(flags.trim(), "--auth-ago");
    let words = completed("verigate policy \"\"").unwrap();
    assert!(
        words.contains("explain") && words.contains("diff"),
        "{words}"
    );
}

#[test]
fn manual_pages_say_what_the_help_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("man1");
    let output = verigate(&["man", "--folder", path.to_str().unwrap()]);
    assert!(output.status.success());
    let pages = fs::read_dir(&path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let mut pages: Vec<String> = pages.map(|name| name.into_string().unwrap()).collect();
    pages.sort();
    for page in [
        "verigate.1",
        "verigate-check.1",
        "verigate-policy-explain.1",
    ] {
        assert!(pages.iter().any(|name| name == page), "{pages:?}");
    }
    let check = fs::read_to_string(path.join("verigate-check.1")).unwrap();
    assert!(
        check.contains(".TH") && check.contains("auth\\-ago") && check.contains("Examples"),
        "{check}"
    );
    let main = String::from_utf8(verigate(&["man"]).stdout).unwrap();
    assert_eq!(main, fs::read_to_string(path.join("verigate.1")).unwrap());
    let file = path.join("verigate.1/x");
    let output = verigate(&["man", "--folder", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn the_demo_takes_policies_of_ones_own_and_says_what_is_wrong_with_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.yaml");
    let text = "version: 1\npolicies:\n  my-door:\n    require:\n      - verified_within: 1h\n";
    fs::write(&path, text).unwrap();
    let demo = Command::new(env!("CARGO_BIN_EXE_verigate"))
        .args(["demo", "--policies"])
        .arg(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut demo = Killed(demo);
    let mut stdout = BufReader::new(demo.0.stdout.take().unwrap()).lines();
    let command = stdout.find_map(|line| {
        let line = line.unwrap();
        line.contains(" check --policy my-door").then_some(line)
    });
    let command = command.unwrap();
    let arguments: Vec<&str> = command.split_whitespace().skip(1).collect();
    assert_eq!(verigate(&arguments).status.code(), Some(0));
    // Without a terminal, the decision is printed as the journal's line.
    let decision = stdout.find_map(|line| serde_json::from_str::<Value>(&line.unwrap()).ok());
    assert_eq!(decision.unwrap()["policy"], "my-door");
    drop(demo);
    fs::write(&path, text.replace("verified_within", "verified_witin")).unwrap();
    let output = verigate(&["demo", "--policies", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let printed = String::from_utf8(output.stderr).unwrap();
    assert!(
        printed.contains("did you mean `verified_within`?"),
        "{printed}"
    );
    let output = verigate(&["demo", "--policies", "/no/such/folder"]);
    assert_eq!(output.status.code(), Some(2));
}
