//! The configuration: defaults, a file and the environment in layers, read once and checked whole. Every problem is told
//! at once, with its place; a value that may be a secret is never shown.

mod layers;

use std::{
    cmp::Ordering,
    collections::BTreeSet,
    ffi::OsString,
    fmt, fs,
    io::{self, Read as _},
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use http::{HeaderName, HeaderValue};
use secrecy::SecretString;
use url::{Host, Url};

use self::layers::Layers;
use crate::policy::parse_duration;

/// The defaults, which are the documentation too.
pub const DEFAULTS: &str = include_str!("config.default.toml");
/// The headers that are ours to set.
const OWN_HEADERS: [&str; 5] = [
    "x-api-key",
    "x-auth-token",
    "host",
    "content-type",
    "content-length",
];
/// No secret is longer.
const SECRET_BYTES_MAX: u64 = 16 * 1024;
/// No configuration is longer.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Everything that can be set.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where decisions are asked for over gRPC.
    pub grpc: SocketAddr,
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
    /// Where policies may send a browser for a step-up.
    pub redirects: BTreeSet<String>,
    /// The file that decisions are appended to, or `-`.
    pub journal: PathBuf,
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
            match read_bounded(path, FILE_BYTES_MAX) {
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

/// Reads a text that is no longer than this.
fn read_bounded(path: &Path, bytes_max: u64) -> io::Result<String> {
    let mut text = String::new();
    let file = fs::File::open(path)?;
    let read = file
        .take(bytes_max.saturating_add(1))
        .read_to_string(&mut text)?;
    if u64::try_from(read).is_ok_and(|read| read <= bytes_max) {
        Ok(text)
    } else {
        Err(io::Error::other(format!(
            "it is longer than {bytes_max} bytes"
        )))
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

/// Turns settings into values, and collects problems on the way.
#[derive(Default)]
struct Reader {
    problems: Vec<Problem>,
    /// Whether the file could not be read, which explains every setting that is missing.
    file_is_missing: bool,
}

impl Reader {
    fn config(&mut self, layers: &Layers) -> Option<Config> {
        let grpc = self.decision_listener(layers, "grpc");
        let http = self.decision_listener(layers, "http");
        let admin = self.address(layers, "admin");
        let policies = self.required(layers, "policies", "path");
        let incode = self.incode(layers);
        let cache_capacity = self.at_least_one(layers, "cache", "capacity");
        let redirects = self.redirects(layers);
        let journal = self.journal(layers);
        let log = self.log(layers);
        self.different(layers, [("grpc", grpc), ("http", http), ("admin", admin)]);
        Some(Config {
            grpc: grpc?,
            http: http?,
            admin: admin?,
            policies: policies?.into(),
            incode: incode?,
            cache_capacity: cache_capacity?,
            redirects: redirects?,
            journal: journal?,
            log: log?,
        })
    }

    fn incode(&mut self, layers: &Layers) -> Option<IncodeConfig> {
        let url = self.upstream_url(layers);
        let api_key = self.secret(layers, "api_key", "api_key_file");
        let integration_id = self.required(layers, "incode", "integration_id");
        let secret = self.secret(layers, "secret", "secret_file");
        let headers = self.headers(layers);
        let connect_timeout = self.duration(layers, "incode", "connect_timeout");
        let timeout = self.duration(layers, "incode", "timeout");
        Some(IncodeConfig {
            url: url?,
            api_key: api_key?,
            integration_id: integration_id?.to_owned(),
            secret: secret?,
            headers: headers?,
            connect_timeout: connect_timeout?,
            timeout: timeout?,
        })
    }

    fn log(&mut self, layers: &Layers) -> Option<LogConfig> {
        let levels = ["error", "warn", "info", "debug", "trace"];
        let level = self.one_of(layers, "log", "level", &levels);
        let format = self.one_of(layers, "log", "format", &["text", "json"]);
        Some(LogConfig {
            level: level?.parse().ok()?,
            json: format? == "json",
        })
    }

    fn redirects(&mut self, layers: &Layers) -> Option<BTreeSet<String>> {
        let listed = layers.list("step_up", "redirects");
        let redirects: Option<BTreeSet<String>> = listed
            .into_iter()
            .map(|text| text.map(str::to_owned))
            .collect();
        if redirects.is_none() {
            let message = "step_up.redirects is not a list of texts";
            self.problem(layers.place("step_up", "redirects"), message, None);
        }
        redirects
    }

    /// The journal's file, whose folder must be there.
    fn journal(&mut self, layers: &Layers) -> Option<PathBuf> {
        let path = PathBuf::from(self.required(layers, "journal", "path")?);
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
            let message = format!("journal.path: there is no folder `{}`", folder.display());
            self.problem(layers.place("journal", "path"), message, None);
            return None;
        }
        Some(path)
    }

    /// Two listeners cannot share an address; port 0 is another one each time.
    fn different(&mut self, layers: &Layers, addresses: [(&'static str, Option<SocketAddr>); 3]) {
        for (index, (section, address)) in addresses.iter().enumerate() {
            let before = addresses.iter().take(index);
            let twin = before
                .filter(|(_, other)| other == address)
                .find(|(_, other)| other.is_some_and(|other| other.port() != 0));
            if let Some((other, _)) = twin {
                let message = format!("{section}.listen is the address of {other}.listen");
                self.problem(layers.place(section, "listen"), message, None);
            }
        }
    }

    /// An address to listen on where anybody who reaches it may ask: only this machine, while callers have no names.
    fn decision_listener(&mut self, layers: &Layers, section: &'static str) -> Option<SocketAddr> {
        let address = self.address(layers, section)?;
        if !address.ip().is_loopback() {
            let message = format!("{section}.listen: {address} is not a loopback address");
            let hint = "anybody who reaches it could ask for decisions: listen on 127.0.0.1 or [::1], and put a proxy that knows its callers in front";
            self.problem(layers.place(section, "listen"), message, Some(hint));
            return None;
        }
        Some(address)
    }

    fn address(&mut self, layers: &Layers, section: &'static str) -> Option<SocketAddr> {
        let text = layers.text(section, "listen");
        let address = text.parse();
        if address.is_err() {
            let message = format!("{section}.listen: `{text}` is not an IP address with a port");
            let hint = r#"such as "127.0.0.1:50051" or "[::1]:50051""#;
            self.problem(layers.place(section, "listen"), message, Some(hint));
        }
        address.ok()
    }

    fn upstream_url(&mut self, layers: &Layers) -> Option<Url> {
        let text = self.required(layers, "incode", "url")?;
        let place = layers.place("incode", "url");
        let Ok(url) = Url::parse(text) else {
            let hint = "such as https://api.example.com";
            self.problem(place, "incode.url is not a URL", Some(hint));
            return None;
        };
        let loopback = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(ip)) => IpAddr::from(ip).is_loopback(),
            Some(Host::Ipv6(ip)) => IpAddr::from(ip).is_loopback(),
            None => false,
        };
        let wrong = if url.scheme() != "https" && !(url.scheme() == "http" && loopback) {
            "incode.url must be https, because secrets are sent there; http only to a loopback address"
        } else if !url.username().is_empty() || url.password().is_some() {
            "incode.url must not carry a user or password"
        } else if url.query().is_some() || url.fragment().is_some() {
            "incode.url must not carry a query or fragment"
        } else {
            return Some(url);
        };
        self.problem(place, wrong, None);
        None
    }

    /// A secret of the upstream's, given in place or by a file, but not by both.
    fn secret(
        &mut self,
        layers: &Layers,
        key: &'static str,
        file_key: &'static str,
    ) -> Option<SecretString> {
        let (mut value, mut file) = (layers.text("incode", key), layers.text("incode", file_key));
        // The environment overrides the file, whichever of the two it sets.
        let (of_value, of_file) = (
            layers.layer("incode", key),
            layers.layer("incode", file_key),
        );
        if !value.is_empty() && !file.is_empty() {
            match of_value.cmp(&of_file) {
                Ordering::Less => value = "",
                Ordering::Greater => file = "",
                Ordering::Equal => {
                    let message = format!("incode.{key} and incode.{file_key} are both set");
                    self.problem(layers.place("incode", file_key), message, None);
                    return None;
                }
            }
        }
        let (place, secret) = if !file.is_empty() {
            let place = layers.place("incode", file_key);
            match read_bounded(Path::new(file), SECRET_BYTES_MAX) {
                Ok(text) => (place, text.trim_end_matches(['\r', '\n']).to_owned()),
                Err(error) => {
                    let message = format!("incode.{file_key}: `{file}` cannot be read: {error}");
                    self.problem(place, message, None);
                    return None;
                }
            }
        } else if value.is_empty() {
            let hint = format!("set incode.{key} or incode.{file_key}");
            self.missing(layers, "incode", key, Some(&hint));
            return None;
        } else {
            (layers.place("incode", key), value.to_owned())
        };
        if secret.is_empty() || HeaderValue::from_str(&secret).is_err() {
            let message = format!("incode.{key} is empty or has control characters in it");
            self.problem(place, message, None);
            return None;
        }
        Some(secret.into())
    }

    fn headers(&mut self, layers: &Layers) -> Option<Vec<(HeaderName, HeaderValue)>> {
        let place = layers.place("incode", "headers");
        let mut headers = Vec::new();
        let before = self.problems.len();
        for (name, value) in layers.table("incode", "headers") {
            let own = OWN_HEADERS.iter().any(|own| own.eq_ignore_ascii_case(name));
            let parsed = HeaderName::try_from(name)
                .ok()
                .zip(value.and_then(|value| HeaderValue::try_from(value).ok()));
            match parsed {
                Some((name, mut value)) if !own => {
                    // A gateway's key may be among them.
                    value.set_sensitive(true);
                    headers.push((name, value));
                }
                Some(_) => {
                    let message = format!("incode.headers: `{name}` is set by the service itself");
                    self.problem(place.clone(), message, None);
                }
                None => {
                    let message = format!("incode.headers: `{name}` is not a header with a text");
                    self.problem(place.clone(), message, None);
                }
            }
        }
        (self.problems.len() == before).then_some(headers)
    }

    fn duration(
        &mut self,
        layers: &Layers,
        section: &'static str,
        key: &'static str,
    ) -> Option<Duration> {
        let text = layers.text(section, key);
        let duration = parse_duration(text).ok();
        let duration = duration.filter(|duration| !duration.is_zero());
        if duration.is_none() {
            let message = format!("{section}.{key}: `{text}` is not a duration above zero");
            self.problem(layers.place(section, key), message, Some(r#"such as "2s""#));
        }
        duration
    }

    fn at_least_one(
        &mut self,
        layers: &Layers,
        section: &'static str,
        key: &'static str,
    ) -> Option<u64> {
        let number = u64::try_from(layers.integer(section, key)).ok();
        let number = number.filter(|number| *number > 0);
        if number.is_none() {
            let message = format!("{section}.{key} must be at least 1");
            self.problem(layers.place(section, key), message, None);
        }
        number
    }

    fn one_of<'l>(
        &mut self,
        layers: &'l Layers,
        section: &'static str,
        key: &'static str,
        words: &[&str],
    ) -> Option<&'l str> {
        let text = layers.text(section, key);
        if words.contains(&text) {
            return Some(text);
        }
        let message = format!(
            "{section}.{key}: `{text}` is not one of: {}",
            words.join(", ")
        );
        self.problem(layers.place(section, key), message, None);
        None
    }

    fn required<'l>(
        &mut self,
        layers: &'l Layers,
        section: &'static str,
        key: &'static str,
    ) -> Option<&'l str> {
        let text = layers.text(section, key);
        if text.is_empty() {
            self.missing(layers, section, key, None);
            return None;
        }
        Some(text)
    }

    fn missing(&mut self, layers: &Layers, section: &str, key: &str, hint: Option<&str>) {
        if !self.file_is_missing {
            let message = format!("{section}.{key} is not set");
            self.problem(layers.place(section, key), message, hint);
        }
    }

    fn problem(&mut self, place: String, message: impl Into<String>, hint: Option<&str>) {
        self.problems.push(Problem {
            place,
            message: message.into(),
            hint: hint.map(str::to_owned),
        });
    }
}
