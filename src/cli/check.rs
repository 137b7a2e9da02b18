//! `verigate check`: asks a service about one verification, and prints the answer as text or JSON.

mod text;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, bail};
use clap::Args;
use tonic::metadata::{Ascii, MetadataMap, MetadataValue};

use self::text::as_text;
use super::{
    caller_token,
    connection::{self, OwnCertificate, SERVICE, TlsFiles},
    examples,
    exit::Exit,
    output::{Visible, eprint_line, print, print_coloured, print_json},
    screen::Screen,
};
use crate::{
    clock::{Clock as _, SystemClock},
    policy::{Shown, Timestamp, before, parse_duration},
    proto::{
        json::as_json,
        time,
        v1::{
            Authentication, CheckAccessRequest, Decision,
            access_service_client::AccessServiceClient,
        },
    },
};

const DEFAULT_SERVER: &str = "http://127.0.0.1:50051";
/// The longest time that may be waited for an answer.
const TIMEOUT_MAX: Duration = Duration::from_hours(1);
const SESSION: &str = "The session of the person";

/// Ask a service about one verification.
///
/// Exits with 0 for ALLOW, 3 for STEP_UP, 4 for DENY, and 2 if there was no answer.
#[derive(Debug, Args)]
#[command(after_help = examples::CHECK)]
pub(super) struct Check {
    /// Name of the policy.
    #[arg(long, value_name = "NAME")]
    policy: String,
    /// Id of the verification.
    #[arg(long, value_name = "ID")]
    verification: String,
    /// Id of the identity that the verification is expected to be of.
    #[arg(long, value_name = "ID")]
    identity: Option<String>,
    /// Attribute of the request; can be repeated.
    #[arg(long = "attribute", value_name = "KEY=VALUE", value_parser = attribute)]
    attributes: Vec<(String, String)>,
    /// Id of the request; the answer repeats it.
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,
    /// Context class of the person's session (acr).
    #[arg(long, value_name = "CLASS", help_heading = SESSION)]
    acr: Option<String>,
    /// Method that the session was authenticated by, such as hwk; can be repeated.
    #[arg(long, value_name = "METHOD", help_heading = SESSION)]
    amr: Vec<String>,
    /// How long ago the session was authenticated, such as 5m; a session without it never counts.
    #[arg(long, value_name = "DURATION", value_parser = duration, help_heading = SESSION)]
    auth_ago: Option<Duration>,
    /// Address of the service: http, or https where it speaks TLS.
    #[arg(long, value_name = "URL", default_value = DEFAULT_SERVER, help_heading = SERVICE)]
    server: String,
    /// CA certificates (PEM) to accept in place of those of this machine.
    #[arg(long, value_name = "FILE", help_heading = SERVICE)]
    ca: Option<PathBuf>,
    #[command(flatten)]
    own: OwnCertificate,
    /// File that holds the token of a caller.
    #[arg(long, value_name = "FILE", help_heading = SERVICE)]
    token_file: Option<PathBuf>,
    /// How long connecting and the answer may each take, at most 1h.
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = timeout, help_heading = SERVICE)]
    timeout: Duration,
    /// Print the answer as JSON.
    #[arg(long)]
    json: bool,
    /// Print how long each step took and how old the evidence was; with --json on stderr, because the JSON of the contract on
    /// stdout has no field for it.
    #[arg(long)]
    explain: bool,
}

/// Reads `KEY=VALUE`.
pub(super) fn attribute(text: &str) -> Result<(String, String), &'static str> {
    text.split_once('=')
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .ok_or("not of the form KEY=VALUE")
}

/// Reads a duration such as `5m`.
pub(super) fn duration(text: &str) -> Result<Duration, &'static str> {
    parse_duration(text).map_err(|_| "not a duration such as 30d, 12h or 1d12h")
}

/// Reads how long something may take.
pub(super) fn timeout(text: &str) -> Result<Duration, &'static str> {
    let timeout = duration(text)?;
    if timeout.is_zero() || timeout > TIMEOUT_MAX {
        return Err("must be longer than 0s, and at most 1h");
    }
    Ok(timeout)
}

