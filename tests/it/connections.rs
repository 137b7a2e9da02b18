//! Connections to the vendor that are dead without being closed, by both versions of HTTP: the service answers again within seconds,
//! whatever the load.

use std::{fmt::Write as _, fs, sync::Arc, time::Duration};

use futures_util::future::join_all;
use verigate::{
    clock::{Clock, ManualClock, SystemClock},
    config::Config,
    sim::{ApiCall, Fault},
    tls::{ClientFiles, Pings, check_client},
};

use crate::world::{FAILED_FOR_MAX, Version, World, check_request, gist, until};

/// How long after a fault begins the service answers again. Real time, because the connections are real.
const BACK_WITHIN: Duration = Duration::from_secs(5);
const VERIFICATIONS: usize = 2_000;
/// A certificate of nobody.
const CA_CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----
MIIBjTCCATOgAwIBAgIUc10Fsxztu3tJaYl8QwCjpBHNhn0wCgYIKoZIzj0EAwIw
HDEaMBgGA1UEAwwRTWFkZS11cCBhdXRob3JpdHkwHhcNMjYxMTI2MTkzNDA3WhcN
MzYxMTIzMTkzNDA3WjAcMRowGAYDVQQDDBFNYWRlLXVwIGF1dGhvcml0eTBZMBMG
ByqGSM49AgEGCCqGSM49AwEHA0IABLup2tDcZkZNAdB+TbrDzEiEqn5SbdGXqHor
TyrTjNfJNpKepZ3Vt5ZNQoH0a8LbVUnFMsXWfehL+DWEm0n9FB2jUzBRMB0GA1Ud
DgQWBBS9rH2RT+reKye1yz/pwjzoahE56jAfBgNVHSMEGDAWgBS9rH2RT+reKye1
yz/pwjzoahE56jAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIQC1
iP/f1YFO1AQPbaEWkrSqEcs04Qx/2K0KoLLtg43U2AIgFwr9Q/rsp826p9dSsTAk
PN96NRD2KdII5nWB2G5up20=
-----END CERTIFICATE-----
";
/// Longer than a pool of connections is used.
const OLD: Duration = Duration::from_mins(4);

fn cast() -> String {
    let mut cast = String::from("people:\n  ada: { full_name: Ada Example }\nverifications:\n");
    for n in 0..VERIFICATIONS {
        writeln!(
            cast,
            "  v-{n}: {{ person: ada, verified_ago: 1d, scopes: [NAME] }}"
        )
        .unwrap();
    }
    cast
}

async fn world(version: Version, adjust: impl FnOnce(&mut Config)) -> World {
    World::over(version, &cast(), |config| {
        config.incode.timeout = Duration::from_secs(1);
        adjust(config);
    })
    .await
}

/// Makes this many checks of verifications that were not asked for before; whether all were answered by the vendor.
async fn ask(world: &World, next: &mut usize, checks: usize) -> bool {
    let ids: Vec<_> = (0..checks).map(|n| format!("v-{}", *next + n)).collect();
    *next += checks;
    let wait = Duration::from_millis(250);
    let asked = ids
        .iter()
        .map(|id| world.ask_within(wait, check_request("tolerant", id)));
    let answers = join_all(asked).await;
    answers
        .iter()
        .all(|answer| answer.as_ref().is_ok_and(|answer| !answer.degraded))
}

