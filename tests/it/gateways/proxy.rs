//! A proxy with its recipe.

use std::{
    cell::RefCell,
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;

use crate::{
    callers::issuer::{AUDIENCE, ISSUER},
    components::skip,
    world::Killed,
};

pub const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// What the recipe for Apache needs beside it.
const APACHE_MODULES: [&str; 3] = [
    "/usr/lib/apache2/modules/mod_lua.so",
    "/usr/lib/apache2/modules/mod_auth_openidc.so",
    "/usr/share/lua/5.3/socket.lua",
];

/// Which proxy, with which of its recipes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Nginx,
    Caddy,
    Envoy,
    /// Envoy verifies the token of the session.
    EnvoyJwt,
    Haproxy,
    Apache,
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
    /// How the proxy signs people in, if it does.
    pub login: Option<Login<'n>>,
    /// What is not as it is shipped.
    pub fault: Option<ScriptFault>,
}

/// How a proxy signs people in.
#[derive(Debug, Clone, Copy)]
pub struct Login<'n> {
    pub issuer: &'n str,
    /// The secret of the proxy as a client of the issuer.
    pub secret: &'n str,
    /// Where the proxy listens, which the issuer has to know before.
    pub own: SocketAddr,
}

/// A text of a script that is replaced by another one.
pub type ScriptFault = (&'static str, &'static str);

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
            Self::Nginx | Self::Haproxy | Self::Apache => "-v",
            Self::Caddy => "version",
            Self::Envoy | Self::EnvoyJwt => "--version",
        });
        let command = command.stdout(Stdio::null()).stderr(Stdio::null());
        let is_there = |file: &&str| Path::new(file).exists();
        let has_modules = self != Self::Apache || APACHE_MODULES.iter().all(is_there);
        if has_modules && command.status().is_ok_and(|status| status.success()) {
            return true;
        }
        skip(&format!("{self:?} is not installed: .ci/run installs it"));
        false
    }

    /// Whether it asks the gRPC listener.
    pub fn speaks_grpc(self) -> bool {
        matches!(self, Self::Envoy | Self::EnvoyJwt)
    }

    /// A path that needs a decision.
    pub fn door(self) -> &'static str {
        match self {
            // A client that has no session and asks for another path is sent to the login.
            Self::Apache => "/api/door",
            _ => "/door",
        }
    }

    pub fn program(self) -> PathBuf {
        let system = |name: &str| {
            let usual = Path::new("/usr/sbin").join(name);
            if usual.exists() { usual } else { name.into() }
        };
        match self {
            Self::Nginx => system("nginx"),
            Self::Haproxy => system("haproxy"),
            Self::Apache => system("apache2"),
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
    /// The HTTP listener of Verigate, for those that ask over gRPC.
    http: Option<SocketAddr>,
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
        let own = between.login.map_or_else(free_address, |login| login.own);
        Self::start_at(kind, between, own, None).await
    }

    /// The same, at this address; and with the HTTP listener of Verigate, for those that ask over gRPC.
    pub async fn start_at(
        kind: Kind,
        between: Neighbours<'_>,
        own: SocketAddr,
        http: Option<SocketAddr>,
    ) -> Self {
        let setup = Setup {
            own,
            http,
            folder: tempfile::tempdir().unwrap(),
        };
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
            Kind::Apache => apache(&setup, between),
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

/// One that is free until somebody binds it.
pub fn free_address() -> SocketAddr {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    free.local_addr().unwrap()
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
    all.extend(setup.http.map(|http| ("port_value: 8080", port(http))));
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

/// The script of a recipe.
fn script(setup: &Setup, between: Neighbours<'_>, folder: &str) -> String {
    let port = between.service.port();
    let mut replaced = vec![
        ("\"127.0.0.1\", 8080", format!("\"127.0.0.1\", {port}")),
        (
            TOKEN_FILES[usize::from(folder == "apache")],
            setup.write("token", between.token),
        ),
    ];
    replaced.extend(between.fault.map(|(from, to)| (from, to.to_owned())));
    let file = [folder, "/verigate.lua"].concat();
    setup.write("verigate.lua", &recipe(&file, &replaced))
}

const TOKEN_FILES: [&str; 2] = ["/etc/haproxy/verigate-token", "/etc/apache2/verigate-token"];

fn haproxy(setup: &Setup, between: Neighbours<'_>) -> Vec<String> {
    // Only root can become another user, and without its package there is none of that name.
    let user = "\tuser haproxy\n\tgroup haproxy\n";
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let can_become = is_root && users.contains("\nhaproxy:");
    let replaced = [
        (user, if can_become { user } else { "" }.to_owned()),
        ("127.0.0.1:8081", setup.own.to_string()),
        ("127.0.0.1:8080", between.service.to_string()),
        ("127.0.0.1:3000", between.application.to_string()),
        (
            "/etc/haproxy/verigate.lua",
            script(setup, between, "haproxy"),
        ),
    ];
    let config = setup.write("haproxy.cfg", &recipe("haproxy/haproxy.cfg", &replaced));
    ["-db", "-f", &config].map(str::to_owned).into()
}

fn apache(setup: &Setup, between: Neighbours<'_>) -> Vec<String> {
    let (issuer, secret) = between
        .login
        .map_or(("http://127.0.0.1:9", "none"), |login| {
            (login.issuer, login.secret)
        });
    let lines = format!("OIDCClientSecret \"{secret}\"\nOIDCCryptoPassphrase \"{secret}\"\n");
    let replaced = [
        ("127.0.0.1:8081", setup.own.to_string()),
        ("127.0.0.1:8080", between.service.to_string()),
        ("127.0.0.1:3000", between.application.to_string()),
        ("https://app.example.org", format!("http://{}", setup.own)),
        ("https://id.example.com/", format!("{issuer}/")),
        (
            "/etc/apache2/verigate.lua",
            script(setup, between, "apache"),
        ),
        (
            "/etc/apache2/verigate-oidc.conf",
            setup.write("oidc.conf", &lines),
        ),
        (
            "ServerRoot /etc/apache2",
            format!("ServerRoot {}", setup.path("")),
        ),
        ("/var/log/apache2", setup.path("")),
        ("/run/apache2", setup.path("")),
    ];
    let config = setup.write("apache2.conf", &recipe("apache/apache2.conf", &replaced));
    // Its user reads the script and the token.
    let everybody = fs::Permissions::from_mode(0o755);
    fs::set_permissions(setup.folder.path(), everybody).unwrap();
    // One process, which ends when it is killed.
    ["-X", "-f", &config].map(str::to_owned).into()
}
