//! The configuration: defaults, a file and the environment in `layers`, read once when the process starts. Every problem is reported
//! at once with its place, and a value that may be a secret is never shown.
//!
//! The settings of a component are a struct beside the component, which knows nothing of files and variables. This room imports these
//! structs and reads them, one file per section: `reader.section("incode").duration("timeout")`. A reading function returns a value
//! or `section::Reported`, which only the function that records a problem can make: so no problem is lost, and none is recorded twice.

mod error;
mod layers;
mod places;
mod file;
mod environment;
mod fit;
mod section;
mod secret;
mod callers;
mod session;
mod listeners;
mod filters;
mod forward_auth;
mod ext_authz;
mod authzen;
mod tls;
mod incode;
mod step_up;
mod webhook;
mod journal;
mod export;
mod process;
mod telemetry;
mod reader;
mod warnings;

use std::{
    ffi::OsString,
    path::{Path, PathBuf, absolute},
    time::Duration,
};

pub use self::{
    error::{ConfigError, Problem},
    file::OtherSections,
    incode::Account,
    layers::DEFAULTS,
    listeners::GrpcListener,
    tls::ListenerTls,
};
use self::{reader::Reader, section::Reported};
use crate::{
    call::Deadlines,
    callers::CallerConfig,
    listener::{Limits, ListenAddress},
    telemetry::{LogConfig, TraceConfig},
};

/// Every setting.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file that it was read from, as an absolute path; `None` if there is none.
    pub file: Option<PathBuf>,
    /// Whether there is a secret in that file itself.
    pub file_has_secret: bool,
    /// The folder in which systemd puts the credentials of the unit, if it has any.
    pub credentials: Option<PathBuf>,
    /// Who may ask. If there are none, everybody who reaches the listeners may.
    pub callers: Vec<CallerConfig>,
    /// Whether everybody may ask on addresses that other machines reach, where there are no callers.
    pub insecure_allow_anonymous: bool,
    /// The address of the gRPC listener.
    pub grpc: ListenAddress,
    /// How long calls over gRPC may take.
    pub deadlines: Deadlines,
    /// The address of the HTTP listener.
    pub http: ListenAddress,
    /// The address of the HTTP listener for the Internet; `None` if [`Config::http`] serves its routes too.
    pub public: Option<ListenAddress>,
    /// The address of the listener for operators.
    pub admin: ListenAddress,
    /// TLS of each listener.
    pub tls: ListenerTls,
    /// The limits of connections.
    pub limits: Limits,
    /// Calls that may be in flight at once.
    pub in_flight: usize,
    /// How long calls in flight may take to finish when the service stops.
    pub drain: Duration,
    /// Who the HTTP listeners answer to.
    pub filters: crate::http::Config,
    /// The policy file, or a folder of them.
    pub policies: PathBuf,
    /// The file or folder of policies that are judged beside those in force, if any are.
    pub shadow: Option<PathBuf>,
    /// The vendor's API.
    pub incode: crate::incode::Config,
    /// The evidence cache, and the quota of fetches of each caller.
    pub cache: crate::source::Config,
    /// Links by which people verify again.
    pub step_up: crate::step_up::Config,
    /// How the vendor's webhooks are authenticated. None are accepted if it is `None`.
    pub webhook: Option<crate::http::webhook::Config>,
    /// Forward auth, and how gateways are answered.
    pub forward_auth: crate::http::forward_auth::Config,
    /// How evaluations of AuthZEN name the person and the policy.
    pub authzen: crate::http::authzen::Config,
    /// The claims by which Envoy names the person.
    pub ext_authz: crate::grpc::ext_authz::ClaimNames,
    /// The tokens of sessions. None is read if it is `None`.
    pub session: Option<crate::session::Config>,
    /// The file to which decisions are appended, or `-` for stdout.
    pub journal: crate::journal::Config,
    /// Who receives its lines while it runs.
    pub export: crate::export::Config,
    /// What is traced.
    pub trace: TraceConfig,
    /// What is logged.
    pub log: LogConfig,
    /// Whether core dumps are permitted.
    pub core_dumps: bool,
}