/// Keeps asking, as many checks at once, until all are answered by the vendor again. The world's clock goes with the real one.
async fn time_to_recover(world: &World, next: &mut usize, checks: usize) -> Duration {
    let started = SystemClock.read();
    let mut advanced = Duration::ZERO;
    loop {
        let answered = ask(world, next, checks).await;
        let now = started.elapsed();
        if answered || now > BACK_WITHIN {
            return now;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        world
            .clock
            .advance(started.elapsed().saturating_sub(advanced));
        advanced = started.elapsed();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_peer_has_frozen_the_service_is_back_within_seconds() {
    for version in Version::ALL {
        for checks in [1, 30] {
            let world = world(version, |_| {}).await;
            let mut next = 0;
            assert!(ask(&world, &mut next, 30).await);
            world.simulator.freeze_connections();
            let recovered = time_to_recover(&world, &mut next, checks).await;
            assert!(
                recovered < BACK_WITHIN,
                "{version:?} {checks}: {recovered:?}"
            );
            // And stays so: what was frozen is not used again.
            world.clock.advance(FAILED_FOR_MAX);
            for _ in 0..10 {
                assert!(ask(&world, &mut next, 3).await, "{version:?} {checks}");
            }
        }
    }
}

#[tokio::test]
async fn a_connection_that_froze_while_idle_is_closed_and_costs_no_check() {
    let world = world(Version::Http2, |config| {
        config.incode.pings = Pings {
            interval: Duration::from_millis(100),
            timeout: Duration::from_millis(100),
        };
    })
    .await;
    let mut next = 0;
    assert!(ask(&world, &mut next, 1).await);
    // It is kept while the peer responds to pings.
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(ask(&world, &mut next, 1).await);
    assert_eq!(world.simulator.connections(), 1);
    world.simulator.freeze_connections();
    until("the connection is closed", async || {
        world.simulator.open_connections() == 0
    })
    .await;
    assert!(ask(&world, &mut next, 1).await);
    let metrics = world.metrics().await;
    let upstream = metrics
        .lines()
        .filter(|line| line.starts_with("verigate_upstream"));
    for line in upstream {
        assert!(!line.contains(r#"outcome="timed_out""#), "{line}");
        assert!(!line.contains(r#"outcome="unreachable""#), "{line}");
    }
}

#[tokio::test]
async fn connections_that_are_closed_by_the_vendor_cost_no_check() {
    for version in Version::ALL {
        let world = world(version, |_| {}).await;
        let mut next = 0;
        assert!(ask(&world, &mut next, 10).await);
        world.simulator.close_connections();
        until("they are closed", async || {
            world.simulator.open_connections() == 0
        })
        .await;
        assert!(ask(&world, &mut next, 10).await, "{version:?}");
    }
}

#[tokio::test]
async fn calls_in_flight_survive_that_their_connection_is_closed() {
    for version in Version::ALL {
        let world = world(version, |_| {}).await;
        let mut next = 0;
        assert!(ask(&world, &mut next, 1).await);
        world.inject(ApiCall::Details, Some(1), Fault::LatencyMs(100));
        let asked = world.calls().details;
        let (answer, ()) = tokio::join!(world.check("tolerant", "v-1999"), async {
            world.until_asked(asked + 1).await;
            // HTTP/2 sends GOAWAY.
            world.simulator.close_connections();
        });
        assert_eq!(gist(&answer), "ALLOW", "{version:?}");
        assert_eq!(world.calls().details, asked + 1);
    }
}

#[tokio::test]
async fn a_connection_is_not_used_after_a_call_that_timed_out() {
    for version in Version::ALL {
        let world = world(version, |_| {}).await;
        let mut next = 0;
        assert!(ask(&world, &mut next, 1).await);
        world.inject(ApiCall::Details, Some(1), Fault::Hang);
        assert!(!ask(&world, &mut next, 1).await);
        until("the call has timed out", async || {
            world.simulator.open_connections() == 0
        })
        .await;
        assert!(ask(&world, &mut next, 1).await, "{version:?}");
        assert_eq!(world.simulator.connections(), 2, "{version:?}");
        let metrics = world.metrics().await;
        let replaced = r#"verigate_upstream_connections_replaced_total{reason="failure"} 1"#;
        assert!(metrics.contains(replaced), "{metrics}");
    }
}

#[tokio::test]
async fn a_call_whose_stream_is_reset_is_retried_by_another_connection() {
    for version in Version::ALL {
        let world = world(version, |_| {}).await;
        let mut next = 0;
        assert!(ask(&world, &mut next, 1).await);
        world.inject(ApiCall::Details, Some(1), Fault::Reset);
        assert!(ask(&world, &mut next, 1).await, "{version:?}");
        assert_eq!(world.simulator.connections(), 2, "{version:?}");
    }
}

#[tokio::test]
async fn an_old_connection_is_replaced_and_calls_in_flight_finish_on_it() {
    for version in Version::ALL {
        let world = world(version, |_| {}).await;
        let mut next = 0;
        assert!(ask(&world, &mut next, 1).await);
        for _ in 0..3 {
            assert!(ask(&world, &mut next, 1).await);
        }
        assert_eq!(world.simulator.connections(), 1, "{version:?}");
        world.inject(ApiCall::Details, Some(1), Fault::LatencyMs(150));
        let asked = world.calls().details;
        let (answer, ()) = tokio::join!(world.check("tolerant", "v-1999"), async {
            world.until_asked(asked + 1).await;
            world.clock.advance(OLD);
            assert!(ask(&world, &mut next, 1).await);
        });
        assert_eq!(gist(&answer), "ALLOW", "{version:?}");
        assert_eq!(world.simulator.connections(), 2, "{version:?}");
        until("the old one is closed", async || {
            world.simulator.open_connections() == 1
        })
        .await;
    }
}

#[tokio::test]
async fn a_probe_of_the_circuit_breaker_uses_a_new_connection() {
    for version in Version::ALL {
        let world = world(version, |_| {}).await;
        let mut next = 0;
        world.inject(ApiCall::Details, None, Fault::Status(500));
        for _ in 0..20 {
            assert!(!ask(&world, &mut next, 1).await);
        }
        let (_, ready) = world.get_json("/readyz").await;
        assert_eq!(ready["upstream"]["breaker"], "open");
        assert_eq!(world.simulator.connections(), 1, "{version:?}");
        for probe in 1..=3 {
            world.clock.advance(FAILED_FOR_MAX);
            assert!(!ask(&world, &mut next, 1).await);
            assert_eq!(world.simulator.connections(), 1 + probe, "{version:?}");
        }
    }
}

#[test]
fn the_ca_certificates_that_verify_the_vendor_may_be_those_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let check = |ca: &str| {
        let files = ClientFiles {
            ca_setting: "ca",
            section: "incode",
            ca: Some(ca.into()),
            certificate: None,
            proxy: None,
            proxy_credentials: None,
        };
        let clock: Arc<dyn Clock> =
            Arc::new(ManualClock::at("2030-01-01T00:00:00Z".parse().unwrap()));
        check_client(&files, &clock).map_err(|problems| problems.to_string())
    };
    let (pem, key) = (
        CA_CERTIFICATE,
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    );
    check(&file("one.pem", pem)).unwrap();
    let two = file("two.pem", &format!("{key}{pem}# a comment\n{pem}"));
    check(&two).unwrap();
    let broken = pem.replacen("MII", "!!!", 1);
    let another = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (path, expected) in [
        ("/no/such/file".to_owned(), "cannot be read"),
        (file("empty.pem", ""), "is empty"),
        (file("key.pem", key), "has no certificate"),
        (file("broken.pem", &broken), "that is not base64"),
        (file("another.pem", another), "cannot be parsed"),
    ] {
        let error = check(&path).unwrap_err();
        assert!(error.contains(expected) && error.contains(&path), "{error}");
    }
}
