//! Revocation lists and CAs: which of them count, at each instant.

use std::{fs, sync::Arc, time::Duration};

use rcgen::{SerialNumber, date_time_ymd};
use tokio::sync::Notify;

use super::{
    Files, ask, is_refused,
    pki::{Authority, Leaf},
};
use crate::world::{World, at, until};

const DOOR: &str = "spiffe://example.org/door/north";

/// The list of January 15, which replaces that of January 1.
fn newer(ca: &Authority, revoked: &[&Leaf]) -> String {
    ca.list_with(revoked, |params| {
        params.this_update = date_time_ymd(2026, 1, 15);
    })
}

async fn is_accepted(files: &Files, world: &World, leaf: &Leaf) -> bool {
    let answer = ask(&files.client(world, Some(leaf)), "fresh").await;
    assert!(answer.is_ok() || is_refused(&answer), "{answer:?}");
    answer.is_ok()
}

#[tokio::test]
async fn of_two_lists_of_one_ca_the_newer_one_counts_wherever_it_stands() {
    let files = Files::new();
    let (first, second) = (files.client_ca.client(DOOR), files.client_ca.client(DOOR));
    let ca = &files.client_ca;
    // One that has expired says nothing any more, also not against the file.
    let old = ca.list_until(&[&first], (2026, 1, 20));
    let new = newer(ca, &[&second]);
    for lists in [[&*old, &*new].concat(), [&*new, &*old].concat()] {
        files.write("ca.crl", &lists);
        let world = files.world().await;
        assert!(!is_accepted(&files, &world, &second).await);
        assert_eq!(world.calls().details, 0, "the vendor is not asked");
        assert!(is_accepted(&files, &world, &first).await);
    }
}

#[tokio::test]
async fn of_two_lists_of_the_same_instant_the_higher_number_counts() {
    let files = Files::new();
    let (one, other) = (files.client_ca.client(DOOR), files.client_ca.client(DOOR));
    let numbered = |number: u64, revoked: &Leaf| {
        files.client_ca.list_with(&[revoked], |params| {
            params.crl_number = SerialNumber::from(number);
        })
    };
    let (low, high) = (numbered(255, &one), numbered(256, &other));
    for lists in [[&*low, &*high].concat(), [&*high, &*low].concat()] {
        files.write("ca.crl", &lists);
        let world = files.world().await;
        assert!(!is_accepted(&files, &world, &other).await);
        assert!(is_accepted(&files, &world, &one).await);
    }
}

#[tokio::test]
async fn a_list_of_a_ca_whose_clock_is_ahead_counts_at_once() {
    let files = Files::new();
    let world = files.world().await;
    let leaf = files.client_ca.client(DOOR);
    let client = files.client(&world, Some(&leaf));
    ask(&client, "fresh").await.unwrap();
    // It is noon of the day before.
    let ahead = date_time_ymd(2026, 1, 31) + Duration::from_secs(12 * 3600 + 290);
    let list = files
        .client_ca
        .list_with(&[&leaf], |params| params.this_update = ahead);
    files.write("ca.crl", &list);
    let refused = async || is_refused(&ask(&client, "fresh").await);
    until("the revoked client is refused", refused).await;
}

#[tokio::test]
async fn two_cas_of_one_name_are_each_held_to_their_own_list() {
    let files = Files::new();
    let (old, new) = (&files.client_ca, Authority::new("Client CA"));
    let leaves = [old.client(DOOR), new.client(DOOR)];
    let revoked = [old.client(DOOR), new.client(DOOR)];
    files.write("ca.crt", &[old.pem(), new.pem()].concat());
    let lists = [old.list(&[&revoked[0]]), new.list(&[&revoked[1]])];
    for lists in [lists.concat(), [&*lists[1], &*lists[0]].concat()] {
        files.write("ca.crl", &lists);
        let world = files.world().await;
        for leaf in &revoked {
            assert!(!is_accepted(&files, &world, leaf).await);
        }
        assert_eq!(world.calls().details, 0, "the vendor is not asked");
        for leaf in &leaves {
            assert!(is_accepted(&files, &world, leaf).await);
        }
    }
}

