//! Requirements about the verification and the request: status, age of the verification, scopes, phone, identity, project,
//! attribute, authentication, and groups.

use super::super::model::IdList;
use super::*;

#[test]
fn status_names_are_compared_exactly_and_an_unknown_one_may_be_listed() {
    let with = |status: &str| {
        answered(
            NOW,
            Verification {
                status: Some(status.into()),
                ..Verification::default()
            },
        )
    };
    let rule = Requirement::Status(words(&["PENDING", "BRAND_NEW"]));
    assert_holds(rule.clone(), &with("BRAND_NEW"));
    assert_fails(rule.clone(), &with("pending"), "STATUS_NOT_ACCEPTED");
    assert_fails(
        rule,
        &answered(NOW, Verification::default()),
        "STATUS_NOT_ACCEPTED",
    );
}

#[test]
fn verified_within_holds_up_to_the_millisecond_before_the_span_is_over() {
    let rule = Requirement::VerifiedWithin(30 * DAYS);
    let verification = verified(NOW - 30 * DAY);
    assert_holds(rule.clone(), &answered(NOW - 1, verification.clone()));
    assert_fails(
        rule.clone(),
        &answered(NOW, verification),
        "VERIFICATION_TOO_OLD",
    );
    assert_fails(
        rule,
        &answered(NOW, Verification::default()),
        "VERIFIED_AT_MISSING",
    );
}

#[test]
fn a_span_too_long_for_the_calendar_never_ends() {
    assert_holds(
        Requirement::VerifiedWithin(u64::MAX),
        &answered(NOW, verified(NOW)),
    );
}

#[test]
fn a_scope_needs_its_grant_first_and_then_its_data() {
    let phone = Requirement::Scopes(words(&["PHONE"]));
    let with = |scopes: &[&str], phone: Option<&str>| {
        let phone = phone.map(str::to_owned);
        answered(
            NOW,
            Verification {
                scopes: words(scopes),
                phone,
                ..Verification::default()
            },
        )
    };
    assert_holds(phone.clone(), &with(&["PHONE"], Some("+12025550123")));
    assert_fails(
        phone.clone(),
        &with(&["NAME"], Some("+12025550123")),
        "SCOPE_NOT_GRANTED",
    );
    assert_fails(phone.clone(), &with(&["PHONE"], None), "DATA_MISSING");
    assert_fails(phone.clone(), &with(&["PHONE"], Some("")), "DATA_MISSING");
    for unreadable in [
        "12025550123",
        "+0123456789",
        "+1 202",
        "+1234567890123456",
        "+",
        "+1202x",
    ] {
        assert_fails(
            phone.clone(),
            &with(&["PHONE"], Some(unreadable)),
            "DATA_INVALID",
        );
    }
}

#[test]
fn a_name_is_a_full_name_or_a_first_and_a_last_one() {
    let rule = Requirement::Scopes(words(&["NAME"]));
    let with = |full: Option<&str>, first: Option<&str>, last: Option<&str>| {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let (full_name, first_name, last_name) = (owned(full), owned(first), owned(last));
        answered(
            NOW,
            Verification {
                full_name,
                first_name,
                last_name,
                ..scoped("NAME")
            },
        )
    };
    assert_holds(rule.clone(), &with(Some("Ada Example"), None, None));
    assert_holds(rule.clone(), &with(Some(""), Some("Ada"), Some("Example")));
    for case in [
        with(None, Some("Ada"), None),
        with(None, Some("Ada"), Some("")),
        with(Some(""), None, None),
    ] {
        assert_fails(rule.clone(), &case, "DATA_MISSING");
    }
}

#[test]
fn the_identity_scope_is_always_granted_but_its_data_may_be_missing() {
    let rule = Requirement::Scopes(words(&["IDENTITY_ID"]));
    let with = |id: Option<&str>| {
        answered(
            NOW,
            Verification {
                identity_id: id.map(str::to_owned),
                ..Verification::default()
            },
        )
    };
    assert_holds(rule.clone(), &with(Some("id-1")));
    assert_fails(rule.clone(), &with(None), "DATA_MISSING");
    assert_fails(rule, &with(Some("")), "DATA_MISSING");
}

#[test]
fn any_other_scope_needs_only_its_grant() {
    let rule = Requirement::Scopes(words(&["ADDRESS"]));
    assert_holds(rule.clone(), &answered(NOW, scoped("ADDRESS")));
    assert_fails(rule, &answered(NOW, scoped("address")), "SCOPE_NOT_GRANTED");
}

