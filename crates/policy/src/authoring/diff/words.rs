//! A cell in words, for people who answer for a policy.

use std::time::Duration;

use super::{
    diagram::Cell,
    regions::{Groups, Line, Regions},
    space::{Axis, Birthday, Space},
};
use crate::{evidence::Scope, time::Shown};

/// How many texts of a list are shown.
const SHOWN_MAX: usize = 5;

/// What the checks of a cell have in common.
pub(super) fn describe(cell: &Cell, space: &Space<'_>) -> String {
    let parts: Vec<String> = cell
        .limits
        .iter()
        .filter_map(|(rank, regions)| Some(part(space.axis(*rank)?, regions, space)))
        .collect();
    if parts.is_empty() {
        return "every verification".to_owned();
    }
    parts.join(", ")
}

fn part(axis: &Axis, regions: &Regions, space: &Space<'_>) -> String {
    let has = regions.contains(0);
    match axis {
        Axis::Status => text(axis, "status", regions, space),
        Axis::Identity => text(axis, "identity", regions, space),
        Axis::Project => text(axis, "project", regions, space),
        Axis::Acr => text(axis, "acr", regions, space),
        Axis::Attribute(name) => text(axis, &format!("attribute {name}"), regions, space),
        Axis::Scope(Scope::Other(name)) if has => format!("{name} granted"),
        Axis::Scope(Scope::Other(name)) => format!("{name} not granted"),
        Axis::Scope(scope) if has => format!("{} readable", scope.as_str()),
        Axis::Scope(scope) => format!("{} not granted or not readable", scope.as_str()),
        Axis::Claim if has => "the request names that identity".to_owned(),
        Axis::Claim => "the request names another identity or none".to_owned(),
        Axis::Amr(group) => {
            let methods = space.amr.iter().find(|(region, _)| region == group);
            let methods = list(methods.map_or(&[], |(_, methods)| methods));
            let with = if has { "with" } else { "without" };
            format!("{with} amr {methods}")
        }
        Axis::VerifiedAt => ages(&space.verified, "verified", "at no known time", regions),
        Axis::AuthTime => ages(
            &space.authenticated,
            "authenticated",
            "in the future or not at all",
            regions,
        ),
        Axis::Birth => births(&space.births, regions),
        Axis::Phone => space.phones.in_words(regions),
        Axis::Hours => space.hours.in_words(regions),
    }
}

/// A text that is one of some, or none of the others.
fn text(axis: &Axis, what: &str, regions: &Regions, space: &Space<'_>) -> String {
    let Some(groups) = space.groups.get(axis) else {
        return what.to_owned();
    };
    let named = |inside: bool| -> Vec<&str> {
        let chosen = groups
            .iter()
            .filter(|(region, _)| regions.contains(*region) == inside);
        chosen.flat_map(|(_, texts)| texts).copied().collect()
    };
    if *axis == Axis::Identity {
        return identity(groups, regions, &named(true), &named(false));
    }
    let others = list(&named(false));
    if regions.contains(groups.other()) {
        match axis {
            Axis::Status => format!("{what} none of {others}"),
            _ => format!("{what} missing or none of {others}"),
        }
    } else {
        format!("{what} {}", list(&named(true)))
    }
}

fn identity(groups: &Groups<'_>, regions: &Regions, ins: &[&str], outs: &[&str]) -> String {
    let known = if regions.contains(groups.other()) {
        if outs.is_empty() {
            "identity known".to_owned()
        } else {
            format!("identity known and none of {}", list(outs))
        }
    } else {
        format!("identity {}", list(ins))
    };
    let missing = regions.contains(groups.missing());
    let some = !ins.is_empty() || regions.contains(groups.other());
    match (missing, some) {
        (true, true) => format!("identity missing, or {known}"),
        (true, false) => "identity missing".to_owned(),
        (false, _) => known,
    }
}

fn ages(line: &Line<i64>, what: &str, unknown: &str, regions: &Regions) -> String {
    let mut parts: Vec<String> = line
        .stretches(regions)
        .into_iter()
        .map(|stretch| match stretch {
            (None, None) => "at a known time".to_owned(),
            (None, Some(0)) => "in the future by up to 1m".to_owned(),
            (None, Some(ends)) => format!("less than {} ago", shown(ends)),
            (Some(begins), None) => format!("{} ago or more", shown(begins)),
            (Some(begins), Some(ends)) => format!("{} to {} ago", shown(begins), shown(ends)),
        })
        .collect();
    if regions.contains(0) {
        parts.push(unknown.to_owned());
    }
    format!("{what} {}", parts.join(" or "))
}

fn shown(age_ms: i64) -> Shown {
    Shown(Duration::from_millis(u64::try_from(age_ms).unwrap_or(0)))
}

fn births(line: &Line<Birthday>, regions: &Regions) -> String {
    let mut parts: Vec<String> = line
        .stretches(regions)
        .into_iter()
        .map(|stretch| match stretch {
            (None, None) => "DATE_OF_BIRTH readable".to_owned(),
            (None, Some(ends)) => until(ends),
            (Some(begins), None) => from(begins),
            (Some(begins), Some(ends)) if begins.years == ends.years => {
                format!("within 14h of birthday {}", begins.years)
            }
            (Some(begins), Some(ends)) => format!("{} and {}", from(begins), until(ends)),
        })
        .collect();
    if regions.contains(0) {
        parts.push("DATE_OF_BIRTH not granted or not readable".to_owned());
    }
    parts.join(", or ")
}

fn from(birthday: Birthday) -> String {
    let years = birthday.years;
    if birthday.after {
        format!("aged {years} or more")
    } else {
        format!("aged {years} (or less than 14h short of it) or more")
    }
}

fn until(birthday: Birthday) -> String {
    let years = birthday.years;
    if birthday.after {
        format!("under {years} (or over by less than 14h)")
    } else {
        format!("under {years}")
    }
}

fn list(texts: &[&str]) -> String {
    let more = texts.len().saturating_sub(SHOWN_MAX);
    let mut shown: Vec<String> = texts
        .iter()
        .take(SHOWN_MAX)
        .map(|&t| t.to_owned())
        .collect();
    if more > 0 {
        shown.push(format!("{more} more"));
    }
    shown.join(" or ")
}
