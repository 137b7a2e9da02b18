//! A report of cases for a person: failures first, because they are why one reads it.

use std::fmt::Write as _;

use crate::policy::{
    Decision,
    suite::{Coverage, Outcome, Report, RuleCoverage},
};

/// The report as a page; in full, with what no case has tried.
pub(super) fn page(report: &Report<'_>, in_full: bool) -> String {
    let mut page = String::new();
    for outcome in report.outcomes.iter().filter(|outcome| !outcome.passed()) {
        failure(&mut page, outcome);
    }
    page.push_str("coverage\n");
    if in_full {
        untried(&mut page, &report.coverage);
    }
    figures(&mut page, &report.coverage, in_full);
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

/// What no case has tried. A policy that no case is about is told in one line.
fn untried(page: &mut String, coverage: &Coverage) {
    for (name, policy) in &coverage.policies {
        if policy.cases == 0 {
            let _ = writeln!(page, "  {name}: no case");
            continue;
        }
        let untried: Vec<String> = policy.rules.iter().flat_map(untried_of).collect();
        if !untried.is_empty() {
            let _ = writeln!(page, "  {name}");
        }
        for line in untried {
            let _ = writeln!(page, "    {line}");
        }
    }
}

/// How much the cases have tried, and how to learn what they have not.
fn figures(page: &mut String, coverage: &Coverage, in_full: bool) {
    let ((rules, whole_rules), (edges, whole_edges)) = (coverage.rules(), coverage.edges());
    let _ = writeln!(
        page,
        "  {whole_rules} of {rules} rules met and unmet by some case"
    );
    let _ = writeln!(
        page,
        "  {whole_edges} of {edges} edges in time tried from both sides"
    );
    if !in_full && (whole_rules < rules || whole_edges < edges) {
        page.push_str("  (--coverage tells which are not)\n");
    }
    page.push('\n');
}

/// What no case has tried of a rule, each in a line.
fn untried_of(rule: &RuleCoverage) -> Vec<String> {
    let mut lines = Vec::new();
    let text = &rule.rule;
    match (rule.met, rule.unmet) {
        (true, true) => {}
        (false, false) => lines.push(format!("never judged          {text}")),
        (false, true) => lines.push(format!("never met             {text}")),
        (true, false) => lines.push(format!("never unmet           {text}")),
    }
    for edge in &rule.edges {
        let missing = match (edge.before, edge.after) {
            (true, true) => continue,
            (false, false) => "neither before nor at",
            (false, true) => "not 1 ms before      ",
            (true, false) => "not at               ",
        };
        lines.push(format!("{missing} {} {}", edge.requirement, edge.turn));
    }
    lines
}
