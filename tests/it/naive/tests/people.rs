//! Ages: anniversaries in UTC, the fourteen hours, 29 February, and births that cannot be read.

use super::super::clock::years_after;
use super::*;

fn born(at: &str, birth: &str) -> Case {
    answered(
        ms(at),
        Verification {
            date_of_birth: Some(ms(birth)),
            ..scoped("DATE_OF_BIRTH")
        },
    )
}

#[test]
fn an_age_is_reached_fourteen_hours_after_the_anniversary() {
    let rule = Requirement::AgeAtLeast(18);
    assert_fails(
        rule.clone(),
        &born("2026-05-17T13:59:59.999Z", "2008-05-17T00:00:00Z"),
        "UNDER_AGE",
    );
    assert_holds(
        rule,
        &born("2026-05-17T14:00:00.000Z", "2008-05-17T00:00:00Z"),
    );
}

#[test]
fn an_age_is_no_longer_below_from_fourteen_hours_before_the_anniversary() {
    let rule = Requirement::AgeBelow(18);
    assert_holds(
        rule.clone(),
        &born("2026-05-16T09:59:59.999Z", "2008-05-17T00:00:00Z"),
    );
    assert_fails(
        rule,
        &born("2026-05-16T10:00:00.000Z", "2008-05-17T00:00:00Z"),
        "OVER_AGE",
    );
}

#[test]
fn on_the_day_itself_one_is_neither_surely_of_age_nor_surely_below() {
    let noon = born("2026-05-17T00:00:00Z", "2008-05-17T00:00:00Z");
    assert_fails(Requirement::AgeAtLeast(18), &noon, "UNDER_AGE");
    assert_fails(Requirement::AgeBelow(18), &noon, "OVER_AGE");
}

#[test]
fn the_birth_keeps_its_time_of_day_and_its_date_in_utc() {
    let rule = Requirement::AgeAtLeast(18);
    assert_fails(
        rule.clone(),
        &born("2026-12-31T12:59:59.999Z", "2008-12-30T23:00:00Z"),
        "UNDER_AGE",
    );
    assert_holds(rule, &born("2026-12-31T13:00:00Z", "2008-12-30T23:00:00Z"));
}

#[test]
fn a_birth_on_29_february_has_its_anniversary_on_1_march_in_common_years() {
    let birth = ms("2008-02-29T10:30:00Z");
    assert_eq!(years_after(birth, 18), Some(ms("2026-03-01T10:30:00Z")));
    assert_eq!(years_after(birth, 20), Some(ms("2028-02-29T10:30:00Z")));
    assert_eq!(years_after(birth, 92), Some(ms("2100-03-01T10:30:00Z")));
    assert_fails(
        Requirement::AgeAtLeast(18),
        &born("2026-03-02T00:29:59.999Z", "2008-02-29T10:30:00Z"),
        "UNDER_AGE",
    );
    assert_holds(
        Requirement::AgeAtLeast(18),
        &born("2026-03-02T00:30:00Z", "2008-02-29T10:30:00Z"),
    );
}

#[test]
fn an_age_needs_the_grant_then_the_data_then_a_readable_birth() {
    for rule in [
        Requirement::AgeAtLeast(0),
        Requirement::AgeBelow(150),
        Requirement::Scopes(words(&["DATE_OF_BIRTH"])),
    ] {
        let birth = Some(ms("1990-05-17T00:00:00Z"));
        let hidden = Verification {
            date_of_birth: birth,
            ..Verification::default()
        };
        assert_fails(rule.clone(), &answered(NOW, hidden), "SCOPE_NOT_GRANTED");
        assert_fails(
            rule.clone(),
            &answered(NOW, scoped("DATE_OF_BIRTH")),
            "DATA_MISSING",
        );
        let future = Verification {
            date_of_birth: Some(NOW + 1),
            ..scoped("DATE_OF_BIRTH")
        };
        assert_fails(rule.clone(), &answered(NOW, future), "DATA_INVALID");
        let no_date = Verification {
            date_of_birth: Some(i64::MIN),
            ..scoped("DATE_OF_BIRTH")
        };
        assert_fails(rule, &answered(NOW, no_date), "DATA_INVALID");
    }
}

#[test]
fn a_birth_is_readable_from_itself_to_its_150th_anniversary() {
    let rule = Requirement::Scopes(words(&["DATE_OF_BIRTH"]));
    assert_holds(
        rule.clone(),
        &born("2026-06-15T12:00:00Z", "2026-06-15T12:00:00Z"),
    );
    assert_holds(
        rule.clone(),
        &born("2026-06-15T12:00:00Z", "1876-06-15T12:00:00Z"),
    );
    assert_fails(
        rule,
        &born("2026-06-15T12:00:00.001Z", "1876-06-15T12:00:00Z"),
        "DATA_INVALID",
    );
}

#[test]
fn the_age_of_zero_takes_fourteen_hours_to_reach_and_nobody_is_below_it() {
    assert_fails(
        Requirement::AgeAtLeast(0),
        &born("2026-06-15T13:59:59.999Z", "2026-06-15T00:00:00Z"),
        "UNDER_AGE",
    );
    assert_holds(
        Requirement::AgeAtLeast(0),
        &born("2026-06-15T14:00:00Z", "2026-06-15T00:00:00Z"),
    );
    assert_fails(
        Requirement::AgeBelow(0),
        &born("2026-06-15T00:00:00Z", "2026-06-15T00:00:00Z"),
        "OVER_AGE",
    );
}

#[test]
fn nobody_is_surely_150_while_the_birth_is_readable() {
    assert_fails(
        Requirement::AgeAtLeast(150),
        &born("2026-06-15T00:00:00Z", "1876-06-15T00:00:00Z"),
        "UNDER_AGE",
    );
    assert_fails(
        Requirement::AgeAtLeast(150),
        &born("2026-06-15T14:00:00Z", "1876-06-15T00:00:00Z"),
        "DATA_INVALID",
    );
    assert_fails(
        Requirement::AgeBelow(150),
        &born("2026-06-15T00:00:00Z", "1876-06-15T00:00:00Z"),
        "OVER_AGE",
    );
}