#[test]
fn of_several_scopes_the_first_that_fails_gives_the_reason() {
    let case = answered(NOW, scoped("PHONE"));
    assert_fails(
        Requirement::Scopes(words(&["PHONE", "NAME"])),
        &case,
        "DATA_MISSING",
    );
    assert_fails(
        Requirement::Scopes(words(&["NAME", "PHONE"])),
        &case,
        "SCOPE_NOT_GRANTED",
    );
}

#[test]
fn a_phone_prefix_needs_a_readable_number_of_a_granted_scope() {
    let rule = Requirement::PhonePrefix(words(&["+49", "+1202"]));
    let with = |phone: &str| {
        answered(
            NOW,
            Verification {
                phone: Some(phone.into()),
                ..scoped("PHONE")
            },
        )
    };
    assert_holds(rule.clone(), &with("+12025550123"));
    assert_fails(rule.clone(), &with("+13125550123"), "PHONE_NOT_ACCEPTED");
    assert_fails(rule.clone(), &with("4915112345678"), "DATA_INVALID");
    assert_fails(rule.clone(), &with(""), "DATA_MISSING");
    let hidden = Verification {
        phone: Some("+4915112345678".into()),
        ..Verification::default()
    };
    assert_fails(rule, &answered(NOW, hidden), "SCOPE_NOT_GRANTED");
}

#[test]
fn the_same_identity_must_be_given_known_and_equal() {
    let rule = Requirement::IdentitySameAsRequest;
    let with = |asked: Option<&str>, known: Option<&str>| {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let verification = Verification {
            identity_id: owned(known),
            ..Verification::default()
        };
        let request = Request {
            identity_id: owned(asked),
            ..Request::default()
        };
        Case {
            at: NOW,
            upstream: Upstream::Answered(Box::new(verification)),
            request,
        }
    };
    assert_holds(rule.clone(), &with(Some("id-1"), Some("id-1")));
    assert_fails(rule.clone(), &with(None, None), "IDENTITY_NOT_GIVEN");
    assert_fails(
        rule.clone(),
        &with(Some(""), Some("")),
        "IDENTITY_NOT_GIVEN",
    );
    assert_fails(rule.clone(), &with(Some("id-1"), None), "DATA_MISSING");
    assert_fails(rule, &with(Some("id-1"), Some("ID-1")), "IDENTITY_MISMATCH");
}

#[test]
fn identities_may_be_listed_or_blocked_and_a_missing_one_is_neither() {
    let ids = words(&["id-1", "id-2"]);
    let listed = Requirement::IdentityIn(IdList::Inline(ids.clone()));
    let blocked = Requirement::IdentityNotIn(IdList::File {
        name: "people.txt".into(),
        ids,
    });
    let with = |id: &str| {
        answered(
            NOW,
            Verification {
                identity_id: Some(id.into()),
                ..Verification::default()
            },
        )
    };
    assert_holds(listed.clone(), &with("id-2"));
    assert_fails(listed.clone(), &with("id-3"), "IDENTITY_NOT_LISTED");
    assert_fails(blocked.clone(), &with("id-2"), "IDENTITY_BLOCKED");
    assert_holds(blocked.clone(), &with("id-3"));
    assert_fails(listed, &with(""), "DATA_MISSING");
    assert_fails(
        blocked,
        &answered(NOW, Verification::default()),
        "DATA_MISSING",
    );
}

#[test]
fn a_project_must_be_one_of_the_list() {
    let rule = Requirement::Project(words(&["p-1", "p-2"]));
    let with = |id: &str| {
        answered(
            NOW,
            Verification {
                project_id: Some(id.into()),
                ..Verification::default()
            },
        )
    };
    assert_holds(rule.clone(), &with("p-2"));
    assert_fails(rule.clone(), &with("p-3"), "PROJECT_NOT_ACCEPTED");
    assert_fails(rule.clone(), &with(""), "DATA_MISSING");
    assert_fails(
        rule,
        &answered(NOW, Verification::default()),
        "DATA_MISSING",
    );
}

#[test]
fn an_attribute_of_the_request_must_have_one_of_the_values() {
    let rule = Requirement::Attribute {
        name: "site".into(),
        accepted: words(&["hq", "lab"]),
    };
    let with = |name: &str, value: &str| {
        asked(
            NOW,
            Request {
                attributes: [(name.to_owned(), value.to_owned())].into(),
                ..Request::default()
            },
        )
    };
    assert_holds(rule.clone(), &with("site", "lab"));
    for case in [
        with("site", "LAB"),
        with("site", ""),
        with("door", "lab"),
        asked(NOW, Request::default()),
    ] {
        assert_fails(rule.clone(), &case, "ATTRIBUTE_NOT_ACCEPTED");
    }
}

