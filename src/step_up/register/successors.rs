//! To which verifications the links about one have led. Bounded in number and in time.

use std::{collections::BTreeSet, future::ready, time::Duration};

use moka::{Entry, future::Cache, ops::compute::Op, policy::EvictionPolicy};
use tokio::task::yield_now;

use crate::{clock::Moment, key_hash::KeyHasher, policy::VerificationId};

/// The successors of a verification that are kept and that no check has compared yet. Whose they are is not known: one by another person must not
/// displace that of the right one before that person's first check. More than the page makes links about one verification within half an hour.
const UNKNOWN_EACH: usize = 16;
/// Those that were found to be of another identity. The upstream may say something else of them later.
const OTHERS_EACH: usize = 2;
/// Verifications that are looked at before other tasks have their turn.
const AT_ONCE: usize = 256;
/// How long a successor is kept.
const SUCCESSOR_KEPT_FOR: Duration = Duration::from_hours(30 * 24);

/// The successors of verifications, by a hash of the verification that did not suffice.
#[derive(Debug)]
pub(in crate::step_up) struct Successors {
    kept: Cache<u64, SuccessorList>,
    keys: KeyHasher,
}

/// The successors of one verification, the latest first.
#[derive(Debug, Clone)]
struct SuccessorList {
    id: VerificationId,
    successors: Vec<Successor>,
}

#[derive(Debug, Clone)]
struct Successor {
    id: VerificationId,
    since: Moment,
    whose: Whose,
}

/// What checks have found of a successor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// Nothing yet.
    Unknown,
    /// That it is of the same identity, as the latest one of which that is so. Later ones do not displace it.
    Same,
    /// That it is of another one.
    Other,
}

impl Whose {
    /// How many are kept of a verification.
    fn places(self) -> usize {
        match self {
            Self::Unknown => UNKNOWN_EACH,
            Self::Same => 1,
            Self::Other => OTHERS_EACH,
        }
    }
}

/// The successors that are kept of these, the latest first.
fn kept(all: Vec<Successor>) -> Vec<Successor> {
    let mut taken = [Whose::Unknown, Whose::Same, Whose::Other].map(|whose| (whose, 0));
    let has_place = |successor: &Successor| {
        let taken = taken
            .iter_mut()
            .find(|(whose, _)| *whose == successor.whose);
        taken.is_some_and(|(whose, taken)| {
            *taken += 1;
            *taken <= whose.places()
        })
    };
    all.into_iter().filter(has_place).collect()
}

/// What was found by the key of this verification, if it is its own.
fn own(id: &VerificationId, found: Option<SuccessorList>) -> Option<Vec<Successor>> {
    let found = found.filter(|found| found.id == *id);
    found.map(|found| found.successors)
}

impl SuccessorList {
    /// Those of these that are kept.
    fn new(id: &VerificationId, all: Vec<Successor>) -> Self {
        Self {
            id: id.clone(),
            successors: kept(all),
        }
    }
}

impl Successors {
    /// Of at most this many verifications; the least recently used is dropped first.
    pub(super) fn new(verifications_max: u64) -> Self {
        let cache = Cache::builder().max_capacity(verifications_max);
        Self {
            kept: cache.eviction_policy(EvictionPolicy::lru()).build(),
            keys: KeyHasher::default(),
        }
    }

    /// The verifications to which the links about this one have led, the latest first.
    pub(in crate::step_up) async fn of(
        &self,
        id: &VerificationId,
        at: Moment,
    ) -> Vec<VerificationId> {
        let successors = own(id, self.kept.get(&self.keys.of(id)).await).unwrap_or_default();
        let is_kept = |successor: &Successor| {
            let age = at.age_of(successor.since);
            age.is_some_and(|age| age < SUCCESSOR_KEPT_FOR)
        };
        let kept = successors.into_iter().filter(is_kept);
        kept.map(|successor| successor.id).collect()
    }

