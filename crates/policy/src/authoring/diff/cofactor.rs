//! Cofactors of policies: what a policy still depends on once some axes are fixed, and what of it matters to one direction.

use super::{
    direction::Direction,
    formula::{Formula, Formulas, Level},
};
use crate::effect::Effect;

/// A policy with some axes fixed; with none fixed, the whole policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Cofactor {
    /// Where this does not hold, the decision is DENY.
    deny: Formula,
    /// Where this does not hold, but `deny` does, it is STEP_UP.
    step_up: Formula,
}

impl Cofactor {
    /// A policy that denies where `deny` does not hold, and else steps up where `step_up` does not.
    pub(super) fn new(deny: Formula, step_up: Formula, formulas: &mut Formulas<'_>) -> Self {
        // `step_up` matters only where `deny` holds: equal policies become equal cofactors.
        let step_up = if deny == Formula::FALSE {
            Formula::TRUE
        } else {
            formulas.simplify(step_up, deny)
        };
        Self { deny, step_up }
    }

    /// A policy that denies everything.
    pub(super) const DENY: Self = Self {
        deny: Formula::FALSE,
        step_up: Formula::TRUE,
    };

    /// The decision, if it no longer depends on any axis.
    pub(super) fn terminal(self) -> Option<Effect> {
        match (self.deny, self.step_up) {
            (Formula::FALSE, _) => Some(Effect::Deny),
            (Formula::TRUE, Formula::FALSE) => Some(Effect::StepUp),
            (Formula::TRUE, Formula::TRUE) => Some(Effect::Allow),
            _ => None,
        }
    }

    /// The lowest level that it depends on.
    pub(super) fn top_level(self, formulas: &Formulas<'_>) -> Level {
        let levels = [self.deny, self.step_up].map(|part| formulas.top_level(part));
        levels.into_iter().min().unwrap_or(Level::MAX)
    }

    /// The same with the axis of this level fixed to this region.
    pub(super) fn fix(self, level: Level, region: u16, formulas: &mut Formulas<'_>) -> Self {
        let deny = formulas.cofactor(self.deny, level, region);
        let step_up = formulas.cofactor(self.step_up, level, region);
        Self::new(deny, step_up, formulas)
    }
}

impl Direction {
    /// Simplifies both sides while preserving the differences of this direction; `None` if there can be none.
    pub(super) fn simplify(
        self,
        old: Cofactor,
        new: Cofactor,
        formulas: &mut Formulas<'_>,
    ) -> Option<[Cofactor; 2]> {
        match self {
            Self::Loosening => simplify_stricter(old, new, formulas),
            Self::Tightening => simplify_stricter(new, old, formulas).map(|[new, old]| [old, new]),
        }
    }
}

/// Simplifies both sides while preserving the checks on which `strict` is stricter than `lax`; `None` if there can be none.
fn simplify_stricter(
    strict: Cofactor,
    lax: Cofactor,
    formulas: &mut Formulas<'_>,
) -> Option<[Cofactor; 2]> {
    let never_denies = strict.deny == Formula::TRUE;
    let never_allows = lax.step_up == Formula::FALSE;
    let never_stricter = never_denies && (strict.step_up == Formula::TRUE || never_allows);
    if never_stricter || lax.deny == Formula::FALSE || strict == lax {
        return None;
    }
    let strict = if never_allows {
        // `lax` is STEP_UP or DENY, so only a DENY is stricter: whether `strict` allows the rest does not matter.
        Cofactor::new(strict.deny, Formula::FALSE, formulas)
    } else {
        strict
    };
    let lax = if never_denies {
        // `strict` is ALLOW or STEP_UP, so only an ALLOW is less strict: whether `lax` denies the rest does not matter.
        let allow = formulas.all([lax.deny, lax.step_up]);
        Cofactor::new(Formula::TRUE, allow, formulas)
    } else {
        lax
    };
    // Nowhere stricter: `strict` does not deny where `lax` does not, and allows where `lax` allows.
    let allowed = formulas.all([lax.deny, lax.step_up]);
    let nowhere_stricter =
        formulas.implies(lax.deny, strict.deny) && formulas.implies(allowed, strict.step_up);
    (strict != lax && !nowhere_stricter).then_some([strict, lax])
}