impl Check {
    pub(super) async fn run(self, screen: Screen) -> anyhow::Result<Exit> {
        let token = self.token_file.as_deref().map(token).transpose()?;
        let files = TlsFiles {
            ca: self.ca.as_deref(),
            identity: self.own.files(),
        };
        let has_certificate = files.identity.is_some();
        let channel = connection::open(&self.server, files, self.timeout).await?;
        let mut request = tonic::Request::new(CheckAccessRequest {
            authentication: self.authentication(SystemClock.now()),
            verification_id: self.verification,
            policy: self.policy,
            identity_id: self.identity.unwrap_or_default(),
            attributes: self.attributes.into_iter().collect::<HashMap<_, _>>(),
            request_id: self.request_id.unwrap_or_default(),
        });
        request.set_timeout(self.timeout);
        if let Some(token) = token {
            request.metadata_mut().insert("x-verigate-token", token);
        }
        if self.explain {
            let asked = MetadataValue::from_static("1");
            request.metadata_mut().insert("verigate-timing", asked);
        }
        let (timings, answer) = match AccessServiceClient::new(channel)
            .check_access(request)
            .await
        {
            // The client has put the trailers among the headers.
            Ok(answer) => (timings(answer.metadata()), answer.into_inner()),
            Err(status) => {
                let hint = connection::hint(&status, &self.server, has_certificate);
                let (code, message) = (status.code(), Visible(status.message()));
                eprint_line(&match hint {
                    // The code is the client library's own.
                    Some(hint) => format!("verigate: the connection broke; {hint}"),
                    None => format!("verigate: {code:?}: {message}"),
                });
                return Ok(Exit::CannotRun);
            }
        };
        if self.json {
            // The JSON that protobuf defines for the contract.
            let json = as_json("CheckAccessResponse", &answer);
            print_json(&json.context("the contract lacks the response message")?)?;
        } else {
            print_coloured(&as_text(&answer, screen))?;
        }
        match (self.explain, self.json) {
            (true, true) => eprint_line(timings.trim_end()),
            (true, false) => print(&timings)?,
            (false, _) => {}
        }
        Ok(match answer.decision() {
            Decision::Allow => Exit::Done,
            Decision::StepUp => Exit::StepUp,
            Decision::Deny => Exit::Deny,
            Decision::Unspecified => bail!("the service answered without a decision"),
        })
    }

    /// The person's session by the flags; `None` without such flags.
    fn authentication(&self, now: Timestamp) -> Option<Authentication> {
        let is_given = self.acr.is_some() || !self.amr.is_empty() || self.auth_ago.is_some();
        is_given.then(|| Authentication {
            acr: self.acr.clone().unwrap_or_default(),
            amr: self.amr.clone(),
            auth_time: self.auth_ago.map(|ago| time::timestamp(before(now, ago))),
        })
    }
}

/// The token in a file, as a header that nothing shows.
fn token(path: &Path) -> anyhow::Result<MetadataValue<Ascii>> {
    let token = caller_token::read(path)?;
    let mut token = MetadataValue::try_from(token.as_str()).context("the token is no header")?;
    token.set_sensitive(true);
    Ok(token)
}

/// How long each step took, and how old the evidence was, from the trailers. Another or an older service may send none.
fn timings(trailers: &MetadataMap) -> String {
    let text = |name| trailers.get(name).and_then(|value| value.to_str().ok());
    let part = |part: &str| {
        let (name, ms) = part.trim().split_once(";dur=")?;
        Some(format!("{name} {ms} ms"))
    };
    let parts = text("server-timing").unwrap_or_default().split(',');
    let parts: Vec<String> = parts.filter_map(part).collect();
    let took = match parts.as_slice() {
        [] => "not reported by the service".to_owned(),
        parts => parts.join(", "),
    };
    let age = text("verigate-evidence-age-ms").and_then(|ms| ms.parse().ok());
    let age = age.map_or_else(
        || "there is no evidence".to_owned(),
        |ms| format!("the evidence was {} old", Shown(Duration::from_millis(ms))),
    );
    format!("  {:<9} {took}\n  {:<9} {age}\n", "took", "age")
}
