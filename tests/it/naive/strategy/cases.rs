//! Random cases: what the vendor knows, what the caller asks, and when.

use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::super::clock::{DAY, HOUR, MINUTE, years_after};
use super::super::eval::EARLIEST_VERIFIED_AT;
use super::super::model::{Authentication, Case, Request, Upstream, Verification};
use super::pools::{
    ATTRIBUTES, CLASSES, IDENTITIES, LEAP_BIRTHS, METHODS, PHONES, PROJECTS, SCOPES, STATUSES,
    VALUES, YEAR_2016, YEAR_2036,
};
use super::{Near, a_hair, nudge, one_of, owned, some_of};

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

/// Sometimes about the first instant of 2015.
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
