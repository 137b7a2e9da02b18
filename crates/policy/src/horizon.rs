//! When the decision will change, without stepping through time: each rule says while it holds, and from these the first
//! instant follows at which the strictest unmet rule is another.

use super::{
    effect::{Change, Effect},
    limits::YEARS_AHEAD,
    time::{Timestamp, anniversary},
    when::When,
};

/// One rule's part in the decision: when it holds, and what it asks for otherwise.
#[derive(Debug, Clone, Copy)]
pub(super) struct Term<'w> {
    pub(super) holds: &'w When,
    pub(super) otherwise: Effect,
}

/// The effect at one instant: the strictest of the terms that do not hold.
pub(super) fn effect_at<'w>(terms: impl Iterator<Item = Term<'w>>, instant: Timestamp) -> Effect {
    terms
        .filter(|term| !term.holds.contains(instant))
        .map(|term| term.otherwise)
        .max()
        .unwrap_or(Effect::Allow)
}

/// The first instant after `now` at which the effect is another than it is now.
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
    // Not beyond the stricter one, so that what it masks is not looked for.
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
