//! `verigate bench --demo`: starts every server of the comparison.

use std::{
    ffi::{OsStr, OsString},
    fs,
    io::Read as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
    thread,
    time::Duration,
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
        CERBOS_POLICY, IDENTITY, POLICY, POLICY_NAME, VERIFICATIONS, Verified, cast, cerbos_config,
        config, person, verifications,
    },
};
use crate::{
    bench::{
        Arrivals, Calls, Decided, Endpoint, Expected, Load, Target, available, measure, stay_on,
    },
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

/// What is compared, in order; the last only if there is a Cerbos.
pub(super) const NAMES: [&str; 7] = [
    "empty tonic handler",
    "Verigate, ALLOW",
    "Verigate, STEP_UP",
    "Verigate, batch of 64",
    "Verigate, stream",
    "Verigate, TLS",
    "Cerbos",
];
/// How long it may take until every verification is in the evidence cache.
const FILL_MAX: Duration = Duration::from_mins(5);

/// The cores for the servers, and those for the load; none: the system chooses.
#[derive(Debug)]
pub(super) struct Cores {
    pub(super) servers: Vec<usize>,
    pub(super) load: Vec<usize>,
}

impl Cores {
    /// The first ones are for the servers.
    pub(super) fn divided(server_cores: usize) -> anyhow::Result<Self> {
        Self::divide(&available(), server_cores)
    }

    fn divide(all: &[usize], server_cores: usize) -> anyhow::Result<Self> {
        let parts = all.split_at_checked(server_cores);
        let (servers, load) = parts
            .filter(|(_, load)| !load.is_empty())
            .unwrap_or_default();
        if servers.is_empty() && all.len() > 1 {
            bail!(
                "--server-cores {server_cores} leaves no core for the load: {} can be used",
                all.len()
            );
        }
        if servers.is_empty() {
            eprint_line(
                "servers and load share what cores there are: what the load takes is missing for the servers",
            );
        }
        Ok(Self {
            servers: servers.to_vec(),
            load: load.to_vec(),
        })
    }

    /// Several threads on a core are not more than one.
    pub(super) fn check_threads(&self, threads: usize) -> anyhow::Result<()> {
        let cores = self.load.len();
        if cores > 0 && threads > cores {
            bail!(
                "--threads {threads} is more than the {cores} cores that are left for the load: lower it, or --server-cores"
            );
        }
        Ok(())
    }
}

/// A target, and the calls that have its evidence in the cache of its server.
#[derive(Debug)]
pub(super) struct Contender {
    pub(super) target: Target,
    cached: Option<Calls>,
}

/// Asks each verification once, so that no check that is measured waits for the vendor. Blocks.
pub(super) fn fill_caches(
    contenders: &[Contender],
    load_cores: &[usize],
    stop: &AtomicBool,
) -> anyhow::Result<()> {
    let load = Load {
        connections: 1,
        streams: 1,
        threads: 1,
        rate: None,
        arrivals: Arrivals::Constant,
        seed: 0,
        duration: FILL_MAX,
        calls: Some(u64::try_from(VERIFICATIONS)?.div_ceil(BATCH.into())),
        warmup: Duration::ZERO,
        timeout: FILL_MAX,
        cores: load_cores.to_vec(),
    };
    let mut filled = Vec::new();
    for Contender { target, cached } in contenders {
        let is_filled = filled.contains(&(&target.url, target.expected));
        let Some(calls) = cached.clone().filter(|_| !is_filled) else {
            continue;
        };
        filled.push((&target.url, target.expected));
        let target = Target {
            calls,
            ..target.clone()
        };
        let filled = measure(&target, &load, &SystemClock, stop)?;
        if load.calls != Some(filled.tally.as_expected) {
            let first = filled.lost.or(filled.tally.first_unexpected);
            let first = first.unwrap_or_else(|| "no answer".to_owned());
            bail!("{}: cannot fill the evidence cache: {first}", target.name);
        }
    }
    Ok(())
}

/// The servers of the comparison, which end with this.
#[derive(Debug)]
pub(super) struct Demo {
    empty: (Server, SocketAddr),
    verigate: (Server, SocketAddr),
    tls: (Server, SocketAddr),
    client: Arc<ClientConfig>,
    cerbos: Option<(Server, SocketAddr)>,
    _vendor: Server,
    /// Dropped last.
    _folder: TempDir,
}

impl Demo {
    /// Starts them, on the cores for them. Blocks.
    pub(super) fn start(
        cerbos: Option<&Path>,
        cores: &Cores,
        environment: &Environment,
        stop: &AtomicBool,
    ) -> anyhow::Result<Self> {
        thread::scope(|scope| {
            let started = scope.spawn(|| {
                stay_on(&cores.servers);
                Self::start_here(cerbos, environment, stop)
            });
            started
                .join()
                .map_err(|_| anyhow!("the servers could not be started"))?
        })
    }

    fn start_here(
        cerbos: Option<&Path>,
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
        let (vendor, at) = Server::start(own, &simulated, (Says::Stdout, "http://"), stop)?;
        let vendor_url = format!("http://{at}");
        let served = ["bench", "--serve-empty"];
        let empty = Server::start(own, &served, (Says::Stdout, "http://"), stop)?;
        let (tls_config, client) = certificates(folder.path())?;
        let serve =
            |name: &str, tls: &str| serve(own, &folder.path().join(name), &vendor_url, tls, stop);
        let verigate = serve("plain", "")?;
        let tls = serve("tls", &tls_config)?;
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
            _folder: folder,
        })
    }

    /// What is measured, the empty handler first.
    pub(super) fn contenders(&self) -> Vec<Contender> {
        let check = CheckAccessRequest {
            policy: POLICY_NAME.to_owned(),
            identity_id: IDENTITY.to_owned(),
            ..CheckAccessRequest::default()
        };
        let (recent, old) = (
            verifications(Verified::Recently),
            verifications(Verified::LongAgo),
        );
        let [empty, allow, step_up, batch, stream, tls, cerbos] = NAMES;
        let unary = Calls::unary(&check, &recent);
        let batches = Calls::batch(&check, &recent, BATCH);
        let of_verigate = |name, calls, cached: &[String], decision| Contender {
            target: target(name, &self.verigate, calls, decision),
            cached: Some(Calls::batch(&check, cached, BATCH)),
        };
        let mut of_batches = of_verigate(batch, batches.clone(), &recent, Decided::Allow);
        // Each of its checks is in flight like a call.
        of_batches.target.streams = Some(1);
        let mut by_tls = target(tls, &self.tls, unary.clone(), Decided::Allow);
        by_tls.endpoint.tls = Some(Arc::clone(&self.client));
        by_tls.url = format!("https://{}", by_tls.endpoint.authority);
        let old_calls = Calls::unary(&check, &old);
        let streams = Calls::stream(&check, &recent);
        let mut contenders = vec![
            Contender {
                target: target(empty, &self.empty, unary.clone(), Decided::Allow),
                cached: None,
            },
            of_verigate(allow, unary, &recent, Decided::Allow),
            of_verigate(step_up, old_calls, &old, Decided::StepUp),
            of_batches,
            of_verigate(stream, streams, &recent, Decided::Allow),
            Contender {
                target: by_tls,
                cached: Some(batches),
            },
        ];
        if let Some(server) = &self.cerbos {
            let calls = Calls::cerbos(&person(SystemClock.now()));
            let mut of_cerbos = target(cerbos, server, calls, Decided::Allow);
            of_cerbos.endpoint.token = None;
            contenders.push(Contender {
                target: of_cerbos,
                cached: None,
            });
        }
        contenders
    }
}

