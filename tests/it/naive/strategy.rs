//! Random policies and cases for proptest. A `scenario` draws both from one `Near`: a pivot instant, a few spans, ages,
//! zones and minutes of the day, sometimes a millisecond to either side, so that edges of different facts meet or nearly
//! do. Instants of checks lie between 2016 and 2036.

mod cases;
mod pools;

use chrono_tz::Tz;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

pub use self::cases::case_near;
pub use self::pools::{CLOCK_CHANGES, ZONES};

use self::pools::{
    AGES, ATTRIBUTES, CLASSES, DAYS, LISTED, METHODS, PREFIXES, PROJECTS, SCOPES, SPANS, STATUSES,
    TIMES, TURNS, VALUES, YEAR_2016, YEAR_2036,
};
use super::clock::{DAY, HOUR, MINUTE, offset};
use super::model::{Case, IdList, Otherwise, Policy, Requirement, Rule, Schedule};

/// What a policy and a case have in common.
#[derive(Debug, Clone)]
pub struct Near {
    /// The instant around which everything is built.
    pub pivot: i64,
    /// Spans of rules, and the distances of facts from the pivot or from now.
    pub spans: Vec<i64>,
    /// Ages of rules and of people.
    pub ages: Vec<u32>,
    /// Zones of schedules.
    pub zones: Vec<String>,
    /// Minutes of the day at which schedules begin or end; those that the zones' clocks read at the pivot are among them.
    pub minutes: Vec<u32>,
}

/// A policy and a case that have much in common: edges close to each other and to now.
pub fn scenario() -> BoxedStrategy<(Policy, Case)> {
    near()
        .prop_flat_map(|near| (policy_near(&near, inline()), case_near(&near)))
        .boxed()
}

/// The same, with some identity lists in files beside the policy; see `render::list_files`.
pub fn scenario_with_files() -> BoxedStrategy<(Policy, Case)> {
    near()
        .prop_flat_map(|near| (policy_near(&near, inline_or_file()), case_near(&near)))
        .boxed()
}

/// A policy of 1 to 8 rules, groups nested up to three deep, identity lists inline.
pub fn policy() -> BoxedStrategy<Policy> {
    near()
        .prop_flat_map(|near| policy_near(&near, inline()))
        .boxed()
}

/// A case: some facts missing, some unreadable, some of scopes that are not granted.
pub fn case() -> BoxedStrategy<Case> {
    near().prop_flat_map(|near| case_near(&near)).boxed()
}

/// What a policy and a case have in common; see `policy_near` and `case_near`.
pub fn near() -> BoxedStrategy<Near> {
    let spans = subsequence(SPANS.to_vec(), 1..=4);
    let ages = subsequence(AGES.to_vec(), 1..=2);
    let zones = subsequence(owned(&ZONES), 1..=2);
    let minutes = subsequence(TIMES.to_vec(), 1..=2);
    (pivot(), spans, ages, zones, minutes)
        .prop_map(|(pivot, spans, ages, zones, mut minutes)| {
            for zone in &zones {
                let ahead = zone.parse::<Tz>().map_or(0, |zone| offset(zone, pivot));
                let minute = (pivot + ahead).rem_euclid(DAY) / MINUTE;
                minutes.extend(u32::try_from(minute));
            }
            Near {
                pivot,
                spans,
                ages,
                zones,
                minutes,
            }
        })
        .boxed()
}

/// Where identity lists come from.
type Lists = BoxedStrategy<IdList>;

fn inline() -> Lists {
    id_list().prop_map(IdList::Inline).boxed()
}

fn inline_or_file() -> Lists {
    // The name says what is in the file, so that no two files of one name differ.
    let file = id_list().prop_map(|ids| IdList::File {
        name: format!("people-{}.txt", ids.join("-")),
        ids,
    });
    prop_oneof![inline(), file].boxed()
}

/// A policy of the spans, ages, zones and minutes that are given.
pub fn policy_near(near: &Near, lists: BoxedStrategy<IdList>) -> BoxedStrategy<Policy> {
    let count =
        prop_oneof![3 => Just(1usize), 3 => Just(2usize), 2 => Just(3usize), 1 => 4usize..=8];
    let rule = rule(near, lists).boxed();
    let rules = count.prop_flat_map(move |count| prop::collection::vec(rule.clone(), count));
    let span_or_zero = prop_oneof![1 => Just(0), 4 => span(near)].boxed();
    let evidence = (
        option::of(span_or_zero.clone()),
        option::of(span_or_zero.clone()),
        option::of(otherwise()),
    );
    let description = option::weighted(0.2, Just("Main \"entrance\": staff, # 1".to_owned()));
    (
        description,
        rules,
        evidence,
        option::weighted(0.7, span_or_zero),
    )
        .prop_map(
            |(description, rules, (fresh_for, stale_for, unavailable), reuse_allow)| Policy {
                description,
                rules,
                fresh_for,
                stale_for,
                unavailable,
                reuse_allow,
            },
        )
        .boxed()
}

fn otherwise() -> impl Strategy<Value = Otherwise> {
    prop_oneof![2 => Just(Otherwise::StepUp), 1 => Just(Otherwise::Deny)]
}

fn rule(near: &Near, lists: Lists) -> impl Strategy<Value = Rule> + use<> {
    (
        requirement(near, lists),
        option::weighted(0.85, otherwise()),
    )
        .prop_map(|(requirement, otherwise)| Rule {
            requirement,
            otherwise,
        })
}

