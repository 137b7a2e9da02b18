//! The next change: each fact's own edge, several together, and the ten years.

use super::*;

fn change(requirement: Requirement, case: &Case) -> Option<(i64, Decision)> {
    outcome(requirement, case).next_change
}

#[test]
fn a_verification_gets_too_old_at_its_last_instant() {
    let rule = Requirement::VerifiedWithin(30 * DAYS);
    let case = answered(NOW, verified(NOW - 30 * DAY + 1));
    assert_eq!(change(rule.clone(), &case), Some((NOW + 1, DENY)));
    assert_eq!(change(rule, &answered(NOW, verified(NOW - 30 * DAY))), None);
}

#[test]
fn an_allow_may_turn_into_a_step_up_first() {
    let policy = Policy::of(vec![
        deny(Requirement::VerifiedWithin(90 * DAYS)),
        step_up(Requirement::VerifiedWithin(30 * DAYS)),
    ]);
    let mut case = answered(NOW, verified(NOW));
    assert_eq!(
        evaluate(&policy, &case).next_change,
        Some((NOW + 30 * DAY, STEP_UP))
    );
    case.at = NOW + 30 * DAY;
    assert_eq!(
        evaluate(&policy, &case).next_change,
        Some((NOW + 90 * DAY, DENY))
    );
    case.at = NOW + 90 * DAY;
    assert_eq!(evaluate(&policy, &case).next_change, None);
}

#[test]
fn an_edge_that_leaves_the_decision_alone_is_no_change() {
    let rule = Requirement::AnyOf(vec![
        Requirement::VerifiedWithin(DAYS),
        Requirement::VerifiedWithin(2 * DAYS),
    ]);
    assert_eq!(
        change(rule, &answered(NOW, verified(NOW))),
        Some((NOW + 2 * DAY, DENY))
    );
}

#[test]
fn ages_change_fourteen_hours_about_the_anniversary() {
    let case = answered(
        NOW,
        Verification {
            date_of_birth: Some(ms("2008-07-01T00:00:00Z")),
            ..scoped("DATE_OF_BIRTH")
        },
    );
    assert_eq!(
        change(Requirement::AgeAtLeast(18), &case),
        Some((ms("2026-07-01T14:00:00Z"), ALLOW))
    );
    assert_eq!(
        change(Requirement::AgeBelow(18), &case),
        Some((ms("2026-06-30T10:00:00Z"), DENY))
    );
    let ungranted = answered(
        NOW,
        Verification {
            date_of_birth: Some(ms("2008-07-01T00:00:00Z")),
            ..verified(NOW)
        },
    );
    assert_eq!(change(Requirement::AgeAtLeast(18), &ungranted), None);
}

#[test]
fn a_birth_becomes_readable_and_unreadable() {
    let rule = Requirement::Scopes(words(&["DATE_OF_BIRTH"]));
    let with = |birth: i64| {
        answered(
            NOW,
            Verification {
                date_of_birth: Some(birth),
                ..scoped("DATE_OF_BIRTH")
            },
        )
    };
    assert_eq!(change(rule.clone(), &with(NOW + 5)), Some((NOW + 5, ALLOW)));
    let oldest = ms("1876-06-15T12:00:00Z");
    assert_eq!(change(rule, &with(oldest)), Some((NOW + 1, DENY)));
}

#[test]
fn an_authentication_from_just_ahead_begins_to_count_and_then_ends() {
    let rule = Requirement::Authenticated {
        within: HOURS,
        amr_any: vec![],
        acr_any: vec![],
    };
    let mut case = asked(NOW, session(None, &[], Some(NOW + 60_001)));
    assert_eq!(change(rule.clone(), &case), Some((NOW + 1, ALLOW)));
    case.at = NOW + 1;
    assert_eq!(change(rule, &case), Some((NOW + 60_001 + HOUR, DENY)));
}

#[test]
fn an_authentication_shorter_than_the_skew_may_be_over_as_it_begins() {
    let rule = Requirement::Authenticated {
        within: 1,
        amr_any: vec![],
        acr_any: vec![],
    };
    let case = asked(NOW, session(None, &[], Some(NOW)));
    assert_eq!(change(rule, &case), Some((NOW + 1, DENY)));
}

