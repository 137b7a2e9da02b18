//! Boolean formulas over the axes, hash-consed: equal formulas have equal numbers, so that cofactors are compared, and found in
//! memo tables, by a few numbers.

use std::collections::{BTreeMap, HashMap};

use super::{budget::WorkBudget, regions::Regions};

/// The number of a formula in its table, [`Formulas`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Formula(u32);

impl Formula {
    pub(super) const FALSE: Self = Self(0);
    pub(super) const TRUE: Self = Self(1);
}

/// The place of an axis in the variable order: the axis with the lowest level is fixed first.
pub(super) type Level = u16;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Shape {
    False,
    True,
    /// The value on the axis of this level is in one of these regions.
    In(Level, Regions),
    All(Vec<Formula>),
    Any(Vec<Formula>),
}

/// How parts are combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Connective {
    All,
    Any,
}

/// The table of all formulas that were made.
#[derive(Debug)]
pub(super) struct Formulas<'w> {
    /// How many regions the axis of each level has.
    sizes: Vec<u16>,
    /// Each formula by its number, with the lowest level that it reads.
    shapes: Vec<(Shape, Level)>,
    /// The unique table: the number of each formula.
    numbers: HashMap<Shape, Formula>,
    /// The memo table of [`Formulas::cofactor`].
    cofactors: HashMap<(Formula, u16), Formula>,
    budget: &'w mut WorkBudget,
}

impl<'w> Formulas<'w> {
    /// An empty table. `sizes` has the number of regions of the axis of each level.
    pub(super) fn new(sizes: Vec<u16>, budget: &'w mut WorkBudget) -> Self {
        let mut formulas = Self {
            sizes,
            shapes: Vec::new(),
            numbers: HashMap::new(),
            cofactors: HashMap::new(),
            budget,
        };
        formulas.intern(Shape::False);
        formulas.intern(Shape::True);
        formulas
    }

    /// How many formulas there are.
    pub(super) fn len(&self) -> usize {
        self.shapes.len()
    }

    /// Takes this many steps out of the work budget.
    pub(super) fn spend(&mut self, steps: usize) {
        self.budget.spend(steps);
    }

    /// Whether the work budget is exhausted.
    pub(super) fn is_exhausted(&self) -> bool {
        self.budget.is_exhausted()
    }

    /// How many regions the axis of this level has.
    pub(super) fn size(&self, level: Level) -> u16 {
        self.sizes.get(usize::from(level)).copied().unwrap_or(0)
    }

    /// The lowest level that this formula reads; `Level::MAX` if it reads none.
    pub(super) fn top_level(&self, formula: Formula) -> Level {
        self.shape(formula).1
    }

    /// The value on the axis of this level is in one of these regions.
    pub(super) fn inside(&mut self, level: Level, regions: Regions) -> Formula {
        if regions.is_empty() {
            Formula::FALSE
        } else if regions == Regions::all(self.size(level)) {
            Formula::TRUE
        } else {
            self.intern(Shape::In(level, regions))
        }
    }

    /// The conjunction: all of these hold.
    pub(super) fn all(&mut self, parts: impl IntoIterator<Item = Formula>) -> Formula {
        self.combine(Connective::All, parts)
    }

    /// The disjunction: one of these holds.
    pub(super) fn any(&mut self, parts: impl IntoIterator<Item = Formula>) -> Formula {
        self.combine(Connective::Any, parts)
    }

    /// The negation: this does not hold.
    pub(super) fn not(&mut self, formula: Formula) -> Formula {
        self.spend(1);
        match self.shape(formula).0.clone() {
            Shape::False => Formula::TRUE,
            Shape::True => Formula::FALSE,
            Shape::In(level, regions) => {
                let outside = regions.complement(self.size(level));
                self.inside(level, outside)
            }
            Shape::All(parts) => {
                let parts: Vec<Formula> = parts.iter().map(|part| self.not(*part)).collect();
                self.any(parts)
            }
            Shape::Any(parts) => {
                let parts: Vec<Formula> = parts.iter().map(|part| self.not(*part)).collect();
                self.all(parts)
            }
        }
    }

    /// A simpler formula that is equal to `formula` wherever `given` holds: without the conjuncts that both have.
    pub(super) fn simplify(&mut self, formula: Formula, given: Formula) -> Formula {
        let (parts, known) = (self.conjuncts(formula), self.conjuncts(given));
        // Conjuncts are sorted.
        let is_open = |part: &Formula| known.binary_search(part).is_err();
        self.all(parts.into_iter().filter(is_open))
    }

    /// Whether `given` implies `formula`, compared conjunct by conjunct: `true` is a proof, `false` is not.
    pub(super) fn implies(&mut self, given: Formula, formula: Formula) -> bool {
        let (parts, known) = (self.conjuncts(formula), self.conjuncts(given));
        self.spend(parts.len().saturating_add(known.len()));
        if given == Formula::FALSE || given == formula {
            return true;
        }
        let regions: BTreeMap<Level, &Regions> = known
            .iter()
            .filter_map(|part| match &self.shape(*part).0 {
                Shape::In(level, regions) => Some((*level, regions)),
                Shape::False | Shape::True | Shape::All(_) | Shape::Any(_) => None,
            })
            .collect();
        parts.iter().all(|part| {
            known.binary_search(part).is_ok()
                || match &self.shape(*part).0 {
                    Shape::In(level, wide) => regions
                        .get(level)
                        .is_some_and(|narrow| narrow.and(wide) == **narrow),
                    Shape::False | Shape::True | Shape::All(_) | Shape::Any(_) => false,
                }
        })
    }

