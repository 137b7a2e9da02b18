//! Two policies compared exactly: every kind of check on which they decide differently, without a solver and without
//! sampling. A policy tells only finitely many inputs apart, so that the inputs fall into cells; a decision diagram finds
//! those in which the decisions differ, and of each cell a witness is decided by both policies before it is shown.
//!
//! Compared are checks from 2015 (no verification is older) to the end of the century.

mod axis;
mod region;
mod hours;
mod phone;
mod formula;
mod work;
mod sought;
mod diagram;
mod witness;
mod point;
mod words;

use std::collections::{BTreeMap, BTreeSet};

pub(super) use self::work::Work;
use self::{
    axis::{Atoms, Axis, Space},
    diagram::{CELLS_MAX, Cell, Found, Rest},
    formula::Formulas,
    point::Point,
};
pub use self::{sought::Sought, witness::Witness};
use crate::{
    authoring::suite::{self, Expect},
    decide::Facts,
    effect::{Effect, Refusal},
    evidence::Finding,
    request::PolicyName,
    rule::Rule,
    set::{Policy, PolicySet},
    text::Whole,
    time::Shown,
};

/// 2026-01-31T00:00:00Z: when witnesses are checked, unless a schedule or an age asks for another time.
const NICE_NOW_MS: i64 = 1_769_817_600_000;
/// How many cells are told where there are too many of a kind that is asked for.
const FIRST_MAX: usize = 100;

/// What differs between two sets of policies.
#[derive(Debug)]
pub struct Comparison {
    /// Which differences were asked for; of the others nothing is known.
    pub sought: Sought,
    /// The policies that only the old set has: checks of them would get NOT_FOUND.
    pub removed: Vec<PolicyName>,
    /// The policies that only the new set has.
    pub added: Vec<PolicyName>,
    /// The policies that both have and that differ.
    pub changed: BTreeMap<PolicyName, Changes>,
}

/// What differs between two policies.
#[derive(Debug, Default)]
pub struct Changes {
    /// The kinds of checks that are decided differently, those that loosen first.
    pub cells: Vec<Changed>,
    /// Whether there are more of those that were asked for than are told here.
    pub more: bool,
    /// The terms that do not decide what an answer is: how old it may be, and where a step-up sends to.
    pub settings: Vec<Setting>,
}

/// A kind of check that is decided differently.
#[derive(Debug, Clone)]
pub struct Changed {
    /// What the old policy decides.
    pub old: Effect,
    /// What the new policy decides.
    pub new: Effect,
    /// Which checks these are, in words.
    pub when: String,
    /// One of them.
    pub witness: Witness,
}

/// A term that is another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its name in a policy.
    pub name: &'static str,
    /// What it was.
    pub old: String,
    /// What it is.
    pub new: String,
}

/// Why two policies could not be compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotCompared {
    /// They are exact, but too many.
    #[error("too many cells: the two policies differ in more than {CELLS_MAX} ways")]
    TooManyCells,
    /// It would take too long.
    #[error("the two policies are too large to be compared")]
    TooLarge,
    /// A cell without a check in it.
    #[error("no check was found for a difference; this is a mistake in verigate")]
    NoWitness,
    /// A check that does not decide as its cell says, or is not in it.
    #[error("a difference was not confirmed: `{0}`; this is a mistake in verigate")]
    WrongWitness(String),
}

/// Why two sets could not be compared, and the policy that is behind it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("policy `{policy}`")]
pub struct SetNotCompared {
    /// The policy.
    pub policy: PolicyName,
    /// Why.
    #[source]
    pub why: NotCompared,
}

/// Compares two sets, policy by policy.
pub fn compare_sets(old: &PolicySet, new: &PolicySet) -> Result<Comparison, SetNotCompared> {
    compare_sets_for(Sought::Every, old, new)
}

/// Looks for such differences between two sets, policy by policy.
pub fn compare_sets_for(
    sought: Sought,
    old: &PolicySet,
    new: &PolicySet,
) -> Result<Comparison, SetNotCompared> {
    let only_in = |one: &PolicySet, other: &PolicySet| -> Vec<PolicyName> {
        let names = one.iter().map(|(name, _)| name);
        names.filter(|n| other.find(n).is_none()).cloned().collect()
    };
    let mut changed = BTreeMap::new();
    for (name, old) in old.iter() {
        let Some(new) = new.find(name) else {
            continue;
        };
        let changes = compare_for(sought, name, old, new).map_err(|why| SetNotCompared {
            policy: name.clone(),
            why,
        })?;
        if !changes.is_empty() {
            changed.insert(name.clone(), changes);
        }
    }
    Ok(Comparison {
        sought,
        removed: only_in(old, new),
        added: only_in(new, old),
        changed,
    })
}

