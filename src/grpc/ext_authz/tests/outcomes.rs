//! Whatever the outcome: what Envoy reads has the status 0 for an ALLOW, and for nothing else.

use std::sync::Arc;

use http::HeaderValue;
use uuid::Uuid;

use super::*;
use crate::{
    gateway::{OWN, UrlTemplate},
    policy::{
        Authentication, Effect, Evidence, Facts, Finding, Flaw, PolicySet, Request as Asked,
        SourceText, Verification, VerificationId, parse,
    },
    provenance::{Origin, Timings},
};

const POLICIES: &str = "
version: 1
policies:
  young: { require: [{ verified_within: 90d }, { verified_within: 30d, otherwise: step_up }], reuse: { allow: 10m } }
  once: { require: [{ verified_within: 30d }] }
  login: { require: [{ authenticated: { within: 5m, acr_any: [gold] }, otherwise: step_up }] }
  odd: { require: [{ authenticated: { within: 5m, acr_any: ['a\"b', 'c d'] }, otherwise: step_up }] }
  either: { require: [{ any_of: [{ verified_within: 1d }, { authenticated: { within: 5m } }], otherwise: step_up }] }
  own: { require: [{ identity: same_as_request, otherwise: step_up }] }
  lenient: { require: [{ verified_within: 30d }], evidence: { unavailable: step_up } }
";

fn policies() -> PolicySet {
    let source = SourceText {
        path: "policies.yaml".into(),
        text: POLICIES.into(),
    };
    let no_lists = |_: &str, _: &str| Err("no lists".to_owned());
    parse(&[Arc::new(source)], &no_lists).unwrap()
}

fn finding() -> impl Strategy<Value = Finding> {
    let verified = (
        0_u64..200 * 24,
        prop_oneof![Just("VERIFIED"), Just("PENDING"), Just("")],
    );
    let present = verified.prop_map(|(hours, status)| {
        let before = Duration::from_hours(hours);
        let mut verification = Verification {
            id: Some("v-1".into()),
            status: Some(status.into()),
            verified_at: Some(now().checked_sub(before).unwrap()),
            ..Verification::default()
        };
        verification.kept = policies().reads();
        Finding::Present(verification)
    });
    prop_oneof![
        6 => present,
        1 => Just(Finding::Absent),
        1 => Just(Finding::Unknown),
        1 => Just(Finding::Unusable(Flaw::Unreadable)),
    ]
}

/// The session of a person: none, or one that was authenticated some seconds ago.
fn session() -> impl Strategy<Value = Option<Authentication>> {
    let acr = prop_oneof![Just("gold"), Just("silver"), Just("")];
    let session = (acr, 0_u64..1_000).prop_map(|(acr, seconds)| Authentication {
        acr: acr.to_owned(),
        auth_time: Some(now().checked_sub(Duration::from_secs(seconds)).unwrap()),
        ..Authentication::default()
    });
    prop::option::of(session)
}

