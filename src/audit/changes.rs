//! How many decisions would have been others, by what they were and what they would have been.

use std::{collections::BTreeMap, fmt, str::FromStr};

/// The decisions, and what a policy that would have decided may say instead: it is not there, or that is not known.
const DECISIONS: [&str; 3] = ["allow", "step_up", "deny"];
const OTHERS: [&str; 2] = ["absent", "unknown"];

/// A decision, and what it would have been.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    from: &'static str,
    to: &'static str,
}

/// Why a text is no change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no change: write it as `allow->deny`, from allow, step_up or deny to one of these, absent or unknown"
)]
pub struct InvalidChangeError(Box<str>);

impl Change {
    /// The change between these; `None` if they are not known.
    pub fn new(from: &str, to: &str) -> Option<Self> {
        let known = |text: &str, of: &[&'static str]| of.iter().copied().find(|one| *one == text);
        let from = known(from, &DECISIONS)?;
        let to = known(to, &DECISIONS).or_else(|| known(to, &OTHERS))?;
        Some(Self { from, to })
    }

    /// Whether it is none.
    pub fn is_none(self) -> bool {
        self.from == self.to
    }

    /// Whether it is not known what the decision would have been.
    pub fn is_unknown(self) -> bool {
        self.to == "unknown"
    }

    /// Whether another decision was made: there was a policy, and what it reads was known.
    pub fn is_judged(self) -> bool {
        DECISIONS.contains(&self.to)
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}->{}", self.from, self.to)
    }
}

impl FromStr for Change {
    type Err = InvalidChangeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once("->");
        let change = parts.and_then(|(from, to)| Self::new(from.trim(), to.trim()));
        change.ok_or_else(|| InvalidChangeError(text.into()))
    }
}

/// Groups that are kept apart; the others are counted together.
const GROUPS_MAX: usize = 10_000;
/// The name of the group of the others.
const THE_OTHERS: &str = "(others)";

/// How many decisions, by change.
#[derive(Debug, Clone, Default)]
pub struct Changes(BTreeMap<Change, u64>);

impl Changes {
    /// Counts one.
    pub fn count(&mut self, change: Change) {
        let count = self.0.entry(change).or_default();
        *count = count.saturating_add(1);
    }

    /// How many decisions there are.
    pub fn all(&self) -> u64 {
        self.0
            .values()
            .fold(0, |all, count| all.saturating_add(*count))
    }

    /// How many of them were decided by the other policies.
    pub fn judged(&self) -> u64 {
        let judged = self.0.iter().filter(|(change, _)| change.is_judged());
        judged.fold(0, |all, (_, count)| all.saturating_add(*count))
    }

    /// How many of them were not, by what there is instead of a decision.
    pub fn not_judged(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let of = move |to: &'static str| {
            let counts = self.0.iter().filter(move |(change, _)| change.to == to);
            let count = counts.fold(0_u64, |all, (_, count)| all.saturating_add(*count));
            (to, count)
        };
        OTHERS.into_iter().map(of).filter(|(_, count)| *count > 0)
    }

    /// How many there are of a change.
    pub fn of(&self, change: Change) -> u64 {
        self.0.get(&change).copied().unwrap_or(0)
    }

    /// Those that would have been others, or of which that is not known.
    pub fn others(&self) -> impl Iterator<Item = (Change, u64)> {
        let changes = self.0.iter().map(|(change, count)| (*change, *count));
        changes.filter(|(change, _)| !change.is_none())
    }
}

/// How many decisions, by group and change: at most 10,000 groups, and one of all others.
#[derive(Debug, Clone, Default)]
pub struct Groups(BTreeMap<Box<str>, Changes>);

impl Groups {
    /// Counts one.
    pub fn count(&mut self, name: &str, change: Change) {
        let is_known = self.0.contains_key(name) || self.0.len() < GROUPS_MAX;
        let name = if is_known { name } else { THE_OTHERS };
        self.0.entry(name.into()).or_default().count(change);
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The groups by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Changes)> {
        self.0.iter().map(|(name, changes)| (&**name, changes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_reads_as_it_shows_and_nothing_else_is_one() {
        for from in DECISIONS {
            for to in DECISIONS.into_iter().chain(OTHERS) {
                let text = format!("{from}->{to}");
                assert_eq!(
                    text.parse::<Change>().map(|change| change.to_string()),
                    Ok(text)
                );
            }
        }
        for text in [
            "",
            "allow",
            "allow->",
            "->deny",
            "absent->allow",
            "unknown->deny",
            "ALLOW->deny",
            "allow-deny",
            "allow->deny->allow",
        ] {
            let error = text.parse::<Change>().unwrap_err();
            assert!(error.to_string().contains(&format!("`{text}`")), "{error}");
        }
    }
}