    /// This successor of a verification was found to be of the same identity: it is kept until that is said of a later one.
    pub(in crate::step_up) async fn confirm(
        &self,
        id: &VerificationId,
        successor: &VerificationId,
    ) {
        let is_news = |known: &[Successor]| {
            // The latest is the first: none that came later is of the same identity.
            let is_it = |s: &&Successor| s.whose == Whose::Same || s.id == *successor;
            let first = known.iter().find(is_it);
            first.is_some_and(|first| first.whose != Whose::Same)
        };
        let mark = |known: &mut Vec<Successor>| {
            for known in known.iter_mut() {
                if known.id == *successor {
                    known.whose = Whose::Same;
                } else if known.whose == Whose::Same {
                    // It has been one of this person, and there is a later one.
                    known.whose = Whose::Unknown;
                }
            }
        };
        self.change(id, is_news, mark).await;
    }

    /// This successor of a verification was found to be of another identity.
    pub(in crate::step_up) async fn reject(&self, id: &VerificationId, successor: &VerificationId) {
        let is_it = |s: &Successor| s.id == *successor && s.whose != Whose::Other;
        let is_news = |known: &[Successor]| known.iter().any(is_it);
        let mark = |known: &mut Vec<Successor>| {
            for known in known.iter_mut().filter(|known| known.id == *successor) {
                known.whose = Whose::Other;
            }
        };
        self.change(id, is_news, mark).await;
    }

    /// Changes what is known of the successors of a verification, if that is news.
    async fn change(
        &self,
        id: &VerificationId,
        is_news: impl Fn(&[Successor]) -> bool,
        mark: impl Fn(&mut Vec<Successor>),
    ) {
        // Nearly always it is none, and nothing is locked.
        let key = self.keys.of(id);
        if !own(id, self.kept.get(&key).await).is_some_and(|s| is_news(&s)) {
            return;
        }
        let entry = self.kept.entry(key);
        entry
            .and_compute_with(|known| {
                let mut known = own(id, known.map(Entry::into_value)).unwrap_or_default();
                if !is_news(&known) {
                    return ready(Op::Nop);
                }
                mark(&mut known);
                ready(Op::Put(SuccessorList::new(id, known)))
            })
            .await;
    }

    /// A link about this verification has led to this one.
    pub(super) async fn succeed(
        &self,
        id: &VerificationId,
        successor: &VerificationId,
        since: Moment,
    ) {
        let entry = self.kept.entry(self.keys.of(id));
        entry
            .and_upsert_with(|known| {
                let known = own(id, known.map(Entry::into_value)).unwrap_or_default();
                let before = known.iter().find(|known| known.id == *successor);
                let latest = Successor {
                    id: successor.clone(),
                    since,
                    whose: before.map_or(Whose::Unknown, |before| before.whose),
                };
                let earlier = known.into_iter().filter(|known| known.id != *successor);
                let all = std::iter::once(latest).chain(earlier).collect();
                ready(SuccessorList::new(id, all))
            })
            .await;
    }
}

impl Successors {
    /// This verification leads to this one no more.
    pub(super) async fn remove(&self, id: &VerificationId, successor: &VerificationId) {
        self.keep(id, |known| known.id != *successor).await;
    }

    /// Removes the successors of these verifications, and these as successors of others.
    pub(super) async fn purge(&self, whose: &BTreeSet<&VerificationId>) {
        let is_theirs = |successor: &Successor| whose.contains(&successor.id);
        let mut found = Vec::new();
        for (count, (_, known)) in (1_usize..).zip(&self.kept) {
            if whose.contains(&known.id) || known.successors.iter().any(is_theirs) {
                found.push(known.id);
            }
            if count % AT_ONCE == 0 {
                yield_now().await;
            }
        }
        for id in found {
            let is_left = |known: &Successor| !whose.contains(&id) && !is_theirs(known);
            self.keep(&id, is_left).await;
        }
        self.kept.run_pending_tasks().await;
    }

    /// Keeps those of the successors of a verification that are so.
    async fn keep(&self, id: &VerificationId, is_so: impl Fn(&Successor) -> bool) {
        let entry = self.kept.entry(self.keys.of(id));
        entry
            .and_compute_with(|known| {
                let Some(known) = own(id, known.map(Entry::into_value)) else {
                    return ready(Op::Nop);
                };
                let rest: Vec<Successor> = known.into_iter().filter(is_so).collect();
                ready(if rest.is_empty() {
                    Op::Remove
                } else {
                    Op::Put(SuccessorList::new(id, rest))
                })
            })
            .await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::{Clock as _, ManualClock},
        policy::from_millis,
    };

