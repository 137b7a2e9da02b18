//! A proxy with its recipe.

use std::{
    cell::RefCell,
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;

use crate::{
    callers::issuer::{AUDIENCE, ISSUER},
    operations::skip,
    world::Killed,
};

pub const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Which proxy, with which of its recipes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Nginx,
    Caddy,
    Envoy,
    /// Envoy verifies the token of the session.
    EnvoyJwt,
    Haproxy,
}

/// What a proxy stands between.
#[derive(Debug, Clone, Copy)]
pub struct Neighbours<'n> {
    /// Verigate, or what is in its place: its HTTP listener, or its gRPC listener for those that ask over gRPC.
    pub service: SocketAddr,
    pub application: SocketAddr,
    /// The token of the gateway.
    pub token: &'n str,
    /// The key set of the issuer of sessions.
    pub keys: &'n Path,
}

/// A proxy that runs.
pub struct Proxy {
    pub address: SocketAddr,
    _process: Killed,
    _folder: TempDir,
}

impl Kind {
    pub fn is_installed(self) -> bool {
        let mut command = Command::new(self.program());
        command.arg(match self {
            Self::Nginx | Self::Haproxy => "-v",
            Self::Caddy => "version",
            Self::Envoy | Self::EnvoyJwt => "--version",
        });
        let command = command.stdout(Stdio::null()).stderr(Stdio::null());
        if command.status().is_ok_and(|status| status.success()) {
            return true;
        }
        skip(&format!("{self:?} is not installed: .ci/run installs it"));
        false
    }

    /// Whether it asks the gRPC listener.
    pub fn speaks_grpc(self) -> bool {
        matches!(self, Self::Envoy | Self::EnvoyJwt)
    }

    fn program(self) -> PathBuf {
        let system = |name: &str| {
            let usual = Path::new("/usr/sbin").join(name);
            if usual.exists() { usual } else { name.into() }
        };
        match self {
            Self::Nginx => system("nginx"),
            Self::Haproxy => system("haproxy"),
            Self::Caddy => Path::new(ROOT).join("target/clients/py/bin/caddy"),
            Self::Envoy | Self::EnvoyJwt => Path::new(ROOT).join("target/proxies/envoy"),
        }
    }
}

/// A file of a recipe, with these in place of what its users replace. Each must be there.
fn recipe(file: &str, replaced: &[(&str, String)]) -> String {
    let mut text = fs::read_to_string(Path::new(ROOT).join("deploy/gateways").join(file)).unwrap();
    for (from, to) in replaced {
        assert!(text.contains(from), "{from} is not in {file}");
        text = text.replace(from, to);
    }
    text
}

/// Where a proxy is made to listen, and its files.
struct Setup {
    own: SocketAddr,
    folder: TempDir,
}

impl Setup {
    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Writes a file, and returns its path.
    fn write(&self, name: &str, text: &str) -> String {
        fs::write(self.path(name), text).unwrap();
        self.path(name)
    }
}

impl Proxy {
    /// Starts a proxy between these.
    pub async fn start(kind: Kind, between: Neighbours<'_>) -> Self {
        // Free until the proxy binds it.
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let setup = Setup {
            own: free.local_addr().unwrap(),
            folder: tempfile::tempdir().unwrap(),
        };
        drop(free);
        let arguments = match kind {
            Kind::Nginx => nginx(&setup, between),
            Kind::Caddy => caddy(&setup, between),
            Kind::Envoy => envoy(&setup, between, "envoy.yaml", &[]),
            Kind::EnvoyJwt => {
                let keys = between.keys.display().to_string();
                let replaced = [
                    ("/etc/envoy/jwks.json", keys),
                    ("https://id.example.com\n", format!("{ISSUER}\n")),
                    ("audiences: [app]", format!("audiences: [{AUDIENCE}]")),
                ];
                envoy(&setup, between, "envoy-jwt.yaml", &replaced)
            }
            Kind::Haproxy => haproxy(&setup, between),
        };
        let mut command = Command::new(kind.program());
        command.args(arguments).envs([
            ("XDG_DATA_HOME", setup.path("data")),
            ("XDG_CONFIG_HOME", setup.path("config")),
        ]);
        let log = fs::File::create(setup.path("stderr")).unwrap();
        let command = command.stdout(Stdio::null()).stderr(log);
        let process = RefCell::new(Killed(command.spawn().unwrap()));
        let address = setup.own;
        crate::world::until("the proxy listens", async || {
            let ended = process.borrow_mut().0.try_wait().unwrap();
            let log = || fs::read_to_string(setup.path("stderr")).unwrap();
            assert!(ended.is_none(), "{kind:?} has ended: {}", log());
            TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
        })
        .await;
        Self {
            address,
            _process: process.into_inner(),
            _folder: setup.folder,
        }
    }
}

