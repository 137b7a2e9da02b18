//! The patterns of certificates of all callers, by their segments: finding one costs as much as its length, however many callers there
//! are.

use std::{collections::HashMap, str::Split};

use super::certificate::{ANY, CertificatePattern, UriPattern, is_plain_segment};

/// The patterns of certificates of callers. What is found are places.
#[derive(Debug, Default)]
pub(super) struct CertificateIndex {
    uris: Node,
    dns: HashMap<Box<str>, Vec<Owner>>,
    len: usize,
}

/// A pattern, by the place of its caller and its own place among those of the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Owner {
    pub(super) caller: usize,
    pub(super) pattern: usize,
}

/// The patterns that begin with the same segments.
#[derive(Debug, Default)]
struct Node {
    /// By the segment that follows.
    next: HashMap<Box<str>, Self>,
    /// Those in which any one segment follows.
    any: Option<Box<Self>>,
    /// Those that end here.
    ends: Vec<Owner>,
}

impl CertificateIndex {
    /// Adds the patterns of a caller.
    pub(super) fn add(&mut self, caller: usize, patterns: &[CertificatePattern]) {
        for (pattern, added) in patterns.iter().enumerate() {
            let owner = Owner { caller, pattern };
            match added {
                CertificatePattern::Uri(uri) => self.uris.add(uri, owner),
                CertificatePattern::Dns(name) => {
                    self.dns.entry(name.clone()).or_default().push(owner);
                }
            }
            self.len = self.len.saturating_add(1);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// A caller that one of whose patterns a URI fits.
    pub(super) fn by_uri(&self, uri: &str) -> Option<usize> {
        self.uris.find(uri.split('/'))
    }

    /// The callers that have a DNS name.
    pub(super) fn by_dns(&self, name: &str) -> impl Iterator<Item = usize> {
        let owners = self.dns.get(&*name.to_ascii_lowercase());
        owners.into_iter().flatten().map(|owner| owner.caller)
    }

    /// The patterns that have a certificate in common with this one; of each caller the first.
    pub(super) fn overlapping(&self, pattern: &CertificatePattern) -> Vec<Owner> {
        let mut found = Vec::new();
        match pattern {
            CertificatePattern::Uri(uri) => self.uris.overlapping(uri.parts(), &mut found),
            CertificatePattern::Dns(name) => found.extend(self.dns.get(name).into_iter().flatten()),
        }
        found.sort_unstable();
        found.dedup_by_key(|owner| owner.caller);
        found
    }
}

impl Node {
    fn add(&mut self, uri: &UriPattern, owner: Owner) {
        let mut node = self;
        for part in uri.parts() {
            node = if &**part == ANY {
                node.any.get_or_insert_default()
            } else {
                node.next.entry(part.clone()).or_default()
            };
        }
        node.ends.push(owner);
    }

    fn find(&self, mut parts: Split<'_, char>) -> Option<usize> {
        let Some(part) = parts.next() else {
            return self.ends.first().map(|owner| owner.caller);
        };
        let same = self
            .next
            .get(part)
            .and_then(|node| node.find(parts.clone()));
        let any = self.any.as_ref().filter(|_| is_plain_segment(part));
        same.or_else(|| any?.find(parts))
    }

    fn overlapping(&self, parts: &[Box<str>], found: &mut Vec<Owner>) {
        let Some((part, rest)) = parts.split_first() else {
            found.extend(&self.ends);
            return;
        };
        if &**part == ANY {
            self.next
                .values()
                .for_each(|node| node.overlapping(rest, found));
        } else if let Some(node) = self.next.get(part) {
            node.overlapping(rest, found);
        }
        if let Some(node) = &self.any {
            node.overlapping(rest, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_index_finds_what_each_pattern_by_itself_fits(
            texts in prop::collection::vec("x:(a|b|\\*)?(/(a|b|\\*)?){0,4}|dns:[ab](\\.[ab])?", 0..12),
            uri in "x:(a|b|\\*)?(/(a|b|\\*)?){0,4}", name in "[abAB](\\.[ab])?",
        ) {
            let patterns: Vec<_> = texts.iter().filter_map(|text| CertificatePattern::parse(text).ok()).collect();
            let mut index = CertificateIndex::default();
            for (caller, pattern) in patterns.iter().enumerate() {
                index.add(caller, std::slice::from_ref(pattern));
            }
            let places = |fits: &dyn Fn(&CertificatePattern) -> bool| -> Vec<usize> {
                (0..patterns.len()).filter(|place| fits(&patterns[*place])).collect()
            };
            let by_uri = places(&|pattern| pattern.matches_uri(&uri));
            prop_assert_eq!(index.by_uri(&uri).is_some(), !by_uri.is_empty());
            prop_assert!(index.by_uri(&uri).is_none_or(|place| by_uri.contains(&place)));
            let by_dns: Vec<usize> = index.by_dns(&name).collect();
            prop_assert_eq!(by_dns, places(&|pattern| pattern.matches_dns_name(&name)));
            for pattern in &patterns {
                let found: Vec<usize> = index.overlapping(pattern).iter().map(|owner| owner.caller).collect();
                prop_assert_eq!(found, places(&|other| pattern.overlaps(other)));
            }
            prop_assert_eq!(index.is_empty(), patterns.is_empty());
        }
    }
}