    fn verification(name: &str) -> VerificationId {
        VerificationId::parse(name).unwrap()
    }

    /// The successors of one verification.
    struct One(Successors, Moment);

    impl One {
        fn new() -> Self {
            let at = ManualClock::at(from_millis(0)).moment();
            Self(Successors::new(10), at)
        }

        async fn succeed(&self, names: &[&str]) {
            for name in names {
                let name = verification(name);
                self.0.succeed(&verification("old"), &name, self.1).await;
            }
        }

        async fn confirm(&self, name: &str) {
            let name = verification(name);
            self.0.confirm(&verification("old"), &name).await;
        }

        async fn reject(&self, name: &str) {
            let name = verification(name);
            self.0.reject(&verification("old"), &name).await;
        }

        async fn all(&self) -> String {
            let all = self.0.of(&verification("old"), self.1).await;
            let names: Vec<&str> = all.iter().map(VerificationId::as_str).collect();
            names.join(" ")
        }
    }

    #[tokio::test]
    async fn one_of_the_same_identity_is_kept_until_there_is_a_later_one() {
        let known = One::new();
        known.confirm("ada").await;
        known.reject("ada").await;
        assert_eq!(
            known.all().await,
            "",
            "what is unknown does not become known"
        );
        let others: Vec<String> = (0..40).map(|n| format!("ben-{n}")).collect();
        let others: Vec<&str> = others.iter().map(String::as_str).collect();
        for same in ["ada", "ada-2"] {
            known.succeed(&[same]).await;
            known.confirm(same).await;
            known.succeed(&others).await;
            let all = known.all().await;
            assert!(all.starts_with("ben-39 ben-38 "), "{all}");
            assert!(all.ends_with(&format!(" {same}")), "{all}");
            assert_eq!(all.split(' ').count(), UNKNOWN_EACH + 1);
        }
        // One that came before the one of the same identity, or is not kept, changes nothing.
        known.succeed(&["ada-3"]).await;
        known.confirm("ada-3").await;
        for name in ["ada", "ben-39", "ada-2", "never"] {
            known.confirm(name).await;
        }
        known.succeed(&others).await;
        assert!(known.all().await.ends_with(" ada-3"));
        known.succeed(&["ada-3"]).await;
        assert!(known.all().await.starts_with("ada-3 ben-39 "));
    }

    #[tokio::test]
    async fn before_the_first_check_others_do_not_displace_the_right_one() {
        let known = One::new();
        known.succeed(&["ada"]).await;
        let others: Vec<String> = (1..UNKNOWN_EACH).map(|n| format!("ben-{n}")).collect();
        for other in &others {
            known.succeed(&[other]).await;
        }
        assert!(known.all().await.ends_with(" ada"));
        // Those that were found to be others' have two places of their own, and take none of the rest.
        for other in &others {
            known.reject(other).await;
        }
        assert_eq!(known.all().await, "ben-15 ben-14 ada");
        for other in &others {
            known.succeed(&[other]).await;
        }
        assert!(known.all().await.ends_with(" ada"), "{}", known.all().await);
        // The vendor may say something else of one later.
        known.reject("ben-15").await;
        known.confirm("ben-15").await;
        known.succeed(&["kim-1", "kim-2"]).await;
        assert!(known.all().await.contains("ben-15"));
    }

    /// As where two verifications have the same hash.
    #[tokio::test]
    async fn what_is_of_another_verification_does_not_count() {
        let known = One::new();
        let foreign = |names: &[&str]| SuccessorList {
            id: verification("other"),
            successors: names
                .iter()
                .map(|name| Successor {
                    id: verification(name),
                    since: known.1,
                    whose: Whose::Unknown,
                })
                .collect(),
        };
        let key = known.0.keys.of(&verification("old"));
        known.0.kept.insert(key, foreign(&["ben"])).await;
        known.confirm("ben").await;
        assert_eq!(known.all().await, "");
        known.succeed(&["ada"]).await;
        assert_eq!(known.all().await, "ada");
    }
}
