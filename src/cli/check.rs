//! `verigate check`: asks a service about one verification, and prints the answer as text or JSON.

use std::{collections::HashMap, fmt::Write as _, time::Duration};

use anyhow::{Context as _, bail};
use clap::Args;
use tonic::{metadata::MetadataMap, transport::Endpoint};

use super::{
    exit::Exit,
    output::{Visible, eprint_line, print, print_json},
    remedies,
};
use crate::{
    policy::Shown,
    proto::{
        json::as_json,
        time,
        v1::{
            CheckAccessRequest, CheckAccessResponse, Decision, EvidenceInfo, EvidenceSource,
            ReasonCode, access_service_client::AccessServiceClient,
        },
    },
};

/// How long connecting and the call may each take.
const DEADLINE: Duration = Duration::from_secs(5);

/// Ask a service about one verification.
///
/// Exits with 0 for ALLOW, 3 for STEP_UP, 4 for DENY, and 2 if there was no answer.
#[derive(Debug, Args)]
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
    /// Address of the service.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:50051")]
    server: String,
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

impl Check {
    pub(super) async fn run(self) -> anyhow::Result<Exit> {
        let endpoint = Endpoint::from_shared(self.server.clone())
            .with_context(|| format!("`{}` is not a URL", self.server))?
            .connect_timeout(DEADLINE);
        if endpoint.uri().scheme_str() != Some("http") {
            bail!("`{}` must begin with http://", self.server);
        }
        let channel = endpoint
            .connect()
            .await
            .with_context(|| format!("cannot connect to `{}`", self.server))?;
        let mut request = tonic::Request::new(CheckAccessRequest {
            verification_id: self.verification,
            policy: self.policy,
            identity_id: self.identity.unwrap_or_default(),
            authentication: None,
            attributes: self.attributes.into_iter().collect::<HashMap<_, _>>(),
            request_id: self.request_id.unwrap_or_default(),
        });
        request.set_timeout(DEADLINE);
        let (timings, answer) = match AccessServiceClient::new(channel)
            .check_access(request)
            .await
        {
            // The client has put the trailers among the headers.
            Ok(answer) => (timings(answer.metadata()), answer.into_inner()),
            Err(status) => {
                eprint_line(&format!(
                    "verigate: {:?}: {}",
                    status.code(),
                    Visible(status.message())
                ));
                return Ok(Exit::CannotRun);
            }
        };
        if self.json {
            // The JSON that protobuf defines for the contract.
            let json = as_json("CheckAccessResponse", &answer);
            print_json(&json.context("the contract lacks the response message")?)?;
        } else {
            print(&as_text(&answer))?;
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

/// The answer as text.
fn as_text(answer: &CheckAccessResponse) -> String {
    let mut text = format!("{}\n", decision(answer.decision()));
    let mut line = |label: &str, value: String| {
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "  {label:<9} {}", Visible(value));
    };
    for reason in &answer.reasons {
        let code = code(reason.code());
        let reason = format!("{code}: {} ({})", reason.message, reason.rule);
        line("because", reason);
    }
    if answer.degraded {
        line("degraded", degraded(answer.evidence.as_ref()).to_owned());
    }
    if let (Some(until), Some(span)) = (&answer.valid_until, &answer.valid_for) {
        let reusable = format!(
            "until {} ({} from now)",
            instant(until),
            Shown(time::elapsed(span))
        );
        line("reusable", reusable);
    }
    if let Some(change) = &answer.next_change {
        let at = change.at.as_ref().map_or_else(String::new, instant);
        line("then", format!("{} from {at}", decision(change.to())));
    }
    for (label, needed) in answer.step_up.iter().flat_map(remedies::needed) {
        line(label, needed);
    }
    if let Some(evidence) = &answer.evidence {
        line("evidence", self::evidence(evidence));
    }
    let decision = format!(
        "{} (policies {})",
        answer.decision_id, answer.policy_revision
    );
    line("decision", decision);
    text
}

/// Why an answer is degraded. Where its evidence is neither stale nor missing, the clocks are the reason.
fn degraded(evidence: Option<&EvidenceInfo>) -> &'static str {
    match evidence.map(EvidenceInfo::source) {
        Some(EvidenceSource::Cache | EvidenceSource::SharedCache | EvidenceSource::Upstream) => {
            "the clocks of the service and of the vendor are apart"
        }
        Some(EvidenceSource::Stale | EvidenceSource::None | EvidenceSource::Unspecified) | None => {
            "the vendor could not be asked"
        }
    }
}

fn evidence(evidence: &EvidenceInfo) -> String {
    let mut text = match evidence.source() {
        EvidenceSource::Cache => "from the cache".to_owned(),
        EvidenceSource::SharedCache => "from the shared cache".to_owned(),
        EvidenceSource::Upstream => "from the vendor".to_owned(),
        EvidenceSource::Stale => "from the cache, stale".to_owned(),
        EvidenceSource::None | EvidenceSource::Unspecified => "none".to_owned(),
    };
    let mut add = |label: &str, value: &str| {
        if !value.is_empty() {
            let _ = write!(text, ", {label} {value}");
        }
    };
    add("status", &evidence.status);
    let at = evidence.verified_at.as_ref().map(instant);
    add("verified at", &at.unwrap_or_default());
    add("scopes", &evidence.scopes.join(" "));
    text
}

fn decision(decision: Decision) -> &'static str {
    let name = decision.as_str_name();
    name.strip_prefix("DECISION_").unwrap_or(name)
}

fn code(code: ReasonCode) -> &'static str {
    let name = code.as_str_name();
    name.strip_prefix("REASON_CODE_").unwrap_or(name)
}

fn instant(wire: &prost_types::Timestamp) -> String {
    let instant = time::instant(*wire);
    instant.map_or_else(|| "an invalid time".to_owned(), |at| at.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_degraded_answer_says_why() {
        for (source, why) in [
            (EvidenceSource::Stale, "the vendor could not be asked"),
            (EvidenceSource::None, "the vendor could not be asked"),
            (EvidenceSource::Cache, "of the vendor are apart"),
            (EvidenceSource::Upstream, "of the vendor are apart"),
        ] {
            let mut evidence = EvidenceInfo::default();
            evidence.set_source(source);
            let answer = CheckAccessResponse {
                degraded: true,
                evidence: Some(evidence),
                ..CheckAccessResponse::default()
            };
            let text = as_text(&answer);
            assert!(text.contains(why), "{text}");
        }
    }
}
