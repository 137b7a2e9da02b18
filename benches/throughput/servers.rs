//! The servers that are compared, each a process of its own on one core: the service as it is shipped, beside a simulated vendor, and
//! tonic's own server with a handler that does nothing.

use std::{
    fmt::Write as _,
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use verigate::bench::{EmptyServer, process_cpu};

use crate::callers::Way;

/// The argument by which this program becomes the empty server.
pub(crate) const EMPTY: &str = "empty-server";
/// Verifications that the vendor knows.
pub(crate) const VERIFICATIONS: usize = 1_000;

/// A server in a process of its own. Ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    process: Child,
    pub(crate) address: SocketAddr,
    _vendor: Option<Vendor>,
}

#[derive(Debug)]
struct Vendor(Child);

impl Drop for Vendor {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    /// This program as tonic's server with an empty handler.
    pub(crate) fn empty() -> Self {
        let program = std::env::current_exe().expect("this program");
        let mut process = Command::new(program)
            .arg(EMPTY)
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program starts");
        let mut line = String::new();
        let out = process.stdout.take().expect("piped");
        BufReader::new(out)
            .read_line(&mut line)
            .expect("its address");
        Self {
            process,
            address: line.trim().parse().expect("its address"),
            _vendor: None,
        }
    }

    /// The service with this configuration beside what it needs, and a vendor that knows [`VERIFICATIONS`].
    pub(crate) fn verigate(folder: &Path, way: &Way) -> Self {
        let cast = folder.join("cast.yaml");
        fs::write(&cast, people()).expect("a folder");
        let policy = folder.join("front-door.yaml");
        fs::write(&policy, POLICY).expect("a folder");
        let (vendor, lines) = start(&["sim", "--listen", "127.0.0.1:0", "--cast", text(&cast)]);
        let vendor = Vendor(vendor);
        let upstream = address_in(lines, "http://");
        let config = folder.join("verigate.toml");
        // In a folder of its own: those of the configuration and the policies are watched, and each write would wake the watcher.
        let file = folder.join("journal").join("decisions.jsonl");
        fs::create_dir(folder.join("journal")).unwrap();
        let policy = policy.display();
        let shadow = if way.shadow {
            let shadow = folder.join("shadow.yaml");
            fs::write(&shadow, POLICY).expect("a folder");
            format!("shadow = '{}'\n", shadow.display())
        } else {
            String::new()
        };
        let (journal, settings) = (&way.journal, &way.settings);
        let written = format!(
            "[policies]\npath = '{policy}'\n{shadow}[incode]\nurl = 'http://{upstream}'\napi_key = 'demo-api-key'\n\
             integration_id = 'demo-integration'\nsecret = 'demo-secret'\nrate = 100000\nburst = 100000\n[journal]\npath = '{}'\n{journal}\
             [grpc]\nlisten = '127.0.0.1:0'\n[http]\nlisten = '127.0.0.1:0'\n[admin]\nlisten = '127.0.0.1:0'\n\
             [log]\nformat = 'text'\n[quota]\nfetches_per_second = 100000\nfetches_burst = 100000\n{settings}",
            file.display()
        );
        fs::write(&config, written).expect("a folder");
        let (process, lines) = start(&["serve", "--config", text(&config)]);
        let address = address_in(lines, "grpc=");
        Self {
            process,
            address,
            _vendor: Some(vendor),
        }
    }

    /// The time that the process has used of its core until now: user and system.
    pub(crate) fn cpu(&self) -> Duration {
        process_cpu(self.process.id()).expect("a process that runs")
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in Unicode")
}

type Lines = Box<dyn BufRead + Send>;

/// Starts the program under test, and what it writes: the simulator to stdout, the service to stderr.
fn start(arguments: &[&str]) -> (Child, Lines) {
    let mut process = Command::new(PathBuf::from(env!("CARGO_BIN_EXE_verigate")))
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("verigate starts");
    let out = process.stdout.take().expect("piped");
    let err = process.stderr.take().expect("piped");
    let lines: Lines = if arguments.contains(&"sim") {
        thread::spawn(move || std::io::copy(&mut BufReader::new(err), &mut std::io::sink()));
        Box::new(BufReader::new(out))
    } else {
        Box::new(BufReader::new(err))
    };
    (process, lines)
}

/// The address behind this mark in what a process writes; what it writes afterwards is read and discarded.
fn address_in(mut lines: Lines, mark: &str) -> SocketAddr {
    let mut all = String::new();
    loop {
        let mut line = String::new();
        let read = lines.read_line(&mut line).expect("text");
        assert!(read > 0, "it ended before it listened: {all}");
        if let Some((_, rest)) = line.split_once(mark) {
            let end = rest.find(|c: char| !(c.is_ascii_digit() || ".:".contains(c)));
            let address = &rest[..end.unwrap_or(rest.len())];
            let address = address.parse().expect("an address");
            thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
            return address;
        }
        all.push_str(&line);
    }
}

const POLICY: &str = "\
version: 1
policies:
  front-door:
    require:
      - status: [VERIFIED]
      - verified_within: 365d
        otherwise: step_up
      - scopes: [NAME]
        otherwise: step_up
      - age_at_least: 18
    evidence:
      fresh_for: 1h
    reuse:
      allow: 10m
";

fn people() -> String {
    let mut cast = "\
people:
  ada:
    identity_id: id-ada
    full_name: Ada Example
    first_name: Ada
    last_name: Example
    date_of_birth: 1990-05-17
    phone: \"+12025550101\"
verifications:
"
    .to_owned();
    for n in 0..VERIFICATIONS {
        let _ = writeln!(
            cast,
            "  {}:\n    person: ada\n    verified_ago: 1h\n    scopes: [NAME, DATE_OF_BIRTH, PHONE]",
            verification(n)
        );
    }
    cast
}

/// The id of a verification, as long as those that a vendor gives.
pub(crate) fn verification(n: usize) -> String {
    format!("6650b7d4-0000-4000-8000-{n:012}")
}

/// Serves nothing, for ever.
pub(crate) fn serve_empty() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let server = EmptyServer::bind("127.0.0.1:0".parse().expect("an address"));
        let server = server.expect("a free port");
        println!("{}", server.address);
        server.serve().await.expect("it serves");
    });
}
