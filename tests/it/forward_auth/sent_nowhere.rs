//! Browsers that must step up and are sent nowhere: the person sees a bare 401, so the log says what to set.

use tracing::Level;
use verigate::gateway::{ReturnHosts, UrlTemplate};

use super::{POLICIES, get, status};
use crate::{log::Log, world::World};

/// What a log says of browsers that were sent nowhere: the reason, the policy and how many lines were suppressed.
fn reasons(log: &Log) -> Vec<(String, String, u64)> {
    let lines = log.lines().into_iter().map(|line| line["fields"].clone());
    let missing = lines.filter(|fields| fields["event"] == "step_up_url_missing");
    let shown = missing.map(|fields| {
        assert!(!fields["hint"].as_str().unwrap().is_empty());
        let text = |name: &str| fields[name].as_str().unwrap().to_owned();
        let suppressed = fields["suppressed"].as_u64().unwrap();
        (text("reason"), text("policy"), suppressed)
    });
    shown.collect()
}

async fn ask(world: &World, policy: &str, verification: &str, accept: &str) -> u16 {
    let request = get(world, &format!("/check/{policy}?profile=browser"));
    let request = request
        .header("accept", accept)
        .header("x-verification-id", verification)
        .header("x-forwarded-proto", "https")
        .header("x-forwarded-host", "app.example.org")
        .header("x-forwarded-uri", "/door");
    status(request).await
}

const PAGES: &str = "text/html,*/*;q=0.8";

#[tokio::test]
async fn a_browser_that_is_sent_nowhere_is_logged_once_a_minute_with_what_to_set() {
    let template = |text: &str| Some(UrlTemplate::parse(text).unwrap());
    for (step_up_url, verify_url, host, expected) in [
        (
            None,
            None,
            "app.example.org",
            ["no_step_up_url", "no_verify_url"],
        ),
        (
            template("/start?rd={original_url}"),
            template("/verify?rd={original_url}"),
            "other.example.org",
            ["no_original_url", ""],
        ),
        (
            template("/start"),
            None,
            "app.example.org",
            ["no_verify_url", ""],
        ),
        (
            template("/start"),
            template("/verify"),
            "app.example.org",
            ["", ""],
        ),
    ] {
        let (log, _guard) = Log::begin(Level::WARN);
        let folder = tempfile::tempdir().unwrap();
        let world = World::with(|config| {
            crate::authzen::with_policies(folder.path(), POLICIES, config);
            let gateway = &mut config.forward_auth.gateway;
            gateway.step_up_url = step_up_url;
            gateway.verify_url = verify_url;
            gateway.return_hosts = ReturnHosts::parse([host]).unwrap();
        })
        .await;
        // A program reads the challenge, and an ALLOW and a DENY lead nobody on.
        assert_eq!(ask(&world, "mfa", "fresh", "application/json").await, 401);
        assert_eq!(ask(&world, "front-door", "fresh", PAGES).await, 200);
        assert_eq!(ask(&world, "front-door", "stale", PAGES).await, 403);
        assert_eq!(reasons(&log), []);
        let mut lines = Vec::new();
        for _ in 0..10 {
            let seen = [
                ask(&world, "mfa", "fresh", PAGES).await,
                ask(&world, "front-door", "month-old", PAGES).await,
            ];
            assert!(seen.iter().all(|status| matches!(status, 302 | 401)));
            lines = reasons(&log);
        }
        let found: Vec<&str> = lines.iter().map(|(reason, ..)| reason.as_str()).collect();
        let expected: Vec<&str> = expected.into_iter().filter(|e| !e.is_empty()).collect();
        assert_eq!(found, expected);
        world.clock.advance(std::time::Duration::from_secs(61));
        ask(&world, "mfa", "fresh", PAGES).await;
        ask(&world, "front-door", "month-old", PAGES).await;
        let later = reasons(&log);
        assert_eq!(later.len(), 2 * expected.len(), "{later:?}");
        let suppressed = later.iter().skip(expected.len()).map(|(.., n)| *n);
        assert!(suppressed.into_iter().all(|n| n >= 9), "{later:?}");
    }
}
