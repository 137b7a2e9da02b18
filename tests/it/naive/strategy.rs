//! Random policies and cases for proptest. A `scenario` draws both from one `Near`: a pivot instant, a few spans, ages,
//! zones and minutes of the day, a millisecond to either side now and then, so that edges of different facts meet or nearly
//! do. Instants of checks lie between 2016 and 2036.

use chrono_tz::Tz;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::clock::{DAY, HOUR, MINUTE, SECOND, offset, years_after};
use super::eval::EARLIEST_VERIFIED_AT;
use super::model::{
    Authentication, Case, IdList, Otherwise, Policy, Request, Requirement, Rule, Schedule,
    Upstream, Verification, Weekday,
};

/// The zones of schedules.
pub const ZONES: [&str; 6] = [
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "UTC",
];

/// Clock changes of those zones, forward and back: the zone, and the first instant of the new offset.
pub const CLOCK_CHANGES: [(&str, i64); 10] = [
    ("Europe/Berlin", 1_711_846_800_000), // 2024-03-31T01:00Z, forward
    ("Europe/Berlin", 1_792_890_000_000), // 2026-10-25T01:00Z, back
    ("America/New_York", 1_741_503_600_000), // 2025-03-09T07:00Z, forward
    ("America/New_York", 1_919_916_000_000), // 2030-11-03T06:00Z, back
    ("America/New_York", 2_025_759_600_000), // 2034-03-12T07:00Z, forward
    ("Australia/Lord_Howe", 1_728_142_200_000), // 2024-10-05T15:30Z, forward by half an hour
    ("Australia/Lord_Howe", 1_743_865_200_000), // 2025-04-05T15:00Z, back by half an hour
    ("Pacific/Apia", 1_491_055_200_000),  // 2017-04-01T14:00Z, back
    ("Pacific/Apia", 1_569_679_200_000),  // 2019-09-28T14:00Z, forward
    ("Asia/Kolkata", 1_767_205_800_000),  // 2025-12-31T18:30Z, a new year
];

const YEAR_2016: i64 = 1_451_606_400_000;
const YEAR_2036: i64 = 2_082_758_400_000;

/// Ends of months and years, and days about 29 February.
const TURNS: [i64; 6] = [
    1_456_704_000_000, // 2016-02-29T00:00Z
    1_709_207_999_999, // 2024-02-29T11:59:59.999Z
    1_735_689_599_999, // 2024-12-31T23:59:59.999Z
    1_772_323_200_000, // 2026-03-01T00:00Z
    1_835_481_600_000, // 2028-03-01T00:00Z
    1_519_862_400_000, // 2018-03-01T00:00Z
];

/// Births on or about 29 February, at midnights of several zones.
const LEAP_BIRTHS: [i64; 4] = [
    1_204_243_200_000, // 2008-02-29T00:00Z
    951_782_400_000,   // 2000-02-29T00:00Z
    1_204_281_000_000, // 2008-02-29T10:30Z
    951_866_400_000,   // 2000-02-29T23:20Z
];

const SPANS: [i64; 16] = [
    1,
    SECOND,
    MINUTE,
    10 * MINUTE,
    HOUR,
    2 * HOUR,
    12 * HOUR,
    14 * HOUR,
    DAY,
    36 * HOUR,
    7 * DAY,
    30 * DAY,
    90 * DAY,
    365 * DAY,
    3_652 * DAY,
    3_653 * DAY,
];
const AGES: [u32; 9] = [0, 1, 13, 16, 18, 21, 65, 149, 150];
const STATUSES: [&str; 4] = ["VERIFIED", "PENDING", "EXPIRED", "verified"];
const SCOPES: [&str; 5] = ["NAME", "PHONE", "DATE_OF_BIRTH", "IDENTITY_ID", "ADDRESS"];
const PREFIXES: [&str; 5] = ["+1", "+1202", "+49", "+4915", "+44"];
const PHONES: [&str; 7] = [
    "+12025550123",
    "+13125550123",
    "+4915112345678",
    "+12025550123",
    "5550123",
    "+0123456789",
    "+1234567890123456",
];
const IDENTITIES: [&str; 4] = ["id-1", "id-2", "id-3", "ID-1"];
const PROJECTS: [&str; 3] = ["p-1", "p-2", "p-3"];
const ATTRIBUTES: [&str; 2] = ["site", "door"];
const VALUES: [&str; 3] = ["hq", "lab", "HQ"];
const METHODS: [&str; 4] = ["hwk", "face", "pwd", "otp"];
const CLASSES: [&str; 3] = ["a", "b", "c"];
const TIMES: [u32; 14] = [
    0, 1, 90, 119, 120, 121, 150, 180, 181, 360, 420, 1_140, 1_320, 1_439,
];
const DAYS: [Weekday; 7] = [
    Weekday::Mon,
    Weekday::Tue,
    Weekday::Wed,
    Weekday::Thu,
    Weekday::Fri,
    Weekday::Sat,
    Weekday::Sun,
];

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
    // The name tells what is in the file, so that no two files of one name differ.
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
    let attribute = (one_of(&ATTRIBUTES), some_of(&VALUES, 1));
    prop_oneof![
        some_of(&STATUSES, 1).prop_map(Requirement::Status),
        some_of(&SCOPES, 1).prop_map(Requirement::Scopes),
        some_of(&PREFIXES, 1).prop_map(Requirement::PhonePrefix),
        Just(Requirement::IdentitySameAsRequest),
        lists.clone().prop_map(Requirement::IdentityIn),
        lists.prop_map(Requirement::IdentityNotIn),
        some_of(&PROJECTS, 1).prop_map(Requirement::Project),
        attribute.prop_map(|(name, accepted)| Requirement::Attribute { name, accepted }),
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

/// So many of the pool at least, in its order, none twice.
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
    some_of(&IDENTITIES, 1)
}

