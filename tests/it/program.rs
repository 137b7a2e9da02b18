//! The program as it is shipped, tried from outside: its behaviour when nobody reads what it writes, when its files are moved,
//! and on signals. Its stderr and its stdout are pipes that a test may leave unread.

mod canaries;
mod checkpoints;
mod compressed;
mod credentials;
mod descriptors;
mod exports;
mod file_modes;
mod journal_changes;
mod journal_output;
mod killed;
mod logrotate;
mod memory;
mod rolling_restart;
mod rotation;
mod scanner;
mod secrecy;
mod signals;
mod sockets;
mod state_key;
mod stderr;

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader, PipeReader, PipeWriter, Write as _},
    os::{
        fd::{AsFd, OwnedFd},
        unix::{fs::chown, process::CommandExt as _},
    },
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::Value;
use tempfile::TempDir;
use tonic::{Code, transport::Channel};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use verigate::{
    clock::{Clock as _, SystemClock},
    proto::v1::{CheckAccessResponse, access_service_client::AccessServiceClient},
    sim::{BUILT_IN, Cast, Credentials, Simulator, TOKEN_LIFE},
};

pub use self::checkpoints::journal_of_a_killed_program;
use crate::world::{Killed, check_request, loopback};

/// What a test waits for at most. Nothing that is right takes nearly as long.
const SOON: Duration = Duration::from_secs(30);

/// How a program is started.
pub struct Start {
    /// Further lines of its configuration, by section.
    config: String,
    /// The journal; `-` is stdout.
    journal: Option<PathBuf>,
    workers: &'static str,
    /// A shell command before it, such as `ulimit`.
    before: &'static str,
    /// Whether root starts it as a user without privileges. Others start it as themselves.
    as_nobody: bool,
    api_key: String,
    /// Who the vendor knows.
    cast: String,
    policies: &'static str,
    /// What becomes its stdin and its stdout, instead of nothing and a pipe.
    sockets: Vec<OwnedFd>,
    /// The socket of a service manager.
    notify: Option<PathBuf>,
}

impl Default for Start {
    fn default() -> Self {
        Self {
            config: String::new(),
            journal: None,
            workers: "2",
            before: ":",
            as_nobody: false,
            api_key: format!("api_key = '{}'", Credentials::default().api_key),
            cast: BUILT_IN.to_owned(),
            policies: crate::world::POLICIES,
            sockets: Vec::new(),
            notify: None,
        }
    }
}

impl Start {
    /// The same, after this shell command.
    pub fn after(self, before: String) -> Self {
        Self {
            // As long as the test runs.
            before: before.leak(),
            ..self
        }
    }

    /// With these further lines of its configuration, and these policies.
    pub fn with(config: String, policies: &'static str) -> Self {
        Self {
            config,
            policies,
            ..Self::default()
        }
    }
}

/// A running program with a simulated vendor.
pub struct Program {
    pub simulator: Simulator,
    pub process: Killed,
    stderr: Pipe,
    stdout: Pipe,
    client: AccessServiceClient<Channel>,
    pub grpc: String,
    pub http: String,
    pub admin: String,
    pub folder: TempDir,
    journal: PathBuf,
}

/// A pipe to the program. The test has both ends.
struct Pipe {
    reader: Option<BufReader<PipeReader>>,
    writer: Option<PipeWriter>,
}

impl Pipe {
    fn new() -> (Self, OwnedFd) {
        let (reader, writer) = std::io::pipe().unwrap();
        let given = writer.try_clone().unwrap().into();
        let pipe = Self {
            reader: Some(BufReader::new(reader)),
            writer: Some(writer),
        };
        (pipe, given)
    }

    /// Fills it, so that the next writer has to wait.
    fn fill(&mut self) {
        let mut writer = self.writer.take().unwrap();
        while is_writable(&writer) {
            writer.write_all(&[b'\n'; 4096]).unwrap();
        }
    }

    /// Reads on, in a thread, until the program has ended; its lines.
    fn drain(&mut self) -> JoinHandle<Vec<String>> {
        self.writer = None;
        let reader = self.reader.take().unwrap();
        std::thread::spawn(move || {
            let lines = reader.lines().map_while(Result::ok);
            lines.filter(|line| !line.is_empty()).collect()
        })
    }
}

/// The user without privileges that root starts programs as.
const NOBODY: u32 = 65534;

