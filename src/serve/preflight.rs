//! What would keep the service from working on this machine, found without any call and without changing anything.

use std::{io, sync::Arc};

use rustix::fs::{Access, access};
use url::Url;

use crate::{
    clock::Clock,
    config::{Config, Problem, place_in},
    export::Transport,
    jwt::{Keys, check_keys},
    listener::ListenAddress,
    tls,
};

/// What was found on this machine.
#[derive(Debug, Default)]
pub struct Preflight {
    /// What keeps the service from working.
    pub problems: Vec<Problem>,
    /// What works now, and will not for long.
    pub warnings: Vec<String>,
    /// What may be as it should be.
    pub notes: Vec<String>,
}

/// What a check without calls cannot find out.
pub const NOT_TRIED: &str = "not tried: calls to the vendor (so neither its address nor the credentials), \
    key sets of issuers at an address, the trace collector, receivers of the journal's lines, webhooks, free space for the journal";

/// What the service needs before it starts.
pub fn preflight(config: &Config, clock: &Arc<dyn Clock>) -> Preflight {
    let mut preflight = Preflight::default();
    let listeners = config.tls.iter().map(|files| tls::check(files, clock));
    let vendor = tls::check_client(&config.incode.files, clock);
    let syslog = config.export.syslog.as_ref();
    let syslog = syslog.map(|syslog| tls::check_client(&syslog.files, clock));
    for checked in listeners.chain([vendor]).chain(syslog) {
        let error = match checked {
            Ok(expiries) => {
                let soon = expiries.into_iter().filter(|at| at.is_soon(clock.now()));
                preflight.warnings.extend(soon.map(|at| at.to_string()));
                continue;
            }
            Err(error) => error,
        };
        let problems = error.problems.into_iter();
        preflight.problems.extend(problems.map(|problem| Problem {
            message: format!("{}: {}", problem.setting, problem.message),
            place: problem.setting,
            hint: problem.hint.map(str::to_owned),
        }));
    }
    let issuers = issuers(config);
    for (path, keys) in &issuers {
        if let Err(error) = check_keys(keys, clock.now()) {
            let setting = path.join(".");
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            let file = config.file.as_deref();
            preflight.problems.push(Problem {
                message: format!("{setting}: `{}`: {error}", keys.shown()),
                place: file
                    .and_then(|file| place_in(file, &path))
                    .unwrap_or(setting),
                hint: error.hint().map(str::to_owned),
            });
        }
    }
    let jwks = issuers.iter().filter_map(|(path, keys)| match keys {
        Keys::Url { url, ca: None } => Some((path.join("."), url)),
        Keys::Url { .. } | Keys::File(_) => None,
    });
    let secure = called(config).into_iter().chain(jwks);
    let mut secure = secure
        .filter_map(|(setting, url)| (url.scheme() == "https").then_some(setting))
        .chain(syslog_by_machine(config));
    if let Some(setting) = secure.next()
        && let Err(error) = tls::check_ca_certificates()
    {
        let error = anyhow::Error::from(error);
        preflight.problems.push(Problem {
            place: setting,
            message: format!("the certificates of https servers cannot be verified: {error:#}"),
            hint: Some(
                "install the CA certificates of this system (often called ca-certificates), or set SSL_CERT_FILE"
                    .to_owned(),
            ),
        });
    }
    preflight
}

/// The addresses that are called, with their settings, unless the CA certificates for them are in a file.
fn called(config: &Config) -> Vec<(String, &Url)> {
    let vendor = Some(&config.incode.url).filter(|_| config.incode.files.ca.is_none());
    let called = [
        ("incode.url", vendor),
        ("trace.otlp_endpoint", config.trace.otlp_endpoint.as_ref()),
        ("journal.otlp_endpoint", config.export.otlp.as_ref()),
    ];
    let called = called.into_iter();
    called
        .filter_map(|(setting, url)| Some((setting.to_owned(), url?)))
        .collect()
}

/// The setting of a receiver of syslog whose certificate this machine's CA certificates verify.
fn syslog_by_machine(config: &Config) -> Option<String> {
    let syslog = config.export.syslog.as_ref()?;
    let is_tls = syslog.target.transport == Transport::Tls;
    (is_tls && syslog.files.ca.is_none()).then(|| "journal.syslog".to_owned())
}

/// Where the keys of each issuer of tokens are, with the path of the setting that says so.
fn issuers(config: &Config) -> Vec<(Vec<String>, &Keys)> {
    let of_callers = config.callers.iter().filter_map(|caller| {
        let keys = &caller.jwt.as_ref()?.keys;
        Some((vec!["callers", caller.name.as_str(), "jwt"], keys))
    });
    let of_sessions = config.session.iter();
    let of_sessions = of_sessions.map(|session| (vec!["authentication"], &session.token.keys));
    let issuers = of_callers.chain(of_sessions).map(|(mut path, keys)| {
        path.push(keys.setting());
        (path.into_iter().map(str::to_owned).collect(), keys)
    });
    issuers.collect()
}

/// As [`preflight`], and tries whether the addresses can be bound. One that is in use is only a note: where the service runs already,
/// it is in use by the service.
pub fn preflight_with_addresses(config: &Config, clock: &Arc<dyn Clock>) -> Preflight {
    let mut preflight = preflight(config, clock);
    let addresses = [
        ("grpc.listen", Some(&config.grpc)),
        ("http.listen", Some(&config.http)),
        ("public.listen", config.public.as_ref()),
        ("admin.listen", Some(&config.admin)),
    ];
    for (name, address) in addresses {
        let Some(address) = address else { continue };
        match bind(address) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                preflight.notes.push(format!(
                    "{name}: {address} is in use, by this service if it runs already, or by another program"
                ));
            }
            Err(error) => preflight.problems.push(Problem {
                place: name.to_owned(),
                message: format!("{name}: cannot listen on {address}: {error}"),
                hint: None,
            }),
        }
    }
    preflight
}

/// Binds an address and releases it at once. Of a Unix socket it is only tried whether its file could be made.
fn bind(address: &ListenAddress) -> io::Result<()> {
    match address {
        ListenAddress::Tcp(address) => std::net::TcpListener::bind(address).map(drop),
        ListenAddress::Unix(path) => {
            let folder = path.parent().unwrap_or(path);
            Ok(access(folder, Access::WRITE_OK | Access::EXEC_OK)?)
        }
    }
}