/// A duration of the pool, a millisecond more or less now and then, never 0.
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

/// A case about the pivot, its facts as far from it or from now as the spans and ages that are given.
pub fn case_near(near: &Near) -> BoxedStrategy<Case> {
    let near = near.clone();
    now(&near)
        .prop_flat_map(move |now| case_at(now, &near))
        .boxed()
}

/// The instant of the check: about the pivot, or before it by a span of the pool, so that the pivot is an edge to come.
fn now(near: &Near) -> impl Strategy<Value = i64> + use<> {
    let pivot = near.pivot;
    let about = nudge().prop_map(move |nudge| pivot + nudge);
    let before =
        (select(near.spans.clone()), a_hair()).prop_map(move |(span, hair)| pivot - span + hair);
    prop_oneof![3 => about, 2 => before].prop_map(|now| now.clamp(YEAR_2016, YEAR_2036))
}

/// An instant so far before now or the pivot that a span of the pool ends nearby; or at or just after them; or, rarely,
/// as far ahead of now as another clock may be.
fn start(now: i64, near: &Near) -> impl Strategy<Value = i64> + use<> {
    let base = select(vec![now, now, near.pivot]);
    let spanned = (base, select(near.spans.clone()), a_hair())
        .prop_map(|(base, span, hair)| base - span + hair);
    let about = nudge().prop_map(move |nudge| now + nudge.min(MINUTE));
    let skewed = a_hair().prop_map(move |hair| now + MINUTE + hair);
    prop_oneof![8 => spanned, 2 => about, 1 => skewed]
}

fn birth(now: i64, near: &Near) -> impl Strategy<Value = i64> + use<> {
    let slack = select(vec![0, 14 * HOUR, -14 * HOUR]);
    let base = select(vec![now, near.pivot]);
    let aged =
        (base, select(near.ages.clone()), slack, a_hair()).prop_map(|(base, age, slack, hair)| {
            let years = i32::try_from(age).unwrap_or(0);
            years_after(base, -years).unwrap_or(base) + slack + hair
        });
    let midnight = (YEAR_2016 / DAY - 60 * 365..YEAR_2016 / DAY).prop_map(|day| day * DAY);
    prop_oneof![5 => aged, 1 => select(LEAP_BIRTHS.to_vec()), 1 => midnight]
}

/// About the first instant of 2015 now and then.
fn verified_at(now: i64, near: &Near) -> impl Strategy<Value = i64> + use<> {
    let earliest = a_hair().prop_map(|hair| EARLIEST_VERIFIED_AT + hair);
    prop_oneof![40 => start(now, near).prop_map(|start| start.max(EARLIEST_VERIFIED_AT)), 1 => earliest]
}

fn case_at(now: i64, near: &Near) -> BoxedStrategy<Case> {
    let upstream = prop_oneof![
        38 => verification(now, near).prop_map(|known| Upstream::Answered(Box::new(known))),
        1 => Just(Upstream::Down),
        1 => Just(Upstream::Absent),
    ];
    (upstream, request(now, near))
        .prop_map(move |(upstream, request)| Case {
            at: now,
            upstream,
            request,
        })
        .boxed()
}

/// Text that is mostly there, else missing or empty.
fn fact(pool: &[&str]) -> impl Strategy<Value = Option<String>> + use<> {
    prop_oneof![8 => one_of(pool).prop_map(Some), 1 => Just(None), 1 => Just(Some(String::new()))]
}

fn verification(now: i64, near: &Near) -> impl Strategy<Value = Verification> + use<> {
    let status = prop_oneof![
        12 => Just(None),
        12 => Just(Some("VERIFIED".to_owned())),
        2 => select(owned(&STATUSES)).prop_map(Some),
        1 => Just(Some("SOMETHING_NEW".to_owned())),
    ];
    let scopes = prop_oneof![3 => Just(owned(&SCOPES)), 2 => some_of(&SCOPES, 0)];
    let names = (
        fact(&["Ada Example"]),
        fact(&["Ada"]),
        fact(&["Example"]),
        fact(&PHONES),
    );
    let times = (
        option::weighted(0.95, verified_at(now, near)),
        option::weighted(0.95, birth(now, near)),
    );
    (
        status,
        scopes,
        fact(&IDENTITIES),
        fact(&PROJECTS),
        names,
        times,
    )
        .prop_map(
            |(
                status,
                scopes,
                identity_id,
                project_id,
                (full_name, first_name, last_name, phone),
                times,
            )| Verification {
                status,
                verified_at: times.0,
                scopes,
                identity_id,
                project_id,
                full_name,
                first_name,
                last_name,
                phone,
                date_of_birth: times.1,
            },
        )
}

fn request(now: i64, near: &Near) -> impl Strategy<Value = Request> + use<> {
    let auth_time = option::weighted(0.95, start(now, near));
    let session = (
        option::weighted(0.9, one_of(&CLASSES)),
        some_of(&METHODS, 0),
        auth_time,
    );
    let session = session.prop_map(|(acr, amr, auth_time)| Authentication {
        acr,
        amr,
        auth_time,
    });
    let attributes = prop::collection::btree_map(one_of(&ATTRIBUTES), one_of(&VALUES), 0..=2);
    (
        fact(&IDENTITIES),
        attributes,
        option::weighted(0.9, session),
    )
        .prop_map(|(identity_id, attributes, authentication)| Request {
            identity_id,
            attributes,
            authentication,
        })
}
