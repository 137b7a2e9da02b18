//! `verigate bench --demo`: starts every server of the comparison.

use std::{
    ffi::{OsStr, OsString},
    fs,
    io::Read as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
    thread,
};

use anyhow::{Context as _, anyhow, bail};
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType,
};
use rustls::{ClientConfig, RootCertStore, crypto::ring::default_provider};
use tempfile::TempDir;

use super::{
    super::{environment::Environment, output::eprint_line},
    children::{Says, Server, free_port},
    fixtures::{
        CERBOS_POLICY, IDENTITY, POLICY, POLICY_NAME, Verified, cast, cerbos_config, config,
        person, verifications,
    },
};
use crate::{
    bench::{Calls, Endpoint, Expected, Target, Verdict, available, stay_on},
    callers::Token,
    clock::{Clock as _, SystemClock},
    proto::v1::CheckAccessRequest,
};

const BATCH: u32 = 64;
const LOOPBACK: &str = "127.0.0.1";
/// The caller of every call: nobody else can reach these servers.
const TOKEN_ID: [u8; 8] = [1; 8];
const TOKEN_SECRET: [u8; 32] = [2; 32];
/// What a program of Linux begins with, and a script does not.
const ELF: [u8; 4] = *b"\x7fELF";

/// The servers of the comparison, which end with this.
#[derive(Debug)]
pub(super) struct Demo {
    empty: (Server, SocketAddr),
    verigate: (Server, SocketAddr),
    tls: (Server, SocketAddr),
    client: Arc<ClientConfig>,
    cerbos: Option<(Server, SocketAddr)>,
    _vendor: Server,
    /// The cores that are left for the load.
    pub(super) load_cores: Vec<usize>,
    /// Dropped last.
    _folder: TempDir,
}

impl Demo {
    /// Starts them, on the first cores. Blocks.
    pub(super) fn start(
        cerbos: Option<&Path>,
        server_cores: usize,
        environment: &Environment,
        stop: &AtomicBool,
    ) -> anyhow::Result<Self> {
        let cores = available();
        let (for_servers, for_load) = cores.split_at_checked(server_cores).unwrap_or_default();
        if for_servers.is_empty() || for_load.is_empty() {
            if server_cores > 1 {
                bail!(
                    "--server-cores {server_cores} leaves no core for the load: {} can be used",
                    cores.len()
                );
            }
            eprint_line(
                "there is one core: servers and load share it, and what the load takes is missing",
            );
            return Self::start_here(cerbos, Vec::new(), environment, stop);
        }
        thread::scope(|scope| {
            let started = scope.spawn(|| {
                stay_on(for_servers);
                Self::start_here(cerbos, for_load.to_vec(), environment, stop)
            });
            started
                .join()
                .map_err(|_| anyhow!("the servers could not be started"))?
        })
    }

    fn start_here(
        cerbos: Option<&Path>,
        load_cores: Vec<usize>,
        environment: &Environment,
        stop: &AtomicBool,
    ) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir().context("cannot make a folder for temporary files")?;
        let own = std::env::current_exe().context("cannot find this program")?;
        let own = own.as_os_str();
        let cast_file = folder.path().join("cast.yaml");
        fs::write(&cast_file, cast())?;
        let cast_file = text(&cast_file)?;
        let simulated = ["sim", "--listen", "127.0.0.1:0", "--cast", cast_file];
        let (vendor, at) = Server::start(own, &simulated, Says::Stdout, "http://")?;
        let vendor_url = format!("http://{at}");
        let served = ["bench", "--serve-empty"];
        let empty = Server::start(own, &served, Says::Stdout, "http://")?;
        let (tls_config, client) = certificates(folder.path())?;
        let verigate = serve(own, &folder.path().join("plain"), &vendor_url, "")?;
        let tls = serve(own, &folder.path().join("tls"), &vendor_url, &tls_config)?;
        let cerbos = cerbos.map(Path::to_owned).or_else(|| found(environment));
        let cerbos = match &cerbos {
            Some(program) => Some(start_cerbos(program, &folder.path().join("cerbos"), stop)?),
            None => {
                eprint_line(
                    "no Cerbos: `cerbos` is not in PATH; npm install cerbos, and name its program by --cerbos FILE",
                );
                None
            }
        };
        Ok(Self {
            empty,
            verigate,
            tls,
            client,
            cerbos,
            _vendor: vendor,
            load_cores,
            _folder: folder,
        })
    }

    /// What is measured, the empty handler first.
    pub(super) fn targets(&self) -> Vec<Target> {
        let check = CheckAccessRequest {
            policy: POLICY_NAME.to_owned(),
            identity_id: IDENTITY.to_owned(),
            ..CheckAccessRequest::default()
        };
        let (recent, old) = (
            verifications(Verified::Recently),
            verifications(Verified::LongAgo),
        );
        let token = Token::from_random(TOKEN_ID, TOKEN_SECRET)
            .reveal()
            .to_owned();
        let target =
            |name: &str, (server, address): &(Server, SocketAddr), calls, verdict| Target {
                name: name.to_owned(),
                endpoint: Endpoint {
                    address: *address,
                    host: LOOPBACK.to_owned(),
                    tls: None,
                    token: Some(token.clone()),
                },
                calls,
                expected: Expected::Decision(verdict),
                server_pid: Some(server.pid()),
            };
        let unary = Calls::unary(&check, &recent);
        let batch = Calls::batch(&check, &recent, BATCH);
        let stream = Calls::stream(&check, &recent);
        let step_up = Calls::unary(&check, &old);
        let mut by_tls = target("Verigate, TLS", &self.tls, unary.clone(), Verdict::Allow);
        by_tls.endpoint.tls = Some(Arc::clone(&self.client));
        let mut targets = vec![
            target(
                "empty tonic handler",
                &self.empty,
                unary.clone(),
                Verdict::Allow,
            ),
            target("Verigate, ALLOW", &self.verigate, unary, Verdict::Allow),
            target(
                "Verigate, STEP_UP",
                &self.verigate,
                step_up,
                Verdict::StepUp,
            ),
            target(
                "Verigate, batch of 64",
                &self.verigate,
                batch,
                Verdict::Allow,
            ),
            target("Verigate, stream", &self.verigate, stream, Verdict::Allow),
            by_tls,
        ];
        if let Some(cerbos) = &self.cerbos {
            let calls = Calls::cerbos(&person(SystemClock.now()));
            let mut target = target("Cerbos", cerbos, calls, Verdict::Allow);
            target.endpoint.token = None;
            targets.push(target);
        }
        targets
    }
}

