//! Every outcome: nothing but an ALLOW is encoded as true.

use std::{sync::Arc, time::Duration};

use proptest::prelude::*;
use uuid::Uuid;

use super::{super::config::NoPatternError, super::message::MalformedError, *};
use crate::{
    callers::NotPermittedError,
    policy::{
        Authentication, Evidence, Facts, Finding, PolicyName, PolicySet, Request, SourceText,
        Verification, VerificationId, before, parse,
    },
    provenance::{Origin, Timings},
    session::BadClaimError,
};

const POLICIES: &str = "
version: 1
policies:
  allow: { require: [{ verified_within: 90d }], reuse: { allow: 10m } }
  deny: { require: [{ verified_within: 1m }] }
  verify: { require: [{ verified_within: 1m, otherwise: step_up }] }
  scopes: { require: [{ scopes: [PHONE], otherwise: step_up }] }
  login: { require: [{ authenticated: { within: 5m, acr_any: [\"urn:x:mfa\", gold] }, otherwise: step_up }] }
  any-login: { require: [{ authenticated: { within: 90s }, otherwise: step_up }] }
  odd: { require: [{ authenticated: { within: 5m, acr_any: ['e f'], amr_any: ['g h', hwk] }, otherwise: step_up }] }
  groups:
    require:
      - { authenticated: { within: 5m, amr_any: [hwk, face] }, otherwise: step_up }
      - { authenticated: { within: 9m, amr_any: [pin, otp] }, otherwise: step_up }
  both: { require: [{ authenticated: { within: 5m }, otherwise: step_up }, { verified_within: 1m, otherwise: step_up }] }
  identify: { require: [{ identity: same_as_request, otherwise: step_up }] }
  hours: { require: [{ schedule: { zone: UTC, days: [mon], from: \"08:00\", to: \"09:00\" }, otherwise: step_up }] }
  unavailable: { require: [{ verified_within: 90d }], evidence: { unavailable: step_up } }
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

fn ruling(
    set: &PolicySet,
    policy: &PolicyName,
    finding: Finding,
    session: Option<Authentication>,
) -> Ruling {
    let request = Request {
        authentication: session,
        ..Request::bare(policy.clone(), VerificationId::parse("v-1").unwrap())
    };
    let evidence = Arc::new(Evidence {
        finding,
        seen_at: now(),
    });
    let decision = set.find(policy).unwrap().decide(&Facts {
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
        shadow: None,
        timings: Timings::default(),
    }
}

fn verified(age: Duration, status: &str) -> Finding {
    let mut verification = Verification {
        id: Some("v-1".into()),
        status: Some(status.into()),
        verified_at: Some(before(now(), age)),
        ..Verification::default()
    };
    verification.kept = policies().reads();
    Finding::Present(verification)
}

fn finding() -> impl Strategy<Value = Finding> {
    let ages = prop_oneof![0_u64..120, 0_u64..10_000_000];
    let statuses = prop_oneof![Just("VERIFIED"), Just("REJECTED"), Just("")];
    prop_oneof![
        3 => (ages, statuses).prop_map(|(age, status)| verified(Duration::from_secs(age), status)),
        1 => Just(Finding::Absent),
        1 => Just(Finding::Unknown),
    ]
}

fn session() -> impl Strategy<Value = Option<Authentication>> {
    let acr = prop_oneof![Just("gold"), Just("e f"), Just("")];
    let amr = prop::collection::vec(prop_oneof![Just("hwk"), Just("pin"), Just("g h")], 0..3);
    prop::option::of(
        (acr, amr, 0_u64..900).prop_map(|(acr, amr, ago)| Authentication {
            acr: acr.to_owned(),
            amr: amr.into_iter().map(str::to_owned).collect(),
            auth_time: Some(before(now(), Duration::from_secs(ago))),
        }),
    )
}

/// Every place in an answer that says `decision`.
fn decisions(value: &Value, found: &mut Vec<Value>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                if name == "decision" {
                    found.push(value.clone());
                }
                decisions(value, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| decisions(item, found)),
        _ => {}
    }
}

proptest! {
    #[test]
    fn nothing_but_an_allow_is_encoded_as_true(
        index in 0_usize..12,
        finding in finding(),
        session in session(),
        (degraded, is_pending, step_up) in any::<(bool, bool, bool)>(),
    ) {
        let set = policies();
        let (policy, _) = set.iter().nth(index).unwrap();
        let ruling = Ruling { degraded, is_pending, ..ruling(&set, policy, finding, session) };
        let effect = ruling.decision.effect();
        let evaluated = Ok(ruling);
        let answer = answer(&evaluated, Supported { step_up });
        let is_allow = effect == Effect::Allow;
        prop_assert_eq!(is_permitted(&evaluated), is_allow);
        let mut found = Vec::new();
        decisions(&answer, &mut found);
        prop_assert_eq!(found, vec![Value::Bool(is_allow)]);
        prop_assert_eq!(&answer["context"]["outcome"], outcome(effect));
        if effect != Effect::StepUp {
            for name in ["obligations", "acr_values", "amr_values", "max_age"] {
                prop_assert!(answer["context"].get(name).is_none());
            }
        }
        prop_assert!(!is_allow || answer["context"].get("remedies").is_none());
        prop_assert!(step_up || answer["context"].get("obligations").is_none());
    }
}

/// One error of each kind.
fn errors() -> Vec<EvaluationError> {
    use EvaluationError as E;
    vec![
        E::Malformed(MalformedError::NotAnObject),
        E::SubjectType,
        E::BadPolicyName,
        E::NoPattern(NoPatternError::None),
        E::NoPattern(NoPatternError::Several),
        E::NoVerification,
        E::BadId,
        E::BadIdentity,
        E::BadAuthentication(BadClaimError::Acr),
        E::BadAttribute("`x`".into()),
        E::LongAttribute("`x`".into()),
        E::TooManyAttributes,
        E::NotPermitted(NotPermittedError::Policy),
        E::NoSuchPolicy(PolicyName::parse("x").unwrap()),
        E::OverQuota(Duration::from_millis(1500)),
        E::Shed,
        E::Late,
        E::NotRecorded,
    ]
}

#[test]
fn no_error_is_encoded_as_true_and_each_has_its_name() {
    let mut names: Vec<&str> = Vec::new();
    for error in errors() {
        names.push(error.as_str());
        assert!(
            EvaluationError::NAMES.contains(&error.as_str()),
            "{error:?}"
        );
        assert!((400..=503).contains(&error.status()), "{error:?}");
        let (status, after) = (error.status(), error.retry_after());
        assert_eq!(after.is_some(), matches!(status, 429 | 503), "{error:?}");
        let evaluated = Err(error);
        assert!(!is_permitted(&evaluated));
        let answer = answer(&evaluated, Supported { step_up: true });
        assert_eq!(answer["decision"], false);
        assert_eq!(answer["context"]["error"]["status"], status);
        assert_eq!(answer["context"].get("outcome"), None);
    }
    let known = EvaluationError::NAMES.iter();
    let unused: Vec<_> = known.filter(|name| !names.contains(name)).collect();
    // It is about the call alone.
    assert_eq!(unused, [&"no_caller"]);
}

#[test]
fn what_cannot_stand_in_a_list_with_blanks_is_not_in_one() {
    let set = policies();
    let context = |policy: &str| {
        let policy = PolicyName::parse(policy).unwrap();
        let ruling = ruling(
            &set,
            &policy,
            verified(Duration::from_mins(1), "VERIFIED"),
            None,
        );
        answer(&Ok(ruling), Supported { step_up: true })["context"].clone()
    };
    let odd = context("odd");
    // `e f` would be read as two classes, of which none suffices.
    assert_eq!(odd.get("acr_values"), None);
    assert_eq!(odd.get("obligations"), None);
    assert_eq!(odd["amr_values"], "hwk");
    let any = context("any-login");
    assert_eq!(
        (any.get("acr_values"), any.get("obligations")),
        (None, None)
    );
    assert_eq!(any["max_age"], 90);
    let groups = context("groups");
    assert_eq!(groups["amr_values"], "face otp");
    let both = context("both");
    assert_eq!(
        (both.get("max_age"), both["outcome"].as_str()),
        (None, Some("STEP_UP"))
    );
}