#[tokio::test]
async fn a_certificate_of_ours_that_cannot_be_used_does_not_keep_a_revoked_client_in() {
    let files = Files::new();
    let world = files.world().await;
    let (revoked, stays) = (files.client_ca.client(DOOR), files.client_ca.client(DOOR));
    let client = files.client(&world, Some(&revoked));
    ask(&client, "fresh").await.unwrap();
    for broken in ["no key", ""] {
        files.write("tls.key", broken);
    }
    files.write("ca.crl", &files.client_ca.list(&[&revoked]));
    let refused = async || is_refused(&ask(&client, "fresh").await);
    until("the revoked client is refused", refused).await;
    assert!(!is_accepted(&files, &world, &revoked).await);
    assert!(
        is_accepted(&files, &world, &stays).await,
        "with the certificate as before"
    );
    let failed = async || {
        let metrics = world.metrics().await;
        metrics.contains("verigate_tls_last_reload_successful{section=\"grpc.tls\"} 0\n")
    };
    until("the broken file is reported", failed).await;
}

#[tokio::test]
async fn a_list_that_cannot_be_used_does_not_keep_our_certificate_from_being_replaced() {
    let mut files = Files::new();
    let world = files.world().await;
    let leaf = files.client_ca.client(DOOR);
    files.write("ca.crl", "no list");
    // Clients trust the next CA of servers alone.
    files.server_ca = Authority::new("Next server CA");
    files.write_server(&files.server_ca.server());
    let accepted = async || is_accepted(&files, &world, &leaf).await;
    until("the new certificate is used", accepted).await;
    let error = async || {
        let (_, ready) = world.get_json("/readyz").await;
        let error = ready["tls"]["grpc.tls"]["reload_failure"]["error"].as_str();
        error.is_some_and(|error| error.contains("has no revocation list"))
    };
    until("the broken list is reported", error).await;
}

/// A service whose clients are those of two CAs, of which one is valid until February 1 and the other from the next day on.
async fn two_cas(files: &Files, old: &Authority, new: &Authority) -> (World, Arc<Notify>) {
    files.write("ca.crt", &[old.pem(), new.pem()].concat());
    files.write("ca.crl", &[old.list(&[]), new.list(&[])].concat());
    let config = files.mutual("grpc.tls");
    let mut world = World::with(|all| all.tls.grpc = Some(config)).await;
    let requested = Arc::new(Notify::new());
    world.service.watch(Arc::clone(&requested));
    (world, requested)
}

#[tokio::test]
async fn a_ca_is_trusted_while_it_is_valid_and_no_longer() {
    let files = Files::new();
    let old = Authority::with("Old CA", |params| {
        params.not_after = date_time_ymd(2026, 2, 1);
    });
    let new = Authority::with("New CA", |params| {
        params.not_before = date_time_ymd(2026, 2, 2);
    });
    let (world, requested) = two_cas(&files, &old, &new).await;
    // Both are valid for longer than the CA of the first one.
    let (of_old, of_new) = (old.client(DOOR), new.client(DOOR));
    let connected = files.client(&world, Some(&of_old));
    ask(&connected, "fresh").await.unwrap();
    assert!(!is_accepted(&files, &world, &of_new).await, "not yet");
    world.clock.set(at("2026-02-01T00:00:01Z"));
    requested.notify_one();
    let refused = async || is_refused(&ask(&connected, "fresh").await);
    until(
        "the client of the CA that has expired is disconnected",
        refused,
    )
    .await;
    assert!(!is_accepted(&files, &world, &of_old).await);
    assert!(
        !is_accepted(&files, &world, &of_new).await,
        "nobody is trusted"
    );
    world.clock.set(at("2026-02-02T00:00:01Z"));
    requested.notify_one();
    let accepted = async || is_accepted(&files, &world, &of_new).await;
    until("the other CA is trusted", accepted).await;
    assert!(!is_accepted(&files, &world, &of_old).await);
    assert!(fs::read_to_string(&world.journal).is_ok());
}