/// Compares two policies of one name.
pub fn compare(name: &PolicyName, old: &Policy, new: &Policy) -> Result<Changes, NotCompared> {
    compare_for(Sought::Every, name, old, new)
}

fn compare_for(
    sought: Sought,
    name: &PolicyName,
    old: &Policy,
    new: &Policy,
) -> Result<Changes, NotCompared> {
    let survey = Survey::for_(sought, name, old, new)?;
    let settings = settings(old, new);
    let cells = survey.cells.into_iter().map(|(_, changed)| changed);
    Ok(Changes {
        cells: cells.collect(),
        more: survey.more,
        settings,
    })
}

/// Two policies compared, with the space in which they were, so that it can tell of any check whether it is in a cell.
#[derive(Debug)]
pub struct Survey<'p> {
    old: &'p Policy,
    space: Space<'p>,
    cells: Vec<(Extent, Changed)>,
    more: bool,
}

/// The checks that a cell has.
#[derive(Debug)]
enum Extent {
    /// Every check while nothing is known.
    Outage,
    /// Those that the rules judge and that lie here.
    Judged(Cell),
}

impl<'p> Survey<'p> {
    /// Compares two policies of one name.
    pub fn of(name: &PolicyName, old: &'p Policy, new: &'p Policy) -> Result<Self, NotCompared> {
        Self::for_(Sought::Every, name, old, new)
    }

    fn for_(
        sought: Sought,
        name: &PolicyName,
        old: &'p Policy,
        new: &'p Policy,
    ) -> Result<Self, NotCompared> {
        let mut cells = Vec::new();
        let (was, is) = (old.evidence().unavailable, new.evidence().unavailable);
        if sought.has(was.into(), is.into()) {
            let changed = Changed {
                old: was.into(),
                new: is.into(),
                when: "nothing is known of the verification".to_owned(),
                witness: witness::of_outage(name)?,
            };
            cells.push((Extent::Outage, changed));
        }
        let (space, found) = found(sought, old, new, &mut Work::of_a_comparison())?;
        if found.more && sought == Sought::Every {
            return Err(NotCompared::TooManyCells);
        }
        for cell in found.cells {
            if found.more && cells.len() >= FIRST_MAX {
                break;
            }
            if let Some(witness) = witness::of(&cell, &space, name)? {
                let changed = Changed {
                    old: cell.old,
                    new: cell.new,
                    when: words::describe(&cell, &space),
                    witness,
                };
                cells.push((Extent::Judged(cell), changed));
            }
        }
        if found.more && cells.is_empty() {
            // Those that were looked at are empty, and of the others nothing is known.
            return Err(NotCompared::TooManyCells);
        }
        cells.sort_by_key(|(_, changed)| (!changed.loosens(), changed.old, changed.new));
        let survey = Self {
            old,
            space,
            cells,
            more: found.more,
        };
        survey.confirm(new)?;
        Ok(survey)
    }

    /// The cells that this check is in: one where the two policies decide it differently, else none.
    pub fn cells_of(&self, check: &Facts<'_>) -> impl Iterator<Item = &Changed> {
        let around = self
            .cells
            .iter()
            .filter(|(extent, _)| self.has(extent, check));
        around.map(|(_, changed)| changed)
    }

    fn has(&self, extent: &Extent, check: &Facts<'_>) -> bool {
        match extent {
            Extent::Outage => matches!(check.evidence.finding, Finding::Unknown),
            Extent::Judged(cell) => self.old.judged(check).is_some_and(|given| {
                let now = check.now;
                Point { given, now }.is_in(cell, &self.space)
            }),
        }
    }

    /// Lets both policies decide every witness, and looks whether it is where it should be.
    fn confirm(&self, new: &Policy) -> Result<(), NotCompared> {
        for (extent, changed) in &self.cells {
            let check = changed.witness.facts();
            let decided = (self.old.effect(&check), new.effect(&check));
            if decided != (changed.old, changed.new) || !self.has(extent, &check) {
                return Err(NotCompared::WrongWitness(changed.when.clone()));
            }
        }
        Ok(())
    }
}

impl Comparison {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.removed.is_empty() && self.added.is_empty() && self.changed.is_empty()
    }

    /// Whether some check that both sets can answer is decided less strictly. A policy that is removed or added loosens
    /// and tightens nothing: who asks for one that is not there gets no decision at all.
    pub fn loosens(&self) -> bool {
        let mut cells = self.changed.values().flat_map(|changes| &changes.cells);
        cells.any(Changed::loosens)
    }

    /// Whether some check that both sets can answer is decided more strictly.
    pub fn tightens(&self) -> bool {
        let mut cells = self.changed.values().flat_map(|changes| &changes.cells);
        cells.any(|cell| !cell.loosens())
    }
}

