//! Remedies as a case file writes them, with the names of the contract.

use std::collections::BTreeSet;

use crate::{
    evidence::Scope,
    remedy::{NewSession, Remedy},
    time::Shown,
    yaml::list,
};

/// A remedy as a case file writes it.
fn remedy(remedy: &Remedy) -> String {
    match remedy {
        Remedy::Reverify { max_age: None } => "{ reverify: {} }".to_owned(),
        Remedy::Reverify { max_age: Some(age) } => {
            format!("{{ reverify: {{ max_age: {} }} }}", Shown(*age))
        }
        Remedy::Authenticate(session) => authenticate(session),
        Remedy::GrantScopes(scopes) => {
            let scopes = list(scopes.iter().map(Scope::as_str));
            format!("{{ grant_scopes: {{ scopes: {scopes} }} }}")
        }
        Remedy::Identify => "{ identify: {} }".to_owned(),
        Remedy::Wait(until) => format!("{{ wait: {{ until: {until} }} }}"),
    }
}

fn authenticate(session: &NewSession) -> String {
    let mut fields = vec![format!("max_age: {}", Shown(session.max_age))];
    if !session.acr_any.is_empty() {
        fields.push(format!("acr: {}", list(&session.acr_any)));
    }
    let groups: BTreeSet<String> = session.amr_all_of.iter().map(list).collect();
    match groups.len() {
        0 => {}
        1 => fields.extend(groups.iter().map(|group| format!("amr: {group}"))),
        _ => {
            let groups: Vec<String> = groups.into_iter().collect();
            fields.push(format!("amr_all_of: [{}]", groups.join(", ")));
        }
    }
    format!("{{ authenticate: {{ {} }} }}", fields.join(", "))
}

/// Remedies that are all needed, in one order.
pub(super) fn remedies(set: &[Remedy]) -> String {
    let mut texts: Vec<String> = set.iter().map(remedy).collect();
    texts.sort_unstable();
    format!("[{}]", texts.join(", "))
}

/// Sets of which one is enough, in their own order.
pub(super) fn alternatives(sets: &[Vec<Remedy>]) -> String {
    let sets: Vec<String> = sets.iter().map(|set| remedies(set)).collect();
    format!("[{}]", sets.join(", "))
}
