//! What is recomputed by the lines of a journal, beside the naive evaluator that is given the facts themselves.

use proptest::prelude::*;
use verigate::{
    audit::decision::DecisionLine,
    policy::{
        DataKinds, PolicyName, PolicySet,
        recompute::{Requirements, SameLists},
    },
};

use super::{Answer, Known, NAMES, Round, add};
use crate::{
    differential::effect,
    naive::{eval::evaluate, model},
};

/// What is known of other policies is what the naive evaluator decides, wherever that one was given all that the gate had.
pub(super) fn as_the_naive_one(
    (set, policies): (&PolicySet, &[model::Policy]),
    lists: SameLists,
    round: &Round,
    lines: &[DecisionLine],
    known: &Known,
) -> Result<(), TestCaseError> {
    if round.apart.is_some() {
        return Ok(());
    }
    let mut requirements = Requirements::default();
    for (asked, line) in round.asked.iter().zip(lines) {
        let is_all = asked.kept == DataKinds::ALL && matches!(asked.answer, Answer::AsItIs);
        let mut named = NAMES.iter().zip(policies);
        let Some((name, naive)) = named.find(|(name, _)| is_all && **name == asked.policy) else {
            continue;
        };
        let expected = evaluate(naive, &asked.case);
        let policy = set.find(&PolicyName::parse(name).unwrap()).unwrap();
        let again = policy.recompute(&line.recorded(&mut requirements).unwrap(), lists);
        if let Some(known_effect) = again.effect {
            add(&known.naive, 1_u64);
            prop_assert_eq!(effect(known_effect), expected.decision, "{:?}", line);
        }
        if let Some(reasons) = again.reasons {
            let reasons = reasons
                .iter()
                .map(|reason| (reason.code.as_str(), effect(reason.effect.into())));
            prop_assert_eq!(reasons.collect::<Vec<_>>(), expected.reasons, "{:?}", line);
        }
    }
    Ok(())
}