/// The program to start. As nobody, it is one that nobody can reach, in a folder that is nobody's with all that is in it.
fn executable(as_nobody: bool, command: &mut Command, folder: &Path) -> PathBuf {
    let built = PathBuf::from(env!("CARGO_BIN_EXE_verigate"));
    if !as_nobody || !rustix::process::geteuid().is_root() {
        return built;
    }
    let reached = folder.join("verigate");
    fs::hard_link(&built, &reached)
        .or_else(|_| fs::copy(&built, &reached).map(drop))
        .unwrap();
    let own = |path: &Path| chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    own(folder);
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path != reached {
            own(&path);
        }
    }
    command.uid(NOBODY).gid(NOBODY);
    reached
}

fn is_writable(fd: &impl AsFd) -> bool {
    let mut polled = [PollFd::new(fd, PollFlags::OUT)];
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    poll(&mut polled, Some(&at_once)).unwrap() > 0
}

impl Program {
    pub async fn start(start: Start) -> Self {
        // An error means that another test has done it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let clock = Arc::new(SystemClock);
        let cast = Cast::read("the cast", &start.cast, clock.now()).unwrap();
        let known = Credentials::default();
        let simulator = Simulator::start(loopback(), cast, known.clone(), TOKEN_LIFE, clock);
        let simulator = simulator.await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("p.yaml"), start.policies).unwrap();
        let journal = start.journal.unwrap_or_else(|| path("journal.jsonl"));
        let config = format!(
            "[grpc]\nlisten = '127.0.0.1:0'\n[http]\nlisten = '127.0.0.1:0'\n[admin]\nlisten = '127.0.0.1:0'\n\
             [policies]\npath = '{}'\n[journal]\npath = '{}'\n\
             [incode]\nurl = 'http://{}'\n{}\nintegration_id = '{}'\nsecret = '{}'\n{}\n",
            path("p.yaml").display(),
            journal.display(),
            simulator.address,
            start.api_key,
            known.integration_id,
            known.secret,
            start.config,
        );
        fs::write(path("verigate.toml"), config).unwrap();
        let (mut stderr, to_stderr) = Pipe::new();
        let (stdout, to_stdout) = Pipe::new();
        let mut sockets = start.sockets.into_iter();
        let stdin = sockets.next().map_or_else(Stdio::null, Stdio::from);
        let to_stdout = sockets.next().unwrap_or(to_stdout);
        let notify = start.notify.map(|path| ("NOTIFY_SOCKET", path));
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{}; exec \"$@\"", start.before), "sh"]);
        let program = executable(start.as_nobody, &mut command, folder.path());
        let process = command
            .arg(program)
            .args(["serve", "--config"])
            .arg(path("verigate.toml"))
            .current_dir(folder.path())
            .env("VERIGATE_LOG__FORMAT", "json")
            .env("TOKIO_WORKER_THREADS", start.workers)
            .envs(notify)
            .stdin(stdin)
            .stdout(Stdio::from(to_stdout))
            .stderr(Stdio::from(to_stderr))
            .spawn()
            .unwrap();
        let process = Killed(process);
        let (ready, stderr) = tokio::task::spawn_blocking(move || {
            let ready = until_event(&mut stderr, "service_ready");
            (ready, stderr)
        })
        .await
        .unwrap();
        let address = |name: &str| format!("http://{}", ready["fields"][name].as_str().unwrap());
        let grpc = address("grpc");
        // It connects when it is used: the listener may speak TLS.
        let channel = Channel::from_shared(grpc.clone()).unwrap().connect_lazy();
        let client = AccessServiceClient::new(channel);
        Self {
            http: address("http"),
            admin: address("admin"),
            simulator,
            process,
            stderr,
            stdout,
            client,
            grpc,
            folder,
            journal,
        }
    }

    async fn check(&self, verification: &str) -> Result<CheckAccessResponse, Code> {
        let mut request = tonic::Request::new(check_request("front-door", verification));
        request.set_timeout(Duration::from_secs(5));
        let answer = self.client.clone().check_access(request).await;
        answer
            .map(tonic::Response::into_inner)
            .map_err(|status| status.code())
    }

    /// The status and the body of a response of the admin listener.
    async fn get(&self, path: &str) -> (u16, String) {
        let got = async {
            let response = reqwest::get(format!("{}{path}", self.admin)).await.unwrap();
            (response.status().as_u16(), response.text().await.unwrap())
        };
        tokio::time::timeout(SOON, got).await.expect(path)
    }

    async fn health(&self) -> ServingStatus {
        let channel = Channel::from_shared(self.grpc.clone()).unwrap();
        let mut health = HealthClient::new(channel.connect().await.unwrap());
        let answer = health.check(HealthCheckRequest::default()).await.unwrap();
        answer.into_inner().status()
    }

    /// Waits until readiness and health say this.
    async fn until_ready(&self, ready: bool) {
        let (status, serving) = if ready {
            (200, ServingStatus::Serving)
        } else {
            (503, ServingStatus::NotServing)
        };
        until("readiness follows the journal", async || {
            self.get("/readyz").await.0 == status && self.health().await == serving
        })
        .await;
    }

    /// Waits until the program has ended.
    async fn ended(process: Killed) -> ExitStatus {
        let mut process = process;
        let ended = tokio::task::spawn_blocking(move || process.0.wait().unwrap());
        let ended = tokio::time::timeout(SOON, ended).await;
        ended.expect("it ends in time").unwrap()
    }

    /// Waits until its log has this event.
    async fn until_logged(self, event: &'static str) -> Self {
        let Self { mut stderr, .. } = self;
        // The program alone writes now, so that its end is the end of what is read.
        stderr.writer = None;
        let reading = tokio::task::spawn_blocking(move || {
            until_event(&mut stderr, event);
            stderr
        });
        let stderr = tokio::time::timeout(SOON, reading).await;
        Self {
            stderr: stderr.expect(event).unwrap(),
            ..self
        }
    }

    /// Stops it, which succeeds; the lines of its log.
    async fn stop(self) -> Vec<String> {
        self.stop_and_keep().await.0
    }

    /// The same, and its folder.
    async fn stop_and_keep(mut self) -> (Vec<String>, TempDir) {
        let log = self.stderr.drain();
        drop(self.client);
        self.process.signal("-TERM");
        assert!(Self::ended(self.process).await.success());
        (log.join().unwrap(), self.folder)
    }
}

