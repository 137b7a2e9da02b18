//! An alias of evidence that has left the cache. There are as many of them as there is evidence in it, so each takes little memory: ids that are
//! UUIDs are kept as numbers, and the identity as a hash.

use std::num::NonZeroU64;

use uuid::{Uuid, fmt::Hyphenated};

use crate::policy::VerificationId;

const _: () = assert!(size_of::<FormerAlias>() == 40);

/// Which identity a verification is about: by a hash of this process alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::source) struct IdentityKey(NonZeroU64);

impl IdentityKey {
    /// It is not known.
    pub(in crate::source) const UNKNOWN: Self = Self(NonZeroU64::MAX);

    /// That of an identity with this hash; never [`Self::UNKNOWN`].
    pub(in crate::source) fn new(hash: u64) -> Self {
        Self(NonZeroU64::MIN | (hash >> 1))
    }
}

/// An alias of evidence that has left the cache: where it led, and whose the evidence was.
#[derive(Debug)]
pub(super) struct FormerAlias(Ids);

#[derive(Debug)]
enum Ids {
    Uuids {
        alias: [u8; 16],
        cached_as: [u8; 16],
        whose: IdentityKey,
    },
    Texts {
        /// The one behind the other.
        both: Box<str>,
        alias_bytes: u8,
        whose: IdentityKey,
    },
}

/// An identifier that is looked for among many.
pub(super) struct Wanted<'i> {
    id: &'i VerificationId,
    uuid: Option<[u8; 16]>,
}

impl<'i> Wanted<'i> {
    pub(super) fn new(id: &'i VerificationId) -> Self {
        Self { id, uuid: uuid(id) }
    }
}

impl FormerAlias {
    pub(super) fn new(
        alias: &VerificationId,
        cached_as: &VerificationId,
        whose: IdentityKey,
    ) -> Self {
        Self(match (uuid(alias), uuid(cached_as)) {
            (Some(alias), Some(cached_as)) => Ids::Uuids {
                alias,
                cached_as,
                whose,
            },
            _ => Ids::Texts {
                both: [alias.as_str(), cached_as.as_str()].concat().into(),
                // An id has at most 128 bytes.
                alias_bytes: u8::try_from(alias.as_str().len()).unwrap_or(u8::MAX),
                whose,
            },
        })
    }

    /// Whether it is this alias.
    pub(super) fn is(&self, wanted: &Wanted<'_>) -> bool {
        match &self.0 {
            Ids::Uuids { alias, .. } if wanted.uuid.is_some() => wanted.uuid == Some(*alias),
            _ => self.read(|alias, _| alias == wanted.id.as_str()),
        }
    }

    pub(super) fn whose(&self) -> IdentityKey {
        match self.0 {
            Ids::Uuids { whose, .. } | Ids::Texts { whose, .. } => whose,
        }
    }

    /// What this makes of the alias and of the identifier that the evidence was cached under.
    pub(super) fn read<T>(&self, read: impl FnOnce(&str, &str) -> T) -> T {
        match &self.0 {
            Ids::Uuids {
                alias, cached_as, ..
            } => {
                let (mut one, mut other) = ([0; Hyphenated::LENGTH], [0; Hyphenated::LENGTH]);
                read(text(alias, &mut one), text(cached_as, &mut other))
            }
            Ids::Texts {
                both, alias_bytes, ..
            } => {
                let (alias, cached_as) = both
                    .split_at_checked(usize::from(*alias_bytes))
                    .unwrap_or_default();
                read(alias, cached_as)
            }
        }
    }

    /// Where it led.
    pub(super) fn cached_as(&self) -> Option<VerificationId> {
        self.read(|_, cached_as| VerificationId::parse(cached_as).ok())
    }
}

/// The number of an identifier that is a UUID in the canonical form.
fn uuid(id: &VerificationId) -> Option<[u8; 16]> {
    let id = id.as_str();
    let uuid = (id.len() == Hyphenated::LENGTH).then(|| Uuid::try_parse(id).ok())??;
    let bytes = uuid.into_bytes();
    (text(&bytes, &mut [0; Hyphenated::LENGTH]) == id).then_some(bytes)
}

fn text<'t>(uuid: &[u8; 16], text: &'t mut [u8; Hyphenated::LENGTH]) -> &'t str {
    Uuid::from_bytes(*uuid).hyphenated().encode_lower(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "6f9619ff-8b86-d011-b42d-00cf4fc964ff";

    #[test]
    fn it_gives_back_the_ids_that_it_was_made_of() {
        let names = [
            UUID,
            "6f9619ff-8b86-d011-b42d-00cf4fc964fe",
            "6f9619ff8b86d011b42d00cf4fc964ff",
            "6f9619ff-8b86-d011-b42d-00cf4fc964fg",
            "v",
            &"v".repeat(128),
        ];
        let ids = names.map(|name| VerificationId::parse(name).unwrap());
        let whose = IdentityKey::new(7);
        for (alias, cached_as) in ids.iter().flat_map(|a| ids.iter().map(move |b| (a, b))) {
            let former = FormerAlias::new(alias, cached_as, whose);
            former.read(|a, b| assert_eq!((a, b), (alias.as_str(), cached_as.as_str())));
            assert_eq!(former.cached_as().as_ref(), Some(cached_as));
            assert_eq!(former.whose(), whose);
            for id in &ids {
                assert_eq!(former.is(&Wanted::new(id)), id == alias);
            }
        }
    }

    #[test]
    fn a_uuid_takes_no_memory_of_its_own() {
        let id = VerificationId::parse(&UUID.to_uppercase()).unwrap();
        let former = FormerAlias::new(&id, &id, IdentityKey::UNKNOWN);
        assert!(matches!(former.0, Ids::Uuids { .. }));
    }

    #[test]
    fn no_identity_has_the_key_of_none() {
        for hash in [0, 1, u64::MAX, u64::MAX - 1, 1 << 63] {
            assert_ne!(IdentityKey::new(hash), IdentityKey::UNKNOWN);
        }
    }
}
