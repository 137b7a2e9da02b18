//! Callers that are no longer in the file stay in force for a few seconds, as policies do.

use std::{collections::HashSet, time::Duration};

use crate::{
    callers::{CallerConfig, CallerName, KnownCredentials},
    file_watch::Held,
};

/// The callers that are held.
#[derive(Debug, Clone, Default)]
pub(super) struct HeldCallers(Held<CallerName>);

impl HeldCallers {
    /// The uptime at which the first of them is dropped.
    pub(super) fn next_drop(&self) -> Option<Duration> {
        self.0.next_drop()
    }

    /// The callers that are held.
    pub(super) fn names(&self) -> Vec<&str> {
        self.0.names().map(CallerName::as_str).collect()
    }

    /// The callers of the file, and those in force that are held. Callers whose credentials the file gives to another caller are not held.
    pub(super) fn merge(
        &mut self,
        in_file: &[CallerConfig],
        in_force: &[CallerConfig],
        uptime: Duration,
    ) -> Vec<CallerConfig> {
        let names: HashSet<&CallerName> = in_file.iter().map(|caller| &caller.name).collect();
        let is_missing = |name: &CallerName| !names.contains(name);
        let all = in_force.iter().map(|caller| &caller.name);
        self.0.update(all, is_missing, uptime);
        let held: HashSet<CallerName> = self.0.names().cloned().collect();
        let mut known = KnownCredentials::default();
        for caller in in_file {
            known.add(caller);
        }
        let mut merged = in_file.to_vec();
        for caller in in_force.iter().filter(|caller| held.contains(&caller.name)) {
            if known.conflicts(caller).is_empty() {
                known.add(caller);
                merged.push(caller.clone());
            } else {
                self.0.remove(&caller.name);
            }
        }
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