/// Reads lines up to the one with this event.
fn until_event(pipe: &mut Pipe, event: &str) -> Value {
    let reader = pipe.reader.as_mut().unwrap();
    loop {
        let line = next_line(reader);
        assert!(line.is_some(), "the log goes on without {event}");
        let line = line.unwrap();
        let value: Value = serde_json::from_slice(&line).unwrap_or_default();
        if value["fields"]["event"] == event {
            return value;
        }
    }
}

/// The next line; none if nothing more comes for a long time, or at the end.
fn next_line(reader: &mut BufReader<PipeReader>) -> Option<Vec<u8>> {
    let mut line = Vec::new();
    loop {
        if reader.buffer().is_empty() && !is_readable_soon(reader.get_ref()) {
            return None;
        }
        let bytes = reader.fill_buf().unwrap();
        if bytes.is_empty() {
            return None;
        }
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(bytes.len(), |end| end + 1);
        line.extend_from_slice(&bytes[..taken]);
        reader.consume(taken);
        if end.is_some() {
            return Some(line);
        }
    }
}

fn is_readable_soon(fd: &impl AsFd) -> bool {
    let mut polled = [PollFd::new(fd, PollFlags::IN)];
    let soon = Timespec {
        tv_sec: SOON.as_secs().try_into().unwrap(),
        tv_nsec: 0,
    };
    poll(&mut polled, Some(&soon)).unwrap() > 0
}

/// The lines of a log with this event.
fn events<'l>(log: &'l [String], event: &str) -> Vec<&'l String> {
    let event = format!("\"event\":\"{event}\"");
    log.iter().filter(|line| line.contains(&event)).collect()
}

/// Waits until a condition holds. One that never does fails the test.
async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let waited = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(SOON, waited).await.is_ok(), "{what}");
}

/// The decisions in these files, in their order.
fn recorded(files: &[&Path]) -> Vec<String> {
    let mut ids = Vec::new();
    for file in files {
        let text = fs::read_to_string(file).unwrap_or_default();
        for line in text.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            let id = line.get("decision_id").and_then(Value::as_str);
            assert_eq!(id.is_some(), line.get("event").is_none(), "{line}");
            ids.extend(id.map(str::to_owned));
        }
    }
    ids
}
