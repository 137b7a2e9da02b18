//! What is purged leaves the cache under every identifier, also what is still being fetched.

use verigate::{
    policy::{Datum, Identity},
    source::{PurgeTarget, Purged},
};

use super::*;

fn identity(name: &str) -> Identity {
    Identity::parse(name).unwrap()
}

fn of_identity(name: &str) -> PurgeTarget {
    PurgeTarget::Identity(identity(name))
}

fn of_verification(name: &str) -> PurgeTarget {
    PurgeTarget::Verification(named(name))
}

/// Verifications of two people in turn, with their identities.
fn identified(count: u64) -> Answer {
    let name = if count % 2 == 1 { "id-ada" } else { "id-ben" };
    Ok(Finding::Present(Verification {
        status: Some(count.to_string().into()),
        trace_id: Some(format!("trace-{count}").into()),
        identity: Datum::Known(identity(name)),
        kept: DataKinds::IDENTITY,
        ..Verification::default()
    }))
}

/// A verification of which nobody knows whose it is, because no policy reads that.
fn not_kept(count: u64) -> Answer {
    Ok(Finding::Present(Verification {
        status: Some(count.to_string().into()),
        trace_id: Some("trace-1".into()),
        kept: DataKinds::NONE,
        ..Verification::default()
    }))
}

#[tokio::test(start_paused = true)]
async fn a_purge_removes_evidence_and_aliases_by_either_identifier() {
    for name in ["v-1", "trace-1"] {
        let desk = Desk::quick(traced);
        assert_eq!(desk.status().await, "1");
        let trace = named("trace-1");
        assert_eq!(desk.cache.in_use_as(&trace).await, Some(id()));
        let purged = desk.cache.purge(&of_verification(name)).await;
        assert_eq!((purged.evidence, purged.aliases), (1, 1), "{name}");
        assert_eq!(purged.verifications, [trace.clone(), id()]);
        assert_eq!(desk.cache.in_use_as(&trace).await, None);
        assert_eq!(desk.cache.in_use_as(&id()).await, None);
        // Nothing is kept back for an outage either: who asks causes a new fetch.
        assert_eq!(desk.status().await, "2");
        let again = desk.cache.purge(&of_verification("v-2")).await;
        assert_eq!((again.evidence, again.aliases), (0, 0));
        assert_eq!(desk.status().await, "2");
    }
}

#[tokio::test(start_paused = true)]
async fn a_fetch_in_flight_answers_those_who_wait_and_stores_nothing() {
    type Fetched = (fn(u64) -> Answer, PurgeTarget);
    let cases: [Fetched; 4] = [
        (traced, of_verification("v-1")),
        // Which verification has this trace is not known before the fetch ends.
        (traced, of_verification("trace-1")),
        (identified, of_identity("id-ada")),
        // Whose it is was not kept, so that it may be theirs.
        (not_kept, of_identity("id-ada")),
    ];
    for (answer, target) in cases {
        let desk = Desk::new(answer);
        let waiting = desk.ask();
        desk.upstream.until_asked(1).await;
        desk.cache.purge(&target).await;
        desk.upstream.may_answer.add_permits(1);
        assert_eq!(waiting.await.unwrap(), "1");
        assert_eq!(desk.asked(), 1);
        assert_eq!(desk.cache.in_use_as(&id()).await, None, "{target:?}");
        assert_eq!(desk.cache.in_use_as(&named("trace-1")).await, None);
        // A fetch that begins later is kept.
        desk.upstream.may_answer.add_permits(1);
        assert_eq!(desk.status().await, "2");
        assert_eq!(desk.cache.in_use_as(&id()).await, Some(id()));
        assert_eq!(desk.status().await, "2");
    }
}

