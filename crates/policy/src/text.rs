//! Requirements as text: as a policy writes them, for people; and complete, for the digest of a set.

use std::fmt;

use super::{
    evidence::Scope,
    limits::DAY_MINUTES,
    rule::{AttributeNotIn, Authenticated, Identities, IfAbsent, Requirement},
    schedule::{DAYS, Schedule, Written},
    time::Shown,
    yaml::{list, scalar},
};

/// Shows it as a policy writes it: what is shown can be pasted back. Identities are not shown, only how many a list has: callers see this
/// text, and must not learn who is on a block list.
impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_requirement(self, false, f)
    }
}

/// Shows a requirement completely, identities included.
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
            let name = scalar(name);
            write!(f, "attribute: {{name: {name}, in: {}}}", list(accepted))
        }
        Requirement::AttributeNotIn(listed) => write_attribute_not_in(listed, f),
        Requirement::Authenticated(wanted) => write_authenticated(wanted, f),
        Requirement::Schedule(schedule) => match schedule.written() {
            Some(written) if !whole => write_written(written, schedule.zone(), f),
            _ => write_intervals(schedule, f),
        },
        Requirement::AnyOf(parts) => write_parts("any_of", parts, whole, f),
        Requirement::AllOf(parts) => write_parts("all_of", parts, whole, f),
    }
}

fn write_attribute_not_in(listed: &AttributeNotIn, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (name, values) = (scalar(&listed.name), list(&listed.values));
    let if_absent = match listed.if_absent {
        IfAbsent::Holds => ", if_absent: holds",
        IfAbsent::Fails => "",
    };
    write!(
        f,
        "attribute: {{name: {name}, not_in: {values}{if_absent}}}"
    )
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

fn write_written(written: &Written, zone: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let days: Vec<&str> = written.days.iter().map(|day| day_name(*day)).collect();
    let Written { from, to, days: _ } = written;
    let days = days.join(", ");
    write!(
        f,
        "schedule: {{days: [{days}], from: \"{from}\", to: \"{to}\", zone: {zone}}}"
    )
}

/// Shows the intervals of a schedule, because the same intervals can be written in several ways.
fn write_intervals(schedule: &Schedule, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("schedule: {")?;
    for (index, (begins, ends)) in schedule.intervals().into_iter().enumerate() {
        let comma = if index > 0 { ", " } else { "" };
        // An end at midnight belongs to the day before.
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
        Some(file) => format!("{{file: {}}}", scalar(file)),
        None if listed.ids.len() == 1 => "[1 identity]".to_owned(),
        None => format!("[{} identities]", listed.ids.len()),
    }
}

#[cfg(test)]
mod tests;
