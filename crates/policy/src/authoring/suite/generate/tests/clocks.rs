//! Edges that are visible only in some years, because a clock was set then that is not set any more; and edges that are visible only on some
//! days of a year.

use super::*;

/// A schedule of every day.
fn daily(from: &str, to: &str, zone: &str) -> String {
    let days = "[mon, tue, wed, thu, fri, sat, sun]";
    format!("{{schedule: {{days: {days}, from: \"{from}\", to: \"{to}\", zone: {zone}}}}}")
}

/// Two schedules. Both are closed at the same time only until 2021, when Apia still set its clocks, and only while New York is
/// on winter time: for some minutes from 07:00 UTC on.
fn both_closed_until_2021(minutes: u8) -> [String; 2] {
    [
        daily("02:01", "21:00", "Pacific/Apia"),
        daily(&format!("02:{minutes:02}"), "24:00", "America/New_York"),
    ]
}

#[test]
fn an_edge_that_was_visible_only_until_a_zone_gave_up_its_clock_changes_is_tried() {
    let [apia, new_york] = both_closed_until_2021(1);
    // The end in Apia and the beginning in New York a minute later; the other two are hidden.
    let found = edges_tried(&format!(
        "age_at_least: 18, any_of: [{{all_of: [{apia}]}}, {new_york}]"
    ));
    assert_eq!(found, [3, 2, 0]);
}

#[test]
fn an_age_is_tried_at_a_time_that_schedules_left_open_only_in_some_years() {
    let [apia, new_york] = both_closed_until_2021(31);
    for (age, expected) in [
        ("age_at_least: 65", [3, 2, 0]),
        ("age_below: 65", [3, 2, 0]),
        ("verified_within: 365d", [3, 2, 0]),
        ("authenticated: {within: 3652d}", [4, 2, 0]),
        // No verification was so old in those years.
        ("verified_within: 3652d", [2, 3, 0]),
    ] {
        let found = edges_tried(&format!("any_of: [{{{age}}}, {apia}, {new_york}]"));
        assert_eq!(found, expected, "{age}");
    }
}

#[test]
fn the_edges_of_schedules_are_hidden_if_no_verification_was_old_enough_for_them() {
    let [apia, new_york] = both_closed_until_2021(1);
    for (least, most, expected) in [("30d", "60d", [4, 2, 0]), ("3000d", "3653d", [1, 5, 0])] {
        let found = edges_tried(&format!(
            "all_of: [verified_within: {most}, any_of: [verified_within: {least}, {apia}, {new_york}]]"
        ));
        assert_eq!(found, expected, "{least} {most}");
    }
}

#[test]
fn an_age_that_no_verification_has_yet_is_tried_on_any_day_of_the_first_year_in_which_one_has_it() {
    // Both are closed at the same time only on winter time, and the first verification is so old in April 2027.
    let berlin = daily("03:00", "02:00", "Europe/Berlin");
    let utc = daily("02:00", "01:00", "UTC");
    let found = edges_tried(&format!(
        "any_of: [verified_within: 4500d, {berlin}, {utc}]"
    ));
    assert_eq!(found, [5, 0, 0]);
}

#[test]
fn the_edges_of_a_schedule_are_tried_on_a_day_on_which_the_date_of_birth_that_shows_them_can_be_read()
 {
    // The schedule decides only within 14 hours of the birthday. No date of birth about the beginning of 1970 can be read.
    let schedule = daily("07:00", "19:00", "UTC");
    let found = edges_tried(&format!(
        "all_of: [scopes: [DATE_OF_BIRTH], any_of: [age_at_least: 56, age_below: 56, {schedule}]]"
    ));
    assert_eq!(found, [4, 0, 0]);
}

#[test]
fn a_day_on_which_a_schedule_would_show_only_in_some_years_has_a_case() {
    // Saturday 14:00 in New York was after Sunday 08:00 in Apia until 2021 and is not now, so only then another day would show.
    let new_york = "days: [tue], from: \"07:00\", to: \"14:00\", zone: America/New_York";
    let apia = "days: [sun], from: \"08:00\", to: \"14:00\", zone: Pacific/Apia";
    let rules = |new_york: &str| {
        set_of(&format!(
            "{{schedule: {{{new_york}}}}}, {{schedule: {{{apia}}}}}"
        ))
    };
    let cases = generate(&rules(new_york), &[]).cases;
    assert!(suite::run(&rules(&new_york.replace("tue", "tue, sat")), &cases).failed() > 0);
}