#[tokio::test(start_paused = true)]
async fn a_purge_of_somebody_else_leaves_a_fetch_in_flight_alone() {
    let desk = Desk::new(identified);
    let waiting = desk.ask();
    desk.upstream.until_asked(1).await;
    desk.cache.purge(&of_identity("id-ben")).await;
    desk.cache.purge(&of_verification("v-9")).await;
    desk.upstream.may_answer.add_permits(1);
    assert_eq!(waiting.await.unwrap(), "1");
    assert_eq!(desk.status().await, "1");
    assert_eq!(desk.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_purge_does_not_undo_an_invalidation_of_the_same_fetch() {
    let desk = Desk::new(traced);
    let waiting = desk.ask();
    desk.upstream.until_asked(1).await;
    let trace = named("trace-1");
    desk.cache.invalidate(&trace, Invalidation::Changed).await;
    desk.cache.purge(&PurgeTarget::Verification(trace)).await;
    desk.upstream.may_answer.add_permits(2);
    // What is from before the invalidation is not used.
    assert_eq!(waiting.await.unwrap(), "2");
}

#[tokio::test(start_paused = true)]
async fn a_person_is_purged_under_all_of_their_verifications_and_nobody_else_is() {
    let desk = Desk::quick(identified);
    for n in 1..=6 {
        desk.look_named(&named(&format!("v-{n}")), desk.request())
            .await;
    }
    let purged = desk.cache.purge(&of_identity("id-ada")).await;
    let names = ["trace-1", "trace-3", "trace-5", "v-1", "v-3", "v-5"].map(named);
    assert_eq!(
        purged,
        Purged {
            evidence: 3,
            aliases: 3,
            unidentified: 0,
            verifications: names.into(),
        }
    );
    for n in 1..=6 {
        let name = named(&format!("v-{n}"));
        let is_known = desk.cache.in_use_as(&name).await.is_some();
        assert_eq!(is_known, n % 2 == 0, "{n}");
    }
}

#[tokio::test(start_paused = true)]
async fn evidence_of_which_nobody_knows_whose_it_is_stays_and_is_counted() {
    let desk = Desk::quick(not_kept);
    desk.status().await;
    let purged = desk.cache.purge(&of_identity("id-ada")).await;
    assert_eq!((purged.evidence, purged.unidentified), (0, 1));
    assert_eq!(desk.status().await, "1");
}

/// Only the first answer is about a verification that exists.
fn first_identified_then_absent(count: u64) -> Answer {
    if count == 1 {
        identified(1)
    } else {
        Ok(Finding::Absent)
    }
}

/// A verification that has one identifier.
fn only_identified(_: u64) -> Answer {
    Ok(Finding::Present(Verification {
        identity: Datum::Known(identity("id-ada")),
        kept: DataKinds::IDENTITY,
        ..Verification::default()
    }))
}

/// How evidence leaves the cache before a purge.
#[derive(Debug, Clone, Copy)]
enum Leaves {
    Revoked,
    Absent,
    Evicted,
}

/// A desk whose first evidence, of v-1, has left the cache.
async fn desk_after(leaves: Leaves) -> Desk {
    let config = Config {
        capacity: 8,
        ..CONFIG
    };
    let desk = match leaves {
        Leaves::Revoked => Desk::quick(identified),
        Leaves::Absent => Desk::quick(first_identified_then_absent),
        Leaves::Evicted => Desk::with(identified, config, FETCH_TIMEOUT),
    };
    desk.upstream.may_answer.add_permits(100);
    desk.status().await;
    match leaves {
        Leaves::Revoked => desk.cache.invalidate(&id(), Invalidation::Revoked).await,
        Leaves::Absent => {
            desk.cache.invalidate(&id(), Invalidation::Changed).await;
            desk.look(desk.request()).await;
        }
        Leaves::Evicted => {
            // Used again, and more than v-1.
            for n in (2..=9).flat_map(|n| [n; 4]) {
                desk.look_named(&named(&format!("v-{n}")), desk.request())
                    .await;
            }
        }
    }
    assert_eq!(desk.cache.in_use_as(&named("trace-1")).await, None);
    desk
}

#[tokio::test(start_paused = true)]
async fn aliases_leave_by_either_identifier_also_after_the_evidence() {
    for leaves in [Leaves::Revoked, Leaves::Absent, Leaves::Evicted] {
        for name in ["v-1", "trace-1"] {
            let desk = desk_after(leaves).await;
            let purged = desk.cache.purge(&of_verification(name)).await;
            let expected = Purged {
                evidence: 0,
                aliases: 1,
                unidentified: 0,
                verifications: vec![named("trace-1"), id()],
            };
            assert_eq!(purged, expected, "{leaves:?} {name}");
            let again = desk.cache.purge(&of_verification("trace-1")).await;
            assert_eq!(again.aliases, 0, "{leaves:?} {name}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_person_is_found_by_what_evidence_has_left_and_nobody_else_is() {
    for leaves in [Leaves::Revoked, Leaves::Absent] {
        let desk = desk_after(leaves).await;
        let other = desk.cache.purge(&of_identity("id-ben")).await;
        assert_eq!(other, Purged::default());
        let purged = desk.cache.purge(&of_identity("id-ada")).await;
        assert_eq!((purged.evidence, purged.aliases), (0, 1), "{leaves:?}");
        assert_eq!(purged.verifications, [named("trace-1"), id()]);
        let again = desk.cache.purge(&of_identity("id-ada")).await;
        assert_eq!(again, Purged::default());
    }
    let desk = desk_after(Leaves::Evicted).await;
    let purged = desk.cache.purge(&of_identity("id-ada")).await;
    assert!(purged.verifications.contains(&id()), "{purged:?}");
    assert!(!purged.verifications.contains(&named("v-2")), "{purged:?}");
}

/// Each of another person.
fn of_many(count: u64) -> Answer {
    Ok(Finding::Present(Verification {
        trace_id: Some(format!("trace-{count}").into()),
        identity: Datum::Known(identity(&format!("id-{count}"))),
        kept: DataKinds::IDENTITY,
        ..Verification::default()
    }))
}

/// A desk that holds 8, and from which this many were asked for.
async fn desk_of_many(verifications: u64) -> Desk {
    let config = Config {
        capacity: 8,
        ..CONFIG
    };
    let desk = Desk::with(of_many, config, FETCH_TIMEOUT);
    desk.upstream.may_answer.add_permits(100);
    for n in 1..=verifications {
        desk.look_named(&named(&format!("v-{n}")), desk.request())
            .await;
    }
    desk
}

#[tokio::test(start_paused = true)]
async fn persons_are_found_by_twice_as_many_verifications_as_are_cached() {
    let desk = desk_of_many(16).await;
    for n in 1..=16 {
        let purged = desk.cache.purge(&of_identity(&format!("id-{n}"))).await;
        let names = [format!("trace-{n}"), format!("v-{n}")];
        assert_eq!(purged.verifications, names.map(|name| named(&name)));
    }
    assert_eq!(desk.asked(), 16);
}

#[tokio::test(start_paused = true)]
async fn no_more_aliases_stay() {
    let desk = desk_of_many(100).await;
    let (mut aliases, mut evidence) = (0, 0);
    for n in 1..=100 {
        let trace = of_verification(&format!("trace-{n}"));
        let purged = desk.cache.purge(&trace).await;
        aliases += purged.aliases;
        evidence += purged.evidence;
    }
    assert!((1..=8).contains(&evidence), "{evidence}");
    assert_eq!(aliases, 16);
}

#[tokio::test(start_paused = true)]
async fn a_person_is_found_also_by_a_verification_without_another_identifier() {
    let desk = Desk::quick(only_identified);
    desk.look(desk.request()).await;
    desk.cache.invalidate(&id(), Invalidation::Revoked).await;
    let purged = desk.cache.purge(&of_identity("id-ada")).await;
    let expected = Purged {
        verifications: vec![id()],
        ..Purged::default()
    };
    assert_eq!(purged, expected);
    let again = desk.cache.purge(&of_identity("id-ada")).await;
    assert_eq!(again, Purged::default());
}