impl Config {
    /// Reads the defaults, then the file if there is one, then the environment.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, ConfigError> {
        let environment: Vec<_> = environment.into_iter().collect();
        let credentials = environment::credentials(&environment);
        let mut reader = Reader::default();
        reader.set_credentials(credentials.clone());
        if let Some(path) = file {
            reader.add_file(path);
        }
        reader.add_environment(environment);
        let file = file.map(|file| absolute(file).unwrap_or_else(|_| file.to_owned()));
        Self::read(reader).map(|config| Self {
            file,
            credentials,
            ..config
        })
    }

    /// The callers of a file, and its other sections as they stand in it. For reading the callers again. `credentials` is the folder in
    /// which systemd puts the credentials of the unit.
    pub fn read_callers(
        path: &Path,
        credentials: Option<&Path>,
    ) -> Result<(Vec<CallerConfig>, OtherSections), ConfigError> {
        let (shown, mut problems) = (path.display().to_string(), Vec::new());
        let read = match reader::read_file(path) {
            Ok(text) => file::callers(&shown, &text, credentials, &mut problems),
            Err(problem) => {
                problems.push(problem);
                Default::default()
            }
        };
        if problems.is_empty() {
            Ok(read)
        } else {
            Err(ConfigError {
                problems,
                policies: None,
            })
        }
    }

    /// The gRPC listener alone, of the defaults, the file if there is one, and the environment. What is wrong with other settings is no
    /// problem: a service that has started before goes on with what they were.
    pub fn read_grpc_listener(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<GrpcListener, ConfigError> {
        let mut reader = Reader::default();
        if let Some(path) = file {
            reader.add_file(path);
        }
        reader.add_environment(environment);
        let listener = listeners::grpc(&mut reader);
        let is_read = reader.is_read();
        let problems = reader.into_problems();
        match listener {
            Ok(listener) if is_read => Ok(listener),
            _ => Err(ConfigError {
                problems,
                policies: None,
            }),
        }
    }

    /// The defaults alone, for an account at the vendor, which has none.
    pub fn from_defaults(account: &Account) -> Result<Self, ConfigError> {
        let mut reader = Reader::default();
        reader.add_account(account);
        Self::read(reader)
    }

    fn read(mut reader: Reader) -> Result<Self, ConfigError> {
        let config = Self::sections(&mut reader);
        let policies = reader.known_text("policies", "path").map(PathBuf::from);
        match (config, reader.into_problems()) {
            (Ok(config), problems) if problems.is_empty() => Ok(config),
            (_, problems) => Err(ConfigError { problems, policies }),
        }
    }

    /// Reads every section before the first problem is returned, so that all problems are reported.
    fn sections(reader: &mut Reader) -> Result<Self, Reported> {
        let insecure_allow_anonymous = reader.flag("insecure_allow_anonymous");
        let anywhere = insecure_allow_anonymous || !reader.callers().is_empty();
        let grpc = listeners::decisions(&mut reader.section("grpc"), anywhere);
        let deadlines = listeners::deadlines(&mut reader.section("grpc"));
        let http = listeners::decisions(&mut reader.section("http"), anywhere);
        let public = listeners::public(&mut reader.section("public"));
        let admin = reader.section("admin").address("listen");
        let tls = tls::read(reader);
        let limits = listeners::limits(&mut reader.section("limits"));
        let filters = filters::read(reader);
        let policies = policies(reader);
        let shadow = shadow(reader);
        let incode = incode::read(&mut reader.section("incode"));
        let cache = cache(reader, limits.as_ref().map_or(0, |limits| limits.1));
        let step_up = step_up::read(reader);
        let links = step_up::links_of_all(&mut reader.section("step_up"));
        let webhook = webhook::read(&mut reader.section("webhook"));
        let session = session::read(reader);
        let forward_auth = forward_auth::read(&mut reader.section("forward_auth"));
        let ext_authz = ext_authz::read(&mut reader.section("ext_authz"));
        let authzen = authzen::read(reader);
        let journal = journal::read(&mut reader.section("journal"));
        let export = export::read(&mut reader.section("journal"));
        let trace = telemetry::trace(&mut reader.section("trace"));
        let log = telemetry::log(&mut reader.section("log"));
        let core_dumps = process::core_dumps(&mut reader.section("process"));
        let apart = public.clone().transpose();
        let listening = listeners::named(&grpc, &http, apart.as_ref(), &admin);
        check_addresses(reader, listening, incode.as_ref().ok(), trace.as_ref().ok());
        check_session_header(reader, &session, &forward_auth);
        step_up::check_page(reader, &step_up, &forward_auth, &webhook);
        let (limits, in_flight, drain) = limits?;
        Ok(Self {
            file: None,
            file_has_secret: reader.file_has_secret(),
            credentials: None,
            callers: reader.callers().to_vec(),
            insecure_allow_anonymous,
            grpc: grpc?,
            deadlines: deadlines?,
            http: http?,
            public: public?,
            admin: admin?,
            tls: tls?,
            limits,
            in_flight,
            drain,
            filters: filters?,
            policies: policies?,
            shadow: shadow?,
            incode: crate::incode::Config {
                links: links?,
                ..incode?
            },
            cache: cache?,
            step_up: step_up?,
            webhook: webhook?,
            forward_auth: forward_auth?,
            authzen: authzen?,
            ext_authz: ext_authz?,
            session: session?,
            journal: journal?,
            export: export?,
            trace: trace?,
            log: log?,
            core_dumps: core_dumps?,
        })
    }
}