fn ruling(policy: &PolicyName, finding: Finding, session: Option<Authentication>) -> Ruling {
    let set = policies();
    let request = Asked {
        authentication: session,
        ..Asked::bare(policy.clone(), VerificationId::parse("v-1").unwrap())
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

/// As Envoy reads it: whether the request passes, and the status of HTTP that the client gets otherwise.
fn read(answer: &CheckResponse) -> Result<(), i32> {
    let wire = CheckResponse::decode(answer.encode_to_vec().as_slice()).unwrap();
    // Without a status, it passes.
    let code = wire.status.map_or(0, |status| status.code);
    if code == 0 {
        assert!(matches!(wire.http_response, Some(Wire::OkResponse(_))));
        return Ok(());
    }
    let Some(Wire::DeniedResponse(denied)) = wire.http_response else {
        panic!("{code} without a response for the client");
    };
    Err(denied.status.map_or(0, |status| status.code))
}

fn all_headers(answer: &CheckResponse) -> Vec<(String, String, i32)> {
    let headers = match answer.http_response.as_ref().unwrap() {
        Wire::OkResponse(ok) => &ok.headers,
        Wire::DeniedResponse(denied) => &denied.headers,
    };
    let headers = headers.iter().map(|option| {
        let header = option.header.clone().unwrap();
        assert!(header.raw_value.is_empty());
        (header.key, header.value, option.append_action)
    });
    headers.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn nothing_but_an_allow_has_the_status_0(
        which in 0_usize..7,
        finding in finding(),
        session in session(),
        [is_pending, degraded, is_browser, is_known, has_urls, has_metadata] in any::<[bool; 6]>(),
        incoming in prop::collection::vec(prop::sample::select(vec![
            "x-verigate-decision", "x-verigate-decision-id", "x-verigate-valid-for", "x-verigate-step-up-url", "x-verigate-other",
        ]), 0..4),
    ) {
        let set = policies();
        prop_assert_eq!(set.iter().count(), 7);
        let policy = set.iter().nth(which).unwrap().0;
        let ruling = Ruling { degraded, is_pending, ..ruling(policy, finding, session) };
        let template = UrlTemplate::parse("https://id.example.org/?rd={original_url}&acr={acr_values}").unwrap();
        let hosts = ReturnHosts::parse(["app.example.org"]).unwrap();
        let settings = gateway::Config {
            step_up_url: has_urls.then(|| template.clone()),
            verify_url: has_urls.then_some(template),
            ..config()
        };
        let original = hosts.admit("https", "app.example.org", "/door").filter(|_| is_known);
        let step = StepUpContext { is_browser, original_url: original.as_ref(), ..StepUpContext::default() };
        let answer = answer(Outcome::of(policy, &ruling), &settings, step);
        let incoming: Vec<HeaderName> = incoming.into_iter().map(HeaderName::from_static).collect();
        let metadata = has_metadata.then(|| answer::metadata(policy, &ruling));
        let response = check_response(&answer, &incoming, metadata);
        let effect = ruling.decision.effect();
        match read(&response) {
            Ok(()) => prop_assert_eq!(effect, Effect::Allow),
            Err(401 | 302) => prop_assert!(effect == Effect::StepUp && !is_pending),
            Err(403) => prop_assert!(effect == Effect::Deny && !is_pending),
            Err(503) => prop_assert!(effect != Effect::Allow && is_pending),
            Err(other) => prop_assert!(false, "{}", other),
        }
        let headers = all_headers(&response);
        for (name, value, action) in &headers {
            prop_assert!(HeaderValue::from_str(value).is_ok() && !value.contains(char::is_control), "{}", name);
            prop_assert_eq!(*action, 2);
        }
        if let Some(Wire::OkResponse(ok)) = &response.http_response {
            let is_set = |name: &str| headers.iter().any(|(set, ..)| set == name);
            // Removed after what is set: none is both, and of ours and of those of the client each is one of the two.
            for name in OWN.iter().chain(&incoming).map(HeaderName::as_str) {
                let is_removed = ok.headers_to_remove.iter().any(|removed| removed == name);
                prop_assert!(is_removed != is_set(name), "{}", name);
            }
        }
    }

    /// Whatever the handler or what stands before it answers: a status of gRPC, also one that is not known, or one of HTTP.
    #[test]
    fn no_error_from_anywhere_has_the_status_0(
        http_status in 100_u16..1_000,
        grpc in prop::option::of("[0-9]{1,3}|ok|"),
        message in "[ -~]{0,20}",
        body in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        // What is no error is the answer of the handler itself.
        prop_assume!(grpc.is_some() || http_status != 200);
        let mut error = HttpResponse::new(Body::from(body));
        *error.status_mut() = http::StatusCode::from_u16(http_status).unwrap();
        if let Some(grpc) = &grpc {
            error.headers_mut().insert("grpc-status", HeaderValue::from_str(grpc).unwrap());
            error.headers_mut().insert("grpc-message", HeaderValue::from_str(&message).unwrap());
        }
        let settings = Config { gateway: config(), claims: ClaimNames::default() };
        let response = without_errors(error.map(AnswerBody::from), &settings);
        prop_assert_eq!(response.status(), 200);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let body = runtime.block_on(async {
            use http_body_util::BodyExt as _;
            response.into_body().collect().await.unwrap()
        });
        prop_assert_eq!(&body.trailers().unwrap()["grpc-status"], "0");
        let bytes = body.to_bytes();
        let answer = CheckResponse::decode(&bytes[5..]).unwrap();
        let read = read(&answer);
        prop_assert!(matches!(read, Err(403 | 503)), "{:?}", read);
    }
}
