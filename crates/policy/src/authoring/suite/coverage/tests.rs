//! When something is covered.

use super::*;

#[test]
fn what_was_tried_from_one_side_only_is_not_covered() {
    for (one, other) in [(false, false), (true, false), (false, true), (true, true)] {
        let edge = EdgeCoverage {
            requirement: "verified_within: 30d".to_owned(),
            turn: Turn::Ends,
            before: one,
            after: other,
            reach: Reach::Open,
        };
        let rule = RuleCoverage {
            rule: "verified_within: 30d".into(),
            met: one,
            unmet: other,
            edges: Vec::new(),
        };
        assert_eq!(
            (edge.state() == EdgeState::Tried, rule.is_covered()),
            (one && other, one && other)
        );
    }
}
