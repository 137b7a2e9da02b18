//! A set of actions, and the sets that are slightly less strict.

use std::collections::BTreeSet;

use super::super::eval::EARLIEST_VERIFIED_AT;

/// A set of actions. Every field that is empty is an action that is not in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Set {
    pub wait: Option<i64>,
    pub identify: bool,
    pub session: Option<Session>,
    /// How old a new verification may be; of any age if the inner one is none.
    pub reverify: Option<Option<u64>>,
    pub scopes: BTreeSet<String>,
}

/// One session: one of `acr`, one of each group, younger than `within`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Session {
    pub within: u64,
    pub acr: BTreeSet<String>,
    pub groups: BTreeSet<BTreeSet<String>>,
}

impl Set {
    /// How many actions, and which: the preferred kinds first.
    pub fn rank(&self) -> (usize, [bool; 5]) {
        let lacks = [
            !self.identify,
            self.session.is_none(),
            self.reverify.is_none(),
            self.scopes.is_empty(),
            self.wait.is_none(),
        ];
        (lacks.iter().filter(|lacks| !**lacks).count(), lacks)
    }

    /// Whether this set requires at least as much as the other one.
    pub fn is_no_stricter(&self, other: &Set) -> bool {
        let session = match (&self.session, &other.session) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(one), Some(two)) => {
                one.within >= two.within
                    && (one.acr.is_empty() || (!two.acr.is_empty() && two.acr.is_subset(&one.acr)))
                    && one
                        .groups
                        .iter()
                        .all(|group| two.groups.iter().any(|g| g.is_subset(group)))
            }
        };
        let age = |set: &Set| set.reverify.map(|age| age.unwrap_or(u64::MAX));
        let reverify = match (age(self), age(other)) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(one), Some(two)) => one >= two,
        };
        session
            && reverify
            && self.identify <= other.identify
            && self.scopes.is_subset(&other.scopes)
            && self.wait <= other.wait
    }

    /// The set without one of its actions, scopes, groups or lists of classes.
    pub fn with_fewer_demands(&self) -> Vec<Set> {
        let mut less = Vec::new();
        let mut add = |change: &dyn Fn(&mut Set)| {
            let mut set = self.clone();
            change(&mut set);
            if set != *self {
                less.push(set);
            }
        };
        add(&|set| set.wait = None);
        add(&|set| set.identify = false);
        add(&|set| set.session = None);
        add(&|set| set.reverify = None);
        for scope in &self.scopes {
            add(&|set| {
                set.scopes.remove(scope);
            });
        }
        let change = |change: &dyn Fn(&mut Session), set: &mut Set| {
            set.session.iter_mut().for_each(change);
        };
        add(&|set| change(&|session| session.acr.clear(), set));
        for group in self.session.iter().flat_map(|session| &session.groups) {
            let without = |session: &mut Session| {
                session.groups.remove(group);
            };
            add(&|set| change(&without, set));
        }
        less
    }

    /// The set without one of its actions.
    pub fn with_fewer_actions(&self) -> Vec<Set> {
        let less = self.with_fewer_demands().into_iter();
        let actions = self.rank().0;
        less.filter(|less| less.rank().0 < actions).collect()
    }

    /// The set with each session that it permits.
    pub fn with_one_session(&self) -> Vec<Set> {
        let Some(session) = &self.session else {
            return vec![self.clone()];
        };
        let mut classes: Vec<BTreeSet<String>> = session
            .acr
            .iter()
            .map(|class| [class.clone()].into())
            .collect();
        if classes.is_empty() {
            classes.push(BTreeSet::new());
        }
        let mut methods: Vec<BTreeSet<String>> = vec![BTreeSet::new()];
        for group in &session.groups {
            let with = |known: &BTreeSet<String>| {
                let known = known.clone();
                let with = move |method: &String| {
                    let mut methods = known.clone();
                    methods.insert(method.clone());
                    methods
                };
                group.iter().map(with).collect::<Vec<_>>()
            };
            methods = methods.iter().flat_map(with).collect();
        }
        let mut all = Vec::new();
        for acr in &classes {
            for methods in &methods {
                all.push(Set {
                    session: Some(Session {
                        acr: acr.clone(),
                        groups: methods.iter().map(|one| [one.clone()].into()).collect(),
                        ..session.clone()
                    }),
                    ..self.clone()
                });
            }
        }
        all
    }

    /// The set, which has one session, without one scope, the class, or one method.
    pub fn parts_of_one(&self) -> Vec<Set> {
        let less = self.with_fewer_demands().into_iter();
        let same_kinds = |less: &Set| {
            less.wait == self.wait
                && less.identify == self.identify
                && less.reverify == self.reverify
                && less.session.is_some() == self.session.is_some()
        };
        less.filter(same_kinds).collect()
    }

    /// The set a moment earlier.
    pub fn earlier(&self, now: i64) -> Option<Set> {
        let wait = self.wait.map(|at| at - 1).filter(|at| *at > now)?;
        Some(Set {
            wait: Some(wait),
            ..self.clone()
        })
    }

    /// The set with a session or a verification of one of these greater ages, or of any.
    pub fn older(&self, now: i64, ages: &[u64]) -> Vec<Set> {
        let mut less = Vec::new();
        // No verification is older than the vendor, so a greater age is no condition.
        let known_ages = u64::try_from(now - EARLIEST_VERIFIED_AT).unwrap_or(0);
        if let Some(Some(age)) = self
            .reverify
            .filter(|age| age.is_some_and(|age| age <= known_ages))
        {
            less.push(Set {
                reverify: Some(None),
                ..self.clone()
            });
            for older in ages.iter().filter(|older| **older > age) {
                less.push(Set {
                    reverify: Some(Some(*older)),
                    ..self.clone()
                });
            }
        }
        if let Some(session) = &self.session {
            for older in ages.iter().filter(|older| **older > session.within) {
                let session = Session {
                    within: *older,
                    ..session.clone()
                };
                less.push(Set {
                    session: Some(session),
                    ..self.clone()
                });
            }
        }
        less
    }
}
