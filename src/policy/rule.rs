//! One rule: a requirement, when it holds, and why it does not. A new requirement is one variant and one arm in each
//! `match` of this file.

use std::{collections::BTreeSet, fmt, sync::Arc, time::Duration};

use super::{
    decision::{Reason, ReasonCode, Refusal},
    evidence::{Scope, Verification, plausible_birth},
    time::{Shown, Timestamp, Window, after, anniversary},
};

/// An age is reached when it is reached in every time zone: the zone of a date of birth is not known.
const BIRTHDAY_EVERYWHERE: Duration = Duration::from_hours(14);

/// A requirement, and what happens where it does not hold.
#[derive(Debug, Clone)]
pub struct Rule {
    requirement: Requirement,
    otherwise: Refusal,
    /// The requirement as the policy would write it, made once because every reason shows it.
    text: Arc<str>,
}

impl Rule {
    /// Joins the two.
    pub fn new(requirement: Requirement, otherwise: Refusal) -> Self {
        let text = requirement.to_string().into();
        Self {
            requirement,
            otherwise,
            text,
        }
    }

    /// What has to hold.
    pub fn requirement(&self) -> &Requirement {
        &self.requirement
    }

    /// What happens where it does not.
    pub fn otherwise(&self) -> Refusal {
        self.otherwise
    }

    /// Why it is not met at this instant.
    pub(super) fn reason(&self, verification: &Verification, now: Timestamp) -> Reason {
        Reason {
            code: self.requirement.complaint(verification, now),
            rule: Arc::clone(&self.text),
            effect: self.otherwise,
        }
    }
}

/// Something that a policy can ask of a verification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Requirement {
    /// The status is one of these, compared exactly.
    Status(BTreeSet<Box<str>>),
    /// The verification was made less than this long ago.
    VerifiedWithin(Duration),
    /// Each is granted, and its data is there and readable.
    Scopes(Vec<Scope>),
    /// The person is this many years old in every time zone.
    AgeAtLeast(u16),
}

impl Requirement {
    /// The instants at which it holds, this being the evidence.
    pub(super) fn holds(&self, verification: &Verification) -> Window {
        match self {
            Self::Status(accepted) => Window::constant(
                verification
                    .status
                    .as_ref()
                    .is_some_and(|status| accepted.contains(status)),
            ),
            Self::VerifiedWithin(age_max) => verification
                .verified_at
                .map_or(Window::NEVER, |at| Window::until(after(at, *age_max))),
            Self::Scopes(scopes) => scopes
                .iter()
                .map(|scope| verification.readable(scope).unwrap_or(Window::NEVER))
                .fold(Window::ALWAYS, Window::and),
            Self::AgeAtLeast(years) => verification.born().map_or(Window::NEVER, |born| {
                let reached = after(anniversary(born, *years), BIRTHDAY_EVERYWHERE);
                plausible_birth(born).and(Window::from(reached))
            }),
        }
    }

    /// Why it does not hold at this instant.
    fn complaint(&self, verification: &Verification, now: Timestamp) -> ReasonCode {
        match self {
            Self::Status(_) => ReasonCode::StatusNotAccepted,
            Self::VerifiedWithin(_) if verification.verified_at.is_none() => {
                ReasonCode::VerifiedAtMissing
            }
            Self::VerifiedWithin(_) => ReasonCode::VerificationTooOld,
            Self::Scopes(scopes) => scopes
                .iter()
                .find_map(|scope| unreadable(verification, scope, now))
                .unwrap_or(ReasonCode::DataInvalid),
            Self::AgeAtLeast(_) => {
                unreadable(verification, &Scope::DateOfBirth, now).unwrap_or(ReasonCode::UnderAge)
            }
        }
    }
}

/// Why this scope's data cannot be used at this instant, if it cannot.
fn unreadable(verification: &Verification, scope: &Scope, now: Timestamp) -> Option<ReasonCode> {
    match verification.readable(scope) {
        Err(code) => Some(code),
        Ok(window) if window.contains(now) => None,
        Ok(_) => Some(ReasonCode::DataInvalid),
    }
}

