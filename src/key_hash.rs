//! Keys for tables from which a purge removes what is about a person.
//!
//! A table keeps the keys of what was removed until it is built again, which may be never. A hash that is keyed by random bytes of this process
//! says nothing to anybody.

use std::hash::{BuildHasher as _, Hash, RandomState};

/// Makes such keys. Clones make the same ones.
#[derive(Debug, Clone, Default)]
pub struct KeyHasher(RandomState);

impl KeyHasher {
    /// The key of this. Another one may have the same, so what is found by it has to be compared, unless it does not matter whose it is.
    pub fn of(&self, id: &impl Hash) -> u64 {
        self.0.hash_one(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_of_this_hasher_and_its_clones_alone() {
        let hasher = KeyHasher::default();
        assert_eq!(hasher.of(&"v-1"), hasher.clone().of(&"v-1"));
        assert_ne!(hasher.of(&"v-1"), hasher.of(&"v-2"));
        assert_ne!(hasher.of(&"v-1"), KeyHasher::default().of(&"v-1"));
    }
}
