//! The next change of the effect, computed from the instants at which each rule holds.
//!
//! Why not try instants one after another? Between two changes lie up to ten years of milliseconds, and a change between two
//! tried instants would be missed. Each rule holds at known instants ([`When`]), so that the next change is a minimum: the
//! effect becomes stricter when the first stricter rule stops holding, and looser when all rules of the present effect hold.

use super::{
    effect::{Change, Effect},
    limits::YEARS_AHEAD,
    time::{Timestamp, anniversary},
    when::When,
};

/// What the horizon needs of a rule: when it holds, and the effect when it does not.
#[derive(Debug, Clone, Copy)]
pub(super) struct Term<'w> {
    pub(super) holds: &'w When,
    pub(super) otherwise: Effect,
}

/// The effect at one instant: the strictest of the terms that do not hold then.
pub(super) fn effect_at<'w>(terms: impl Iterator<Item = Term<'w>>, instant: Timestamp) -> Effect {
    terms
        .filter(|term| !term.holds.contains(instant))
        .map(|term| term.otherwise)
        .max()
        .unwrap_or(Effect::Allow)
}

/// The first change of the effect after `now`.
pub(super) fn next_change<'w>(
    terms: impl Iterator<Item = Term<'w>> + Clone,
    now: Timestamp,
) -> Option<Change> {
    let effect = effect_at(terms.clone(), now);
    let last = anniversary(now, YEARS_AHEAD);
    let stricter = terms
        .clone()
        .filter(|term| term.otherwise > effect)
        .filter_map(|term| term.holds.next(false, now, last))
        .min();
    // A looser effect after that is not the next change, so there is no need to look further.
    let last = stricter.unwrap_or(last);
    let looser = (effect > Effect::Allow)
        .then(|| terms.clone().filter(|term| term.otherwise == effect))
        .and_then(|equal| When::all(equal.map(|term| term.holds.clone())).next(true, now, last));
    let at = stricter.into_iter().chain(looser).min()?;
    Some(Change {
        at,
        to: effect_at(terms, at),
    })
}

#[cfg(test)]
mod tests;
