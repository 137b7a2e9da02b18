//! Remedies in words, the same for the answer of a service and for a case that is explained locally.

use std::time::Duration;

use crate::policy::Shown;

/// Verify again, so that the verification is younger than this.
pub(super) fn reverify(max_age: Option<Duration>) -> String {
    format!("verify again{}", younger(max_age))
}

/// Authenticate by one of these methods, at one of these context classes, less than so long ago.
pub(super) fn authenticate(amr: &[&str], acr: &[&str], max_age: Option<Duration>) -> String {
    let alternatives = |preposition: &str, names: &[&str]| match names {
        [] => String::new(),
        names => format!(", {preposition} {}", names.join(" or ")),
    };
    let (by, at) = (alternatives("by", amr), alternatives("at", acr));
    format!("authenticate{by}{at}{}", younger(max_age))
}

/// Grant these scopes.
pub(super) fn grant(scopes: &[&str]) -> String {
    format!("let the verification carry {}", scopes.join(" and "))
}

/// Name the identity.
pub(super) fn identify() -> String {
    "name the identity in the request".to_owned()
}

/// Come back at this instant.
pub(super) fn wait(until: &str) -> String {
    format!("come back, not before {until}")
}

fn younger(max_age: Option<Duration>) -> String {
    max_age.map_or_else(String::new, |age| format!(", younger than {}", Shown(age)))
}