/// A server under this name, with the caller of every call.
fn target(
    name: &str,
    (server, address): &(Server, SocketAddr),
    calls: Calls,
    decision: Decided,
) -> Target {
    let token = Token::from_random(TOKEN_ID, TOKEN_SECRET);
    Target {
        name: name.to_owned(),
        url: format!("http://{address}"),
        endpoint: Endpoint {
            addresses: vec![*address],
            authority: address.to_string(),
            host: LOOPBACK.to_owned(),
            tls: None,
            token: Some(token.reveal().to_owned()),
        },
        calls,
        expected: Expected::Decision(decision),
        streams: None,
        server_pid: Some(server.pid()),
    }
}

/// A service in this folder.
fn serve(
    program: &OsStr,
    folder: &Path,
    vendor: &str,
    tls: &str,
    stop: &AtomicBool,
) -> anyhow::Result<(Server, SocketAddr)> {
    fs::create_dir_all(folder.join("journal"))?;
    fs::write(folder.join("policy.yaml"), POLICY)?;
    let token = Token::from_random(TOKEN_ID, TOKEN_SECRET);
    let config_file = folder.join("verigate.toml");
    let config = config(text(folder)?, vendor, &token.entry().to_string(), tls);
    fs::write(&config_file, config)?;
    let arguments = ["serve", "--config", text(&config_file)?];
    Server::start(program, &arguments, (Says::Stderr, "\"grpc\":\""), stop)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_cores_are_for_the_servers_and_each_thread_has_one_of_the_others() {
        let cores = Cores::divide(&[2, 3, 5], 1).unwrap();
        assert_eq!(
            (&cores.servers[..], &cores.load[..]),
            (&[2][..], &[3, 5][..])
        );
        assert!(cores.check_threads(2).is_ok());
        let error = cores.check_threads(3).unwrap_err().to_string();
        assert!(
            error.starts_with("--threads 3 is more than the 2 cores"),
            "{error}"
        );
        let error = Cores::divide(&[2, 3], 2).unwrap_err().to_string();
        assert!(
            error.contains("leaves no core for the load: 2 can be used"),
            "{error}"
        );
        let shared = Cores::divide(&[0], 1).unwrap();
        assert!(shared.load.is_empty() && shared.check_threads(9).is_ok());
    }
}
