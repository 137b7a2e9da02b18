//! What an answer costs beyond its effect: the next change (the horizon), and what leads to ALLOW (the remedies).

use criterion::{BenchmarkId, Criterion};
use verigate::policy::testing;

use super::{DAY, run};

/// Policies for the same evidence, which is 40 days old: what changes when, and what helps.
const HORIZONS: [(&str, &str); 4] = [
    ("never", "scopes: [NAME]"),
    ("by age of the evidence", "verified_within: 60d"),
    (
        "by a schedule",
        "schedule: {days: [mon, tue, wed, thu, fri], from: \"07:00\", to: \"19:00\", zone: Europe/Berlin}",
    ),
    (
        "by both",
        "verified_within: 60d, schedule: {days: [mon, tue, wed, thu, fri], from: \"07:00\", to: \"19:00\", zone: Europe/Berlin}",
    ),
];

/// Rules that are not met.
const REFUSALS: [(&str, &str); 4] = [
    ("verify again", "verified_within: 30d"),
    (
        "verify again and grant a scope",
        "verified_within: 30d, scopes: [PHONE]",
    ),
    (
        "one of three",
        "any_of: [verified_within: 30d, scopes: [PHONE], authenticated: {within: 1h, amr_any: [hwk, face]}]",
    ),
    (
        "one of three, twice, and a session",
        "any_of: [verified_within: 30d, scopes: [PHONE], authenticated: {within: 1h, amr_any: [hwk, face]}], \
         any_of: [verified_within: 20d, scopes: [EMAIL], authenticated: {within: 2h, amr_any: [pin]}], \
         authenticated: {within: 8h}",
    ),
];

/// The next change is what `whole` takes beyond `effect and reasons`.
pub(crate) fn horizon(c: &mut Criterion) {
    parts(c, "horizon", &HORIZONS);
}

/// The remedies are what `whole` takes beyond `effect and reasons`, but for a next change where there is one.
pub(crate) fn remedies(c: &mut Criterion) {
    parts(c, "remedies", &REFUSALS);
}

fn parts(c: &mut Criterion, name: &str, policies: &[(&str, &str)]) {
    let mut group = c.benchmark_group(name);
    for (what, rules) in policies {
        let policy = testing::policy(rules);
        let id = |part| BenchmarkId::new(part, what);
        let reasons = id("effect and reasons");
        run(&mut group, reasons, DAY * 40, |facts| {
            policy.assess(facts, None)
        });
        run(&mut group, id("whole"), DAY * 40, |facts| {
            policy.decide(facts)
        });
    }
    group.finish();
}
