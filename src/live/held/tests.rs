//! Which policies are held, and for how long.

use std::fmt::Write as _;

use super::*;
use crate::policy::{SourceText, parse};

fn set(names: &[&str]) -> Arc<PolicySet> {
    let mut text = String::from("version: 1\npolicies:\n");
    for name in names {
        writeln!(text, "  {name}: {{require: [verified_within: 90d]}}").unwrap();
    }
    let file = SourceText {
        path: "p.yaml".to_owned(),
        text,
    };
    let no_lists = |_: &str, _: &str| Err(String::new());
    Arc::new(parse(&[Arc::new(file)], &no_lists).unwrap())
}

fn names(list: &[PolicyName]) -> Vec<&str> {
    list.iter().map(PolicyName::as_str).collect()
}

fn in_force(merged: &Merged) -> Vec<&str> {
    merged.set.iter().map(|(name, _)| name.as_str()).collect()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_policy_that_leaves_the_files_is_held_and_then_dropped() {
    let (mut held, before, files) = (HeldPolicies::default(), set(&["p", "q"]), set(&["p"]));
    let merged = held.merge(&files, &before, seconds(10));
    assert_eq!(in_force(&merged), ["p", "q"]);
    assert_eq!(names(&merged.gone), ["q"]);
    // To hold it changes nothing of what is in force.
    assert_eq!(merged.set.revision(), before.revision());
    assert_eq!(held.next_drop(), Some(seconds(14)));
    let merged = held.merge(&files, &merged.set, seconds(13));
    assert_eq!(in_force(&merged), ["p", "q"]);
    assert!(merged.gone.is_empty() && merged.dropped.is_empty());
    let merged = held.merge(&files, &merged.set, seconds(14));
    assert_eq!(in_force(&merged), ["p"]);
    assert_eq!(names(&merged.dropped), ["q"]);
    assert_eq!(merged.set.revision(), files.revision());
    assert_eq!(held.next_drop(), None);
}

#[test]
fn a_policy_that_returns_is_no_longer_held() {
    let (mut held, both) = (HeldPolicies::default(), set(&["p", "q"]));
    let merged = held.merge(&set(&["p"]), &both, seconds(0));
    let merged = held.merge(&both, &merged.set, seconds(1));
    assert_eq!(names(&merged.returned), ["q"]);
    assert!(held.names().is_empty());
    // When it leaves again, the time begins again.
    held.merge(&set(&["p"]), &merged.set, seconds(2));
    assert_eq!(held.next_drop(), Some(seconds(6)));
}

#[test]
fn each_policy_has_a_time_of_its_own() {
    let mut held = HeldPolicies::default();
    let merged = held.merge(&set(&["p", "q"]), &set(&["p", "q", "r"]), seconds(0));
    let merged = held.merge(&set(&["p"]), &merged.set, seconds(3));
    assert_eq!(in_force(&merged), ["p", "q", "r"]);
    let merged = held.merge(&set(&["p"]), &merged.set, seconds(4));
    assert_eq!(in_force(&merged), ["p", "q"]);
    let merged = held.merge(&set(&["p"]), &merged.set, seconds(7));
    assert_eq!(in_force(&merged), ["p"]);
}