/// A service in this folder.
fn serve(
    program: &OsStr,
    folder: &Path,
    vendor: &str,
    tls: &str,
) -> anyhow::Result<(Server, SocketAddr)> {
    fs::create_dir_all(folder.join("journal"))?;
    fs::write(folder.join("policy.yaml"), POLICY)?;
    let token = Token::from_random(TOKEN_ID, TOKEN_SECRET);
    let config_file = folder.join("verigate.toml");
    let config = config(text(folder)?, vendor, &token.entry().to_string(), tls);
    fs::write(&config_file, config)?;
    let arguments = ["serve", "--config", text(&config_file)?];
    Server::start(program, &arguments, Says::Stderr, "\"grpc\":\"")
}

/// Certificates for the length of the run: the settings of the service, and a client that accepts them.
fn certificates(folder: &Path) -> anyhow::Result<(String, Arc<ClientConfig>)> {
    let mut ca = CertificateParams::new([])?;
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_key = KeyPair::generate()?;
    let root = ca.self_signed(&ca_key)?;
    let mut server = CertificateParams::new([])?;
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    server.subject_alt_names = vec![SanType::IpAddress([127, 0, 0, 1].into())];
    let key = KeyPair::generate()?;
    let certificate = server.signed_by(&key, &Issuer::new(ca, ca_key))?;
    let (certificate_file, key_file) = (folder.join("tls.crt"), folder.join("tls.key"));
    fs::write(&certificate_file, certificate.pem())?;
    fs::write(&key_file, key.serialize_pem())?;
    let settings = format!(
        "[grpc.tls]\ncertificate = '{}'\nkey = '{}'\n",
        text(&certificate_file)?,
        text(&key_file)?
    );
    let mut roots = RootCertStore::empty();
    roots.add(root.der().clone())?;
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let mut client = builder
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    client.alpn_protocols = vec![b"h2".to_vec()];
    Ok((settings, Arc::new(client)))
}

/// Cerbos with the equivalent policy.
fn start_cerbos(
    program: &Path,
    folder: &Path,
    stop: &AtomicBool,
) -> anyhow::Result<(Server, SocketAddr)> {
    let shown = program.display();
    let mut start = [0; 4];
    let read = fs::File::open(program).and_then(|mut file| file.read_exact(&mut start));
    read.with_context(|| format!("cannot read `{shown}`"))?;
    if cfg!(target_os = "linux") && start != ELF {
        bail!(
            "`{shown}` is a script that starts Cerbos, and its CPU could not be measured: name the program itself, such as node_modules/@cerbos/cerbos-linux-x64/cerbos-linux-x64"
        );
    }
    let policies = folder.join("policies");
    fs::create_dir_all(&policies)?;
    fs::write(policies.join("door.yaml"), CERBOS_POLICY)?;
    let (port, http) = (free_port()?, free_port()?);
    let config_file = folder.join("cerbos.yaml");
    fs::write(&config_file, cerbos_config(text(&policies)?, port, http))?;
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let config = format!("--config={}", text(&config_file)?);
    let server = Server::start_on(program.as_os_str(), &["server", &config], address, stop)?;
    Ok((server, address))
}

/// `cerbos` in PATH.
fn found(environment: &Environment) -> Option<PathBuf> {
    let (_, path): &(OsString, OsString) = environment.iter().find(|(name, _)| name == "PATH")?;
    let mut candidates = std::env::split_paths(path).map(|folder| folder.join("cerbos"));
    candidates.find(|candidate| candidate.is_file())
}

fn text(path: &Path) -> anyhow::Result<&str> {
    let text = path.to_str().filter(|text| !text.contains('\''));
    text.with_context(|| {
        format!(
            "`{}` cannot be written into a configuration",
            path.display()
        )
    })
}
