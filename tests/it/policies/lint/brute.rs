//! Lint by brute force: in random policies, a part that is reported as without effect changes no decision of a naive evaluator, which
//! shares no code with the language; and every part that an exact comparison finds to be without effect is reported.

use proptest::prelude::*;
use verigate::policy::{
    Diagnostics, Location, PolicySet, SourceText, Warning, WarningCode,
    diff::Comparison,
    lint,
    yaml::{Decoder, Node, NodeKind},
};

use crate::{
    differential::{cases_or, compiled},
    naive::{
        eval::{Doors, Facts, decide},
        model::{Case, Decision, Policy, Requirement, Rule, Upstream},
        render::policy_file,
        strategy::{case_near, near, policy_near},
    },
};

/// How many checks are tried with each policy.
const CHECKS: usize = 100;

/// A policy, and checks whose facts lie at the edges of its rules.
fn scenarios() -> impl Strategy<Value = (Policy, Vec<Case>)> {
    let ids = proptest::sample::subsequence(vec!["id-1", "id-2", "id-3", "ID-1"], 1..=4);
    let lists = ids
        .prop_map(|ids| {
            crate::naive::model::IdList::Inline(ids.into_iter().map(str::to_owned).collect())
        })
        .boxed();
    near().prop_flat_map(move |near| {
        let cases = prop::collection::vec(case_near(&near), CHECKS);
        (policy_near(&near, lists.clone()), cases)
    })
}

/// The place of a requirement: the index of the rule, then those of the parts.
type Path = Vec<usize>;

/// The path of the requirement whose key stands at this location.
fn path_at(policy: &Policy, location: &Location) -> Option<Path> {
    let mut problems = Diagnostics::default();
    let source = SourceText {
        path: String::new(),
        text: location.source.text.clone(),
    };
    let tree = Decoder::new(source.into(), &mut problems)
        .document(1 << 20)
        .unwrap();
    let rules = child(child(child(&tree, "policies"), "p"), "require");
    let NodeKind::List(rules) = &rules.kind else {
        return None;
    };
    let found = rules.iter().zip(&policy.rules).enumerate();
    found.into_iter().find_map(|(index, (node, rule))| {
        let mut path = vec![index];
        find(node, &rule.requirement, location, &mut path).then_some(path)
    })
}

fn find(node: &Node, requirement: &Requirement, location: &Location, path: &mut Path) -> bool {
    let NodeKind::Map(entries) = &node.kind else {
        return false;
    };
    let (key, value) = entries
        .iter()
        .find(|(key, _)| key.name != "otherwise")
        .unwrap();
    if key.position == location.position {
        return true;
    }
    let (Requirement::AnyOf(parts) | Requirement::AllOf(parts)) = requirement else {
        return false;
    };
    let NodeKind::List(items) = &value.kind else {
        return false;
    };
    for (index, (item, part)) in items.iter().zip(parts).enumerate() {
        path.push(index);
        if find(item, part, location, path) {
            return true;
        }
        path.pop();
    }
    false
}

fn child<'n>(node: &'n Node, name: &str) -> &'n Node {
    let entries = match &node.kind {
        NodeKind::Map(entries) => entries.as_slice(),
        _ => &[],
    };
    &entries.iter().find(|(key, _)| key.name == name).unwrap().1
}

/// The policy without what stands at this path; `None` if nothing would be left of it, or of an `any_of` or `all_of`.
fn without(policy: &Policy, path: &[usize]) -> Option<Policy> {
    let mut less = policy.clone();
    let (rule, parts) = path.split_first()?;
    match parts {
        [] if less.rules.len() == 1 => return None,
        [] => drop(less.rules.remove(*rule)),
        parts => remove(&mut less.rules[*rule].requirement, parts)?,
    }
    Some(less)
}

fn remove(requirement: &mut Requirement, path: &[usize]) -> Option<()> {
    let (Requirement::AnyOf(parts) | Requirement::AllOf(parts)) = requirement else {
        return None;
    };
    match path {
        [last] if parts.len() > 1 => {
            parts.remove(*last);
            Some(())
        }
        [first, rest @ ..] if !rest.is_empty() => remove(&mut parts[*first], rest),
        _ => None,
    }
}

/// The decision of the naive evaluator by the rules; `None` if no rule is evaluated.
fn decided(policy: &Policy, check: &Case) -> Option<Decision> {
    let Upstream::Answered(verification) = &check.upstream else {
        return None;
    };
    let facts = Facts {
        verification,
        request: &check.request,
        now: check.at,
        doors: Doors::ByTheClock,
    };
    Some(decide(policy, &facts).0)
}

/// Whether the exact comparison finds no check that the two decide differently.
fn is_same(old: &PolicySet, new: &PolicySet) -> bool {
    let compared = Comparison::of(old, new, None);
    assert!(compared.failed.is_empty(), "{:?}", compared.failed);
    compared.cells().next().is_none()
}

