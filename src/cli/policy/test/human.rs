//! A report of cases for a person: failures first, because they are why one reads it.

use super::super::page::Page;
use crate::{
    cli::screen::{Screen, Style, Text},
    policy::{
        Decision,
        suite::{CaseResult, Coverage, EdgeState, Report, RuleCoverage},
    },
};

/// Where the rules and edges begin that no case has tried, behind what is missing.
const UNTRIED_INDENT: usize = 26;

/// The report; in full, with what no case has tried.
pub(super) fn page(report: &Report<'_>, in_full: bool, screen: Screen) -> String {
    let mut page = Page::of(screen);
    for result in report.results.iter().filter(|result| !result.passed()) {
        write_failure(&mut page, result);
    }
    page.line("coverage");
    if in_full {
        write_untried(&mut page, &report.coverage);
    }
    write_figures(&mut page, &report.coverage, in_full);
    let (passed, failed) = (report.passed(), report.failed());
    let failed = match failed {
        0 => Text::from("0 failed"),
        _ => Style::Bad.of(format_args!("{failed} failed")),
    };
    let passed = Style::Good.of(format_args!("{passed} passed"));
    page.wrapped(0, 0, passed.and(", ").and(failed));
    page.into_text()
}

fn write_failure(page: &mut Page, result: &CaseResult<'_>) {
    let case = result.case;
    let (path, line, name) = (&case.source.path, case.position.line, &case.name);
    let place = Style::Heading.of(format_args!("{path}:{line}: {name}"));
    page.wrapped(0, 5, Style::Bad.of("FAIL").and(" ").and(place));
    let about = format_args!("{} at {}", case.request.policy, case.now);
    page.wrapped(2, 4, Style::Dim.of(about));
    for mismatch in &result.mismatches {
        page.wrapped(2, 4, mismatch.what);
        page.wrapped(4, 13, format_args!("expected {}", mismatch.expected));
        page.wrapped(4, 13, format_args!("got      {}", mismatch.actual));
    }
    for reason in result.decision.iter().flat_map(Decision::reasons) {
        let (code, rule) = (reason.code.as_str(), &reason.rule);
        page.wrapped(2, 11, format_args!("unmet    {rule} ({code})"));
    }
    page.blank();
}

/// What no case has tried. A policy that no case is about has one line.
fn write_untried(page: &mut Page, coverage: &Coverage) {
    for (name, policy) in &coverage.policies {
        if policy.cases == 0 {
            page.line(format_args!("  {name}: no case"));
            continue;
        }
        let untried: Vec<String> = policy.rules.iter().flat_map(untried_of).collect();
        if !untried.is_empty() {
            page.wrapped(2, 4, Style::Heading.of(name));
        }
        for line in untried {
            page.wrapped(4, UNTRIED_INDENT, line);
        }
    }
}

/// How much the cases have tried, and how to see what they have not.
fn write_figures(page: &mut Page, coverage: &Coverage, in_full: bool) {
    let ((rules, covered_rules), (edges, covered_edges)) = (coverage.rules(), coverage.edges());
    let tried = format_args!("{covered_rules} of {rules} rules met and unmet by some case");
    page.wrapped(2, 4, tried);
    let states = [
        (EdgeState::Hidden, "hidden: nothing changes there"),
        (EdgeState::Unreachable, "out of reach"),
    ];
    let others = states.map(|(state, what)| match coverage.edges_in(state) {
        0 => String::new(),
        count => format!(", {count} {what}"),
    });
    let tried = format_args!(
        "{covered_edges} of {edges} edges in time tried from both sides{}",
        others.concat()
    );
    page.wrapped(2, 4, tried);
    let untried = coverage.edges_in(EdgeState::Untried);
    if !in_full && (covered_rules < rules || untried > 0) {
        page.line("  (--coverage shows which are not)");
    }
    page.blank();
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
        let missing = match (edge.state(), edge.before, edge.after) {
            (EdgeState::Tried, ..) => continue,
            (EdgeState::Hidden, ..) => "hidden               ",
            (EdgeState::Unreachable, ..) => "out of reach         ",
            (EdgeState::Untried, false, true) => "not 1 ms before      ",
            (EdgeState::Untried, true, false) => "not at               ",
            (EdgeState::Untried, ..) => "neither before nor at",
        };
        lines.push(format!("{missing} {} {}", edge.requirement, edge.turn));
    }
    lines
}
