//! Weekly schedules: days, times of day and a time zone.

use super::zone_names::zone_hint;
use crate::{
    rule::Requirement,
    schedule::{DAYS, Schedule, TimeOfDay, Zone},
    yaml::{Decoder, Node, NodeKind, ProblemCode, Reported, all, letters},
};

pub(super) fn schedule(
    decoder: &mut Decoder<'_>,
    node: &Node,
    what: &str,
) -> Result<Requirement, Reported> {
    let mut fields = decoder.fields(node, what)?;
    let days = fields
        .require("days", decoder)
        .and_then(|node| days(decoder, node));
    let from = fields
        .require("from", decoder)
        .and_then(|node| time_of_day(decoder, node, "`from`"));
    let to = fields
        .require("to", decoder)
        .and_then(|node| time_of_day(decoder, node, "`to`"));
    let zone = fields
        .require("zone", decoder)
        .and_then(|node| zone(decoder, node));
    fields.finish(decoder);
    let (from, to) = (from?, to?);
    if from == to || from.is_end() {
        let hint = r#"a whole day is from "00:00" to "24:00""#;
        let message = format!("{what} from {from} to {to} is no time");
        return Err(decoder.refuse(ProblemCode::InvalidValue, node.position, message, hint));
    }
    Ok(Requirement::Schedule(Schedule::new(days?, from, to, zone?)))
}

fn days(decoder: &mut Decoder<'_>, node: &Node) -> Result<Vec<u16>, Reported> {
    let words: Vec<(&str, u16)> = DAYS.into_iter().zip(0..).collect();
    let items = decoder.list(node, "`days`")?.iter();
    all(items.map(|item| {
        let meant = match &item.kind {
            NodeKind::Text(text) => day_hint(text).map(|hint| (letters(text), hint)),
            _ => None,
        };
        let others = meant
            .iter()
            .map(|(text, hint)| (text.as_str(), hint.as_str()));
        let others: Vec<(&str, &str)> = others.collect();
        decoder.word_or(item, "a day", &words, &others)
    }))
}

/// What to write in place of a day that is written out, abbreviated otherwise, or several in one.
fn day_hint(text: &str) -> Option<String> {
    let plain = letters(text);
    let range = |days: &str| format!("write each day: `days: [{days}]`");
    match plain.as_str() {
        "weekday" | "weekdays" | "workday" | "workdays" | "workingdays" | "monfri" => {
            return Some(range("mon, tue, wed, thu, fri"));
        }
        "weekend" | "weekends" | "satsun" => return Some(range("sat, sun")),
        "daily" | "all" | "any" | "every" | "everyday" | "always" | "monsun" => {
            return Some(range(&DAYS.join(", ")));
        }
        _ => {}
    }
    if let Some((first, last)) = text.split_once(['-', '–']) {
        let place = |text: &str| day_of(&letters(text));
        let days: Vec<&str> = days_between(place(first)?, place(last)?);
        return Some(range(&days.join(", ")));
    }
    let day = DAYS.get(day_of(&plain)?)?;
    Some(format!("did you mean `{day}`?"))
}

/// The place of a day among [`DAYS`], by two letters of its name or more.
fn day_of(plain: &str) -> Option<usize> {
    const NAMES: [&str; 7] = [
        "mondays",
        "tuesdays",
        "wednesdays",
        "thursdays",
        "fridays",
        "saturdays",
        "sundays",
    ];
    if plain.chars().count() < 2 {
        return None;
    }
    NAMES.iter().position(|name| name.starts_with(plain))
}

/// The days from one to another, past the end of the week if the first is the later one.
fn days_between(first: usize, last: usize) -> Vec<&'static str> {
    let count = last.saturating_add(DAYS.len()).saturating_sub(first) % DAYS.len();
    let days = DAYS.iter().cycle().skip(first);
    days.take(count.saturating_add(1)).copied().collect()
}

fn time_of_day(decoder: &mut Decoder<'_>, node: &Node, what: &str) -> Result<TimeOfDay, Reported> {
    let text = decoder.text_of(node, what, "a time of day such as \"07:00\"")?;
    TimeOfDay::parse(text).ok_or_else(|| {
        let hint = time_hint(text);
        let message = format!("{what}: `{text}` is not a time of day");
        decoder.refuse(ProblemCode::InvalidValue, node.position, message, hint)
    })
}

/// What to write in place of a text that is no time of day: the time that is meant, where there is one.
fn time_hint(text: &str) -> String {
    meant_time(text).map_or_else(
        || r#"two digits, a colon and two digits, in quotes, from "00:00" to "24:00""#.to_owned(),
        |time| format!("did you mean `\"{time}\"`?"),
    )
}

/// A time as people write it: `7:00`, `07.00`, `7`, `0700`, `7pm`, `19h`.
fn meant_time(text: &str) -> Option<TimeOfDay> {
    let plain = text.trim().to_ascii_lowercase().replace(' ', "");
    let (digits, afternoon) = match (plain.strip_suffix("am"), plain.strip_suffix("pm")) {
        (Some(digits), _) => (digits, Some(false)),
        (_, Some(digits)) => (digits, Some(true)),
        _ => (plain.strip_suffix('h').unwrap_or(&plain), None),
    };
    let (hours, minutes) = match digits.split_once([':', '.', 'h']) {
        Some((hours, rest)) => (hours, rest.split(':').next().unwrap_or("00")),
        None if digits.len() == 4 => digits.split_at_checked(2)?,
        None => (digits, "00"),
    };
    let hours: u16 = hours.parse().ok()?;
    let hours = match afternoon {
        Some(true) if hours < 12 => hours.checked_add(12)?,
        Some(false) if hours == 12 => 0,
        _ => hours,
    };
    let minutes: u16 = minutes.parse().ok()?;
    TimeOfDay::parse(&format!("{hours:02}:{minutes:02}"))
}

fn zone(decoder: &mut Decoder<'_>, node: &Node) -> Result<Zone, Reported> {
    let name = decoder.text_of(node, "`zone`", "the name of a time zone")?;
    Zone::named(name).ok_or_else(|| {
        let message = format!("`{name}` is not a time zone");
        let hint = zone_hint(name);
        decoder.refuse(ProblemCode::InvalidValue, node.position, message, hint)
    })
}