impl Changes {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty() && self.settings.is_empty()
    }
}

impl Changed {
    /// Whether the new decision is less strict; else it is stricter.
    pub fn loosens(&self) -> bool {
        self.new < self.old
    }

    /// The witness as an item of a case file's `cases:`, which expects what the new policy decides.
    pub fn as_case(&self) -> String {
        let Self { old, new, when, .. } = self;
        let name = format!("{when}: {new} instead of {old}");
        let expect = Expect {
            effect: Some(*new),
            ..Expect::default()
        };
        suite::one(&self.witness.as_case(name, expect), 0)
    }
}

/// Where two policies differ so, and the space in which they do.
fn found<'p>(
    sought: Sought,
    old: &'p Policy,
    new: &'p Policy,
    work: &mut Work,
) -> Result<(Space<'p>, Found), NotCompared> {
    let mut atoms = Atoms::default();
    for rule in old.rules().iter().chain(new.rules()) {
        atoms.add(rule.requirement());
    }
    work.cost(atoms.size());
    let space = Space::of(atoms, differing(old, new))?;
    let mut formulas = Formulas::over(space.sizes(), *work);
    let [rest_old, rest_new] = [old, new].map(|policy| rest(policy, &space, &mut formulas));
    if formulas.work.is_done() {
        // Not all of the policies has become formulas.
        *work = formulas.work;
        return Err(NotCompared::TooLarge);
    }
    let found = diagram::cells(rest_old, rest_new, sought, &mut formulas);
    *work = formulas.work;
    Ok((space, found?))
}

/// Whether two policies judge some verification differently, in a way that is asked for; as far as this work goes.
pub(super) fn differ(
    sought: Sought,
    name: &PolicyName,
    [old, new]: [&Policy; 2],
    work: &mut Work,
) -> Result<bool, NotCompared> {
    let (space, found) = found(sought, old, new, work)?;
    for cell in &found.cells {
        if witness::of(cell, &space, name)?.is_some() {
            return Ok(true);
        }
    }
    if found.more {
        return Err(NotCompared::TooManyCells);
    }
    Ok(false)
}

/// The axes that rules read which only one of the two has.
fn differing(old: &Policy, new: &Policy) -> BTreeSet<Axis> {
    let key = |rule: &Rule| (Whole(rule.requirement()).to_string(), rule.otherwise());
    let keys = |policy: &Policy| -> BTreeSet<(String, Refusal)> {
        policy.rules().iter().map(key).collect()
    };
    let (olds, news) = (keys(old), keys(new));
    let mut atoms = Atoms::default();
    for rule in old.rules().iter().filter(|rule| !news.contains(&key(rule))) {
        atoms.add(rule.requirement());
    }
    for rule in new.rules().iter().filter(|rule| !olds.contains(&key(rule))) {
        atoms.add(rule.requirement());
    }
    atoms.axes
}

/// The whole policy, before anything is decided.
fn rest(policy: &Policy, space: &Space<'_>, formulas: &mut Formulas) -> Rest {
    let mut asked = |refusal| {
        let rules = policy.rules().iter();
        let rules = rules.filter(|rule| rule.otherwise() == refusal);
        let parts: Vec<_> = rules
            .map(|rule| space.formula(rule.requirement(), formulas))
            .collect();
        formulas.all(parts)
    };
    let (deny, step_up) = (asked(Refusal::Deny), asked(Refusal::StepUp));
    Rest::new(deny, step_up, formulas)
}

fn settings(old: &Policy, new: &Policy) -> Vec<Setting> {
    let terms = |policy: &Policy| {
        let evidence = policy.evidence();
        [
            ("evidence.fresh_for", evidence.fresh_for),
            ("evidence.stale_for", evidence.stale_for),
            ("reuse.allow", policy.reuse_allow()),
        ]
    };
    let redirect = |policy: &Policy| policy.redirect().unwrap_or("none").to_owned();
    let (was, is) = (redirect(old), redirect(new));
    let redirects = (was != is).then_some(Setting {
        name: "step_up.redirect",
        old: was,
        new: is,
    });
    let pairs = terms(old).into_iter().zip(terms(new));
    let terms = pairs
        .filter(|((_, old), (_, new))| old != new)
        .map(|((name, old), (_, new))| Setting {
            name,
            old: Shown(old).to_string(),
            new: Shown(new).to_string(),
        });
    terms.chain(redirects).collect()
}

#[cfg(test)]
mod tests;
