//! What each requirement reads.

use std::sync::Arc;

use super::*;
use crate::{PolicyName, SourceText, parse};

fn needs(rules: &str) -> Needs {
    let text = format!("version: 1\npolicies: {{p: {{require: [{rules}]}}}}");
    let path = "p.yaml".to_owned();
    let no_lists = |_: &str, _: &str| Err("no file".to_owned());
    let set = parse(&[Arc::new(SourceText { path, text })], &no_lists).unwrap();
    let name = PolicyName::parse("p").unwrap();
    set.find(&name).unwrap().needs()
}

#[test]
fn every_fact_that_a_rule_reads_is_needed() {
    let scope = |scope| Needs {
        scopes: BTreeSet::from([scope]),
        ..Needs::default()
    };
    for (rule, needed) in [
        ("verified_within: 1d", Needs::default()),
        ("status: [VERIFIED]", Needs::default()),
        ("scopes: [NAME]", scope(Scope::Name)),
        ("age_at_least: 18", scope(Scope::DateOfBirth)),
        ("age_below: 18", scope(Scope::DateOfBirth)),
        ("phone_prefix: ['+1']", scope(Scope::Phone)),
        ("identity_in: [a]", scope(Scope::IdentityId)),
        ("identity_not_in: [a]", scope(Scope::IdentityId)),
        (
            "identity: same_as_request",
            Needs {
                identity: true,
                ..scope(Scope::IdentityId)
            },
        ),
        (
            "project: [p]",
            Needs {
                project: true,
                ..Needs::default()
            },
        ),
        (
            "attribute: {name: site, in: [hq]}",
            Needs {
                attributes: BTreeSet::from(["site".into()]),
                ..Needs::default()
            },
        ),
        (
            "authenticated: {within: 1h}",
            Needs {
                authentication: true,
                ..Needs::default()
            },
        ),
        (
            "schedule: {days: [mon], from: '07:00', to: '08:00', zone: Europe/Berlin}",
            Needs {
                zones: BTreeSet::from(["Europe/Berlin".to_owned()]),
                ..Needs::default()
            },
        ),
    ] {
        assert_eq!(needs(rule), needed, "{rule}");
        let inside = format!("any_of: [all_of: [{rule}]]");
        assert_eq!(needs(&inside), needed, "{inside}");
    }
}
