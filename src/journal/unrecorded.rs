//! Decisions that were given although the journal did not take them, because their policies permit that: counted here, and recorded as one
//! event once the journal can be written. What a process has counted and not recorded when it ends is lost with it.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use serde_json::{Map, Value, json};

use super::own::ChangeEvent;
use crate::policy::{PolicyName, Timestamp};

/// Policies that are counted each by its name. Reloads may bring any number of names in a long outage; the rest is counted together.
const POLICIES_MAX: usize = 1_000;

/// The event.
pub(super) const UNRECORDED: &str = "decisions_unrecorded";

/// What is counted since the last event.
#[derive(Debug, Default)]
pub(super) struct UnrecordedCounts(Mutex<Counted>);

#[derive(Debug, Default)]
struct Counted {
    policies: BTreeMap<PolicyName, Count>,
    /// Of policies that have no place of their own.
    others: Count,
    /// The first and the last decision.
    span: Option<(Timestamp, Timestamp)>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Count {
    /// Decisions that have no line.
    lost: u64,
    /// Decisions that were in the queue: their lines follow, unless the process ends before.
    late: u64,
}

impl Count {
    fn add(&mut self, is_queued: bool) {
        let count = if is_queued {
            &mut self.late
        } else {
            &mut self.lost
        };
        *count = count.saturating_add(1);
    }
}

impl UnrecordedCounts {
    /// Counts a decision of this policy that was given at this instant. `is_queued`: its line may follow.
    pub(super) fn count(&self, policy: &PolicyName, at: Timestamp, is_queued: bool) {
        let mut counted = self.0.lock();
        let (first, last) = counted.span.unwrap_or((at, at));
        counted.span = Some((first.min(at), last.max(at)));
        let has_room = counted.policies.len() < POLICIES_MAX;
        match counted.policies.get_mut(policy) {
            Some(count) => count.add(is_queued),
            None if has_room => {
                let mut count = Count::default();
                count.add(is_queued);
                counted.policies.insert(policy.clone(), count);
            }
            None => counted.others.add(is_queued),
        }
    }

    /// What was counted, as an event; counting begins again. `None` if there was nothing.
    pub(super) fn take(&self) -> Option<ChangeEvent> {
        let counted = std::mem::take(&mut *self.0.lock());
        let (from, to) = counted.span?;
        let policies = counted.policies.iter();
        let policies = policies.map(|(policy, count)| count.as_json(Some(policy)));
        let others = (counted.others.lost.max(counted.others.late) > 0)
            .then(|| counted.others.as_json(None));
        let members = [
            ("from", json!(crate::policy::rfc3339(from))),
            ("to", json!(crate::policy::rfc3339(to))),
            ("policies", policies.chain(others).collect()),
        ];
        let members = members.map(|(key, value): (&str, Value)| (key.to_owned(), value));
        Some(ChangeEvent {
            event: UNRECORDED,
            members: Map::from_iter(members),
        })
    }
}

impl Count {
    fn as_json(self, policy: Option<&PolicyName>) -> Value {
        let mut members = Map::new();
        if let Some(policy) = policy {
            members.insert("policy".to_owned(), json!(policy.as_str()));
        }
        members.insert("lost".to_owned(), json!(self.lost));
        members.insert("late".to_owned(), json!(self.late));
        members.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::from_millis;

    fn name(text: &str) -> PolicyName {
        PolicyName::parse(text).unwrap()
    }

    #[test]
    fn what_was_not_recorded_is_counted_by_policy_once_and_with_its_first_and_last_instant() {
        let unrecorded = UnrecordedCounts::default();
        assert_eq!(unrecorded.take(), None);
        for (policy, at, is_queued) in [
            ("door", 2_000, false),
            ("gate", 1_000, true),
            ("door", 3_000, false),
            ("door", 2_500, true),
        ] {
            unrecorded.count(&name(policy), from_millis(at), is_queued);
        }
        let event = unrecorded.take().unwrap();
        assert_eq!(event.event, "decisions_unrecorded");
        assert_eq!(
            Value::from(event.members),
            json!({
                "from": "1970-01-01T00:00:01.000Z",
                "to": "1970-01-01T00:00:03.000Z",
                "policies": [
                    { "policy": "door", "lost": 2, "late": 1 },
                    { "policy": "gate", "lost": 0, "late": 1 },
                ],
            })
        );
        assert_eq!(unrecorded.take(), None);
    }

    #[test]
    fn the_number_of_names_is_bounded_and_no_decision_goes_uncounted() {
        let unrecorded = UnrecordedCounts::default();
        for n in 0..POLICIES_MAX + 7 {
            unrecorded.count(&name(&format!("p-{n}")), from_millis(0), false);
        }
        let event = unrecorded.take().unwrap();
        let policies = event.members["policies"].as_array().unwrap();
        assert_eq!(policies.len(), POLICIES_MAX + 1);
        assert_eq!(policies.last(), Some(&json!({ "lost": 7, "late": 0 })));
    }
}
