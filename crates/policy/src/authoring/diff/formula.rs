//! Requirements as formulas over the axes, each formula once: equal ones have equal numbers, so that what is left of two
//! policies can be compared and remembered by a few numbers.

use std::collections::{BTreeMap, HashMap};

use super::{budget::Work, regions::Regions};

/// The number of a formula.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Formula(u32);

impl Formula {
    pub(super) const FALSE: Self = Self(0);
    pub(super) const TRUE: Self = Self(1);
}

/// An axis by its rank: the one with the lowest is decided first.
pub(super) type Rank = u16;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Shape {
    False,
    True,
    /// The axis is in one of these regions.
    In(Rank, Regions),
    All(Vec<Formula>),
    Any(Vec<Formula>),
}

/// Every formula that there is so far.
#[derive(Debug)]
pub(super) struct Formulas {
    sizes: Vec<u16>,
    shapes: Vec<(Shape, Rank)>,
    numbers: HashMap<Shape, Formula>,
    decided: HashMap<(Formula, u16), Formula>,
    /// What all of it may cost.
    pub(super) work: Work,
}

impl Formulas {
    /// None yet, over axes that have so many regions each, by rank.
    pub(super) fn over(sizes: Vec<u16>, work: Work) -> Self {
        let mut formulas = Self {
            sizes,
            shapes: Vec::new(),
            numbers: HashMap::new(),
            decided: HashMap::new(),
            work,
        };
        formulas.number(Shape::False);
        formulas.number(Shape::True);
        formulas
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.shapes.len()
    }

    /// How many regions this axis has.
    pub(super) fn size(&self, axis: Rank) -> u16 {
        self.sizes.get(usize::from(axis)).copied().unwrap_or(0)
    }

    /// The axis that this formula reads first; `Rank::MAX` if it reads none.
    pub(super) fn top(&self, formula: Formula) -> Rank {
        self.shape(formula).1
    }

    /// The axis is in one of these regions.
    pub(super) fn inside(&mut self, axis: Rank, regions: Regions) -> Formula {
        if regions.is_empty() {
            Formula::FALSE
        } else if regions == Regions::all(self.size(axis)) {
            Formula::TRUE
        } else {
            self.number(Shape::In(axis, regions))
        }
    }

    /// All of these hold.
    pub(super) fn all(&mut self, parts: impl IntoIterator<Item = Formula>) -> Formula {
        self.combined(parts, true)
    }

    /// One of these holds.
    pub(super) fn any(&mut self, parts: impl IntoIterator<Item = Formula>) -> Formula {
        self.combined(parts, false)
    }

    /// What is left of `formula` where `given`, which may be a combination of all of some, holds already.
    pub(super) fn without(&mut self, formula: Formula, given: Formula) -> Formula {
        let (parts, known) = (self.parts(formula), self.parts(given));
        // Parts are sorted.
        let unknown = |part: &Formula| known.binary_search(part).is_err();
        self.all(parts.into_iter().filter(unknown))
    }

    /// Whether `formula` holds wherever `given` does, as far as that shows part by part.
    pub(super) fn follows(&mut self, given: Formula, formula: Formula) -> bool {
        let (parts, known) = (self.parts(formula), self.parts(given));
        self.work.cost(parts.len().saturating_add(known.len()));
        if given == Formula::FALSE || given == formula {
            return true;
        }
        let regions: BTreeMap<Rank, &Regions> = known
            .iter()
            .filter_map(|part| match &self.shape(*part).0 {
                Shape::In(axis, regions) => Some((*axis, regions)),
                _ => None,
            })
            .collect();
        parts.iter().all(|part| {
            known.binary_search(part).is_ok()
                || match &self.shape(*part).0 {
                    Shape::In(axis, wide) => regions
                        .get(axis)
                        .is_some_and(|narrow| narrow.and(wide) == **narrow),
                    _ => false,
                }
        })
    }

    /// What is left of it when its first axis is in this region.
    pub(super) fn decide(&mut self, formula: Formula, axis: Rank, region: u16) -> Formula {
        if self.top(formula) != axis {
            return formula;
        }
        if let Some(left) = self.decided.get(&(formula, region)) {
            return *left;
        }
        let left = match self.shape(formula).0.clone() {
            Shape::True => Formula::TRUE,
            Shape::In(_, regions) if regions.contains(region) => Formula::TRUE,
            Shape::False | Shape::In(..) => Formula::FALSE,
            Shape::All(parts) => {
                let parts: Vec<Formula> = self.each(&parts, axis, region);
                self.all(parts)
            }
            Shape::Any(parts) => {
                let parts: Vec<Formula> = self.each(&parts, axis, region);
                self.any(parts)
            }
        };
        self.decided.insert((formula, region), left);
        left
    }

