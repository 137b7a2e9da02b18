//! Tokens that were verified: a signature costs more than a whole check from memory, and a gateway sends the same token many times.

use std::collections::HashMap;

use parking_lot::RwLock;
use sha2::{Digest as _, Sha256};

/// Tokens that are cached. With one more, all are dropped, and each is verified once more: no list of which was used last is kept.
const TOKENS_MAX: usize = 1_000;

/// What was found out of tokens, by the SHA-256 of their whole text. Whether it still holds is asked each time.
#[derive(Debug)]
pub struct TokenCache<T>(RwLock<HashMap<TokenDigest, T>>);

/// The SHA-256 of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenDigest([u8; 32]);

impl TokenDigest {
    /// The digest of this token.
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token).into())
    }
}

impl<T> Default for TokenCache<T> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<T> TokenCache<T> {
    /// What `holds` makes of what was found out. If that is nothing, it is dropped.
    pub fn find<R>(&self, token: TokenDigest, holds: impl Fn(&T) -> Option<R>) -> Option<R> {
        let known = self.0.read().get(&token).map(holds);
        if let Some(None) = known {
            self.0.write().remove(&token);
        }
        known.flatten()
    }

    /// Drops the tokens of which this was found out; how many that were.
    pub fn remove_if(&self, is_so: impl Fn(&T) -> bool) -> usize {
        self.0.write().extract_if(|_, found| is_so(found)).count()
    }

    /// Keeps what was found out of a token.
    pub fn insert(&self, token: TokenDigest, found: T) {
        let mut tokens = self.0.write();
        if tokens.len() >= TOKENS_MAX {
            tokens.clear();
        }
        tokens.insert(token, found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_no_longer_is_dropped_and_the_number_is_bounded() {
        let cache = TokenCache::default();
        let digest = |n: usize| TokenDigest::of(&n.to_string());
        cache.insert(digest(0), 7);
        assert_eq!(cache.find(digest(0), |n| Some(*n)), Some(7));
        assert_eq!(cache.find(digest(1), |n| Some(*n)), None);
        assert_eq!(cache.find(digest(0), |_| None::<i32>), None);
        assert_eq!(cache.find(digest(0), |n| Some(*n)), None);
        cache.insert(digest(1), 8);
        cache.insert(digest(2), 9);
        assert_eq!(cache.remove_if(|n| *n == 8), 1);
        let found = [1, 2].map(|n| cache.find(digest(n), |n| Some(*n)));
        assert_eq!(found, [None, Some(9)]);
        for n in 0..5_000 {
            cache.insert(digest(n), 7);
            assert!(cache.0.read().len() <= TOKENS_MAX);
        }
        assert_eq!(cache.find(digest(4_999), |n| Some(*n)), Some(7));
    }
}