    /// The cofactor: the formula with the axis of this level fixed to this region. No axis of a lower level may be read.
    pub(super) fn cofactor(&mut self, formula: Formula, level: Level, region: u16) -> Formula {
        if self.top_level(formula) != level {
            return formula;
        }
        if let Some(known) = self.cofactors.get(&(formula, region)) {
            return *known;
        }
        let cofactor = match self.shape(formula).0.clone() {
            Shape::True => Formula::TRUE,
            Shape::In(_, regions) if regions.contains(region) => Formula::TRUE,
            Shape::False | Shape::In(..) => Formula::FALSE,
            Shape::All(parts) => {
                let parts = self.cofactor_of_each(&parts, level, region);
                self.all(parts)
            }
            Shape::Any(parts) => {
                let parts = self.cofactor_of_each(&parts, level, region);
                self.any(parts)
            }
        };
        self.cofactors.insert((formula, region), cofactor);
        cofactor
    }

    fn cofactor_of_each(&mut self, parts: &[Formula], level: Level, region: u16) -> Vec<Formula> {
        let parts = parts.iter();
        parts
            .map(|part| self.cofactor(*part, level, region))
            .collect()
    }

    /// The formulas whose conjunction this one is.
    fn conjuncts(&self, formula: Formula) -> Vec<Formula> {
        match &self.shape(formula).0 {
            Shape::True => Vec::new(),
            Shape::All(parts) => parts.clone(),
            Shape::False | Shape::In(..) | Shape::Any(_) => vec![formula],
        }
    }

    /// Flat, sorted, and with one part for each axis, so that equal combinations have one number.
    fn combine(
        &mut self,
        connective: Connective,
        parts: impl IntoIterator<Item = Formula>,
    ) -> Formula {
        let (neutral, absorbing) = match connective {
            Connective::All => (Formula::TRUE, Formula::FALSE),
            Connective::Any => (Formula::FALSE, Formula::TRUE),
        };
        let mut combined = self.flatten(connective, parts);
        combined.retain(|part| *part != neutral);
        combined.sort_unstable();
        combined.dedup();
        if combined.contains(&absorbing) {
            return absorbing;
        }
        match (combined.as_slice(), connective) {
            ([], _) => neutral,
            ([only], _) => *only,
            (_, Connective::All) => self.intern(Shape::All(combined)),
            (_, Connective::Any) => self.intern(Shape::Any(combined)),
        }
    }

    /// The parts without nesting of the same connective, and with the regions of one axis as one part.
    fn flatten(
        &mut self,
        connective: Connective,
        parts: impl IntoIterator<Item = Formula>,
    ) -> Vec<Formula> {
        let mut regions: BTreeMap<Level, Regions> = BTreeMap::new();
        let mut flat: Vec<Formula> = Vec::new();
        let mut open: Vec<Formula> = parts.into_iter().collect();
        while let Some(part) = open.pop() {
            self.budget.spend(1);
            match (&part.shape(&self.shapes).0, connective) {
                (Shape::All(parts), Connective::All) | (Shape::Any(parts), Connective::Any) => {
                    open.extend(parts);
                }
                (Shape::In(level, more), _) => {
                    let words = more.words();
                    match (regions.get_mut(level), connective) {
                        (Some(some), Connective::All) => *some = some.and(more),
                        (Some(some), Connective::Any) => *some = some.or(more),
                        (None, _) => drop(regions.insert(*level, more.clone())),
                    }
                    self.budget.spend(words);
                }
                (Shape::False | Shape::True | Shape::All(_) | Shape::Any(_), _) => flat.push(part),
            }
        }
        for (level, regions) in regions {
            flat.push(self.inside(level, regions));
        }
        flat
    }

    /// The number of a formula of this shape.
    fn intern(&mut self, shape: Shape) -> Formula {
        if let Some(known) = self.numbers.get(&shape) {
            return *known;
        }
        let top_level = match &shape {
            Shape::False | Shape::True => Level::MAX,
            Shape::In(level, _) => *level,
            Shape::All(parts) | Shape::Any(parts) => {
                let levels = parts.iter().map(|part| self.top_level(*part));
                levels.min().unwrap_or(Level::MAX)
            }
        };
        let number = Formula(u32::try_from(self.shapes.len()).unwrap_or(u32::MAX));
        self.shapes.push((shape.clone(), top_level));
        self.numbers.insert(shape, number);
        number
    }

    fn shape(&self, formula: Formula) -> &(Shape, Level) {
        formula.shape(&self.shapes)
    }
}

impl Formula {
    fn shape(self, shapes: &[(Shape, Level)]) -> &(Shape, Level) {
        // Every number was given out for a shape that is kept.
        const NONE: &(Shape, Level) = &(Shape::False, Level::MAX);
        let index = usize::try_from(self.0).unwrap_or(usize::MAX);
        shapes.get(index).unwrap_or(NONE)
    }
}

#[cfg(test)]
mod tests;
