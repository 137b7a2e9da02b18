//! From the settings of targets to what is measured.

use std::{
    net::{SocketAddr, ToSocketAddrs as _},
    path::Path,
    sync::Arc,
};

use anyhow::{Context as _, anyhow, bail};
use clap::ValueEnum;
use rustls::ClientConfig;
use serde::Deserialize;
use url::Url;

use super::{
    super::{caller_token, check::duration},
    entry::{BATCH_MAX, CallKind, Entry},
    fixtures,
};
use crate::{
    bench::{Calls, Endpoint, Expected, Target, process_cpu},
    clock::{Clock as _, SystemClock},
    deps::Deps,
    files::read_text,
    policy::before,
    proto::{
        time,
        v1::{Authentication, CheckAccessRequest},
    },
    tls::{ClientFiles, StreamTls, TlsFiles},
};

/// The size of a file of targets, in bytes.
const FILE_BYTES_MAX: usize = 1024 * 1024;
const TARGETS_MAX: usize = 100;
const BATCH: u32 = 64;
/// The protocol that gRPC is spoken over.
const ALPN: &[u8] = b"h2";

/// A file of targets: `[[target]]`, and the keys of an [`Entry`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    target: Vec<Entry>,
}

/// The targets of a file.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<Entry>> {
    let shown = path.display();
    let text = read_text(path, FILE_BYTES_MAX).with_context(|| format!("cannot read `{shown}`"))?;
    let file: File = toml::from_str(&text).with_context(|| format!("cannot use `{shown}`"))?;
    let mut targets = file.target;
    if targets.is_empty() || targets.len() > TARGETS_MAX {
        bail!(
            "`{shown}` has {} targets: give 1 to {TARGETS_MAX}",
            targets.len()
        );
    }
    for target in &mut targets {
        if target.url.is_empty() {
            bail!(
                "a target of `{shown}` has no url: give each one, such as url = \"http://127.0.0.1:50051\""
            );
        }
        if target.name.is_empty() {
            target.name.clone_from(&target.url);
        }
    }
    Ok(targets)
}

/// What is measured: each entry, with the flags for what it has not set.
pub(super) fn prepare(entries: Vec<Entry>, flags: &Entry) -> anyhow::Result<Vec<Target>> {
    if flags.server_pid.is_some() && entries.len() > 1 {
        bail!(
            "--server-pid is the process of one target: with several, give each its own in a file, by server_pid = PID"
        );
    }
    let kinds = entries.iter().map(|own| own.call.or(flags.call));
    let kinds: Vec<CallKind> = kinds.map(Option::unwrap_or_default).collect();
    // A flag is in vain if no target has a use for it.
    let mut in_vain = kinds.iter().map(|kind| flags.in_vain(*kind));
    let mut of_all = in_vain.next().unwrap_or_default();
    in_vain.for_each(|of| of_all.retain(|name| of.contains(name)));
    if let Some(name) = of_all.first() {
        bail!("--{name} is of no use for {}: leave it out", shown(&kinds));
    }
    let targets = entries.into_iter().zip(kinds).map(|(own, kind)| {
        let name = own.name.clone();
        if let Some(setting) = own.in_vain(kind).first() {
            bail!(
                "target `{name}`: {setting} is of no use for {}: leave it out",
                shown(&[kind])
            );
        }
        target(own.or(flags), kind).with_context(|| format!("target `{name}`"))
    });
    targets.collect()
}

/// Kinds of calls, as a message names them.
fn shown(kinds: &[CallKind]) -> String {
    let names = kinds.iter().filter_map(ValueEnum::to_possible_value);
    let mut names: Vec<String> = names
        .map(|of| format!("--call {}", of.get_name()))
        .collect();
    names.sort_unstable();
    names.dedup();
    names.join(" and ")
}

fn target(entry: Entry, kind: CallKind) -> anyhow::Result<Target> {
    if let Some(pid) = entry.server_pid
        && process_cpu(pid).is_none()
    {
        bail!(
            "there is no process {pid} whose CPU time can be read in /proc: give the id of the service, or leave out its setting"
        );
    }
    Ok(Target {
        endpoint: endpoint(&entry)?,
        calls: calls(&entry, kind)?,
        expected: expected(&entry)?,
        streams: None,
        server_pid: entry.server_pid,
        url: entry.url,
        name: entry.name,
    })
}

fn expected(entry: &Entry) -> anyhow::Result<Expected> {
    let Some(text) = &entry.expect else {
        return Ok(Expected::AnyDecision);
    };
    Expected::read(text).ok_or_else(|| {
        anyhow!("`{text}` is neither a decision (ALLOW, STEP_UP, DENY) nor a code of gRPC by which calls fail, such as NOT_FOUND")
    })
}

fn calls(entry: &Entry, kind: CallKind) -> anyhow::Result<Calls> {
    if kind == CallKind::Cerbos {
        return Ok(Calls::cerbos(&fixtures::person(SystemClock.now())));
    }
    let policy = entry.policy.clone();
    let policy =
        policy.context("give the name of a policy by --policy NAME, or by policy = \"NAME\"")?;
    if entry.verifications.is_empty() {
        bail!("give the id of a verification by --verification ID, or by verifications = [\"ID\"]");
    }
    let check = CheckAccessRequest {
        policy,
        identity_id: entry.identity.clone().unwrap_or_default(),
        attributes: entry.attributes.iter().cloned().collect(),
        authentication: authentication(entry)?,
        ..CheckAccessRequest::default()
    };
    let verifications = &entry.verifications;
    let batch = entry.batch.unwrap_or(BATCH);
    if !(1..=BATCH_MAX).contains(&i64::from(batch)) {
        bail!("a batch of {batch} checks cannot be asked: give 1 to {BATCH_MAX}");
    }
    Ok(match kind {
        CallKind::Batch => Calls::batch(&check, verifications, batch),
        CallKind::Stream => Calls::stream(&check, verifications),
        CallKind::Unary | CallKind::Cerbos => Calls::unary(&check, verifications),
    })
}

