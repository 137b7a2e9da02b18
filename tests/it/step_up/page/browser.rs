//! The page in headless Chromium: the loop with script and without, by the keyboard, and what axe finds on every state.

use std::{
    env,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
};

use axum::{
    Router,
    extract::{Path as Verification, State},
    http::header::LOCATION,
    response::{IntoResponse as _, Response as AppResponse},
    routing::get,
};
use serde_json::{Value, json};
use tokio::net::TcpListener as AppListener;
use verigate::gateway::ReturnHosts;

use super::*;
use crate::{gateways::browser::chromium, operations::skip};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The folder for pictures, if somebody wants them.
#[expect(
    clippy::disallowed_methods,
    reason = "only who runs the test knows the folder"
)]
fn shots() -> Option<PathBuf> {
    env::var_os("VERIGATE_PAGE_SHOTS").map(PathBuf::from)
}

/// An application behind a gateway that passes on what the service answers: `/door/VERIFICATION`.
async fn application(service: std::net::SocketAddr, listener: AppListener) {
    let host = listener.local_addr().unwrap().to_string();
    let app = Router::new()
        .route("/door/{verification}", get(door))
        .with_state(Arc::new((service, host)));
    axum::serve(listener, app).await.unwrap();
}

async fn door(
    State(known): State<Arc<(std::net::SocketAddr, String)>>,
    Verification(verification): Verification<String>,
) -> AppResponse {
    let (service, host) = &*known;
    let answer = client()
        .get(format!("http://{service}/check/front-door?profile=browser"))
        .header("accept", "text/html")
        .header("x-verification-id", &verification)
        .header("x-forwarded-proto", "http")
        .header("x-forwarded-host", host)
        .header("x-forwarded-uri", format!("/door/{verification}"))
        .send();
    let answer = answer.await.unwrap();
    match answer.status().as_u16() {
        200 => "welcome to the door".into_response(),
        302 => {
            let to = shown(&answer, "location").to_owned();
            (answer.status(), [(LOCATION, to)]).into_response()
        }
        _ => (answer.status(), "no access").into_response(),
    }
}

/// The address of the page to which somebody is sent from the application.
async fn sent_from(application: &str, verification: &str) -> String {
    let answer = client()
        .get(format!("{application}/door/{verification}"))
        .send();
    shown(&answer.await.unwrap(), "location").to_owned()
}

/// Runs the script, and returns what it saw.
fn drive(todo: &Value) -> Value {
    let mut script = Command::new("node")
        .arg(Path::new(ROOT).join("tests/clients/page.mjs"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = script.stdin.take().unwrap();
    stdin.write_all(todo.to_string().as_bytes()).unwrap();
    drop(stdin);
    let output = script.wait_with_output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    serde_json::from_slice(&output.stdout).expect(&error)
}

/// Addresses of pages that are seen when something is not as it should be, and a text that each shows.
async fn others(world: &World, application: &str) -> Value {
    let base = format!("http://{}/step-up/", world.http_address());
    let expired = sent_from(application, "month-old").await;
    world.clock.advance(Duration::from_mins(15));
    // Somebody else has verified.
    let mut browser = Browser::default();
    let url = sent_from(application, "bens-try").await;
    let link = browser.link(&url, "ben@example.com").await;
    open(&link, "").await;
    until_shown(&mut browser, &url, "was received").await;
    let in_vain = sent_from(application, "bens-try").await;
    json!({
        "invalid": [format!("{base}?state=x"), "cannot be shown"],
        "expired": [expired, "has expired"],
        "in-vain": [in_vain, "does not suffice"],
        "returned": [format!("{base}return"), "close this page"],
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_goes_the_whole_way_with_and_without_script_and_axe_finds_nothing() {
    let modules = Path::new(ROOT).join("target/clients/js");
    let Some(chromium) = chromium() else {
        return skip("chromium is not installed: .ci/run installs it");
    };
    if !modules.join("node_modules/axe-core").exists() {
        return skip("axe-core is not installed: tests/clients/install does it");
    }
    let listener = AppListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let hosts = ReturnHosts::parse([host.as_str()]).unwrap();
    let world = world_with(|config| config.forward_auth.gateway.return_hosts = hosts).await;
    let application_runs = tokio::spawn(application(world.http_address(), listener));
    let application = format!("http://{host}");
    let todo = json!({
        "chromium": chromium,
        "modules": modules,
        // For those who want to look at the pictures.
        "shots": shots(),
        "timeout": 120_000,
        "others": others(&world, &application).await,
        "withScript": format!("{application}/door/month-old"),
        "withoutScript": format!("{application}/door/months-old"),
        "states": format!("{application}/door/looked-at"),
    });
    let seen = tokio::task::spawn_blocking(move || drive(&todo))
        .await
        .unwrap();
    assert_eq!(
        seen["loops"]["withScript"],
        format!("{application}/door/month-old")
    );
    assert_eq!(
        seen["loops"]["withoutScript"],
        format!("{application}/door/months-old")
    );
    assert_eq!(seen["violations"], json!({}));
    assert_eq!(seen["overflow"], json!([]), "wider than the screen");
    let checked = seen["checked"].as_object().unwrap();
    assert_eq!(checked.len(), 9, "{checked:?}");
    assert!(
        checked.values().all(|rules| rules.as_u64() > Some(20)),
        "{checked:?}"
    );
    application_runs.abort();
}
