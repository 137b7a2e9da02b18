//! Guards, the implicit status rule, the strictest answer, the order of reasons, reuse.

use super::super::eval::EARLIEST_VERIFIED_AT;
use super::*;

fn final_outcome(code: &'static str, decision: Decision) -> Outcome {
    Outcome {
        decision,
        reasons: vec![(code, decision)],
        next_change: None,
        valid_until: None,
    }
}

#[test]
fn an_unknown_verification_is_denied_for_ever() {
    let case = Case {
        at: NOW,
        upstream: Upstream::Absent,
        request: Request::default(),
    };
    let policy = Policy {
        unavailable: Some(Otherwise::StepUp),
        ..Policy::of(vec![])
    };
    assert_eq!(
        evaluate(&policy, &case),
        final_outcome("VERIFICATION_NOT_FOUND", DENY)
    );
}

#[test]
fn without_usable_evidence_the_policy_says_what_happens_and_deny_is_its_default() {
    let case = Case {
        at: NOW,
        upstream: Upstream::Down,
        request: Request::default(),
    };
    let plain = Policy::of(vec![]);
    assert_eq!(
        evaluate(&plain, &case),
        final_outcome("EVIDENCE_UNAVAILABLE", DENY)
    );
    let tolerant = Policy {
        unavailable: Some(Otherwise::StepUp),
        ..plain
    };
    assert_eq!(
        evaluate(&tolerant, &case),
        final_outcome("EVIDENCE_UNAVAILABLE", STEP_UP)
    );
}

#[test]
fn a_verification_before_2015_is_invalid_evidence_and_the_first_instant_of_2015_is_not() {
    assert_eq!(EARLIEST_VERIFIED_AT, ms("2015-01-01T00:00:00Z"));
    let policy = Policy::of(vec![step_up(Requirement::Status(words(&["PENDING"])))]);
    let outcome = evaluate(&policy, &answered(NOW, verified(EARLIEST_VERIFIED_AT - 1)));
    assert_eq!(outcome, final_outcome("EVIDENCE_INVALID", DENY));
    let outcome = evaluate(&policy, &answered(NOW, verified(EARLIEST_VERIFIED_AT)));
    assert_eq!(outcome.reasons, [("STATUS_NOT_ACCEPTED", STEP_UP)]);
}

#[test]
fn a_verification_more_than_the_skew_ahead_is_denied_until_it_is_not() {
    let policy = Policy::of(vec![step_up(Requirement::Status(words(&["PENDING"])))]);
    let at_skew = evaluate(&policy, &answered(NOW, verified(NOW + 60_000)));
    assert_eq!(at_skew.reasons, [("STATUS_NOT_ACCEPTED", STEP_UP)]);
    let beyond = evaluate(&policy, &answered(NOW, verified(NOW + 60_001)));
    assert_eq!(beyond.reasons, [("VERIFIED_AT_IN_FUTURE", DENY)]);
    assert_eq!(beyond.next_change, Some((NOW + 1, STEP_UP)));
}

#[test]
fn the_end_of_the_future_guard_is_no_change_where_a_rule_denies_too() {
    let case = answered(NOW, verified(NOW + DAY));
    let outcome = outcome(Requirement::Project(words(&["p-1"])), &case);
    assert_eq!((outcome.decision, outcome.next_change), (DENY, None));
}

#[test]
fn a_verification_without_an_instant_passes_the_guards() {
    let outcome = evaluate(&Policy::of(vec![]), &answered(NOW, Verification::default()));
    assert_eq!(
        outcome,
        Outcome {
            decision: ALLOW,
            reasons: vec![],
            next_change: None,
            valid_until: None
        }
    );
}

#[test]
fn where_no_status_rule_is_written_only_verified_will_do() {
    let pending = Verification {
        status: Some("PENDING".into()),
        ..verified(NOW)
    };
    let policy = Policy::of(vec![step_up(Requirement::VerifiedWithin(DAYS))]);
    assert_eq!(
        evaluate(&policy, &answered(NOW, pending)).reasons,
        [("STATUS_NOT_ACCEPTED", DENY)]
    );
    let named = Verification {
        status: Some("VERIFIED".into()),
        ..verified(NOW)
    };
    assert_eq!(evaluate(&policy, &answered(NOW, named)).decision, ALLOW);
}

#[test]
fn a_status_rule_at_the_top_replaces_the_implicit_one_and_a_nested_one_does_not() {
    let pending = answered(
        NOW,
        Verification {
            status: Some("PENDING".into()),
            ..Verification::default()
        },
    );
    let status = Requirement::Status(words(&["PENDING"]));
    assert_holds(status.clone(), &pending);
    assert_fails(
        Requirement::AnyOf(vec![status]),
        &pending,
        "STATUS_NOT_ACCEPTED",
    );
}

#[test]
fn the_strictest_answer_wins_and_reasons_are_strictest_first_then_in_the_order_of_the_file() {
    let policy = Policy::of(vec![
        step_up(Requirement::Project(words(&["p-1"]))),
        deny(Requirement::IdentitySameAsRequest),
        step_up(Requirement::VerifiedWithin(1)),
        deny(Requirement::Scopes(words(&["NAME"]))),
    ]);
    let case = answered(
        NOW,
        Verification {
            status: Some("PENDING".into()),
            ..Verification::default()
        },
    );
    let outcome = evaluate(&policy, &case);
    let expected = [
        ("STATUS_NOT_ACCEPTED", DENY),
        ("IDENTITY_NOT_GIVEN", DENY),
        ("SCOPE_NOT_GRANTED", DENY),
        ("DATA_MISSING", STEP_UP),
        ("VERIFIED_AT_MISSING", STEP_UP),
    ];
    assert_eq!(
        (outcome.decision, outcome.reasons),
        (DENY, expected.to_vec())
    );
}

#[test]
fn an_allow_is_valid_for_the_cap_or_until_its_next_change_if_that_is_earlier() {
    let mut policy = Policy::of(vec![deny(Requirement::VerifiedWithin(DAYS))]);
    let case = answered(NOW, verified(NOW));
    assert_eq!(evaluate(&policy, &case).valid_until, None);
    policy.reuse_allow = Some(0);
    assert_eq!(evaluate(&policy, &case).valid_until, None);
    policy.reuse_allow = Some(HOURS);
    assert_eq!(evaluate(&policy, &case).valid_until, Some(NOW + HOUR));
    policy.reuse_allow = Some(2 * DAYS);
    assert_eq!(evaluate(&policy, &case).valid_until, Some(NOW + DAY));
}

#[test]
fn nothing_but_an_allow_is_ever_valid_for_reuse() {
    let policy = Policy {
        reuse_allow: Some(HOURS),
        ..Policy::of(vec![step_up(Requirement::VerifiedWithin(1))])
    };
    let outcome = evaluate(&policy, &answered(NOW, verified(NOW - 1)));
    assert_eq!((outcome.decision, outcome.valid_until), (STEP_UP, None));
}
