//! The configuration: defaults, a file and the environment in layers, read once and checked whole. Every problem is told
//! at once, with its place; a value that may be a secret is never shown.

mod layers;
mod reader;
mod secret;
mod step_up;

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fmt,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use http::{HeaderName, HeaderValue};
use secrecy::SecretString;
use url::{Host, Url};

use self::{layers::Layers, reader::Reader};
use crate::files::read_text;

/// The defaults, which are the documentation too.
pub const DEFAULTS: &str = include_str!("config.default.toml");
/// No configuration is longer.
const FILE_BYTES_MAX: usize = 1024 * 1024;

/// Everything that can be set.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where decisions are asked for over gRPC.
    pub grpc: SocketAddr,
    /// How long answers may take.
    pub deadlines: Deadlines,
    /// Where decisions are asked for over HTTP.
    pub http: SocketAddr,
    /// Where operators look.
    pub admin: SocketAddr,
    /// The policy file or folder.
    pub policies: PathBuf,
    /// The upstream.
    pub incode: IncodeConfig,
    /// How many verifications are remembered.
    pub cache_capacity: u64,
    /// How many fetches a caller may cause.
    pub quota: Rate,
    /// Links by which people verify again.
    pub step_up: StepUpConfig,
    /// How the upstream's webhooks are told from others; nothing if none are taken.
    pub webhook: Option<WebhookConfig>,
    /// The file that decisions are appended to, or `-`.
    pub journal: PathBuf,
    /// Which traces are sent, and where.
    pub trace: TraceConfig,
    /// What is logged, and how.
    pub log: LogConfig,
}

/// Where the upstream is, and who we are to it.
#[derive(Debug, Clone)]
pub struct IncodeConfig {
    /// The address that the calls' paths are appended to.
    pub url: Url,
    /// The API key.
    pub api_key: SecretString,
    /// The integration's id.
    pub integration_id: String,
    /// The integration's secret.
    pub secret: SecretString,
    /// Further headers with each call.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long looking up one verification may take in all.
    pub timeout: Duration,
    /// How many calls are made at most.
    pub rate: Rate,
    /// How many are under way at once.
    pub concurrency: u32,
}

/// How long answers may take.
#[derive(Debug, Clone, Copy)]
pub struct Deadlines {
    /// Where the caller does not say.
    pub default: Duration,
    /// Whatever the caller says.
    pub longest: Duration,
}

/// Links by which people verify again.
#[derive(Debug, Clone)]
pub struct StepUpConfig {
    /// Where a browser may be sent afterwards.
    pub redirects: BTreeSet<String>,
    /// How long a link is held good.
    pub link_life: Duration,
    /// How many links a caller may ask for.
    pub links: Rate,
}

/// How the upstream's webhooks are told from others.
#[derive(Debug, Clone)]
pub struct WebhookConfig {
    /// The header that carries the secret.
    pub header: HeaderName,
    /// The secret.
    pub secret: SecretString,
    /// The one before it, while it is being replaced.
    pub previous_secret: Option<SecretString>,
}

/// How often something may be done.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    /// In the long run.
    pub per_second: u32,
    /// At once, after a pause.
    pub burst: u32,
}

/// Which traces are sent, and where.
#[derive(Debug, Clone, Default)]
pub struct TraceConfig {
    /// The collector's address, which `/v1/traces` is appended to; none if traces are off.
    pub otlp_endpoint: Option<Url>,
    /// How many of the traces that begin here are sent, from 0 to 1.
    pub sample: f64,
}

/// What is logged, and how.
#[derive(Debug, Clone, Copy)]
pub struct LogConfig {
    /// The least severe level that is told.
    pub level: tracing::Level,
    /// Whether it is told as JSON.
    pub json: bool,
}

impl Config {
    /// Reads the defaults, then the file if there is one, then the environment.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, Problems> {
        let mut reader = Reader::default();
        let mut layers = Layers::defaults();
        if let Some(path) = file {
            let shown = path.display().to_string();
            match read_text(path, FILE_BYTES_MAX) {
                Ok(text) => {
                    let read = layers.add_file(&shown, &text, &mut reader.problems);
                    reader.file_is_missing = !read;
                }
                Err(error) => {
                    reader.problem(shown, format!("cannot be read: {error}"), None);
                    reader.file_is_missing = true;
                }
            }
        }
        layers.add_environment(environment, &mut reader.problems);
        let config = reader.config(&layers);
        match (config, reader.problems) {
            (Some(config), problems) if problems.is_empty() => Ok(config),
            (_, problems) => Err(Problems(problems)),
        }
    }
}

/// Whether this address is on this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => IpAddr::from(ip).is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::from(ip).is_loopback(),
        None => false,
    }
}

/// One problem: where it is, what it is, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// A file with line and column, or a variable of the environment, or the setting itself.
    pub place: String,
    /// What is wrong.
    pub message: String,
    /// What can be done about it.
    pub hint: Option<String>,
}

/// Every problem of a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        let plural = if count == 1 { "" } else { "s" };
        write!(f, "{count} problem{plural} in the configuration")?;
        for problem in &self.0 {
            f.write_str("\n  ")?;
            if !problem.message.starts_with(&problem.place) {
                write!(f, "{}: ", problem.place)?;
            }
            f.write_str(&problem.message)?;
            if let Some(hint) = &problem.hint {
                write!(f, "\n    hint: {hint}")?;
            }
        }
        Ok(())
    }
}
