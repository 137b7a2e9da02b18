//! Changes that time brings.

use super::*;
use crate::{time::from_millis, when::Window};

fn until(millis: i64, otherwise: Effect) -> (When, Effect) {
    (When::Window(Window::until(from_millis(millis))), otherwise)
}

fn from(millis: i64, otherwise: Effect) -> (When, Effect) {
    (When::Window(Window::from(from_millis(millis))), otherwise)
}

fn terms(pairs: &[(When, Effect)]) -> impl Iterator<Item = Term<'_>> + Clone {
    pairs.iter().map(|(holds, otherwise)| Term {
        holds,
        otherwise: *otherwise,
    })
}

fn change(pairs: &[(When, Effect)], now: i64) -> Option<(i64, Effect)> {
    next_change(terms(pairs), from_millis(now)).map(|c| (c.at.as_millisecond(), c.to))
}

#[test]
fn a_rule_that_ends_makes_it_stricter() {
    let pairs = [until(10, Effect::StepUp), until(20, Effect::Deny)];
    assert_eq!(change(&pairs, 5), Some((10, Effect::StepUp)));
    assert_eq!(change(&pairs, 10), Some((20, Effect::Deny)));
    assert_eq!(change(&pairs, 20), None);
}

#[test]
fn it_loosens_only_when_every_rule_of_its_strictness_holds() {
    let pairs = [
        from(10, Effect::Deny),
        from(20, Effect::Deny),
        from(15, Effect::StepUp),
    ];
    assert_eq!(change(&pairs, 5), Some((20, Effect::Allow)));
    let never_together = [from(20, Effect::Deny), until(15, Effect::Deny)];
    assert_eq!(change(&never_together, 5), None);
}

#[test]
fn an_end_that_a_stricter_rule_masks_is_no_change() {
    let pairs = [until(10, Effect::StepUp), from(100, Effect::Deny)];
    assert_eq!(change(&pairs, 5), Some((100, Effect::StepUp)));
}

#[test]
fn a_change_more_than_ten_years_on_is_not_told() {
    let now: Timestamp = "2020-02-29T00:00:00Z".parse().unwrap();
    let at_ten: Timestamp = "2030-03-01T00:00:00Z".parse().unwrap();
    let ends = |until| [(When::Window(Window::until(until)), Effect::Deny)];
    assert!(next_change(terms(&ends(at_ten)), now).is_some());
    let later = at_ten + std::time::Duration::from_millis(1);
    assert!(next_change(terms(&ends(later)), now).is_none());
}