/// Leaves, and groups up to three deep over every kind of leaf.
fn requirement(near: &Near, lists: Lists) -> BoxedStrategy<Requirement> {
    let leaf = prop_oneof![5 => timed_leaf(near), 3 => plain_leaf(lists)].boxed();
    let mut requirement = leaf.clone();
    for _ in 0..3 {
        let parts = prop::collection::vec(requirement, 1..=3);
        requirement = prop_oneof![
            4 => leaf.clone(),
            2 => parts.clone().prop_map(Requirement::AnyOf),
            1 => parts.prop_map(Requirement::AllOf),
        ]
        .boxed();
    }
    requirement
}

/// Requirements that the passing of time can change.
fn timed_leaf(near: &Near) -> impl Strategy<Value = Requirement> + use<> {
    let authenticated = (span(near), few_of(&METHODS), few_of(&CLASSES));
    prop_oneof![
        4 => span(near).prop_map(Requirement::VerifiedWithin),
        2 => select(near.ages.clone()).prop_map(Requirement::AgeAtLeast),
        2 => select(near.ages.clone()).prop_map(Requirement::AgeBelow),
        3 => authenticated.prop_map(|(within, amr_any, acr_any)| Requirement::Authenticated { within, amr_any, acr_any }),
        4 => schedule(near).prop_map(Requirement::Schedule),
    ]
}

/// Requirements that it cannot, or hardly ever.
fn plain_leaf(lists: Lists) -> impl Strategy<Value = Requirement> {
    let attribute = || (one_of(&ATTRIBUTES), some_of(&VALUES, 1));
    prop_oneof![
        some_of(&STATUSES, 1).prop_map(Requirement::Status),
        some_of(&SCOPES, 1).prop_map(Requirement::Scopes),
        some_of(&PREFIXES, 1).prop_map(Requirement::PhonePrefix),
        Just(Requirement::IdentitySameAsRequest),
        lists.clone().prop_map(Requirement::IdentityIn),
        lists.prop_map(Requirement::IdentityNotIn),
        some_of(&PROJECTS, 1).prop_map(Requirement::Project),
        attribute().prop_map(|(name, accepted)| Requirement::Attribute { name, accepted }),
        (attribute(), any::<bool>()).prop_map(|((name, refused), absent_holds)| {
            Requirement::AttributeNotIn {
                name,
                refused,
                absent_holds,
            }
        }),
    ]
}

/// Days and hours in one of the zones; never of no length.
fn schedule(near: &Near) -> impl Strategy<Value = Schedule> + use<> {
    let mut ends = near.minutes.clone();
    ends.push(1_440);
    let days = prop_oneof![2 => Just(DAYS.to_vec()), 3 => subsequence(DAYS.to_vec(), 1..=7)];
    (
        days,
        select(near.minutes.clone()),
        select(ends),
        select(near.zones.clone()),
    )
        .prop_map(|(days, from, to, zone)| Schedule {
            days,
            from,
            to: if from == to { 1_440 } else { to },
            zone,
        })
}

fn one_of(pool: &[&str]) -> impl Strategy<Value = String> + use<> {
    select(owned(pool))
}

/// At least this number of the pool, in its order, none twice.
fn some_of(pool: &[&str], least: usize) -> impl Strategy<Value = Vec<String>> + use<> {
    subsequence(owned(pool), least..=pool.len())
}

/// None of the pool, more often than not.
fn few_of(pool: &[&str]) -> impl Strategy<Value = Vec<String>> + use<> {
    prop_oneof![3 => Just(Vec::new()), 2 => some_of(pool, 1)]
}

fn owned(pool: &[&str]) -> Vec<String> {
    pool.iter().map(|item| (*item).to_owned()).collect()
}

fn id_list() -> impl Strategy<Value = Vec<String>> {
    some_of(&LISTED, 1)
}

/// A duration of the pool, sometimes a millisecond more or less, never 0.
fn span(near: &Near) -> impl Strategy<Value = u64> + use<> {
    (select(near.spans.clone()), a_hair())
        .prop_map(|(span, hair)| u64::try_from(span + hair).unwrap_or(1).max(1))
}

fn a_hair() -> impl Strategy<Value = i64> {
    prop_oneof![2 => Just(0i64), 1 => Just(-1), 1 => Just(1)]
}

/// Nothing or a hair mostly, else a jump of the size of another rule's slack.
fn nudge() -> impl Strategy<Value = i64> {
    let jumps = vec![MINUTE, HOUR / 2, HOUR, 14 * HOUR, DAY];
    let jump = (select(jumps), select(vec![-1, 1]), a_hair())
        .prop_map(|(jump, sign, hair)| jump * sign + hair);
    prop_oneof![3 => a_hair(), 2 => jump]
}

/// The instant around which a case is built.
fn pivot() -> impl Strategy<Value = i64> {
    let changes: Vec<i64> = CLOCK_CHANGES.iter().map(|change| change.1).collect();
    prop_oneof![
        4 => select(changes),
        2 => select(TURNS.to_vec()),
        1 => YEAR_2016 + DAY..YEAR_2036 - DAY,
        1 => (YEAR_2016 / HOUR + 24..YEAR_2036 / HOUR - 24).prop_map(|hour| hour * HOUR),
    ]
}
