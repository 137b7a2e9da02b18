//! A report of cases for a program.

use serde_json::{Value, json};

use crate::{
    cli::remedies,
    policy::{
        Decision, Effect, Revision,
        suite::{CaseResult, EdgeCoverage, EvidenceUse, PolicyCoverage, Report, RuleCoverage},
    },
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
        "edges": edges(report),
        "coverage": coverage,
    })
}

/// Every edge of every policy, with its state.
fn edges(report: &Report<'_>) -> Vec<Value> {
    let policies = report.coverage.policies.iter();
    let edges = policies.flat_map(|(name, policy)| {
        policy.rules.iter().flat_map(move |rule| {
            let edges = rule.edges.iter();
            edges.map(move |edge| {
                let (requirement, turn) = (&edge.requirement, edge.turn);
                json!({
                    "policy": name.as_str(),
                    "rule": &*rule.rule,
                    "edge": format!("{requirement} {turn}"),
                    "state": edge.state().as_str(),
                    "requirement": requirement,
                    "turn": turn.to_string(),
                })
            })
        })
    });
    edges.collect()
}

fn case(result: &CaseResult<'_>) -> Value {
    let (case, decision) = (result.case, result.decision.as_ref());
    let reasons: Vec<Value> = decision
        .iter()
        .flat_map(|decision| decision.reasons())
        .map(|reason| {
            let effect = Effect::from(reason.effect);
            json!({ "code": reason.code.as_str(), "rule": &*reason.rule, "effect": effect.as_str() })
        })
        .collect();
    let mismatches: Vec<Value> = result
        .mismatches
        .iter()
        .map(|d| json!({ "what": d.what, "expected": d.expected, "actual": d.actual }))
        .collect();
    let change = decision.and_then(Decision::next_change);
    let until = decision.and_then(Decision::valid_until);
    let (remedies, alternatives) =
        decision.map_or_else(|| (json!([]), json!([])), remedies::as_json);
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
        "valid_until": until.map(|until| until.to_string()),
        "remedies": remedies,
        "alternatives": alternatives,
        "evidence": result.evidence.map(EvidenceUse::as_str),
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
        "state": coverage.state().as_str(),
    })
}