#[test]
fn a_schedule_opens_and_shuts_by_its_zone() {
    let office = hours(
        &[Weekday::Mon, Weekday::Tue],
        7 * 60,
        19 * 60,
        "Europe/Berlin",
    );
    let rule = Requirement::Schedule(office);
    let mut case = answered(NOW, Verification::default());
    assert_eq!(
        change(rule.clone(), &case),
        Some((ms("2026-06-15T19:00:00+02:00"), DENY))
    );
    case.at = ms("2026-06-16T20:00:00+02:00");
    assert_eq!(
        change(rule, &case),
        Some((ms("2026-06-22T07:00:00+02:00"), ALLOW))
    );
}

#[test]
fn a_schedule_all_day_and_all_week_never_changes() {
    use Weekday::{Fri, Mon, Sat, Sun, Thu, Tue, Wed};
    let always = hours(
        &[Mon, Tue, Wed, Thu, Fri, Sat, Sun],
        0,
        1440,
        "Europe/Berlin",
    );
    assert_eq!(
        change(
            Requirement::Schedule(always),
            &answered(NOW, Verification::default())
        ),
        None
    );
}

#[test]
fn a_schedule_is_seen_behind_another_fact_that_hides_it_for_years() {
    let monday = hours(&[Weekday::Mon], 0, 1440, "UTC");
    let parts = vec![
        Requirement::VerifiedWithin(3_000 * DAYS),
        Requirement::Schedule(monday),
    ];
    let end = NOW + 3_000 * DAY; // 2034-09-01, a Friday
    let found = change(
        Requirement::AnyOf(parts.clone()),
        &answered(NOW, verified(NOW)),
    );
    assert_eq!(found, Some((end, DENY)));
    let found = change(Requirement::AnyOf(parts), &answered(end, verified(NOW)));
    assert_eq!(found, Some((ms("2034-09-04T00:00:00Z"), ALLOW)));
}

#[test]
fn two_schedules_that_never_meet_never_change_anything() {
    let [monday, tuesday] = [Weekday::Mon, Weekday::Tue]
        .map(|day| Requirement::Schedule(hours(&[day], 0, 1440, "UTC")));
    let both = Requirement::AllOf(vec![monday, tuesday]);
    assert_eq!(change(both, &answered(NOW, Verification::default())), None);
}

#[test]
fn a_change_exactly_ten_years_on_is_reported_and_one_a_millisecond_later_is_not() {
    let end = ms("2036-06-15T12:00:00Z");
    let span = end.abs_diff(NOW);
    let case = answered(NOW, verified(NOW));
    assert_eq!(
        change(Requirement::VerifiedWithin(span), &case),
        Some((end, DENY))
    );
    assert_eq!(change(Requirement::VerifiedWithin(span + 1), &case), None);
}

#[test]
fn ten_years_after_29_february_is_1_march() {
    let [leap, end] = ["2024-02-29T08:00:00Z", "2034-03-01T08:00:00Z"].map(ms);
    let span = end.abs_diff(leap);
    let case = answered(leap, verified(leap));
    assert_eq!(
        change(Requirement::VerifiedWithin(span), &case),
        Some((end, DENY))
    );
    assert_eq!(change(Requirement::VerifiedWithin(span + 1), &case), None);
}

#[test]
fn a_schedule_that_first_counts_exactly_ten_years_on_is_reported_and_a_millisecond_later_not() {
    let saturday = Requirement::Schedule(hours(&[Weekday::Sat], 0, 1440, "UTC"));
    let rule = Requirement::AllOf(vec![Requirement::AgeAtLeast(18), saturday]);
    // 18 on Friday 2036-06-13 at 12:00, by the fourteen hours.
    let child = Verification {
        date_of_birth: Some(ms("2018-06-12T22:00:00Z")),
        ..scoped("DATE_OF_BIRTH")
    };
    let at = ms("2026-06-14T00:00:00Z");
    assert_eq!(
        change(rule.clone(), &answered(at, child.clone())),
        Some((ms("2036-06-14T00:00:00Z"), ALLOW))
    );
    assert_eq!(change(rule, &answered(at - 1, child)), None);
}
