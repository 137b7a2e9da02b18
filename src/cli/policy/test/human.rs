//! A report of cases for a person: failures first, because they are why one reads it.

use std::fmt::Write as _;

use crate::policy::{
    Decision,
    suite::{Outcome, Report},
};

/// The report as a page.
pub(super) fn page(report: &Report<'_>) -> String {
    let mut page = String::new();
    for outcome in report.outcomes.iter().filter(|outcome| !outcome.passed()) {
        failure(&mut page, outcome);
    }
    let (passed, failed) = (report.passed(), report.failed());
    // Writing to a `String` cannot fail.
    let _ = writeln!(page, "{passed} passed, {failed} failed");
    page
}

fn failure(page: &mut String, outcome: &Outcome<'_>) {
    let case = outcome.case;
    let _ = writeln!(
        page,
        "FAIL {}:{}: {}",
        case.source.path, case.place.line, case.name
    );
    let _ = writeln!(page, "  {} at {}", case.request.policy, case.now);
    for difference in &outcome.differences {
        let _ = writeln!(page, "  {}", difference.what);
        let _ = writeln!(page, "    expected {}", difference.expected);
        let _ = writeln!(page, "    got      {}", difference.actual);
    }
    let rules = outcome.decision.iter().flat_map(Decision::reasons);
    for reason in rules {
        let (code, rule) = (reason.code.as_str(), &reason.rule);
        let _ = writeln!(page, "  unmet    {rule} ({code})");
    }
    page.push('\n');
}
