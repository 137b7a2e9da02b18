//! Every outcome: nothing but an ALLOW lets anybody in, and the person is sent where it helps.

use std::{collections::BTreeSet, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use uuid::Uuid;

use super::{
    super::{challenge, *},
    answered, config, header, name, original, policies, ruling, verified,
};
use crate::{
    policy::{Effect, Finding, NewSession},
    ruling::Ruling,
};

#[test]
fn nothing_but_an_allow_has_a_status_below_300() {
    let original = original();
    let bare = Config {
        step_up_url: None,
        verify_url: None,
        ..config()
    };
    let mut seen = BTreeSet::new();
    for config in [config(), bare] {
        for (is_browser, original_url) in [(false, None), (true, Some(&original)), (true, None)] {
            let step = StepUpContext {
                is_browser,
                original_url,
                begins: None,
                email: None,
            };
            for refusal in Refusal::ALL {
                let answer = answer(Outcome::Refused(refusal), &config, step);
                let status = answer.status().as_u16();
                assert!(matches!(status, 403 | 503), "{refusal:?} {status}");
                assert_eq!(answer.effect(), Effect::Deny);
                assert_eq!(header(&answer, "x-verigate-decision"), Some("DENY"));
                assert_eq!(header(&answer, "cache-control"), Some("no-store"));
                assert_eq!(header(&answer, "retry-after").is_some(), status == 503);
            }
            for (policy, _) in policies().iter() {
                for finding in [verified(), Finding::Absent, Finding::Unknown] {
                    for is_pending in [false, true] {
                        let ruling = Ruling {
                            is_pending,
                            ..ruling(policy.as_str(), finding.clone())
                        };
                        let answer = answer(Outcome::of(policy, &ruling), &config, step);
                        let status = answer.status().as_u16();
                        seen.insert(status);
                        let is_allow = ruling.decision.effect() == Effect::Allow;
                        assert_eq!(status < 300, is_allow, "{policy} {status}");
                        assert_eq!(status == 200, is_allow, "{policy} {status}");
                        assert_eq!(answer.effect() == Effect::Allow, is_allow);
                        let named = header(&answer, "x-verigate-decision");
                        assert_eq!(named == Some("ALLOW"), is_allow);
                        for (name, value) in
                            answer.own_headers().iter().chain(answer.other_headers())
                        {
                            let is_plain =
                                value.as_bytes().iter().all(|b| (b' '..=b'~').contains(b));
                            assert!(is_plain, "{name}: {value:?}");
                        }
                    }
                }
            }
        }
    }
    assert_eq!(seen, [200, 302, 401, 403, 503].into());
}

#[test]
fn an_allow_may_be_reused_for_as_long_as_its_policy_says() {
    let answer = answered("allow", &config(), false);
    assert_eq!(header(&answer, "x-verigate-valid-for"), Some("600"));
    let names: Vec<&str> = answer
        .other_headers()
        .iter()
        .map(|(n, _)| n.as_str())
        .collect();
    assert_eq!(names, ["content-type", "x-accel-expires", "cache-control"]);
    assert_eq!(header(&answer, "x-accel-expires"), Some("600"));
    assert_eq!(
        header(&answer, "cache-control"),
        Some("private, max-age=600")
    );
    let once = answered("allow-once", &config(), false);
    for name in ["x-accel-expires", "x-verigate-valid-for"] {
        assert_eq!(header(&once, name), None);
    }
    assert_eq!(header(&once, "cache-control"), Some("no-store"));
    for refused in ["deny", "verify", "login"] {
        let answer = answered(refused, &config(), false);
        assert_eq!(header(&answer, "cache-control"), Some("no-store"));
        assert_eq!(header(&answer, "x-accel-expires"), None);
        assert!(header(&answer, "x-verigate-decision-id").is_some());
    }
}

#[test]
fn a_challenge_is_given_only_where_an_authentication_helps() {
    let challenge = |policy| {
        let answer = answered(policy, &config(), false);
        assert_eq!(answer.status(), 401, "{policy}");
        header(&answer, "www-authenticate").unwrap().to_owned()
    };
    let demanded = "Bearer error=\"insufficient_user_authentication\", error_description=\"a stronger or newer authentication is required\"";
    for (policy, rest) in [
        ("login", ", acr_values=\"gold urn:x:mfa\", max_age=\"300\""),
        ("login-again", ", max_age=\"90\""),
        ("methods", ", max_age=\"300\""),
        ("either", ", max_age=\"300\""),
        ("partly-odd", ", acr_values=\"gold\", max_age=\"300\""),
    ] {
        assert_eq!(challenge(policy), format!("{demanded}{rest}"), "{policy}");
    }
    for policy in ["verify", "scopes", "both"] {
        let challenge = challenge(policy);
        assert!(
            challenge.contains("verification_required"),
            "{policy} {challenge}"
        );
        assert!(!challenge.contains("insufficient"), "{policy} {challenge}");
    }
    // A class that no challenge can name is not demanded as any class.
    for policy in ["odd", "hours"] {
        assert_eq!(challenge(policy), "Bearer", "{policy}");
    }
}

#[test]
fn clients_of_entra_are_given_a_claims_challenge() {
    let entra = Config {
        challenge: ChallengeStyle::Entra {
            authorization_uri: "https://login.example.com/t/authorize".into(),
        },
        ..config()
    };
    let claims = |policy| {
        let answer = answered(policy, &entra, false);
        let text = header(&answer, "www-authenticate").unwrap().to_owned();
        let start = "Bearer realm=\"\", authorization_uri=\"https://login.example.com/t/authorize\", error=\"insufficient_claims\", claims=\"";
        let claims = text.strip_prefix(start).unwrap().strip_suffix('"').unwrap();
        String::from_utf8(STANDARD.decode(claims).unwrap()).unwrap()
    };
    assert_eq!(
        claims("partly-odd"),
        r#"{"access_token":{"acrs":{"essential":true,"value":"gold"}}}"#
    );
    assert_eq!(
        claims("login"),
        r#"{"access_token":{"acrs":{"essential":true,"values":["gold","urn:x:mfa"]}}}"#
    );
    // Without a class, Entra has nothing to claim.
    let answer = answered("login-again", &entra, false);
    let challenge = header(&answer, "www-authenticate").unwrap();
    assert!(
        challenge.contains("insufficient_user_authentication"),
        "{challenge}"
    );
    let answer = answered("verify", &entra, false);
    let challenge = header(&answer, "www-authenticate").unwrap();
    assert!(!challenge.contains("insufficient"), "{challenge}");
}

#[test]
fn browsers_are_redirected_to_the_template_and_others_are_offered_it() {
    let id = Uuid::from_u128(7);
    let back = "https%3A%2F%2Fapp.example.org%2Fdoor%3Fa%3D1%26b%3D%2520";
    let login = format!(
        "https://app.example.org/start?rd={back}&acr=gold%20urn%3Ax%3Amfa&age=300&p=login&d={id}"
    );
    let verify = format!("/verify?rd={back}&age=");
    for (policy, url) in [("login", &login), ("verify", &verify), ("both", &verify)] {
        let browser = answered(policy, &config(), true);
        assert_eq!(browser.status(), 302);
        assert_eq!(header(&browser, "location"), Some(&**url));
        assert_eq!(header(&browser, "www-authenticate"), None);
        let other = answered(policy, &config(), false);
        assert_eq!(other.status(), 401);
        assert_eq!(header(&other, "location"), None);
        for answer in [&browser, &other] {
            assert_eq!(header(answer, "x-verigate-step-up-url"), Some(&**url));
        }
    }
    // Nothing helps that a browser could do.
    for policy in ["odd", "hours"] {
        let answer = answered(policy, &config(), true);
        assert_eq!(answer.status(), 401);
        assert_eq!(header(&answer, "x-verigate-step-up-url"), None);
    }
    // Nobody knows where to return to.
    let (name, ruling) = (name("login"), ruling("login", verified()));
    let step = StepUpContext {
        is_browser: true,
        original_url: None,
        begins: None,
        email: None,
    };
    let answer = answer(Outcome::of(&name, &ruling), &config(), step);
    assert_eq!(
        (answer.status().as_u16(), header(&answer, "location")),
        (401, None)
    );
}

#[test]
fn a_verification_that_is_being_looked_up_is_no_denial() {
    let (name, ruling) = (name("deny"), ruling("deny", Finding::Unknown));
    let pending = Ruling {
        is_pending: true,
        ..ruling
    };
    for is_browser in [false, true] {
        let step = StepUpContext {
            is_browser,
            original_url: None,
            begins: None,
            email: None,
        };
        let answer = answer(Outcome::of(&name, &pending), &config(), step);
        assert_eq!(answer.status(), 503);
        assert_eq!(header(&answer, "retry-after"), Some("1"));
        assert_eq!(answer.body().contains("http-equiv=\"refresh\""), is_browser);
        let is_page = header(&answer, "content-type") == Some("text/html; charset=utf-8");
        assert_eq!(is_page, is_browser);
    }
}

#[test]
fn a_session_without_classes_can_be_of_any() {
    let session = |classes: &[&str]| NewSession {
        max_age: Duration::from_secs(1),
        acr_any: classes.iter().map(|class| Box::from(*class)).collect(),
        amr_all_of: Vec::new(),
    };
    assert_eq!(challenge::acr_values(&session(&[])).as_deref(), Some(""));
    assert_eq!(
        challenge::acr_values(&session(&["b", "a"])).as_deref(),
        Some("a b")
    );
    assert_eq!(
        challenge::acr_values(&session(&["a\nb", "\u{e4}", ""])),
        None
    );
}

#[test]
fn a_step_up_says_why_it_offers_no_address() {
    let original = original();
    let v = crate::policy::VerificationId::parse("v-1").unwrap();
    let bare = Config {
        step_up_url: None,
        verify_url: None,
        ..config()
    };
    for (policy, config, original_url, expected) in [
        ("login", &config(), Some(&original), None),
        (
            "login",
            &config(),
            None,
            Some(StepUpUrlError::NoOriginalUrl),
        ),
        (
            "login",
            &bare,
            Some(&original),
            Some(StepUpUrlError::NoLogin),
        ),
        (
            "verify",
            &bare,
            Some(&original),
            Some(StepUpUrlError::NoVerification),
        ),
        (
            "verify",
            &config(),
            None,
            Some(StepUpUrlError::NoOriginalUrl),
        ),
        (
            "odd",
            &config(),
            Some(&original),
            Some(StepUpUrlError::Unprintable),
        ),
        ("allow", &bare, None, None),
        ("deny", &bare, None, None),
    ] {
        let step = StepUpContext {
            is_browser: true,
            original_url,
            begins: Some(&v),
            email: None,
        };
        let ruling = ruling(policy, verified());
        let answer = answer(Outcome::of(&name(policy), &ruling), config, step);
        assert_eq!(answer.step_up_url_error(), expected, "{policy}");
        let is_offered = header(&answer, "x-verigate-step-up-url").is_some();
        let is_step_up = answer.effect() == Effect::StepUp;
        assert_eq!(is_offered, is_step_up && expected.is_none(), "{policy}");
    }
}
