//! When the decision will change, without stepping through time: each rule says while it holds, and from these the first
//! instant follows at which the strictest unmet rule is another.

use super::{
    effect::{Change, Effect},
    limits::YEARS_AHEAD,
    time::{Timestamp, anniversary},
    when::When,
};

/// One rule's part in the decision: when it holds, and what it asks for otherwise.
#[derive(Debug, Clone)]
pub(super) struct Term {
    pub(super) holds: When,
    pub(super) otherwise: Effect,
}

/// The effect at one instant: the strictest of the terms that do not hold.
pub(super) fn effect_at(terms: &[Term], instant: Timestamp) -> Effect {
    terms
        .iter()
        .filter(|term| !term.holds.contains(instant))
        .map(|term| term.otherwise)
        .max()
        .unwrap_or(Effect::Allow)
}

/// The first instant after `now` at which the effect is another than it is now.
pub(super) fn next_change(terms: &[Term], now: Timestamp) -> Option<Change> {
    let (effect, last) = (effect_at(terms, now), anniversary(now, YEARS_AHEAD));
    let stricter = terms
        .iter()
        .filter(|term| term.otherwise > effect)
        .filter_map(|term| term.holds.next(false, now, last))
        .min();
    // Not beyond the stricter one, so that what it masks is not looked for.
    let last = stricter.unwrap_or(last);
    let looser = (effect > Effect::Allow)
        .then(|| terms.iter().filter(|term| term.otherwise == effect))
        .and_then(|equal| When::all(equal.map(|t| t.holds.clone())).next(true, now, last));
    let at = stricter.into_iter().chain(looser).min()?;
    Some(Change {
        at,
        to: effect_at(terms, at),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{time::from_millis, when::Window};

    fn until(millis: i64, otherwise: Effect) -> Term {
        Term {
            holds: When::Window(Window::until(from_millis(millis))),
            otherwise,
        }
    }

    fn from(millis: i64, otherwise: Effect) -> Term {
        Term {
            holds: When::Window(Window::from(from_millis(millis))),
            otherwise,
        }
    }

    fn change(terms: &[Term], now: i64) -> Option<(i64, Effect)> {
        next_change(terms, from_millis(now)).map(|c| (c.at.as_millisecond(), c.to))
    }

    #[test]
    fn a_rule_that_ends_makes_it_stricter() {
        let terms = [until(10, Effect::StepUp), until(20, Effect::Deny)];
        assert_eq!(change(&terms, 5), Some((10, Effect::StepUp)));
        assert_eq!(change(&terms, 10), Some((20, Effect::Deny)));
        assert_eq!(change(&terms, 20), None);
    }

    #[test]
    fn it_loosens_only_when_every_rule_of_its_strictness_holds() {
        let terms = [
            from(10, Effect::Deny),
            from(20, Effect::Deny),
            from(15, Effect::StepUp),
        ];
        assert_eq!(change(&terms, 5), Some((20, Effect::Allow)));
        let never_together = [from(20, Effect::Deny), until(15, Effect::Deny)];
        assert_eq!(change(&never_together, 5), None);
    }

    #[test]
    fn an_end_that_a_stricter_rule_masks_is_no_change() {
        let terms = [until(10, Effect::StepUp), from(100, Effect::Deny)];
        assert_eq!(change(&terms, 5), Some((100, Effect::StepUp)));
    }

    #[test]
    fn a_change_more_than_ten_years_on_is_not_told() {
        let now: Timestamp = "2020-02-29T00:00:00Z".parse().unwrap();
        let at_ten: Timestamp = "2030-03-01T00:00:00Z".parse().unwrap();
        let term = |until| Term {
            holds: When::Window(Window::until(until)),
            otherwise: Effect::Deny,
        };
        assert!(next_change(&[term(at_ten)], now).is_some());
        let later = at_ten + std::time::Duration::from_millis(1);
        assert!(next_change(&[term(later)], now).is_none());
    }
}