/// The place of the setting at the end of this path in a file as it is now; `None` if there is none. Blocks.
pub fn place_in(path: &Path, keys: &[&str]) -> Option<String> {
    let text = reader::read_file(path).ok()?;
    file::place(&path.display().to_string(), &text, keys)
}

/// The policy file, or the folder of them.
fn policies(reader: &mut Reader) -> Result<PathBuf, Reported> {
    let mut section = reader.section("policies");
    section.required("path").map(PathBuf::from)
}

/// The file or folder of shadow policies. It need not exist.
fn shadow(reader: &mut Reader) -> Result<Option<PathBuf>, Reported> {
    let mut section = reader.section("policies");
    let text = section.text("shadow");
    if text.is_empty() {
        return Ok(None);
    }
    let whole = |path: &str| {
        Path::new(path)
            .canonicalize()
            .unwrap_or_else(|_| path.into())
    };
    if whole(text).starts_with(whole(section.text("path"))) {
        let message = format!(
            "policies.shadow: `{text}` is policies.path or within it, whose policies are in force"
        );
        let hint = "put the policies to be tried into a folder of their own";
        return Err(section.problem("shadow", message, Some(hint)));
    }
    Ok(Some(text.into()))
}

/// The evidence cache, and the quota of fetches of each caller.
fn cache(reader: &mut Reader, in_flight: usize) -> Result<crate::source::Config, Reported> {
    let capacity = reader.section("cache").at_least_one("capacity");
    let mut quota = reader.section("quota");
    let fetches = quota.rate("fetches_per_second", "fetches_burst");
    Ok(crate::source::Config {
        capacity: capacity?,
        fetches: fetches?,
        // The rest is for what is answered from memory.
        waiters: in_flight / 2,
    })
}

/// Reports a header that would carry both the token of the session and an id.
fn check_session_header(
    reader: &mut Reader,
    session: &Result<Option<crate::session::Config>, Reported>,
    forward_auth: &Result<crate::http::forward_auth::Config, Reported>,
) {
    let (Ok(Some(session)), Ok(forward_auth)) = (session, forward_auth) else {
        return;
    };
    let gateway = &forward_auth.gateway;
    if [&gateway.verification_header, &gateway.identity_header].contains(&&session.header) {
        let message = "authentication.header is also a header of [forward_auth] for an id";
        let mut section = reader.section("authentication");
        section.problem("header", message, None);
    }
}

/// Reports addresses that conflict, and those at which the service would call itself.
fn check_addresses<const N: usize>(
    reader: &mut Reader,
    listening: [(&'static str, Option<&Result<ListenAddress, Reported>>); N],
    vendor: Option<&crate::incode::Config>,
    trace: Option<&TraceConfig>,
) {
    let listening = listening.into_iter();
    let listening: Vec<_> = listening
        .filter_map(|(name, address)| Some((name, address?)))
        .collect();
    listeners::check_distinct(reader, &listening);
    let proxy = vendor.and_then(|vendor| vendor.files.proxy.as_ref());
    let collector = trace.and_then(|trace| trace.otlp_endpoint.as_ref());
    for (section, key, called) in [
        ("incode", "url", vendor.map(|vendor| &vendor.url)),
        ("incode", "proxy", proxy),
        ("trace", "otlp_endpoint", collector),
    ] {
        listeners::check_not_called(reader, &listening, section, key, called);
    }
}
