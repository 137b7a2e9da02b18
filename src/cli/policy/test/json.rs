//! A report of cases for a program.

use serde_json::{Value, json};

use crate::policy::{
    Decision, Revision,
    suite::{CaseResult, EdgeCoverage, PolicyCoverage, Report, RuleCoverage},
};

/// The report as one JSON object.
pub(super) fn object(report: &Report<'_>, revision: Revision) -> Value {
    let cases: Vec<Value> = report.results.iter().map(case).collect();
    let coverage: Vec<Value> = report
        .coverage
        .policies
        .iter()
        .map(|(name, coverage)| policy(name.as_str(), coverage))
        .collect();
    json!({
        "revision": revision.to_string(),
        "passed": report.passed(),
        "failed": report.failed(),
        "cases": cases,
        "coverage": coverage,
    })
}

fn case(result: &CaseResult<'_>) -> Value {
    let (case, decision) = (result.case, result.decision.as_ref());
    let reasons: Vec<Value> = decision
        .iter()
        .flat_map(|decision| decision.reasons())
        .map(|reason| json!({ "code": reason.code.as_str(), "rule": &*reason.rule }))
        .collect();
    let mismatches: Vec<Value> = result
        .mismatches
        .iter()
        .map(|d| json!({ "what": d.what, "expected": d.expected, "actual": d.actual }))
        .collect();
    let change = decision.and_then(Decision::next_change);
    json!({
        "name": case.name,
        "path": case.source.path,
        "line": case.position.line,
        "policy": case.request.policy.as_str(),
        "at": case.now.to_string(),
        "passed": result.passed(),
        "decision": decision.map(|decision| decision.effect().as_str()),
        "reasons": reasons,
        "next_change": change.map(|c| json!({ "at": c.at.to_string(), "to": c.to.as_str() })),
        "differences": mismatches,
    })
}

fn policy(name: &str, coverage: &PolicyCoverage) -> Value {
    let rules: Vec<Value> = coverage.rules.iter().map(rule).collect();
    json!({ "policy": name, "cases": coverage.cases, "rules": rules })
}

fn rule(coverage: &RuleCoverage) -> Value {
    let edges: Vec<Value> = coverage.edges.iter().map(edge).collect();
    json!({
        "rule": &*coverage.rule,
        "met": coverage.met,
        "unmet": coverage.unmet,
        "edges": edges,
    })
}

fn edge(coverage: &EdgeCoverage) -> Value {
    json!({
        "requirement": coverage.requirement,
        "turn": coverage.turn.to_string(),
        "before": coverage.before,
        "after": coverage.after,
    })
}
