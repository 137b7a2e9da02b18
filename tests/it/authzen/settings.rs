//! The settings of `[authzen]`: what is wrong is said, with its place, and nothing is ignored.

use std::time::Duration;

use verigate::http::authzen::{PolicySource, VerificationSource};

use super::load;

#[test]
fn without_settings_the_verification_is_the_subject_and_the_policy_the_action() {
    let authzen = load("").unwrap().authzen;
    assert_eq!(authzen.deadline, Duration::from_secs(2));
    assert_eq!(authzen.subject_types, ["verification".into()].into());
    assert_eq!(authzen.policy_from, PolicySource::ActionName);
    assert_eq!(authzen.verification_from, VerificationSource::SubjectId);
    assert_eq!(authzen.public_url, None);
}

#[test]
fn the_policy_is_named_by_a_member_or_by_patterns() {
    let named = load(
        "[authzen]\npolicy_from = \"resource.id\"\nverification_from = \"subject.properties.v.id\"\n",
    );
    let named = named.unwrap().authzen;
    assert_eq!(named.policy_from, PolicySource::ResourceId);
    assert_eq!(
        named.verification_from,
        VerificationSource::Property("v.id".into())
    );
    for text in [
        "[authzen]\npolicy_from = { \"GET route /todos/{id}\" = \"read\", \"* * *\" = \"any\" }\n",
        "[authzen.policy_from]\n\"GET route /todos/{id}\" = \"read\"\n\"* * *\" = \"any\"\n",
    ] {
        let PolicySource::Patterns(patterns) = load(text).unwrap().authzen.policy_from else {
            panic!("{text}");
        };
        assert_eq!(patterns.len(), 2);
    }
}

#[test]
fn mistakes_are_reported_with_their_place() {
    for (text, expected) in [
        (
            "policy_from = \"action\"",
            "authzen.policy_from: `action` is not one of: action.name, resource.id, resource.type",
        ),
        ("policy_from = \"\"", "authzen.policy_from is empty"),
        ("policy_from = {}", "authzen.policy_from is empty"),
        (
            "policy_from = 7",
            "authzen.policy_from is not of type string",
        ),
        (
            "policy_from = { \"GET\" = \"read\" }",
            "authzen.policy_from: `GET` is not `ACTION RESOURCE_TYPE RESOURCE_ID`",
        ),
        (
            "policy_from = { \"* * *\" = \"No Policy\" }",
            "authzen.policy_from: the policy of `* * *`",
        ),
        (
            "policy_from = { \"* * *\" = 7 }",
            "authzen.policy_from: the policy of `* * *`",
        ),
        (
            "subject_types = []",
            "authzen.subject_types is not a list of types",
        ),
        (
            "subject_types = [\"\"]",
            "authzen.subject_types is not a list of types",
        ),
        (
            "subject_types = [7]",
            "authzen.subject_types is not a list of types",
        ),
        (
            "subject_types = \"user\"",
            "authzen.subject_types is not of type array",
        ),
        (
            "verification_from = \"subject\"",
            "authzen.verification_from: `subject` is not `subject.id`",
        ),
        (
            "verification_from = \"subject.properties.\"",
            "authzen.verification_from: `subject.properties.`",
        ),
        (
            "deadline = \"0s\"",
            "authzen.deadline: `0s` is not a duration above zero",
        ),
        ("deadline = \"11s\"", "authzen.deadline is longer than 10s"),
        (
            "public_url = \"https://x\"",
            "unknown setting `authzen.public_url`",
        ),
    ] {
        let error = load(&format!("[authzen]\n{text}\n")).unwrap_err();
        assert!(error.contains(expected), "{text}: {error}");
        assert!(error.contains("verigate.toml:"), "{error}");
    }
}
