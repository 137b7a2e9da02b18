//! Turns settings into values, and collects problems on the way.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use http::{HeaderName, HeaderValue};
use url::Url;

use super::{
    Config, Deadlines, IncodeConfig, LogConfig, Problem, Rate, TraceConfig, is_loopback,
    layers::Layers,
};
use crate::policy::parse_duration;

/// The headers that are ours to set.
const OWN_HEADERS: [&str; 5] = [
    "x-api-key",
    "x-auth-token",
    "host",
    "content-type",
    "content-length",
];
/// Nothing happens more often in a second, or is done at once.
const COUNT_MAX: u32 = 1_000_000;

/// Turns settings into values, and collects problems on the way.
#[derive(Default)]
pub(super) struct Reader {
    pub(super) problems: Vec<Problem>,
    /// Whether the file could not be read, which explains every setting that is missing.
    pub(super) file_is_missing: bool,
}

impl Reader {
    pub(super) fn config(&mut self, layers: &Layers) -> Option<Config> {
        let grpc = self.decision_listener(layers, "grpc");
        let deadlines = self.deadlines(layers);
        let http = self.decision_listener(layers, "http");
        let admin = self.address(layers, "admin");
        let policies = self.required(layers, "policies", "path");
        let incode = self.incode(layers);
        let cache_capacity = self.at_least_one(layers, "cache", "capacity");
        let quota = self.rate(layers, "quota", "fetches_per_second", "fetches_burst");
        let step_up = self.step_up(layers);
        let webhook = self.webhook(layers);
        let journal = self.journal(layers);
        let trace = self.trace(layers);
        let log = self.log(layers);
        self.different(layers, [("grpc", grpc), ("http", http), ("admin", admin)]);
        Some(Config {
            grpc: grpc?,
            deadlines: deadlines?,
            http: http?,
            admin: admin?,
            policies: policies?.into(),
            incode: incode?,
            cache_capacity: cache_capacity?,
            quota: quota?,
            step_up: step_up?,
            webhook: webhook?,
            journal: journal?,
            trace: trace?,
            log: log?,
        })
    }

    fn incode(&mut self, layers: &Layers) -> Option<IncodeConfig> {
        let url = self.upstream_url(layers);
        let api_key = self.required_secret(layers, "incode", "api_key", "api_key_file");
        let integration_id = self.required(layers, "incode", "integration_id");
        let secret = self.required_secret(layers, "incode", "secret", "secret_file");
        let headers = self.headers(layers);
        let connect_timeout = self.duration(layers, "incode", "connect_timeout");
        let timeout = self.duration(layers, "incode", "timeout");
        let rate = self.rate(layers, "incode", "rate", "burst");
        let concurrency = self.count(layers, "incode", "concurrency");
        Some(IncodeConfig {
            url: url?,
            api_key: api_key?,
            integration_id: integration_id?.to_owned(),
            secret: secret?,
            headers: headers?,
            connect_timeout: connect_timeout?,
            timeout: timeout?,
            rate: rate?,
            concurrency: concurrency?,
        })
    }

    fn deadlines(&mut self, layers: &Layers) -> Option<Deadlines> {
        let default = self.duration(layers, "grpc", "deadline");
        let longest = self.duration(layers, "grpc", "deadline_max");
        let (default, longest) = (default?, longest?);
        if default > longest {
            let message = "grpc.deadline is longer than grpc.deadline_max";
            self.problem(layers.place("grpc", "deadline"), message, None);
            return None;
        }
        Some(Deadlines { default, longest })
    }

    pub(super) fn rate(
        &mut self,
        layers: &Layers,
        section: &'static str,
        per_second: &'static str,
        burst: &'static str,
    ) -> Option<Rate> {
        let per_second = self.count(layers, section, per_second);
        let burst = self.count(layers, section, burst);
        Some(Rate {
            per_second: per_second?,
            burst: burst?,
        })
    }

    /// A number of at least one that counts things which happen.
    fn count(&mut self, layers: &Layers, section: &'static str, key: &'static str) -> Option<u32> {
        let number = self.at_least_one(layers, section, key)?;
        let count = u32::try_from(number).ok().filter(|n| *n <= COUNT_MAX);
        if count.is_none() {
            let message = format!("{section}.{key} must be at most {COUNT_MAX}");
            self.problem(layers.place(section, key), message, None);
        }
        count
    }

    fn trace(&mut self, layers: &Layers) -> Option<TraceConfig> {
        let sample = layers.number("trace", "sample");
        if !(0.0..=1.0).contains(&sample) {
            let message = format!("trace.sample: {sample} is not from 0.0 to 1.0");
            self.problem(layers.place("trace", "sample"), message, None);
            return None;
        }
        let text = layers.text("trace", "otlp_endpoint");
        let otlp_endpoint = Url::parse(text).ok().filter(|url| {
            let bare =
                url.query().is_none() && url.username().is_empty() && url.password().is_none();
            matches!(url.scheme(), "http" | "https") && url.has_host() && bare
        });
        if otlp_endpoint.is_none() && !text.is_empty() {
            let message =
                "trace.otlp_endpoint is not an http or https URL without user, password and query";
            let hint = "such as http://127.0.0.1:4318";
            self.problem(layers.place("trace", "otlp_endpoint"), message, Some(hint));
            return None;
        }
        Some(TraceConfig {
            otlp_endpoint,
            sample,
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
        let wrong = if url.scheme() != "https" && !(url.scheme() == "http" && is_loopback(&url)) {
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

    pub(super) fn duration(
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

    pub(super) fn missing(
        &mut self,
        layers: &Layers,
        section: &str,
        key: &str,
        hint: Option<&str>,
    ) {
        if !self.file_is_missing {
            let message = format!("{section}.{key} is not set");
            self.problem(layers.place(section, key), message, hint);
        }
    }

    pub(super) fn problem(
        &mut self,
        place: String,
        message: impl Into<String>,
        hint: Option<&str>,
    ) {
        self.problems.push(Problem {
            place,
            message: message.into(),
            hint: hint.map(str::to_owned),
        });
    }
}
