//! What an auditor's key adds to a replay, on the generated journals: everything.

use std::{fs, path::Path};

use proptest::prelude::*;
use verigate::{
    audit::{decision::DecisionLine, replay::Replay},
    journal::AuditorKey,
    policy::{Finding, Policy, PolicySet},
};

use super::{gate::Checked, generated::decided};

/// By other policies and with the auditor's key, all is what they decide on the facts.
pub fn again_by_the_auditor(
    set: &PolicySet,
    auditor: &AuditorKey,
    journal: &Path,
    checked: &[Checked],
) -> Result<(), TestCaseError> {
    let auditor = AuditorKey::parse(&auditor.to_text()).unwrap();
    let mut replay = Replay::new(set).with_keys(vec![auditor]);
    let (mut checked, mut not_kept, mut other_reasons) = (checked.iter(), 0, 0);
    for line in fs::read_to_string(journal).unwrap().lines() {
        let Some(decision) = DecisionLine::read(line.as_bytes()).unwrap() else {
            replay.learn(line.as_bytes());
            continue;
        };
        let checked = checked.next().unwrap();
        let change = replay.add(&decision).unwrap().to_string();
        let is_own = decision.policy_revision() == set.revision().to_string();
        let to = match set.find(&checked.request.policy) {
            None => "absent",
            Some(policy) if lacks(checked, policy) && !is_own => {
                not_kept += 1;
                "unknown"
            }
            Some(policy) => {
                let expected = decided(policy, checked);
                let reasons = expected.reasons().iter();
                let reasons = reasons.map(|reason| (reason.code.as_str(), &*reason.rule));
                let is_same = expected.effect().as_str() == decision.decision();
                other_reasons += u64::from(is_same && !decision.reasons().eq(reasons));
                expected.effect().as_str()
            }
        };
        prop_assert_eq!(change, format!("{}->{to}", decision.decision()), "{}", line);
    }
    let report = replay.finish();
    prop_assert!(report.not_opened.is_empty(), "{:?}", report.not_opened);
    let counts = [report.not_kept, report.other_reasons];
    prop_assert_eq!(counts, [not_kept, other_reasons]);
    prop_assert_eq!((report.unknown_reasons, report.not_recorded), (0, 0));
    Ok(())
}

fn lacks(checked: &Checked, policy: &Policy) -> bool {
    let evidence = &checked.ruling.evidence;
    let is_about = matches!(&evidence.finding, Finding::Present(verification)
        if verification.is_about(&checked.request.verification));
    is_about && !policy.can_judge(evidence)
}
