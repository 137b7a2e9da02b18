//! The session that a plan needs: one session for all rules, with one context class, one age, and any number of methods.

use std::{collections::BTreeSet, time::Duration};

use super::work::Work;
use crate::{remedy::NewSession, rule::Authenticated};

/// How many choices of methods and classes are tried.
const CHOICES_MAX: usize = 256;

/// The sessions that somebody may choose.
#[derive(Debug)]
pub(super) struct Choices<'p> {
    /// One of these classes; `None` is one that no rule names, and comes first.
    acr: Vec<Option<&'p str>>,
    /// The methods that each has, because nothing else is in their groups.
    certain: BTreeSet<&'p str>,
    /// One of each.
    groups: Vec<Vec<&'p str>>,
    count: usize,
}

/// A session that somebody may choose: one class, and one method of each group.
#[derive(Debug)]
pub(super) struct Choice<'c, 'p> {
    /// A class that no rule names if `None`.
    acr: Option<&'p str>,
    certain: &'c BTreeSet<&'p str>,
    others: Vec<&'p str>,
}

impl<'p> Choices<'p> {
    /// Each of them. The first has the first class and the first method of each group.
    pub(super) fn each(&self) -> impl Iterator<Item = Choice<'_, 'p>> {
        (0..self.count).map(|mut number| {
            let mut digit = |of: usize| {
                let digit = number.checked_rem(of).unwrap_or(0);
                number = number.checked_div(of).unwrap_or(0);
                digit
            };
            let acr = self.acr.get(digit(self.acr.len())).copied().flatten();
            let method = |group: &Vec<&'p str>| group.get(digit(group.len())).copied();
            Choice {
                acr,
                certain: &self.certain,
                others: self.groups.iter().filter_map(method).collect(),
            }
        })
    }
}

/// The conditions on one new session.
#[derive(Debug, Clone)]
pub(super) struct SessionPlan<'p> {
    max_age: Duration,
    /// One of these; any if `None`. Never empty.
    acr_any: Option<BTreeSet<&'p str>>,
    /// One of each. None contains another.
    amr_all_of: Vec<&'p BTreeSet<Box<str>>>,
}

impl<'p> SessionPlan<'p> {
    /// The session that this rule needs; `None` if it would have to be younger than a session can be.
    pub(super) fn of(wanted: &'p Authenticated) -> Option<Self> {
        let Authenticated {
            within,
            amr_any,
            acr_any,
        } = wanted;
        let classes = (!acr_any.is_empty()).then(|| acr_any.iter().map(AsRef::as_ref).collect());
        let methods = (!amr_any.is_empty()).then_some(amr_any);
        (!within.is_zero()).then(|| Self {
            max_age: *within,
            acr_any: classes,
            amr_all_of: methods.into_iter().collect(),
        })
    }

    /// The session that fulfils both; `None` if they have no context class in common.
    pub(super) fn and(&self, other: &Self) -> Option<Self> {
        let acr_any = match (&self.acr_any, &other.acr_any) {
            (None, classes) | (classes, None) => classes.clone(),
            (Some(one), Some(other)) => {
                let both: BTreeSet<&str> = one.intersection(other).copied().collect();
                Some(both).filter(|both| !both.is_empty()).map(Some)?
            }
        };
        let mut amr_all_of = self.amr_all_of.clone();
        for group in &other.amr_all_of {
            if !amr_all_of.iter().any(|known| known.is_subset(group)) {
                amr_all_of.retain(|known| !group.is_subset(known));
                amr_all_of.push(group);
            }
        }
        Some(Self {
            max_age: self.max_age.min(other.max_age),
            acr_any,
            amr_all_of,
        })
    }

