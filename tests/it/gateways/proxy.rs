//! A proxy with its recipe.

use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;

use crate::{operations::skip, world::Killed};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Which proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Nginx,
    Caddy,
}

/// A proxy that runs.
pub struct Proxy {
    pub address: SocketAddr,
    _process: Killed,
    _folder: TempDir,
}

impl Kind {
    pub fn is_installed(self) -> bool {
        let program = self.program();
        let starts = |program: &Path| {
            let mut command = Command::new(program);
            command.arg(if self == Self::Nginx { "-v" } else { "version" });
            let command = command.stdout(Stdio::null()).stderr(Stdio::null());
            command.status().is_ok_and(|status| status.success())
        };
        if !starts(&program) {
            skip(&format!("{self:?} is not installed: .ci/run installs it"));
            return false;
        }
        true
    }

    fn program(self) -> PathBuf {
        match self {
            Self::Nginx => {
                let usual = Path::new("/usr/sbin/nginx");
                if usual.exists() {
                    usual.to_owned()
                } else {
                    "nginx".into()
                }
            }
            Self::Caddy => Path::new(ROOT).join("target/clients/py/bin/caddy"),
        }
    }

    /// The recipe, with these in place of what its users replace. Each must be there.
    fn recipe(self, replaced: &[(String, String)]) -> String {
        let file = match self {
            Self::Nginx => "deploy/gateways/nginx/nginx.conf",
            Self::Caddy => "deploy/gateways/caddy/Caddyfile",
        };
        let mut text = fs::read_to_string(Path::new(ROOT).join(file)).unwrap();
        for (from, to) in replaced {
            assert!(text.contains(from.as_str()), "{from} is not in {file}");
            text = text.replace(from.as_str(), to);
        }
        text
    }
}

impl Proxy {
    /// Starts a proxy in front of this application, which asks this service with this token.
    pub async fn start(
        kind: Kind,
        service: SocketAddr,
        application: SocketAddr,
        token: &str,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Free until the proxy binds it.
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let addresses = [
            ("127.0.0.1:8081".to_owned(), address.to_string()),
            ("127.0.0.1:8080".to_owned(), service.to_string()),
            ("127.0.0.1:3000".to_owned(), application.to_string()),
        ];
        let mut command = match kind {
            Kind::Nginx => nginx(folder.path(), addresses.to_vec(), token),
            Kind::Caddy => caddy(folder.path(), addresses.to_vec(), token),
        };
        let command = command.stdout(Stdio::null()).stderr(Stdio::null());
        let process = Killed(command.spawn().unwrap());
        crate::world::until("the proxy listens", async || {
            TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
        })
        .await;
        Self {
            address,
            _process: process,
            _folder: folder,
        }
    }
}

type Replaced = Vec<(String, String)>;

fn nginx(folder: &Path, mut replaced: Replaced, token: &str) -> Command {
    let path = |name: &str| folder.join(name).display().to_string();
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let temporary = temporary.map(|name| format!("{name}_temp_path {};\n", path(name)));
    replaced.extend([
        ("/var/log/nginx".to_owned(), path("log")),
        ("/run/nginx.pid".to_owned(), path("pid")),
        (
            "http {\n".to_owned(),
            format!("http {{\n{}", temporary.concat()),
        ),
    ]);
    fs::create_dir(path("log")).unwrap();
    fs::write(path("nginx.conf"), Kind::Nginx.recipe(&replaced)).unwrap();
    let line = format!("proxy_set_header X-Verigate-Token \"{token}\";\n");
    fs::write(path("verigate-token.conf"), line).unwrap();
    let mut command = Command::new(Kind::Nginx.program());
    command.args(["-e", &path("log/start"), "-c", &path("nginx.conf")]);
    command.args(["-g", "daemon off; master_process off;"]);
    command
}

fn caddy(folder: &Path, mut replaced: Replaced, token: &str) -> Command {
    let path = |name: &str| folder.join(name).display().to_string();
    let port = replaced
        .first()
        .and_then(|(_, own)| own.rsplit(':').next())
        .unwrap();
    let site = ("http://:8081".to_owned(), format!("http://:{port}"));
    let _ = replaced.splice(
        ..1,
        [
            site,
            ("/etc/caddy/verigate-token".to_owned(), path("token")),
        ],
    );
    fs::write(path("Caddyfile"), Kind::Caddy.recipe(&replaced)).unwrap();
    fs::write(path("token"), token).unwrap();
    let mut command = Command::new(Kind::Caddy.program());
    command.args([
        "run",
        "--adapter",
        "caddyfile",
        "--config",
        &path("Caddyfile"),
    ]);
    command.envs([
        ("XDG_DATA_HOME", path("data")),
        ("XDG_CONFIG_HOME", path("config")),
    ]);
    command
}
