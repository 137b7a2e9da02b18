//! Who receives the lines of the journal while it runs.

use std::{path::PathBuf, process};

use url::Url;

use super::section::{Reported, Section};
use crate::{
    export::{
        Config, SyslogConfig, SyslogTarget, Transport,
        syslog::{self, Sender},
    },
    tls::ClientFiles,
};

const OTLP_HINT: &str = "such as http://127.0.0.1:4318";

/// The receivers that the section of the journal names.
pub(super) fn read(section: &mut Section<'_>) -> Result<Config, Reported> {
    let otlp = read_otlp(section);
    let syslog = read_syslog(section);
    Ok(Config {
        otlp: otlp?,
        syslog: syslog?,
    })
}

fn read_otlp(section: &mut Section<'_>) -> Result<Option<Url>, Reported> {
    if section.text("otlp_endpoint").is_empty() {
        return Ok(None);
    }
    let url = section.web_url("otlp_endpoint", OTLP_HINT)?;
    if url.query().is_some() {
        let message = "journal.otlp_endpoint must not contain a query";
        return Err(section.problem("otlp_endpoint", message, Some(OTLP_HINT)));
    }
    Ok(Some(url))
}

fn read_syslog(section: &mut Section<'_>) -> Result<Option<SyslogConfig>, Reported> {
    let text = section.text("syslog");
    let ca = section.text("syslog_ca");
    let host = section.text("syslog_host");
    let enterprise = section.count("syslog_enterprise");
    let target = if text.is_empty() {
        None
    } else {
        let target = SyslogTarget::parse(text);
        Some(target.ok_or_else(|| {
            let message = "journal.syslog is no address of a receiver of syslog";
            let hint =
                "such as tls://logs.example.com:6514, tcp://127.0.0.1:601 or udp://127.0.0.1:514";
            section.problem("syslog", message, Some(hint))
        })?)
    };
    let is_tls = target
        .as_ref()
        .is_some_and(|target| target.transport == Transport::Tls);
    if !ca.is_empty() && !is_tls {
        let message = "journal.syslog_ca is set, but journal.syslog is no address of tls";
        let hint = "such as tls://logs.example.com:6514";
        return Err(section.problem("syslog_ca", message, Some(hint)));
    }
    let host = if host.is_empty() {
        machine()
    } else {
        syslog::host(host).map_err(|flaw| {
            section.problem(
                "syslog_host",
                format!("journal.syslog_host is {flaw}"),
                None,
            )
        })?
    };
    let enterprise = enterprise?;
    Ok(target.map(|target| SyslogConfig {
        target,
        sender: Sender {
            host: host.into(),
            process: process::id().to_string().into(),
            enterprise,
        },
        files: ClientFiles {
            section: "journal",
            ca_setting: "syslog_ca",
            ca: (!ca.is_empty()).then(|| PathBuf::from(ca)),
            certificate: None,
            proxy: None,
            proxy_credentials: None,
        },
    }))
}

/// The name of this machine, if it may stand in a message.
fn machine() -> String {
    let uname = rustix::system::uname();
    let name = uname.nodename().to_str().ok();
    let name = name.and_then(|name| syslog::host(name).ok());
    name.unwrap_or_else(|| "-".to_owned())
}
