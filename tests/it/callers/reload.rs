//! Callers that are read again while the service runs.

use std::{fs, sync::Arc, time::Duration};

use tokio::sync::Notify;
use tonic::Code;

use super::{ask, bearer, token, with_file};
use crate::world::{World, check_request, until};

/// How long a caller is held that is no longer in the file.
pub const HELD_FOR: Duration = Duration::from_secs(4);

#[tokio::test]
async fn callers_are_read_again_and_a_file_that_cannot_be_used_keeps_those_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("verigate.toml");
    let section = |n: u8| {
        let entry = token(n).entry();
        format!("[callers.c{n}]\ntoken_sha256 = [\"{entry}\"]\npolicies = [\"*\"]\n")
    };
    let mut world = World::with(|config| with_file(&path, &section(1), config)).await;
    let requested = Arc::new(Notify::new());
    world.service.watch(Arc::clone(&requested));
    let codes = async || {
        let mut codes = Vec::new();
        for n in [1, 2] {
            let answer = ask(
                &world,
                Some(&bearer(n)),
                check_request("front-door", "fresh"),
            )
            .await;
            codes.push(answer.map_or_else(|status| status.code(), |()| Code::Ok));
        }
        codes
    };
    let (ok, refused) = (Code::Ok, Code::Unauthenticated);
    assert_eq!(codes().await, [ok, refused]);
    for (text, expected, failed) in [
        (section(1) + &section(2), [ok, ok], 0),
        ("[callers.c1".to_owned(), [ok, ok], 1),
        (section(2) + "[callers.c3]\npolicy = []\n", [ok, ok], 1),
        (section(2) + "[log]\nlevel = \"debug\"\n", [refused, ok], 0),
        (String::new(), [refused, refused], 0),
        (section(1), [ok, refused], 0),
    ] {
        let before = codes().await;
        fs::write(&path, &text).unwrap();
        requested.notify_one();
        if expected
            .iter()
            .zip(&before)
            .any(|(now, before)| *now == refused && *before == ok)
        {
            until("a caller that left is held", async || {
                let (_, ready) = world.get_json("/readyz").await;
                ready["callers"]["held"] != serde_json::json!([])
            })
            .await;
            let all_are_in = before
                .iter()
                .zip(codes().await)
                .all(|(before, now)| *before != ok || now == ok);
            assert!(all_are_in, "{text}");
            world.clock.advance(HELD_FOR);
            requested.notify_one();
        }
        let gauge = format!("\nverigate_callers_reload_failed {failed}\n");
        until(&format!("in force: {text}"), async || {
            codes().await == expected && world.metrics().await.contains(&gauge)
        })
        .await;
    }
    fs::remove_file(&path).unwrap();
    requested.notify_one();
    until("the failure shows", async || {
        let (status, ready) = world.get_json("/readyz").await;
        status == 200 && ready["callers"]["reload_failure"].is_string()
    })
    .await;
    assert_eq!(codes().await, [ok, refused]);
}

#[tokio::test]
async fn a_file_that_is_empty_while_it_is_written_refuses_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("verigate.toml");
    let entry = token(1).entry();
    let section = format!("[callers.c1]\ntoken_sha256 = [\"{entry}\"]\npolicies = [\"*\"]\n");
    let mut world = World::with(|config| with_file(&path, &section, config)).await;
    let requested = Arc::new(Notify::new());
    world.service.watch(Arc::clone(&requested));
    let held = async || world.get_json("/readyz").await.1["callers"]["held"].clone();
    for begun in ["", "# callers\n", "[log]\nlevel = \"info\"\n"] {
        fs::write(&path, begun).unwrap();
        requested.notify_one();
        until("the caller is held", async || {
            held().await == serde_json::json!(["c1"])
        })
        .await;
        world
            .clock
            .advance(HELD_FOR.saturating_sub(Duration::from_millis(1)));
        requested.notify_one();
        let call = check_request("front-door", "fresh");
        ask(&world, Some(&bearer(1)), call).await.unwrap();
        fs::write(&path, &section).unwrap();
        requested.notify_one();
        until("it is in the file again", async || {
            held().await == serde_json::json!([])
        })
        .await;
        let metrics = world.metrics().await;
        assert!(metrics.contains("\nverigate_callers 1\n"), "{metrics}");
        assert!(
            metrics.contains("\nverigate_callers_reloads_total 0\n"),
            "{metrics}"
        );
    }
}

#[tokio::test]
async fn keys_that_cannot_be_used_are_reported_with_their_setting_and_its_line_and_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("verigate.toml");
    let entry = token(1).entry();
    let text = format!("[callers.c1]\ntoken_sha256 = [\"{entry}\"]\npolicies = [\"*\"]\n");
    let mut world = World::with(|config| with_file(&path, &text, config)).await;
    let requested = Arc::new(Notify::new());
    world.service.watch(Arc::clone(&requested));
    let keys = folder.path().join("jwks.json");
    fs::write(&keys, r#"{"keys":[{"kty":"oct","k":"AA"}]}"#).unwrap();
    let jwt = format!(
        "jwt = {{ issuer = \"https://id.example.com\", audience = \"a\", jwks_file = \"{}\", subjects = [\"s\"] }}\n",
        keys.display()
    );
    fs::write(&path, format!("{text}{jwt}")).unwrap();
    requested.notify_one();
    until("the keys are refused", async || {
        let (_, ready) = world.get_json("/readyz").await;
        ready["callers"]["reload_failure"].is_string()
    })
    .await;
    let (_, ready) = world.get_json("/readyz").await;
    let failure = ready["callers"]["reload_failure"].as_str().unwrap();
    let place = format!("{}:4:", path.display());
    for expected in [
        &*place,
        "callers.c1.jwt.jwks_file: ",
        "none of its 1 keys can be used",
    ] {
        assert_eq!(
            failure.matches(expected).count(),
            1,
            "{expected}: {failure}"
        );
    }
}
