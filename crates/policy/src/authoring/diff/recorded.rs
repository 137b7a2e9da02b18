//! In which cells the decisions of a journal lie. A journal has not the facts, but the verdict on each requirement of both policies, and
//! the policies distinguish no values beyond these: so the regions of a check are mostly known. What is not known is never guessed.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    axis::Axis,
    check::Check,
    error::CompareError,
    expression::Expression,
    policies::{ComparedPolicies, Extent},
    regions::Regions,
    report::{ChangedCell, RuleEdit},
    space::Space,
    witness::bare_request,
};
use crate::{
    authoring::recompute::{Recorded, RecordedFinding, Truth},
    decide::credible_at,
    effect::Effect,
    evidence::Verification,
    request::{PolicyName, Request},
    rule::Given,
    set::{Leaf, Policy},
    time::Timestamp,
};

/// Two policies of one name compared, to locate what a journal has recorded while one was in force and the other one was its shadow.
#[derive(Debug)]
pub struct RecordedCells<'p> {
    compared: ComparedPolicies<'p>,
    leaves: Vec<LeafRegions<'p>>,
    /// A request about this policy.
    request: Request,
}

/// A requirement that has a verdict, and what follows from that for the axes.
#[derive(Debug)]
struct LeafRegions<'p> {
    text: &'p str,
    /// Where the check lies if it holds.
    met: Narrowed,
    /// Where it lies if it does not.
    unmet: Narrowed,
}

/// The regions that are possible on some axes; on others all are.
type Narrowed = Vec<(Axis, Regions)>;

/// Where a check may lie; `None` if no policy judges it, or at an instant that is not compared.
type Located = Option<BTreeMap<Axis, Regions>>;

/// Whether a check lies in a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lies {
    Inside,
    Outside,
    Unknown,
}

impl<'p> RecordedCells<'p> {
    /// Compares the policy in force with its shadow.
    pub fn of(
        name: &PolicyName,
        in_force: &'p Policy,
        shadow: &'p Policy,
    ) -> Result<Self, CompareError> {
        let compared = ComparedPolicies::of(name, [in_force, shadow])?;
        // As the verdicts of a line: those of the policy, then those that only its shadow has.
        let own = in_force.leaves();
        let is_new = |leaf: &&Leaf| own.iter().all(|known| known.meaning != leaf.meaning);
        let leaves = own.iter().chain(shadow.leaves().iter().filter(is_new));
        let leaves = leaves.map(|leaf| LeafRegions::of(leaf, &compared.space));
        Ok(Self {
            leaves: leaves.collect(),
            request: bare_request(name)?,
            compared,
        })
    }

    /// The cells, with loosening ones first.
    pub fn cells(&self) -> impl ExactSizeIterator<Item = &ChangedCell> {
        self.compared.cells.iter().map(|(_, changed)| changed)
    }

    /// The edits to which [`ChangedCell::edits`] refers.
    pub fn edits(&self) -> &[RuleEdit] {
        &self.compared.edits
    }

    /// The cells that have this decision, as indices of [`RecordedCells::cells`]; none if that is not known. It was `old`, and would have been
    /// `new`, which is another effect.
    pub fn locate(&self, recorded: &Recorded, old: Effect, new: Effect) -> BTreeSet<usize> {
        let Some(truths) = self.truths(recorded) else {
            return BTreeSet::new();
        };
        let ours = self.place(recorded, recorded.at, truths.iter().map(|(at, _)| *at));
        let other = recorded
            .other
            .map(|other| self.place(recorded, other, truths.iter().map(|(_, other)| *other)));
        let lies = |extent: &Extent| {
            let ours = Self::lies(extent, recorded, &ours);
            match &other {
                None => ours,
                // Which of the two instants made the difference is not known.
                Some(other) if ours == Self::lies(extent, recorded, other) => ours,
                Some(_) => Lies::Unknown,
            }
        };
        let numbered = self.compared.cells.iter().enumerate();
        let of_kind = numbered.filter(|(_, (_, cell))| (cell.old, cell.new) == (old, new));
        let found: Vec<(usize, Lies)> = of_kind
            .map(|(number, (extent, _))| (number, lies(extent)))
            .filter(|(_, lies)| *lies != Lies::Outside)
            .collect();
        let inside = found.iter().filter(|(_, lies)| *lies == Lies::Inside);
        let inside: BTreeSet<usize> = inside.map(|(number, _)| *number).collect();
        match found.as_slice() {
            // Every difference has a cell.
            [(only, _)] if other.is_none() => [*only].into(),
            _ => inside,
        }
    }