/// The person's session; `None` without its settings.
fn authentication(entry: &Entry) -> anyhow::Result<Option<Authentication>> {
    if entry.acr.is_none() && entry.amr.is_empty() && entry.auth_ago.is_none() {
        return Ok(None);
    }
    let ago = entry.auth_ago.as_deref();
    let ago = ago.map(|text| duration(text).map_err(|why| anyhow!("`{text}` is {why}")));
    let ago = ago.transpose()?;
    Ok(Some(Authentication {
        acr: entry.acr.clone().unwrap_or_default(),
        amr: entry.amr.clone(),
        auth_time: ago.map(|ago| time::timestamp(before(SystemClock.now(), ago))),
    }))
}

fn endpoint(entry: &Entry) -> anyhow::Result<Endpoint> {
    let text = &entry.url;
    let url = Url::parse(text).with_context(|| format!("`{text}` is not a URL"))?;
    let is_tls = match url.scheme() {
        "http" => false,
        "https" => true,
        _ => bail!("`{text}` must begin with http:// or https://"),
    };
    let has_credentials = !url.username().is_empty() || url.password().is_some();
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() || has_credentials {
        bail!("`{text}` has more than a scheme, a host and a port");
    }
    let host = url
        .host_str()
        .with_context(|| format!("`{text}` has no host"))?;
    let port = url.port_or_known_default().unwrap_or_default();
    let plain = host.trim_matches(['[', ']']);
    let addresses = (plain, port)
        .to_socket_addrs()
        .with_context(|| format!("cannot resolve `{plain}`"))?;
    let addresses: Vec<SocketAddr> = addresses.collect();
    if addresses.is_empty() {
        bail!("`{plain}` has no address");
    }
    let has_files = entry.ca.is_some() || entry.certificate.is_some() || entry.key.is_some();
    if has_files && !is_tls {
        bail!(
            "--ca, --certificate and --key are for an address that begins with https://, and `{text}` does not"
        );
    }
    let token = entry
        .token_file
        .as_deref()
        .map(caller_token::read)
        .transpose()?;
    Ok(Endpoint {
        addresses,
        // The port of the scheme is left out of a URL.
        authority: url
            .port()
            .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")),
        host: host.to_owned(),
        tls: is_tls.then(|| tls(entry)).transpose()?,
        token: token.map(|token| token.as_str().to_owned()),
    })
}

fn tls(entry: &Entry) -> anyhow::Result<Arc<ClientConfig>> {
    let certificate = match (&entry.certificate, &entry.key) {
        (Some(certificate), Some(key)) => Some((certificate.clone(), key.clone())),
        (None, None) => None,
        _ => bail!("--certificate and --key go together"),
    };
    let files = ClientFiles {
        section: "bench",
        ca_setting: "ca",
        ca: entry.ca.clone(),
        certificate,
        proxy: None,
        proxy_credentials: None,
    };
    let deps = Deps::new(Arc::new(SystemClock));
    let mut read = TlsFiles::new(&deps.registry)?;
    let tls = StreamTls::new(&files, &mut read, &deps)?;
    let mut config = ClientConfig::clone(tls.connector().config());
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(url: &str) -> Entry {
        Entry {
            policy: Some("front-door".to_owned()),
            verifications: vec!["a".to_owned()],
            ..Entry::named(url, url)
        }
    }

    fn authority(url: &str) -> String {
        endpoint(&entry(url)).unwrap().authority
    }

    #[test]
    fn the_authority_has_the_port_unless_it_is_that_of_the_scheme() {
        assert_eq!(authority("http://127.0.0.1:50051"), "127.0.0.1:50051");
        assert_eq!(authority("http://[::1]:50051"), "[::1]:50051");
        assert_eq!(authority("http://127.0.0.1:80"), "127.0.0.1");
    }

    #[test]
    fn every_address_of_a_name_is_kept() {
        let addresses = endpoint(&entry("http://localhost:1")).unwrap().addresses;
        let all: Vec<SocketAddr> = ("localhost", 1).to_socket_addrs().unwrap().collect();
        assert_eq!(addresses, all);
    }

    #[test]
    fn what_a_url_has_beside_a_host_and_a_port_is_an_error() {
        for rest in ["/a", "?a", "#a"] {
            let url = format!("http://127.0.0.1:1{rest}");
            assert!(endpoint(&entry(&url)).is_err(), "{url}");
        }
        for user in ["a@", "a:b@", ":b@"] {
            let url = format!("http://{user}127.0.0.1:1");
            assert!(endpoint(&entry(&url)).is_err(), "{url}");
        }
    }

    #[test]
    fn a_flag_that_one_of_several_targets_uses_is_not_in_vain() {
        let flags = Entry {
            batch: Some(8),
            ..entry("")
        };
        let of = |kind| Entry {
            call: Some(kind),
            ..Entry::named("a", "http://127.0.0.1:1")
        };
        let both = vec![of(CallKind::Unary), of(CallKind::Batch)];
        assert_eq!(prepare(both, &flags).unwrap().len(), 2);
        let neither = vec![of(CallKind::Unary), of(CallKind::Stream)];
        let error = prepare(neither, &flags).unwrap_err().to_string();
        let expected = "--batch is of no use for --call stream and --call unary: leave it out";
        assert_eq!(error, expected);
    }
}
