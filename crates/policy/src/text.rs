//! Requirements as text: as a policy would write them, for people, and whole, for the digest that names a set.

use std::fmt;

use super::{
    evidence::Scope,
    limits::DAY_MINUTES,
    rule::{Authenticated, Identities, Requirement},
    schedule::{DAYS, Schedule},
    time::Shown,
};

/// Shows it as a policy would write it, in one way only. Of a list of identities, how many there are: an answer shows this
/// to callers, and who is blocked is nobody's business.
impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_requirement(self, false, f)
    }
}

/// Shows it with everything that it means.
#[derive(Debug)]
pub(super) struct Whole<'r>(pub(super) &'r Requirement);

impl fmt::Display for Whole<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_requirement(self.0, true, f)
    }
}

fn write_requirement(
    requirement: &Requirement,
    whole: bool,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    match requirement {
        Requirement::Status(accepted) => write!(f, "status: {}", list(accepted)),
        Requirement::VerifiedWithin(age_max) => write!(f, "verified_within: {}", Shown(*age_max)),
        Requirement::Scopes(scopes) => {
            write!(f, "scopes: {}", list(scopes.iter().map(Scope::as_str)))
        }
        Requirement::AgeAtLeast(years) => write!(f, "age_at_least: {years}"),
        Requirement::AgeBelow(years) => write!(f, "age_below: {years}"),
        Requirement::PhonePrefix(prefixes) => write!(f, "phone_prefix: {}", list(prefixes)),
        Requirement::IdentityAsRequested => f.write_str("identity: same_as_request"),
        Requirement::IdentityIn(ids) => write!(f, "identity_in: {}", identities(ids, whole)),
        Requirement::IdentityNotIn(ids) => {
            write!(f, "identity_not_in: {}", identities(ids, whole))
        }
        Requirement::Project(accepted) => write!(f, "project: {}", list(accepted)),
        Requirement::Attribute(name, accepted) => {
            let name = as_yaml(name);
            write!(f, "attribute: {{name: {name}, in: {}}}", list(accepted))
        }
        Requirement::Authenticated(wanted) => write_authenticated(wanted, f),
        Requirement::Schedule(schedule) => write_schedule(schedule, f),
        Requirement::AnyOf(parts) => write_parts("any_of", parts, whole, f),
        Requirement::AllOf(parts) => write_parts("all_of", parts, whole, f),
    }
}

fn write_authenticated(wanted: &Authenticated, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "authenticated: {{within: {}", Shown(wanted.within))?;
    if !wanted.amr_any.is_empty() {
        write!(f, ", amr_any: {}", list(&wanted.amr_any))?;
    }
    if !wanted.acr_any.is_empty() {
        write!(f, ", acr_any: {}", list(&wanted.acr_any))?;
    }
    f.write_str("}")
}

/// The times, not the words: two ways to write the same times are one.
fn write_schedule(schedule: &Schedule, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("schedule: {")?;
    for (index, (begins, ends)) in schedule.stretches().into_iter().enumerate() {
        let comma = if index > 0 { ", " } else { "" };
        // The minute before the end tells the day that it belongs to.
        let (day, last_day) = (begins / DAY_MINUTES, ends.saturating_sub(1) / DAY_MINUTES);
        write!(
            f,
            "{comma}{} {}-",
            day_name(day),
            time(begins % DAY_MINUTES)
        )?;
        if last_day != day {
            write!(f, "{} ", day_name(last_day))?;
        }
        f.write_str(&time(
            ends.saturating_sub(last_day.saturating_mul(DAY_MINUTES)),
        ))?;
    }
    write!(f, ", zone: {}}}", schedule.zone())
}

fn day_name(day: u16) -> &'static str {
    DAYS.get(usize::from(day)).copied().unwrap_or_default()
}

fn time(minutes: u16) -> String {
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

fn write_parts(
    key: &str,
    parts: &[Requirement],
    whole: bool,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    write!(f, "{key}: [")?;
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        write_requirement(part, whole, f)?;
    }
    f.write_str("]")
}

