//! Time zones without summer time whose names suggest a place that has it.

use super::{findings::Findings, warning::WarningCode, written::Part};
use crate::rule::Requirement;

/// Finds the zone of one requirement, without those inside it.
pub(super) fn without_summer_time(
    requirement: &Requirement,
    place: Option<Part<'_>>,
    findings: &mut Findings<'_>,
) {
    let Requirement::Schedule(schedule) = requirement else {
        return;
    };
    let zone = schedule.zone();
    if let Some((what, cure)) = mistake(zone) {
        let location = place.map(|place| place.field("zone").unwrap_or(place.location()));
        let message = format!("`zone: {zone}` keeps no summer time{what}");
        findings.add(WarningCode::ZoneWithoutSummerTime, location, message, cure);
    }
}

/// What the message adds about a zone, and what to write instead.
fn mistake(zone: &str) -> Option<(String, String)> {
    let plain = String::new();
    let write = |place: &str, never: &str| {
        format!("write a place, such as `{place}`; or `{never}`, if the clocks never change there")
    };
    let offset = zone.strip_prefix("Etc/").unwrap_or(zone);
    match zone {
        "EST" => return Some((plain, write("America/New_York", "America/Panama"))),
        "MST" => return Some((plain, write("America/Denver", "America/Phoenix"))),
        _ => {}
    }
    let rest = offset
        .strip_prefix("GMT")
        .or(offset.strip_prefix("Greenwich"))?;
    let hours = rest.trim_start_matches(['+', '-', '0']);
    if hours.is_empty() {
        return Some((plain, write("Europe/London", "UTC")));
    }
    let behind = rest.starts_with('+');
    let side = if behind { "behind" } else { "ahead of" };
    let sign = if behind { '-' } else { '+' };
    let place = if behind {
        "America/New_York"
    } else {
        "Europe/Berlin"
    };
    Some((
        format!(", and is {hours} h {side} UTC, usually written as UTC{sign}{hours}"),
        format!("write a place, such as `{place}`, whose clock follows summer time"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::Zone;

    #[test]
    fn only_zones_that_have_no_summer_time_and_name_no_place_are_named() {
        for zone in [
            "EST",
            "MST",
            "GMT",
            "Etc/GMT",
            "GMT0",
            "Etc/GMT+5",
            "Etc/GMT-1",
            "Etc/GMT-14",
            "Greenwich",
        ] {
            assert!(Zone::named(zone).is_some(), "{zone}");
            assert!(mistake(zone).is_some(), "{zone}");
        }
        for zone in [
            "UTC",
            "Etc/UTC",
            "Zulu",
            "HST",
            "EST5EDT",
            "CET",
            "Europe/London",
            "Asia/Kolkata",
            "America/Phoenix",
            "GB",
        ] {
            assert!(Zone::named(zone).is_some(), "{zone}");
            assert_eq!(mistake(zone), None, "{zone}");
        }
        let (what, _) = mistake("Etc/GMT+5").unwrap();
        assert!(what.contains("5 h behind UTC"), "{what}");
    }
}
