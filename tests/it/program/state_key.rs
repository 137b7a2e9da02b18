//! The key of the page for step-ups is replaced while the service runs: each step of it refuses nobody who has something from before.

#![expect(clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;

use reqwest::{Client, redirect::Policy};
use verigate::{
    policy::after,
    signatures::{Purpose, SigningKeys, Transfer},
};

use super::*;

const OLD: &str = "the-old-key-of-states-in-the-tests";
const NEW: &str = "the-new-key-of-states-in-the-tests";

fn client() -> Client {
    Client::builder().redirect(Policy::none()).build().unwrap()
}

fn keys(key: &str) -> Arc<SigningKeys> {
    Arc::new(SigningKeys::new(&key.into(), None))
}

/// Whether what this key has signed is accepted.
async fn accepts(program: &Program, key: &str) -> bool {
    let transfer = keys(key).transfer(&Transfer {
        hand_on: "x".into(),
        original_url: "http://localhost/door".into(),
        expires_at: after(SystemClock.now(), Duration::from_mins(1)),
    });
    let url = format!("{}/.verigate/hand-on?transfer={transfer}", program.http);
    let request = client()
        .get(url)
        .header("x-forwarded-proto", "http")
        .header("x-forwarded-host", "localhost");
    match request.send().await.unwrap().status().as_u16() {
        303 => true,
        403 => false,
        other => panic!("{other}"),
    }
}

/// Whether this key signs.
async fn signs(program: &Program, key: &str) -> bool {
    let request = || {
        client()
            .get(format!("{}/check/front-door?profile=browser", program.http))
            .header("accept", "text/html")
            .header("x-verification-id", "ada-month-old")
            .header("x-forwarded-proto", "http")
            .header("x-forwarded-host", "localhost")
            .header("x-forwarded-uri", "/door")
    };
    let mut sent = request().send().await.unwrap();
    // While the vendor is asked for the first time.
    while sent.status() == 503 {
        sent = request().send().await.unwrap();
    }
    let location = sent.headers()["location"].to_str().unwrap();
    let (_, state) = location.split_once("?state=").unwrap();
    keys(key).verify(Purpose::State, state, 8192).is_some()
}

#[tokio::test]
async fn the_key_of_states_is_replaced_by_a_signal_without_refusing_anybody() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let write = |name: &str, key: &str| fs::write(file(name), key).unwrap();
    write("current", OLD);
    write("previous", OLD);
    let config = format!(
        "[forward_auth]\nreturn_hosts = ['localhost']\n[webhook]\nsecret = 'a-secret-of-webhooks'\n\
         [step_up]\nhand_on = true\nstate_key_file = '{}'\nprevious_state_key_file = '{}'\n",
        file("current").display(),
        file("previous").display()
    );
    let start = Start::with(config, crate::world::POLICIES);
    let public = "export VERIGATE_HTTP__PUBLIC_URL=http://127.0.0.1:1";
    let program = Program::start(start.after(public.to_owned())).await;
    assert!(accepts(&program, OLD).await && !accepts(&program, NEW).await);
    assert!(signs(&program, OLD).await);
    // A file that cannot be used changes nothing.
    write("current", "short");
    program.process.signal("-HUP");
    let program = program.until_logged("credentials_reload_failed").await;
    assert!(accepts(&program, OLD).await && signs(&program, OLD).await);
    write("current", OLD);
    // Both are accepted, and the old one signs; then the new one does; and then the old one is not accepted any more.
    write("previous", NEW);
    program.process.signal("-HUP");
    until("the new key is accepted", async || {
        accepts(&program, NEW).await
    })
    .await;
    assert!(accepts(&program, OLD).await && signs(&program, OLD).await);
    write("current", NEW);
    write("previous", OLD);
    program.process.signal("-HUP");
    until("the new key signs", async || signs(&program, NEW).await).await;
    until("the old one is accepted", async || {
        accepts(&program, OLD).await
    })
    .await;
    assert!(accepts(&program, NEW).await && !signs(&program, OLD).await);
    write("previous", NEW);
    program.process.signal("-HUP");
    until("the old one is refused", async || {
        !accepts(&program, OLD).await
    })
    .await;
    assert!(accepts(&program, NEW).await && signs(&program, NEW).await);
    program.stop().await;
}