    fn each(&mut self, parts: &[Formula], axis: Rank, region: u16) -> Vec<Formula> {
        let parts = parts.iter();
        parts.map(|part| self.decide(*part, axis, region)).collect()
    }

    /// The formulas all of which hold if this one does.
    fn parts(&self, formula: Formula) -> Vec<Formula> {
        match &self.shape(formula).0 {
            Shape::True => Vec::new(),
            Shape::All(parts) => parts.clone(),
            _ => vec![formula],
        }
    }

    /// Flat, sorted, and with one part an axis, so that one combination has one number.
    fn combined(&mut self, parts: impl IntoIterator<Item = Formula>, all: bool) -> Formula {
        let (neutral, decisive) = if all {
            (Formula::TRUE, Formula::FALSE)
        } else {
            (Formula::FALSE, Formula::TRUE)
        };
        let mut regions: BTreeMap<Rank, Regions> = BTreeMap::new();
        let mut rest: Vec<Formula> = Vec::new();
        let mut open: Vec<Formula> = parts.into_iter().collect();
        while let Some(part) = open.pop() {
            self.work.cost(1);
            match &self.shape(part).0 {
                Shape::All(parts) if all => open.extend(parts),
                Shape::Any(parts) if !all => open.extend(parts),
                Shape::In(axis, more) => {
                    let words = more.words();
                    match regions.get_mut(axis) {
                        Some(some) if all => *some = some.and(more),
                        Some(some) => *some = some.or(more),
                        None => drop(regions.insert(*axis, more.clone())),
                    }
                    self.work.cost(words);
                }
                _ => rest.push(part),
            }
        }
        for (axis, regions) in regions {
            rest.push(self.inside(axis, regions));
        }
        rest.retain(|part| *part != neutral);
        rest.sort_unstable();
        rest.dedup();
        if rest.contains(&decisive) {
            return decisive;
        }
        match rest.as_slice() {
            [] => neutral,
            [only] => *only,
            _ if all => self.number(Shape::All(rest)),
            _ => self.number(Shape::Any(rest)),
        }
    }

    fn number(&mut self, shape: Shape) -> Formula {
        if let Some(known) = self.numbers.get(&shape) {
            return *known;
        }
        let top = match &shape {
            Shape::False | Shape::True => Rank::MAX,
            Shape::In(axis, _) => *axis,
            Shape::All(parts) | Shape::Any(parts) => {
                let tops = parts.iter().map(|part| self.top(*part));
                tops.min().unwrap_or(Rank::MAX)
            }
        };
        let number = Formula(u32::try_from(self.shapes.len()).unwrap_or(u32::MAX));
        self.shapes.push((shape.clone(), top));
        self.numbers.insert(shape, number);
        number
    }

    fn shape(&self, formula: Formula) -> &(Shape, Rank) {
        // Every number was given out for a shape that is kept.
        const NOWHERE: &(Shape, Rank) = &(Shape::False, Rank::MAX);
        let index = usize::try_from(formula.0).unwrap_or(usize::MAX);
        self.shapes.get(index).unwrap_or(NOWHERE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_formulas_have_equal_numbers() {
        let mut formulas = Formulas::over(vec![3, 2], Work::of_a_comparison());
        let (low, high) = (Regions::of(3, [0, 1]), Regions::of(3, [1, 2]));
        let low = formulas.inside(0, low);
        let high = formulas.inside(0, high);
        let flag = formulas.inside(1, Regions::of(2, [0]));
        let one = formulas.all([low, flag, high]);
        let middle = formulas.inside(0, Regions::of(3, [1]));
        let other = formulas.all([flag, middle]);
        assert_eq!(one, other);
        assert_eq!(formulas.any([low, high]), Formula::TRUE);
        assert_eq!(formulas.decide(one, 0, 1), flag);
        assert_eq!(formulas.decide(one, 0, 0), Formula::FALSE);
        assert_eq!(formulas.without(one, flag), middle);
        assert!(formulas.follows(one, low) && formulas.follows(middle, high));
        assert!(!formulas.follows(low, one) && !formulas.follows(low, middle));
    }
}
