//! Which differences are asked for. Who asks for one direction only is spared the others before any path is followed: two
//! policies that differ in a million ways may differ in none that loosens.

use super::{
    diagram::Rest,
    formula::{Formula, Formulas},
};
use crate::effect::Effect;

/// Which differences are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sought {
    /// All of them: if they are too many, there is no answer.
    Every,
    /// Those where the new decision is less strict. If they are too many, the first of them are the answer.
    Loosening,
    /// Those where the new decision is stricter. If they are too many, the first of them are the answer.
    Tightening,
}

impl Sought {
    /// Whether a check that is decided so is asked for.
    pub(super) fn has(self, old: Effect, new: Effect) -> bool {
        match self {
            Self::Every => old != new,
            Self::Loosening => new < old,
            Self::Tightening => old < new,
        }
    }

    /// What matters of both, old and new: what is put in their place differs in the same way in the same checks, as far as that
    /// is asked for. Nothing where none can be.
    pub(super) fn focus(self, old: Rest, new: Rest, formulas: &mut Formulas) -> Option<[Rest; 2]> {
        match self {
            Self::Every => (old != new).then_some([old, new]),
            Self::Loosening => stricter(old, new, formulas),
            Self::Tightening => stricter(new, old, formulas).map(|[new, old]| [old, new]),
        }
    }
}

/// What matters of both where the first shall be stricter than the second.
fn stricter(strict: Rest, lax: Rest, formulas: &mut Formulas) -> Option<[Rest; 2]> {
    let never_denies = strict.deny == Formula::TRUE;
    let never_allows = lax.step_up == Formula::FALSE;
    let nothing_to_refuse = never_denies && (strict.step_up == Formula::TRUE || never_allows);
    if nothing_to_refuse || lax.deny == Formula::FALSE || strict == lax {
        return None;
    }
    let strict = if never_allows {
        // Only a DENY is stricter; whether the others are a STEP_UP is all the same.
        Rest::new(strict.deny, Formula::FALSE, formulas)
    } else {
        strict
    };
    let lax = if never_denies {
        // Only an ALLOW is less strict; what it is that refuses the others is all the same.
        let allow = formulas.all([lax.deny, lax.step_up]);
        Rest::new(Formula::TRUE, allow, formulas)
    } else {
        lax
    };
    let allowed = formulas.all([lax.deny, lax.step_up]);
    let covered =
        formulas.follows(lax.deny, strict.deny) && formulas.follows(allowed, strict.step_up);
    (strict != lax && !covered).then_some([strict, lax])
}