    /// The verdicts, in the order of the leaves, at both instants; `None` if they are those of other policies, or if the evidence had not what
    /// the policies read.
    fn truths(&self, recorded: &Recorded) -> Option<Vec<(Truth, Truth)>> {
        if !matches!(recorded.finding, RecordedFinding::Present { .. }) {
            return Some(Vec::new());
        }
        let verdicts = recorded.verdicts.iter();
        let is_same = self
            .leaves
            .iter()
            .map(|leaf| leaf.text)
            .eq(verdicts.clone().map(|verdict| verdict.requirement.text()));
        let truths = verdicts.map(|verdict| (verdict.at, verdict.other));
        let is_known =
            |(at, other): &(Truth, Truth)| *at != Truth::Unknown && *other != Truth::Unknown;
        (is_same && truths.clone().all(|truths| is_known(&truths))).then(|| truths.collect())
    }

    fn place(
        &self,
        recorded: &Recorded,
        now: Timestamp,
        truths: impl Iterator<Item = Truth>,
    ) -> Located {
        let RecordedFinding::Present {
            status,
            verified_at,
        } = &recorded.finding
        else {
            return None;
        };
        if !credible_at(*verified_at).at.contains(now) {
            return None;
        }
        let mut place = self.known(recorded, status.as_deref(), *verified_at, now)?;
        for (leaf, truth) in self.leaves.iter().zip(truths) {
            let narrowed = match truth {
                Truth::Met => &leaf.met,
                Truth::Unmet(_) => &leaf.unmet,
                Truth::Unknown => continue,
            };
            for (axis, regions) in narrowed {
                let both = place.get(axis).map(|known| known.and(regions));
                place.insert(axis.clone(), both.unwrap_or_else(|| regions.clone()));
            }
        }
        Some(place)
    }

    /// What the line says in clear: the instant, the status, when the verification was made, and the attributes that are recorded.
    fn known(
        &self,
        recorded: &Recorded,
        status: Option<&str>,
        verified_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Located {
        let request = Request {
            attributes: recorded.attributes.clone(),
            ..self.request.clone()
        };
        let verification = Verification {
            status: status.map(Into::into),
            verified_at,
            ..Verification::default()
        };
        let given = Given {
            request: &request,
            verification: &verification,
        };
        let check = Check { given, now };
        let is_known = |axis: &Axis| match axis {
            Axis::Status | Axis::VerifiedAt | Axis::Now => true,
            Axis::Attribute(name) => recorded.attributes.contains_key(name.as_ref()),
            _ => false,
        };
        let space = &self.compared.space;
        let axes = space.axes().filter(|(axis, _)| is_known(axis));
        let regions = axes.map(|(axis, partition)| {
            let region = partition.region_of(&check)?;
            Some((axis.clone(), space.regions(axis, [region])?))
        });
        regions.collect()
    }

    fn lies(extent: &Extent, recorded: &Recorded, place: &Located) -> Lies {
        let (cell, place) = match (extent, place) {
            (Extent::Outage, _) if recorded.finding == RecordedFinding::Unknown => {
                return Lies::Inside;
            }
            (Extent::Outage, _) | (_, None) => return Lies::Outside,
            (Extent::Judged(cell), Some(place)) => (cell, place),
        };
        let mut lies = Lies::Inside;
        for (axis, regions) in &cell.regions {
            let Some(possible) = place.get(axis) else {
                lies = Lies::Unknown;
                continue;
            };
            let both = possible.and(regions);
            if both.is_empty() {
                return Lies::Outside;
            }
            if both != *possible {
                lies = Lies::Unknown;
            }
        }
        lies
    }
}

impl<'p> LeafRegions<'p> {
    fn of(leaf: &'p Leaf, space: &Space<'_>) -> Self {
        let expression = Expression::of(&leaf.requirement);
        Self {
            text: &leaf.text,
            met: where_met(&expression, space),
            unmet: where_unmet(&expression, space),
        }
    }
}

/// What is certain where this holds.
fn where_met(expression: &Expression<'_>, space: &Space<'_>) -> Narrowed {
    match expression {
        Expression::On(axis, condition) => space.where_met(axis, *condition).into_iter().collect(),
        Expression::All(parts) => {
            let parts = parts.iter().flat_map(|part| where_met(part, space));
            parts.collect()
        }
        Expression::Any(parts) => match parts.as_slice() {
            [only] => where_met(only, space),
            _ => Narrowed::new(),
        },
        // It may be any of them.
        Expression::AnyMethod(_) => Narrowed::new(),
    }
}

/// What is certain where this does not hold.
fn where_unmet(expression: &Expression<'_>, space: &Space<'_>) -> Narrowed {
    match expression {
        Expression::On(axis, condition) => {
            let met = space.where_met(axis, *condition);
            let unmet = met.and_then(|(axis, regions)| space.others(axis, &regions));
            unmet.into_iter().collect()
        }
        Expression::Any(parts) => {
            let parts = parts.iter().flat_map(|part| where_unmet(part, space));
            parts.collect()
        }
        Expression::All(parts) => match parts.as_slice() {
            [only] => where_unmet(only, space),
            // It may be any of them.
            _ => Narrowed::new(),
        },
        Expression::AnyMethod(_) => Narrowed::new(),
    }
}
