//! Policies from short texts, for tests: here, and in other packages by the feature `testing`.

use std::sync::Arc;

use crate::{
    parse::parse,
    set::{Policy, PolicySet},
    yaml::SourceText,
};

/// A text and its path.
pub fn source(path: &str, text: &str) -> Arc<SourceText> {
    Arc::new(SourceText {
        path: path.to_owned(),
        text: text.to_owned(),
    })
}

/// For [`parse`]: there is no list.
pub fn no_lists(_policy: &str, _name: &str) -> Result<String, String> {
    Err("no file".to_owned())
}

/// The set of this policy file, which names no lists.
///
/// # Panics
/// If the file has a problem.
#[expect(clippy::panic, reason = "a test fails by panicking")]
pub fn set(file: &str) -> PolicySet {
    parse(&[source("p.yaml", file)], &no_lists).unwrap_or_else(|error| panic!("{error}"))
}

/// The set of the one policy `p`, of these rules: `status: [OK], verified_within: 30d`.
pub fn set_of(rules: &str) -> PolicySet {
    set(&format!(
        "version: 1\npolicies: {{p: {{require: [{rules}]}}}}"
    ))
}

/// The policy of these rules: `status: [OK], verified_within: 30d`.
///
/// # Panics
/// If the rules have a problem.
#[expect(clippy::expect_used, reason = "a test fails by panicking")]
pub fn policy(rules: &str) -> Policy {
    let set = set(&format!(
        "version: 1\npolicies: {{p: {{require: [{rules}]}}}}"
    ));
    let (_, policy) = set.iter().next().expect("the set has one policy");
    policy.clone()
}