/// Shows it as a policy would write it, in one way only.
impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(accepted) => list(f, "status", accepted.iter().map(AsRef::as_ref)),
            Self::VerifiedWithin(age_max) => write!(f, "verified_within: {}", Shown(*age_max)),
            Self::Scopes(scopes) => list(f, "scopes", scopes.iter().map(Scope::as_str)),
            Self::AgeAtLeast(years) => write!(f, "age_at_least: {years}"),
        }
    }
}

fn list<'a>(
    f: &mut fmt::Formatter<'_>,
    key: &str,
    items: impl Iterator<Item = &'a str>,
) -> fmt::Result {
    let items: Vec<String> = items.map(as_yaml).collect();
    write!(f, "{key}: [{}]", items.join(", "))
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
    use super::{super::evidence::Datum, *};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn born(text: &str) -> Verification {
        Verification {
            scopes: [Scope::DateOfBirth].into(),
            born: Datum::Known(at(text)),
            ..Verification::default()
        }
    }

    #[test]
    fn a_requirement_shows_as_a_policy_would_write_it() {
        let shown = [
            Requirement::Status(["VERIFIED".into(), "SUCCESS".into()].into()),
            Requirement::VerifiedWithin(Duration::from_hours(36)),
            Requirement::Scopes(vec![Scope::Name, Scope::from("a, b")]),
            Requirement::AgeAtLeast(18),
        ]
        .map(|requirement| requirement.to_string());
        assert_eq!(
            shown,
            [
                "status: [SUCCESS, VERIFIED]",
                "verified_within: 1d12h",
                "scopes: [NAME, \"a, b\"]",
                "age_at_least: 18"
            ]
        );
    }

    #[test]
    fn an_age_is_reached_fourteen_hours_after_the_birthday_began_in_utc() {
        let held = Requirement::AgeAtLeast(18).holds(&born("1990-05-17T00:00:00Z"));
        assert!(!held.contains(at("2008-05-17T13:59:59.999Z")));
        assert!(held.contains(at("2008-05-17T14:00:00Z")));
    }

    #[test]
    fn a_birth_in_the_future_or_over_150_years_ago_is_no_birth() {
        let adult = Requirement::AgeAtLeast(0);
        let future = born("2030-01-01T00:00:00Z");
        let now = at("2026-01-01T00:00:00Z");
        assert!(!adult.holds(&future).contains(now));
        assert_eq!(adult.complaint(&future, now), ReasonCode::DataInvalid);
        let ancient = born("1870-01-01T00:00:00Z");
        let scope = Requirement::Scopes(vec![Scope::DateOfBirth]);
        assert!(scope.holds(&ancient).contains(at("2020-01-01T00:00:00Z")));
        assert!(
            !scope
                .holds(&ancient)
                .contains(at("2020-01-01T00:00:00.001Z"))
        );
        assert_eq!(
            scope.complaint(&ancient, at("2020-01-01T00:00:00.001Z")),
            ReasonCode::DataInvalid
        );
    }

    #[test]
    fn the_first_scope_that_fails_gives_the_reason() {
        let verification = Verification {
            scopes: [Scope::Name, Scope::Phone].into(),
            phone: Datum::Unreadable,
            ..Verification::default()
        };
        let reason = |scopes: &[Scope]| {
            Requirement::Scopes(scopes.to_vec()).complaint(&verification, Timestamp::UNIX_EPOCH)
        };
        assert_eq!(
            reason(&[Scope::Name, Scope::Phone]),
            ReasonCode::DataMissing
        );
        assert_eq!(
            reason(&[Scope::Phone, Scope::Name]),
            ReasonCode::DataInvalid
        );
        assert_eq!(
            reason(&[Scope::DateOfBirth, Scope::Phone]),
            ReasonCode::ScopeNotGranted
        );
    }
}
