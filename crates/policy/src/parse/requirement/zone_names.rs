//! Hints for the name of a time zone: from the nearest name, a city or an abbreviation.

use crate::{
    schedule::Zone,
    yaml::{letters, nearest},
};

/// How many zones a hint names.
const NAMES_SHOWN_MAX: usize = 3;

/// Abbreviations of local times, and zones that use them.
const ABBREVIATIONS: [(&str, &str); 30] = [
    ("pst", "America/Los_Angeles"),
    ("pdt", "America/Los_Angeles"),
    ("pt", "America/Los_Angeles"),
    ("mdt", "America/Denver"),
    ("mt", "America/Denver"),
    ("cst", "America/Chicago"),
    ("cdt", "America/Chicago"),
    ("ct", "America/Chicago"),
    ("edt", "America/New_York"),
    ("et", "America/New_York"),
    ("akst", "America/Anchorage"),
    ("akdt", "America/Anchorage"),
    ("hdt", "America/Adak"),
    ("brt", "America/Sao_Paulo"),
    ("bst", "Europe/London"),
    ("cest", "Europe/Berlin"),
    ("mez", "Europe/Berlin"),
    ("mesz", "Europe/Berlin"),
    ("eest", "Europe/Athens"),
    ("west", "Europe/Lisbon"),
    ("msk", "Europe/Moscow"),
    ("ist", "Asia/Kolkata"),
    ("sgt", "Asia/Singapore"),
    ("hkt", "Asia/Hong_Kong"),
    ("jst", "Asia/Tokyo"),
    ("kst", "Asia/Seoul"),
    ("aest", "Australia/Sydney"),
    ("aedt", "Australia/Sydney"),
    ("nzst", "Pacific/Auckland"),
    ("nzdt", "Pacific/Auckland"),
];

/// What to write instead of a name that no time zone has.
pub(super) fn zone_hint(written: &str) -> String {
    let plain = letters(written);
    let abbreviation = ABBREVIATIONS.iter().find(|(short, _)| *short == plain);
    if let Some((_, zone)) = abbreviation {
        return format!("write a place that keeps this time, such as `{zone}`");
    }
    if is_offset(written) {
        return "an offset keeps no summer time: write a place, such as `Europe/Berlin`, or `UTC`"
            .to_owned();
    }
    let names: Vec<String> = Zone::names().collect();
    let candidates = near_names(written, &names);
    if candidates.is_empty() {
        return "a name of the IANA time zone database, such as `Europe/Berlin` or `UTC`"
            .to_owned();
    }
    let candidates: Vec<String> = candidates.iter().map(|name| format!("`{name}`")).collect();
    format!("did you mean {}?", candidates.join(" or "))
}

/// Whether it is an offset from UTC, such as `UTC+1`, `GMT-05:00` or `+01:00`.
fn is_offset(written: &str) -> bool {
    let rest = written.to_ascii_uppercase();
    let rest = rest
        .strip_prefix("UTC")
        .or(rest.strip_prefix("GMT"))
        .unwrap_or(&rest);
    let rest = rest.trim();
    rest.starts_with(['+', '-', '±'])
        && rest
            .chars()
            .skip(1)
            .all(|c| c.is_ascii_digit() || matches!(c, ':' | '.' | ' '))
}

/// The names that may be meant: of the same letters, of the same city, the nearest name, of the nearest city.
fn near_names<'n>(written: &str, names: &'n [String]) -> Vec<&'n str> {
    let all = || names.iter().map(String::as_str);
    let plain = letters(written);
    let city_plain = letters(city(written));
    let same = all().filter(|name| letters(name) == plain);
    let same: Vec<&str> = same.take(NAMES_SHOWN_MAX).collect();
    if !same.is_empty() {
        return same;
    }
    let of_city = all().filter(|name| letters(city(name)) == city_plain);
    let of_city: Vec<&str> = of_city.take(NAMES_SHOWN_MAX).collect();
    if !of_city.is_empty() {
        return of_city;
    }
    if let Some(name) = nearest(written, all()) {
        return vec![name];
    }
    let Some(near_city) = nearest(city(written), all().map(city)) else {
        return Vec::new();
    };
    let of_city = all().filter(|name| city(name) == near_city);
    of_city.take(NAMES_SHOWN_MAX).collect()
}

/// The last part of a name.
fn city(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_that_does_not_exist_is_answered_with_one_that_does() {
        for (written, meant) in [
            ("Europe/Berln", "did you mean `Europe/Berlin`?"),
            ("Europe/Berlinn", "did you mean `Europe/Berlin`?"),
            ("Berlin", "did you mean `Europe/Berlin`?"),
            ("berln", "did you mean `Europe/Berlin`?"),
            ("America/NewYork", "did you mean `America/New_York`?"),
            ("New York", "did you mean `America/New_York`?"),
            ("Europe/Tokyo", "did you mean `Asia/Tokyo`?"),
            ("Europe/Londn", "did you mean `Europe/London`?"),
            ("PST", "`America/Los_Angeles`"),
            ("CEST", "`Europe/Berlin`"),
            ("UTC+1", "keeps no summer time"),
            ("+01:00", "keeps no summer time"),
            ("nowhere at all", "a name of the IANA time zone database"),
        ] {
            let hint = zone_hint(written);
            assert!(hint.contains(meant), "{written}: {hint}");
        }
        for (_, zone) in ABBREVIATIONS {
            assert!(Zone::named(zone).is_some(), "{zone}");
        }
    }
}
