//! Every outcome, and every address: nothing but an ALLOW lets anybody in, and nobody is sent to a host of somebody else's choice.

mod addresses;
mod answers;

use std::sync::Arc;

use http::HeaderName;
use uuid::Uuid;

use super::*;
use crate::{
    policy::{
        Authentication, Evidence, Facts, Finding, PolicyName, PolicySet, Request, SourceText,
        Timestamp, Verification, VerificationId, parse,
    },
    provenance::{Origin, Timings},
    ruling::Ruling,
};

const POLICIES: &str = "
version: 1
policies:
  allow: { require: [{ verified_within: 90d }], reuse: { allow: 10m } }
  allow-once: { require: [{ verified_within: 90d }] }
  deny: { require: [{ verified_within: 1m }] }
  verify: { require: [{ verified_within: 1m, otherwise: step_up }] }
  scopes: { require: [{ scopes: [PHONE], otherwise: step_up }] }
  login: { require: [{ authenticated: { within: 5m, acr_any: [\"urn:x:mfa\", gold] }, otherwise: step_up }] }
  login-again: { require: [{ authenticated: { within: 90s }, otherwise: step_up }] }
  methods: { require: [{ authenticated: { within: 5m, amr_any: [hwk] }, otherwise: step_up }] }
  odd: { require: [{ authenticated: { within: 5m, acr_any: ['a\"b', 'c\\d', 'e f'] }, otherwise: step_up }] }
  partly-odd: { require: [{ authenticated: { within: 5m, acr_any: ['a\"b', gold] }, otherwise: step_up }] }
  both: { require: [{ authenticated: { within: 5m }, otherwise: step_up }, { verified_within: 1m, otherwise: step_up }] }
  either: { require: [{ any_of: [{ verified_within: 1m }, { authenticated: { within: 5m } }], otherwise: step_up }] }
  identify: { require: [{ identity: same_as_request, otherwise: step_up }] }
  hours: { require: [{ schedule: { zone: UTC, days: [mon], from: \"08:00\", to: \"09:00\" }, otherwise: step_up }] }
";

fn now() -> Timestamp {
    "2026-01-31T12:00:00Z".parse().unwrap()
}

fn policies() -> PolicySet {
    let source = SourceText {
        path: "policies.yaml".into(),
        text: POLICIES.into(),
    };
    let no_lists = |_: &str, _: &str| Err("no lists".to_owned());
    parse(&[Arc::new(source)], &no_lists).unwrap()
}

fn name(policy: &str) -> PolicyName {
    PolicyName::parse(policy).unwrap()
}

fn ruling(policy: &str, finding: Finding) -> Ruling {
    let set = policies();
    let request = Request {
        authentication: Some(Authentication::default()),
        ..Request::bare(name(policy), VerificationId::parse("v-1").unwrap())
    };
    let evidence = Arc::new(Evidence {
        finding,
        seen_at: now(),
    });
    let decision = set.find(&name(policy)).unwrap().decide(&Facts {
        request: &request,
        evidence: &evidence,
        now: now(),
    });
    Ruling {
        id: Uuid::from_u128(7),
        revision: set.revision(),
        decision,
        evidence,
        origin: Origin::Cache,
        successor: None,
        vendor_at: None,
        fresh_until: None,
        degraded: false,
        is_pending: false,
        timings: Timings::default(),
    }
}

/// A verification of an hour ago.
fn verified() -> Finding {
    let mut verification = Verification {
        id: Some("v-1".into()),
        status: Some("VERIFIED".into()),
        verified_at: Some("2026-01-31T11:00:00Z".parse().unwrap()),
        ..Verification::default()
    };
    verification.kept = policies().reads();
    Finding::Present(verification)
}

fn config() -> Config {
    Config {
        verification_header: HeaderName::from_static("x-verification-id"),
        identity_header: HeaderName::from_static("x-identity-id"),
        challenge: ChallengeStyle::Rfc9470,
        step_up_url: Some(template(
            "https://app.example.org/start?rd={original_url}&acr={acr_values}&age={max_age}&p={policy}&d={decision_id}",
        )),
        verify_url: Some(template("/verify?rd={original_url}&age={max_age}")),
        return_hosts: hosts(),
        page: None,
        hand_ons: None,
    }
}

fn template(text: &str) -> UrlTemplate {
    UrlTemplate::parse(text).unwrap()
}

fn hosts() -> ReturnHosts {
    ReturnHosts::parse([
        "app.example.org",
        "app.example.org:8443",
        "127.0.0.1:8081",
        "[::1]:9",
    ])
    .unwrap()
}

fn original() -> OriginalUrl {
    hosts()
        .admit("https", "app.example.org", "/door?a=1&b=%20")
        .unwrap()
}

fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    let mut all = answer.own_headers().iter().chain(answer.other_headers());
    all.find(|(other, _)| other == name)
        .map(|(_, value)| value.to_str().unwrap())
}

fn answered(policy: &str, config: &Config, is_browser: bool) -> Answer {
    let original = original();
    let step = StepUpContext {
        is_browser,
        original_url: Some(&original),
        begins: None,
        email: None,
    };
    let (name, ruling) = (name(policy), ruling(policy, verified()));
    answer(Outcome::of(&name, &ruling), config, step)
}
