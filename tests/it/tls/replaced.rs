//! Files that are replaced while the service runs.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use tokio::sync::Notify;
use verigate::tls::ServerTlsConfig;

use super::{Files, ask, is_refused};
use crate::world::{World, until};

const DOOR: &str = "spiffe://example.org/door/north";

/// Waits until the metrics have this line.
async fn until_metric(world: &World, line: &str) {
    let holds = async || world.metrics().await.contains(line);
    until(line, holds).await;
}

#[tokio::test]
async fn a_client_that_is_revoked_is_disconnected_and_the_others_stay() {
    let files = Files::new();
    let world = files.world().await;
    let (one, other) = (files.client_ca.client(DOOR), files.client_ca.client(DOOR));
    let (revoked, stays) = (
        files.client(&world, Some(&one)),
        files.client(&world, Some(&other)),
    );
    ask(&revoked, "fresh").await.unwrap();
    ask(&stays, "fresh").await.unwrap();
    files.write("ca.crl", &files.client_ca.list(&[&one]));
    let refused = async || is_refused(&ask(&revoked, "fresh").await);
    until("the revoked client is refused", refused).await;
    for _ in 0..3 {
        let answer = ask(&revoked, "fresh").await;
        assert!(is_refused(&answer), "{answer:?}");
    }
    ask(&stays, "fresh").await.unwrap();
    let metrics = world.metrics().await;
    let closed = "verigate_connections_closed_total{listener=\"grpc\",reason=\"revoked\"} 1\n";
    assert!(metrics.contains(closed), "{metrics}");
}

#[tokio::test]
async fn a_client_whose_ca_is_removed_is_disconnected() {
    let files = Files::new();
    let next = super::Authority::new("Next CA");
    files.write("ca.crt", &[files.client_ca.pem(), next.pem()].concat());
    files.write(
        "ca.crl",
        &[files.client_ca.list(&[]), next.list(&[])].concat(),
    );
    let world = files.world().await;
    let (old, new) = (files.client_ca.client(DOOR), next.client(DOOR));
    let (old, new) = (
        files.client(&world, Some(&old)),
        files.client(&world, Some(&new)),
    );
    ask(&old, "fresh").await.unwrap();
    ask(&new, "fresh").await.unwrap();
    files.write("ca.crt", &next.pem());
    let refused = async || is_refused(&ask(&old, "fresh").await);
    until("the clients of the old CA are refused", refused).await;
    ask(&new, "fresh").await.unwrap();
    // The journal says that other files are in use.
    let (_, journal) = world.stop().await;
    let says_so = |line: &&str| {
        line.contains(r#""event":"certificates_reloaded""#)
            && line.contains(r#""section":"grpc.tls""#)
    };
    assert_eq!(journal.lines().filter(says_so).count(), 1, "{journal}");
}

#[tokio::test]
async fn files_that_cannot_be_used_keep_the_old_and_are_reported_until_they_can() {
    let files = Files::new();
    let world = files.world().await;
    let leaf = files.client_ca.client(DOOR);
    let good = fs::read_to_string(files.path("tls.key")).unwrap();
    files.write("tls.key", &files.server_ca.server().key);
    until_metric(
        &world,
        "verigate_tls_last_reload_successful{section=\"grpc.tls\"} 0\n",
    )
    .await;
    ask(&files.client(&world, Some(&leaf)), "fresh")
        .await
        .unwrap();
    let (status, ready) = world.get_json("/readyz").await;
    assert_eq!(status, 200, "the last good files are in use");
    let error = &ready["tls"]["grpc.tls"]["reload_failure"]["error"];
    let error = error.as_str().unwrap();
    assert!(
        error.contains("is not the key of the certificate"),
        "{error}"
    );
    files.write("tls.key", &good);
    until_metric(
        &world,
        "verigate_tls_last_reload_successful{section=\"grpc.tls\"} 1\n",
    )
    .await;
    let (_, ready) = world.get_json("/readyz").await;
    assert!(ready["tls"]["grpc.tls"]["reload_failure"].is_null());
    ask(&files.client(&world, Some(&leaf)), "fresh")
        .await
        .unwrap();
}

#[tokio::test]
async fn certificates_are_replaced_twenty_times_under_load_without_a_call_that_fails() {
    let files = Files::new();
    files.swap(0);
    files.link();
    let world = Arc::new(files.world().await);
    let leaf = files.client_ca.client(DOOR);
    let (stop, calls) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
    );
    let mut load = Vec::new();
    for keeps in [true, false, false] {
        let kept = files.client(&world, Some(&leaf));
        let make: Vec<_> = if keeps {
            vec![kept]
        } else {
            (0..400)
                .map(|_| files.client(&world, Some(&leaf)))
                .collect()
        };
        let (stop, calls) = (Arc::clone(&stop), Arc::clone(&calls));
        load.push(tokio::spawn(async move {
            let mut clients = make.iter().cycle();
            while !stop.load(Ordering::SeqCst) {
                // A channel connects at its first call: a new connection for each, or one for all.
                ask(clients.next().unwrap(), "fresh").await.unwrap();
                calls.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        }));
    }
    for version in 1..=20 {
        let before = calls.load(Ordering::SeqCst);
        files.swap(version);
        until_metric(
            &world,
            &format!("verigate_tls_reloads_total{{outcome=\"ok\"}} {version}\n"),
        )
        .await;
        let going = async || calls.load(Ordering::SeqCst) > before;
        until("calls are made between replacements", going).await;
    }
    stop.store(true, Ordering::SeqCst);
    for task in load {
        task.await.unwrap();
    }
    let metrics = world.metrics().await;
    let failed = "verigate_tls_reloads_total{outcome=\"failed\"} 0\n";
    assert!(metrics.contains(failed), "{metrics}");
}

#[tokio::test]
async fn the_files_are_read_again_on_request() {
    let files = Files::new();
    let config = ServerTlsConfig {
        client_crl: None,
        ..files.mutual("grpc.tls")
    };
    let mut world = World::with(|all| all.tls.grpc = Some(config)).await;
    let requested = Arc::new(Notify::new());
    world.service.watch(Arc::clone(&requested));
    requested.notify_one();
    until_metric(
        &world,
        "verigate_tls_reloads_total{outcome=\"unchanged\"} 1\n",
    )
    .await;
}
