//! The files with credentials are read again on SIGHUP, and after the vendor's refusal.

use verigate::secrets::SecretFile;

use super::*;
use crate::world::{World, gist};

fn any(secret: &str) -> Result<(), String> {
    if secret.is_empty() {
        return Err("is empty".to_owned());
    }
    Ok(())
}

#[tokio::test]
async fn a_key_that_was_replaced_is_read_after_a_refusal_without_a_signal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    fs::write(&path, "old-key-of-the-tests").unwrap();
    let world = World::with(|config| {
        let file = SecretFile {
            setting: "incode.api_key_file".to_owned(),
            path: path.clone(),
            check: any,
        };
        config.incode.api_key = file.read().unwrap();
    })
    .await;
    fs::write(&path, format!("{}\n", Credentials::default().api_key)).unwrap();
    let answer = world.check("front-door", "fresh").await;
    assert_eq!(gist(&answer), "ALLOW");
    assert_eq!(world.calls().authorize, 2);
}

#[tokio::test]
async fn a_webhook_secret_that_was_replaced_is_read_after_a_refusal_but_not_after_each() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    fs::write(&path, "first-secret-of-the-tests").unwrap();
    let world = World::with(|config| {
        let file = SecretFile {
            setting: "webhook.secret_file".to_owned(),
            path: path.clone(),
            check: any,
        };
        config.webhook = Some(verigate::http::webhook::Config {
            header: "x-webhook-secret".parse().unwrap(),
            secret: file.read().unwrap(),
            previous_secret: None,
        });
    })
    .await;
    let hook = async |secret: &str| {
        let url = format!("http://{}/webhooks/incode", world.http_address());
        let request = reqwest::Client::new().post(url).body("{}");
        let sent = request.header("x-webhook-secret", secret).send().await;
        sent.unwrap().status().as_u16()
    };
    assert_eq!(hook("first-secret-of-the-tests").await, 204);
    fs::write(&path, "second-secret-of-the-tests").unwrap();
    assert_eq!(hook("second-secret-of-the-tests").await, 204);
    assert_eq!(hook("first-secret-of-the-tests").await, 401);
    fs::write(&path, "third-secret-of-the-tests").unwrap();
    assert_eq!(hook("third-secret-of-the-tests").await, 401);
    world.clock.advance(Duration::from_secs(10));
    assert_eq!(hook("third-secret-of-the-tests").await, 204);
}

#[tokio::test]
async fn credentials_are_read_again_on_a_signal_and_a_bad_file_keeps_the_old_ones() {
    let folder = tempfile::tempdir().unwrap();
    let (key, webhook) = (folder.path().join("key"), folder.path().join("webhook"));
    fs::write(&key, "wrong-key-of-the-tests").unwrap();
    fs::write(&webhook, "first-secret-of-the-tests").unwrap();
    let mut program = Program::start(Start {
        api_key: format!("api_key_file = '{}'", key.display()),
        config: format!("[webhook]\nsecret_file = '{}'\n", webhook.display()),
        ..Start::default()
    })
    .await;
    let hook = async |program: &Program, secret: &str| {
        let url = format!("{}/webhooks/incode", program.http);
        let request = reqwest::Client::new().post(url).body("{}");
        let sent = request.header("x-webhook-secret", secret).send().await;
        sent.unwrap().status().as_u16()
    };
    let degraded = program.check("ada-fresh").await.unwrap();
    assert!(degraded.degraded);
    assert_eq!(hook(&program, "first-secret-of-the-tests").await, 204);
    // Files that cannot be used change nothing.
    fs::write(&key, "").unwrap();
    fs::write(&webhook, "short").unwrap();
    program.process.signal("-HUP");
    for _ in 0..2 {
        program = program.until_logged("credentials_reload_failed").await;
    }
    assert_eq!(hook(&program, "first-secret-of-the-tests").await, 204);
    // Good ones are used at once, although the refusal is not ten seconds old.
    fs::write(&key, &Credentials::default().api_key).unwrap();
    fs::write(&webhook, "second-secret-of-the-tests").unwrap();
    program.process.signal("-HUP");
    for _ in 0..2 {
        program = program.until_logged("credentials_reloaded").await;
    }
    until("the new key is used", async || {
        !program.check("ada-fresh").await.unwrap().degraded
    })
    .await;
    assert_eq!(hook(&program, "second-secret-of-the-tests").await, 204);
    assert_eq!(hook(&program, "first-secret-of-the-tests").await, 401);
    let log = program.stop().await.join("\n");
    for secret in ["-of-the-tests", &Credentials::default().api_key, "short"] {
        assert!(!log.contains(secret), "{secret} is logged");
    }
}