fn identities(listed: &Identities, whole: bool) -> String {
    match &listed.file {
        _ if whole => list(&*listed.ids),
        Some(file) => format!("{{file: {}}}", as_yaml(file)),
        None if listed.ids.len() == 1 => "[1 identity]".to_owned(),
        None => format!("[{} identities]", listed.ids.len()),
    }
}

fn list(items: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let items: Vec<String> = items.into_iter().map(|i| as_yaml(i.as_ref())).collect();
    format!("[{}]", items.join(", "))
}

/// A text as a YAML scalar: bare where it can be, else quoted.
fn as_yaml(text: &str) -> String {
    let bare = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    if !text.is_empty() && text.bytes().all(bare) {
        text.to_owned()
    } else {
        format!("{text:?}")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{SourceText, parse};

    /// The requirement as answers show it, and with all that it means.
    fn shown(rule: &str) -> (String, String) {
        let text = format!("version: 1\npolicies: {{p: {{require: [{rule}]}}}}");
        let path = "p.yaml".to_owned();
        let list = |_: &str, _: &str| Ok("eve\nmallory\n".to_owned());
        let set = parse(&[Arc::new(SourceText { path, text })], &list).unwrap();
        let (_, policy) = set.iter().next().unwrap();
        // The first is about the status.
        let requirement = policy.rules()[1].requirement();
        (requirement.to_string(), Whole(requirement).to_string())
    }

    #[test]
    fn a_requirement_shows_in_one_way() {
        for (rule, expected) in [
            (
                "authenticated: {within: 12h}",
                "authenticated: {within: 12h}",
            ),
            (
                "authenticated: {acr_any: [high], amr_any: [hwk, face], within: 90m}",
                "authenticated: {within: 1h30m, amr_any: [face, hwk], acr_any: [high]}",
            ),
            (
                "any_of: [verified_within: 30d, all_of: [age_below: 18, project: [p]]]",
                "any_of: [verified_within: 30d, all_of: [age_below: 18, project: [p]]]",
            ),
            (
                "attribute: {name: \"a b\", in: [x, \"\\\"\"]}",
                "attribute: {name: \"a b\", in: [\"\\\"\", x]}",
            ),
        ] {
            let (short, whole) = shown(rule);
            assert_eq!((short.as_str(), whole.as_str()), (expected, expected));
        }
    }

    #[test]
    fn a_schedule_shows_its_times_and_the_days_that_they_begin_and_end_on() {
        for (days, from, to, expected) in [
            (
                "tue, mon",
                "07:00",
                "19:05",
                "mon 07:00-19:05, tue 07:00-19:05",
            ),
            ("tue", "22:00", "06:30", "tue 22:00-wed 06:30"),
            ("wed", "00:00", "24:00", "wed 00:00-24:00"),
            ("mon, tue", "00:00", "24:00", "mon 00:00-tue 24:00"),
            ("sun", "22:00", "06:00", "mon 00:00-06:00, sun 22:00-24:00"),
        ] {
            let (short, _) = shown(&format!(
                "schedule: {{days: [{days}], from: \"{from}\", to: \"{to}\", zone: UTC}}"
            ));
            assert_eq!(short, format!("schedule: {{{expected}, zone: UTC}}"));
        }
    }

    #[test]
    fn who_is_on_a_list_is_shown_to_nobody_and_counts_in_the_digest() {
        for (rule, expected) in [
            ("identity_in: [eve]", "identity_in: [1 identity]"),
            ("identity_in: [eve, ada]", "identity_in: [2 identities]"),
            (
                "identity_not_in: {file: a.txt}",
                "identity_not_in: {file: a.txt}",
            ),
        ] {
            let (short, whole) = shown(rule);
            assert_eq!(short, expected);
            assert!(whole.contains("eve"), "{whole}");
        }
    }
}
