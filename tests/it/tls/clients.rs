//! Which clients may connect. What is refused reaches nothing behind TLS.

use std::sync::Arc;

use rcgen::{ExtendedKeyUsagePurpose as Usage, IsCa, date_time_ymd};
use tokio::sync::Notify;

use super::{
    Files, ask, is_refused,
    pki::{Authority, Leaf, self_signed, uri_name},
};
use crate::world::{World, at, until};

const DOOR: &str = "spiffe://example.org/door/north";

/// Every certificate that must not be accepted, with what is wrong with it.
fn unacceptable(files: &Files) -> Vec<(&'static str, Option<Leaf>)> {
    let ca = &files.client_ca;
    // Of the same name as the CA, but another key.
    let forged = Authority::new("Client CA");
    let named = |params: &mut rcgen::CertificateParams| {
        params.subject_alt_names = vec![uri_name(DOOR)];
    };
    let below = ca.intermediate("Intermediate CA");
    let without_chain = {
        let leaf = below.client(DOOR);
        let end = leaf.chain.find("-----END CERTIFICATE-----").unwrap() + 26;
        Leaf {
            chain: leaf.chain[..end].to_owned(),
            ..leaf
        }
    };
    vec![
        ("none", None),
        ("self-signed", Some(self_signed())),
        (
            "of another CA",
            Some(Authority::new("Other CA").client(DOOR)),
        ),
        ("of a forged CA", Some(forged.client(DOOR))),
        ("of the CA of servers", Some(files.server_ca.client(DOOR))),
        (
            "expired",
            Some(ca.issue(|params| {
                named(params);
                params.not_after = date_time_ymd(2026, 1, 31);
            })),
        ),
        (
            "not yet valid",
            Some(ca.issue(|params| {
                named(params);
                params.not_before = date_time_ymd(2026, 2, 1);
            })),
        ),
        (
            "for servers only",
            Some(ca.issue(|params| {
                named(params);
                params.extended_key_usages = vec![Usage::ServerAuth];
            })),
        ),
        (
            "of a CA",
            Some(ca.issue(|params| {
                named(params);
                params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
            })),
        ),
        ("without its intermediate CA", Some(without_chain)),
        // No list says anything about certificates of the intermediate CA.
        ("of a CA without a list", Some(below.client(DOOR))),
    ]
}

#[tokio::test]
async fn no_certificate_that_is_not_accepted_reaches_the_gate() {
    let files = Files::new();
    let revoked = files.client_ca.client(DOOR);
    files.write("ca.crl", &files.client_ca.list(&[&revoked]));
    let world = files.world().await;
    let mut all = unacceptable(&files);
    all.push(("revoked", Some(revoked)));
    let count = all.len();
    for (what, leaf) in all {
        let answer = ask(&files.client(&world, leaf.as_ref()), "fresh").await;
        assert!(is_refused(&answer), "{what}: {answer:?}");
    }
    assert_eq!(world.calls().details, 0, "the vendor is not asked");
    assert_eq!(world.calls().authorize, 0, "not even for a token");
    let metrics = world.metrics().await;
    let refused =
        format!("verigate_tls_handshakes_refused_total{{cause=\"certificate\"}} {count}\n");
    assert!(metrics.contains(&refused), "{metrics}");
    // What is not accepted is not accepted because of what is wrong with it.
    let good = files.client(&world, Some(&files.client_ca.client(DOOR)));
    ask(&good, "fresh").await.unwrap();
    assert_eq!(world.calls().details, 1);
}

#[tokio::test]
async fn a_chain_is_accepted_if_each_of_its_cas_has_a_list() {
    let files = Files::new();
    let below = files.client_ca.intermediate("Intermediate CA");
    let lists = [files.client_ca.list(&[]), below.list(&[])].concat();
    files.write("ca.crl", &lists);
    let world = files.world().await;
    let good = files.client(&world, Some(&below.client(DOOR)));
    ask(&good, "fresh").await.unwrap();
}

#[tokio::test]
async fn a_list_that_has_expired_says_nothing_so_nobody_is_accepted() {
    let files = Files::new();
    files.write("ca.crl", &files.client_ca.list_until(&[], (2026, 2, 1)));
    let world = files.world().await;
    let leaf = files.client_ca.client(DOOR);
    let before = files.client(&world, Some(&leaf));
    ask(&before, "fresh").await.unwrap();
    world.clock.set(at("2026-02-01T00:00:01Z"));
    let calls = world.calls().details;
    let answer = ask(&files.client(&world, Some(&leaf)), "month-old").await;
    assert!(is_refused(&answer), "{answer:?}");
    assert_eq!(world.calls().details, calls, "the vendor is not asked");
}

#[tokio::test]
async fn a_list_that_expires_closes_the_connections_of_its_clients_and_no_others() {
    let files = Files::new();
    let other = Authority::new("Other CA");
    files.write("ca.crt", &[files.client_ca.pem(), other.pem()].concat());
    let short = files.client_ca.list_until(&[], (2026, 2, 1));
    files.write("ca.crl", &[short, other.list(&[])].concat());
    let config = files.mutual("grpc.tls");
    let mut world = World::with(|all| all.tls.grpc = Some(config)).await;
    let requested = Arc::new(Notify::new());
    world.service.watch(Arc::clone(&requested));
    let (leaf, lasting) = (files.client_ca.client(DOOR), other.client(DOOR));
    let (cut, stays) = (
        files.client(&world, Some(&leaf)),
        files.client(&world, Some(&lasting)),
    );
    ask(&cut, "fresh").await.unwrap();
    ask(&stays, "fresh").await.unwrap();
    world.clock.set(at("2026-02-01T00:00:01Z"));
    requested.notify_one();
    let closed = "verigate_connections_closed_total{listener=\"grpc\",reason=\"revoked\"} 1\n";
    let is_closed = async || world.metrics().await.contains(closed);
    until("the connection is closed", is_closed).await;
    assert!(is_refused(&ask(&cut, "fresh").await));
    ask(&stays, "fresh").await.unwrap();
    // A new list lets them in again.
    files.write(
        "ca.crl",
        &[files.client_ca.list(&[]), other.list(&[])].concat(),
    );
    requested.notify_one();
    let accepted = async || ask(&cut, "fresh").await.is_ok();
    until("a new list counts", accepted).await;
}

#[tokio::test]
async fn our_certificate_is_shown_to_clients_who_are_not_asked_for_one() {
    let files = Files::new();
    let config = files.server("grpc.tls");
    let world = crate::world::World::with(|all| all.tls.grpc = Some(config)).await;
    ask(&files.client(&world, None), "fresh").await.unwrap();
    // One that nobody asked for is not sent, and so not judged.
    let other = self_signed();
    ask(&files.client(&world, Some(&other)), "fresh")
        .await
        .unwrap();
}