#[test]
fn an_attribute_of_the_request_must_have_none_of_the_values() {
    let rule = |absent_holds| Requirement::AttributeNotIn {
        name: "state".into(),
        refused: words(&["archived", "locked"]),
        absent_holds,
    };
    let with = |name: &str, value: &str| {
        asked(
            NOW,
            Request {
                attributes: [(name.to_owned(), value.to_owned())].into(),
                ..Request::default()
            },
        )
    };
    for absent_holds in [true, false] {
        assert_holds(rule(absent_holds), &with("state", "open"));
        for refused in ["archived", "locked"] {
            let case = with("state", refused);
            assert_fails(rule(absent_holds), &case, "ATTRIBUTE_NOT_ACCEPTED");
        }
    }
    for absent in [with("other", "archived"), asked(NOW, Request::default())] {
        assert_holds(rule(true), &absent);
        assert_fails(rule(false), &absent, "ATTRIBUTE_NOT_ACCEPTED");
    }
}

fn authenticated(amr_any: &[&str], acr_any: &[&str]) -> Requirement {
    Requirement::Authenticated {
        within: 12 * HOURS,
        amr_any: words(amr_any),
        acr_any: words(acr_any),
    }
}

#[test]
fn an_authentication_must_be_recent_and_not_further_ahead_than_the_skew() {
    let rule = authenticated(&[], &[]);
    let with = |auth_time: Option<i64>| asked(NOW, session(None, &[], auth_time));
    for auth_time in [NOW, NOW + 60_000, NOW - 12 * HOUR + 1] {
        assert_holds(rule.clone(), &with(Some(auth_time)));
    }
    for auth_time in [Some(NOW + 60_001), Some(NOW - 12 * HOUR), None] {
        assert_fails(rule.clone(), &with(auth_time), "AUTHENTICATION_REQUIRED");
    }
    assert_fails(
        rule,
        &asked(NOW, Request::default()),
        "AUTHENTICATION_REQUIRED",
    );
}

#[test]
fn of_each_list_that_is_given_one_value_of_the_authentication_must_match() {
    let case = asked(NOW, session(Some("a"), &["hwk", "pwd"], Some(NOW)));
    assert_holds(authenticated(&["face", "hwk"], &["a", "b"]), &case);
    assert_holds(authenticated(&["pwd"], &[]), &case);
    assert_holds(authenticated(&[], &["a"]), &case);
    assert_fails(
        authenticated(&["face"], &["a"]),
        &case,
        "AUTHENTICATION_REQUIRED",
    );
    assert_fails(
        authenticated(&["hwk"], &["b"]),
        &case,
        "AUTHENTICATION_REQUIRED",
    );
    let bare = asked(NOW, session(None, &[], Some(NOW)));
    assert_fails(authenticated(&[], &["a"]), &bare, "AUTHENTICATION_REQUIRED");
    assert_fails(
        authenticated(&["hwk"], &[]),
        &bare,
        "AUTHENTICATION_REQUIRED",
    );
}

#[test]
fn one_alternative_is_enough_and_none_is_one_reason() {
    let [no, yes] = [
        Requirement::Project(words(&["p-1"])),
        Requirement::VerifiedWithin(DAYS),
    ];
    let case = answered(NOW, verified(NOW));
    assert_holds(Requirement::AnyOf(vec![no.clone(), yes]), &case);
    assert_fails(
        Requirement::AnyOf(vec![no.clone(), no]),
        &case,
        "NO_ALTERNATIVE_MET",
    );
}

#[test]
fn all_of_a_group_must_hold_and_the_first_that_fails_gives_the_reason() {
    let [no, yes] = [
        Requirement::Project(words(&["p-1"])),
        Requirement::VerifiedWithin(DAYS),
    ];
    let case = answered(NOW, verified(NOW));
    assert_holds(Requirement::AllOf(vec![yes.clone(), yes.clone()]), &case);
    let group = vec![
        yes.clone(),
        Requirement::AnyOf(vec![no.clone()]),
        no.clone(),
    ];
    assert_fails(Requirement::AllOf(group), &case, "NO_ALTERNATIVE_MET");
    let inner = Requirement::AllOf(vec![yes, no.clone()]);
    assert_fails(
        Requirement::AllOf(vec![inner, Requirement::IdentitySameAsRequest]),
        &case,
        "DATA_MISSING",
    );
}
