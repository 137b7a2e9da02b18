//! Callers that are no longer in the file stay in force for a few seconds: while a file is being written, it is empty or ends early.

use std::{collections::BTreeMap, time::Duration};

use crate::callers::{CallerConfig, CallerName, ConflictingCallersError};

/// How long a caller is held, as policies are.
pub(super) const HOLD_FOR: Duration = Duration::from_secs(4);

/// The callers that are held, each with the uptime at which it is dropped.
#[derive(Debug, Clone, Default)]
pub(super) struct HeldCallers(BTreeMap<CallerName, Duration>);

impl HeldCallers {
    /// The uptime at which the first of them is dropped.
    pub(super) fn next_drop(&self) -> Option<Duration> {
        self.0.values().min().copied()
    }

    /// The callers that are held.
    pub(super) fn names(&self) -> Vec<&str> {
        self.0.keys().map(CallerName::as_str).collect()
    }

    /// The callers of the file, and those in force that are held. Callers whose credentials the file gives to another caller are not held.
    pub(super) fn merge(
        &mut self,
        in_file: &[CallerConfig],
        in_force: &[CallerConfig],
        uptime: Duration,
    ) -> Vec<CallerConfig> {
        let mut merged = in_file.to_vec();
        let mut held = BTreeMap::new();
        for caller in in_force {
            if in_file.iter().any(|other| other.name == caller.name) {
                continue;
            }
            let known = self.0.get(&caller.name).copied();
            let until = known.unwrap_or_else(|| uptime.saturating_add(HOLD_FOR));
            if until <= uptime {
                continue;
            }
            merged.push(caller.clone());
            if ConflictingCallersError::among(&merged).is_empty() {
                held.insert(caller.name.clone(), until);
            } else {
                merged.pop();
            }
        }
        self.0 = held;
        merged
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::callers::Token;

    fn caller(name: &str, token: u8) -> CallerConfig {
        let mut config = CallerConfig::new(CallerName::parse(name).unwrap());
        config.tokens = vec![Token::from_random([token; 8], [token; 32]).entry()];
        config
    }

    fn names(callers: &[CallerConfig]) -> Vec<&str> {
        callers.iter().map(|caller| caller.name.as_str()).collect()
    }

    #[test]
    fn a_caller_that_left_the_file_is_held_for_four_seconds_unless_it_returns() {
        let (door, gate) = (caller("door", 1), caller("gate", 2));
        let both = [door.clone(), gate.clone()];
        let mut held = HeldCallers::default();
        let at = Duration::from_secs;
        assert_eq!(names(&held.merge(&[], &both, at(10))), ["door", "gate"]);
        assert_eq!(held.next_drop(), Some(at(14)));
        let returned = [gate.clone()];
        assert_eq!(
            names(&held.merge(&returned, &both, at(12))),
            ["gate", "door"]
        );
        assert_eq!(held.names(), ["door"]);
        let late = at(14).saturating_sub(Duration::from_millis(1));
        assert_eq!(names(&held.merge(&returned, &both, late)), ["gate", "door"]);
        assert_eq!(names(&held.merge(&returned, &both, at(14))), ["gate"]);
        assert_eq!(held.next_drop(), None);
        // It leaves for a second time, and is held as long again.
        assert_eq!(names(&held.merge(&[], &returned, at(20))), ["gate"]);
        assert_eq!(held.next_drop(), Some(at(24)));
    }

    #[test]
    fn a_caller_whose_credential_another_one_has_now_is_not_held() {
        let mut held = HeldCallers::default();
        let renamed = [caller("front-door", 1)];
        let before = [caller("door", 1), caller("gate", 2)];
        let merged = held.merge(&renamed, &before, Duration::ZERO);
        assert_eq!(names(&merged), ["front-door", "gate"]);
        assert_eq!(held.names(), ["gate"]);
    }
}
