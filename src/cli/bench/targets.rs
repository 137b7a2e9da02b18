//! From the settings of targets to what is measured.

use std::{net::ToSocketAddrs as _, path::Path, sync::Arc};

use anyhow::{Context as _, anyhow, bail};
use rustls::ClientConfig;
use serde::Deserialize;
use url::Url;

use super::{
    super::{caller_token, check::duration},
    entry::{CallKind, Entry},
    fixtures,
};
use crate::{
    bench::{Calls, Endpoint, Expected, Target},
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

/// What is measured.
pub(super) fn prepare(entry: Entry) -> anyhow::Result<Target> {
    let name = entry.name.clone();
    let context = || format!("target `{name}`");
    Ok(Target {
        endpoint: endpoint(&entry).with_context(context)?,
        calls: calls(&entry).with_context(context)?,
        expected: expected(&entry).with_context(context)?,
        server_pid: entry.server_pid,
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

fn calls(entry: &Entry) -> anyhow::Result<Calls> {
    let kind = entry.call.unwrap_or_default();
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
    Ok(match kind {
        CallKind::Batch => Calls::batch(&check, verifications, entry.batch.unwrap_or(BATCH)),
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
    if url.path() != "/" || url.query().is_some() || !url.username().is_empty() {
        bail!("`{text}` has more than a scheme, a host and a port");
    }
    let host = url
        .host_str()
        .with_context(|| format!("`{text}` has no host"))?;
    let port = url.port_or_known_default().unwrap_or_default();
    let plain = host.trim_matches(['[', ']']);
    let mut addresses = (plain, port)
        .to_socket_addrs()
        .with_context(|| format!("cannot resolve `{plain}`"))?;
    let address = addresses
        .next()
        .with_context(|| format!("`{plain}` has no address"))?;
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
        address,
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