    /// Whether every session that suffices for the other suffices for this one, regardless of its age.
    pub(super) fn asks_no_more(&self, other: &Self) -> bool {
        let classes = match (&self.acr_any, &other.acr_any) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(one), Some(other)) => other.is_subset(one),
        };
        let implied = |group: &BTreeSet<Box<str>>| {
            let mut others = other.amr_all_of.iter();
            others.any(|other| other.is_subset(group))
        };
        classes && self.amr_all_of.iter().all(|group| implied(group))
    }

    /// The context classes that it names.
    pub(super) fn classes(&self) -> impl Iterator<Item = &'p str> {
        self.acr_any.iter().flatten().copied()
    }

    /// Every choice that it permits, if only these classes matter; `None` if there are very many.
    pub(super) fn choices(&self, classes: &BTreeSet<&'p str>) -> Option<Choices<'p>> {
        let acr: Vec<Option<&str>> = match &self.acr_any {
            Some(named) => named.iter().copied().map(Some).collect(),
            None => [None]
                .into_iter()
                .chain(classes.iter().copied().map(Some))
                .collect(),
        };
        let (mut certain, mut groups, mut count) = (BTreeSet::new(), Vec::new(), acr.len());
        for group in &self.amr_all_of {
            count = count.saturating_mul(group.len());
            if count > CHOICES_MAX {
                return None;
            }
            let methods = group.iter().map(AsRef::as_ref);
            if group.len() == 1 {
                certain.extend(methods);
            } else {
                groups.push(methods.collect());
            }
        }
        (count <= CHOICES_MAX).then_some(Choices {
            acr,
            certain,
            groups,
            count,
        })
    }

    /// The steps of looking at all of it: its groups, their methods, and its classes.
    pub(super) fn size(&self) -> usize {
        let methods = self.amr_all_of.iter().map(|group| group.len());
        let classes = self.acr_any.as_ref().map_or(0, BTreeSet::len);
        methods.sum::<usize>().saturating_add(classes)
    }

    /// The steps of comparing each of its groups with each group of the other.
    pub(super) fn steps_with(&self, other: &Self) -> usize {
        let one = self.size().saturating_mul(other.amr_all_of.len());
        one.saturating_add(other.size().saturating_mul(self.amr_all_of.len()))
    }

    /// How many groups of methods and lists of classes it names.
    pub(super) fn demands(&self) -> usize {
        let classes = usize::from(self.acr_any.is_some());
        self.amr_all_of.len().saturating_add(classes)
    }

    /// The max age.
    pub(super) fn max_age(&self) -> Duration {
        self.max_age
    }

    /// Whether a session of this choice satisfies it, regardless of its age.
    pub(super) fn is_done_by(&self, choice: &Choice<'_, '_>, work: &Work) -> bool {
        let class = |named: &BTreeSet<&str>| choice.acr.is_some_and(|acr| named.contains(acr));
        let method = |group: &BTreeSet<Box<str>>| {
            work.spend(
                group
                    .len()
                    .min(choice.certain.len())
                    .saturating_add(choice.others.len()),
            );
            let mut others = choice.others.iter();
            let mut certain = methods_of(group, choice.certain);
            certain.next().is_some() || others.any(|method| group.contains(*method))
        };
        self.acr_any.as_ref().is_none_or(class) && self.amr_all_of.iter().all(|group| method(group))
    }

    /// Whether a session without the class of this choice, or without one of its methods, satisfies it too, where a session of this
    /// choice does.
    pub(super) fn leaves_some_of(&self, choice: &Choice<'_, '_>, work: &Work) -> bool {
        if choice.acr.is_some() && self.acr_any.is_none() {
            return true;
        }
        let mut methods = choice.certain.clone();
        methods.extend(&choice.others);
        work.spend(methods.len());
        let mut needed = BTreeSet::new();
        for group in &self.amr_all_of {
            work.spend(group.len().min(methods.len()));
            let mut of_group = methods_of(group, &methods);
            // Any of several methods may be left out, unless another group needs it.
            if let (Some(only), None) = (of_group.next(), of_group.next()) {
                needed.insert(only);
            }
        }
        needed.len() < methods.len()
    }

    /// The next weaker conditions: without one group, or without the classes.
    pub(super) fn parts(&self) -> Vec<Self> {
        let mut parts = Vec::new();
        for index in 0..self.amr_all_of.len() {
            let mut fewer = self.clone();
            fewer.amr_all_of.remove(index);
            parts.push(fewer);
        }
        if self.acr_any.is_some() {
            parts.push(Self {
                acr_any: None,
                ..self.clone()
            });
        }
        parts
    }

    /// The same, with the next greater age of these, if there is one.
    pub(super) fn older(&self, ages: impl Iterator<Item = Duration>) -> Option<Self> {
        let older = ages.filter(|age| *age > self.max_age).min();
        older.map(|max_age| Self {
            max_age,
            ..self.clone()
        })
    }

    /// The remedy.
    pub(super) fn into_session(self) -> NewSession {
        let classes = self.acr_any.into_iter().flatten();
        let groups: BTreeSet<_> = self.amr_all_of.into_iter().cloned().collect();
        NewSession {
            max_age: self.max_age,
            acr_any: classes.map(Box::from).collect(),
            amr_all_of: groups.into_iter().collect(),
        }
    }
}

/// Those of these methods that are in the group. The shorter one is looked up in the other, method by method.
fn methods_of<'g>(
    group: &'g BTreeSet<Box<str>>,
    methods: &'g BTreeSet<&'g str>,
) -> impl Iterator<Item = &'g str> {
    let is_short = group.len() <= methods.len();
    let short = group.iter().take(if is_short { usize::MAX } else { 0 });
    let of_short = short
        .map(AsRef::as_ref)
        .filter(|method: &&str| methods.contains(method));
    let long = methods.iter().take(if is_short { 0 } else { usize::MAX });
    let of_long = long.copied().filter(|method| group.contains(*method));
    of_short.chain(of_long)
}