/// Every path of a policy of which something is left without it.
fn paths(policy: &Policy) -> Vec<Path> {
    fn add(requirement: &Requirement, path: &mut Path, paths: &mut Vec<Path>) {
        if let Requirement::AnyOf(parts) | Requirement::AllOf(parts) = requirement {
            for (index, part) in parts.iter().enumerate() {
                path.push(index);
                paths.push(path.clone());
                add(part, path, paths);
                path.pop();
            }
        }
    }
    let mut paths = Vec::new();
    for (index, Rule { requirement, .. }) in policy.rules.iter().enumerate() {
        paths.push(vec![index]);
        add(requirement, &mut vec![index], &mut paths);
    }
    paths.retain(|path| without(policy, path).is_some());
    paths
}

fn has_no_effect(warning: &Warning) -> bool {
    matches!(
        warning.code,
        WarningCode::RuleWithoutEffect
            | WarningCode::AlternativeWithoutEffect
            | WarningCode::PartWithoutEffect
    )
}

/// The rule that every policy has anyway: to write it out is no mistake, although it changes nothing.
fn is_written_default(policy: &Policy, path: &[usize]) -> bool {
    let about_status = |rule: &&Rule| matches!(rule.requirement, Requirement::Status(_));
    let [rule] = path else {
        return false;
    };
    let rule = &policy.rules[*rule];
    let is_default = matches!(&rule.requirement, Requirement::Status(list) if list.iter().all(|s| s == "VERIFIED"));
    is_default
        && !matches!(rule.otherwise, Some(crate::naive::model::Otherwise::StepUp))
        && policy.rules.iter().filter(about_status).count() == 1
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases_or(500)) })]

    #[test]
    fn no_warning_about_an_effect_is_false_and_none_is_missing((policy, checks) in scenarios()) {
        let set = compiled(&policy);
        let lint = lint(&set);
        let text = policy_file(&[("p", &policy)]);
        prop_assert!(lint.unfinished.is_empty(), "{}", text);
        let before: Vec<Option<Decision>> = checks.iter().map(|check| decided(&policy, check)).collect();
        let never = lint.warnings.iter().any(|w| w.code == WarningCode::NeverAllow);
        prop_assert!(!(never && before.contains(&Some(Decision::Allow))), "it does ALLOW\n{}", text);

        let mut named: Vec<Path> = Vec::new();
        for warning in lint.warnings.iter().filter(|warning| has_no_effect(warning)) {
            let path = path_at(&policy, warning.location.as_ref().unwrap()).unwrap();
            let less = without(&policy, &path);
            // A policy has a rule at least: one that holds always, of a policy of its own, is compared with the default rule.
            let less = less.unwrap_or_else(|| Policy { rules: vec![Rule { requirement: Requirement::Status(vec!["VERIFIED".to_owned()]), otherwise: None }], ..policy.clone() });
            for (check, before) in checks.iter().zip(&before) {
                prop_assert_eq!(decided(&less, check), *before, "{} is decided otherwise: {:?}\n{}", warning.message, check, text);
            }
            prop_assert!(is_same(&set, &compiled(&less)), "{}\n{}", warning.message, text);
            named.push(path);
        }
        if !never {
            for path in paths(&policy) {
                let hidden = named.iter().any(|named| path.starts_with(named)) || is_written_default(&policy, &path);
                if !hidden {
                    let less = compiled(&without(&policy, &path).unwrap());
                    prop_assert!(!is_same(&set, &less), "{:?} has no effect and is not named\n{}", path, text);
                }
            }
        }
    }

    #[test]
    fn a_warning_that_something_is_not_asked_is_true_and_none_is_missing((policy, _) in scenarios()) {
        let set = compiled(&policy);
        let lint = lint(&set);
        let text = policy_file(&[("p", &policy)]);
        let is_warned = |code| lint.warnings.iter().any(|w| w.code == code);
        // Whether some check is allowed for which this would not hold, too.
        let allows_without = |requirement: &Requirement| {
            let mut strict = policy.clone();
            strict.rules.iter_mut().for_each(|rule| rule.otherwise = None);
            let mut with = strict.clone();
            with.rules.push(Rule { requirement: requirement.clone(), otherwise: None });
            !is_same(&compiled(&strict), &compiled(&with))
        };
        let never = is_warned(WarningCode::NeverAllow);
        let identity = allows_without(&Requirement::IdentitySameAsRequest);
        prop_assert_eq!(is_warned(WarningCode::NoIdentityCheck), identity && !never, "{}", text);
        let longest = 3_653 * 86_400_000 + 1;
        let any_age = allows_without(&Requirement::VerifiedWithin(longest));
        prop_assert_eq!(is_warned(WarningCode::NoAgeLimit), any_age && !never, "{}", text);
    }
}