fn nginx(setup: &Setup, between: Neighbours<'_>) -> Vec<String> {
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let temporary = temporary.map(|name| {
        let path = setup.path(name);
        format!("{name}_temp_path {path};\n")
    });
    let replaced = [
        ("127.0.0.1:8081", setup.own.to_string()),
        ("127.0.0.1:8080", between.service.to_string()),
        ("127.0.0.1:3000", between.application.to_string()),
        ("/var/log/nginx", setup.path("log")),
        ("/run/nginx.pid", setup.path("pid")),
        ("http {\n", format!("http {{\n{}", temporary.concat())),
    ];
    fs::create_dir(setup.path("log")).unwrap();
    let config = setup.write("nginx.conf", &recipe("nginx/nginx.conf", &replaced));
    let line = format!("proxy_set_header X-Verigate-Token \"{}\";\n", between.token);
    setup.write("verigate-token.conf", &line);
    let log = setup.path("log/start");
    let rest = "daemon off; master_process off;";
    ["-e", &log, "-c", &config, "-g", rest]
        .map(str::to_owned)
        .into()
}

fn caddy(setup: &Setup, between: Neighbours<'_>) -> Vec<String> {
    let replaced = [
        (
            "http://:8081",
            ["http://:", &setup.own.port().to_string()].concat(),
        ),
        ("127.0.0.1:8080", between.service.to_string()),
        ("127.0.0.1:3000", between.application.to_string()),
        (
            "/etc/caddy/verigate-token",
            setup.write("token", between.token),
        ),
    ];
    let config = setup.write("Caddyfile", &recipe("caddy/Caddyfile", &replaced));
    ["run", "--adapter", "caddyfile", "--config", &config]
        .map(str::to_owned)
        .into()
}

fn envoy(
    setup: &Setup,
    between: Neighbours<'_>,
    file: &str,
    replaced: &[(&'static str, String)],
) -> Vec<String> {
    let port = |address: SocketAddr| format!("port_value: {}", address.port());
    let mut all = vec![
        ("port_value: 8081", port(setup.own)),
        ("port_value: 50051", port(between.service)),
        ("port_value: 3000", port(between.application)),
        (
            "/etc/envoy/verigate-token",
            setup.write("token", between.token),
        ),
    ];
    all.extend_from_slice(replaced);
    let text = recipe(&["envoy/", file].concat(), &all);
    let config = setup.write("envoy.yaml", &text);
    let rest = [
        "--disable-hot-restart",
        "--concurrency",
        "1",
        "-l",
        "critical",
    ];
    let own = ["-c", &config].into_iter().chain(rest);
    own.map(str::to_owned).collect()
}

fn haproxy(setup: &Setup, between: Neighbours<'_>) -> Vec<String> {
    let script = [
        (
            "\"127.0.0.1\", 8080",
            format!("\"127.0.0.1\", {}", between.service.port()),
        ),
        (
            "/etc/haproxy/verigate-token",
            setup.write("token", between.token),
        ),
    ];
    let script = setup.write("verigate.lua", &recipe("haproxy/verigate.lua", &script));
    let replaced = [
        ("127.0.0.1:8081", setup.own.to_string()),
        ("127.0.0.1:3000", between.application.to_string()),
        ("/etc/haproxy/verigate.lua", script),
    ];
    let config = setup.write("haproxy.cfg", &recipe("haproxy/haproxy.cfg", &replaced));
    ["-db", "-f", &config].map(str::to_owned).into()
}
