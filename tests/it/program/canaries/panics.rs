//! Panics that quote a secret: the log has their place, and not their text.

use std::{panic::panic_any, sync::Arc, thread};

use tokio::{runtime::Handle, task::spawn_blocking};
use tracing::Level;
use verigate::{
    clock::SystemClock,
    deps::Deps,
    telemetry::{self, LogConfig, TraceConfig},
};

use super::{
    super::*,
    planted::{API_KEY, CONTROL, CONTROL_TEXT, Canaries, SECRET},
};

/// Set for the process that panics: `ours` logs as the program does, `plain` as every program of Rust.
const HOOK: &str = "VERIGATE_TEST_PANICS";
const NAME: &str =
    "program::canaries::panics::a_panic_that_quotes_a_secret_is_logged_without_its_text";

/// Panics in every way in which a text gets into one, wherever something runs.
#[expect(
    clippy::panic,
    clippy::unnecessary_literal_unwrap,
    reason = "the ways in which a text gets into a panic"
)]
async fn panic_everywhere() {
    let quoted = format!("`{API_KEY}` and {SECRET}");
    let ways: [fn(String); 5] = [
        |quoted| panic!("{quoted}"),
        |quoted| panic_any(quoted),
        |quoted| Err::<(), _>(quoted).unwrap(),
        |quoted| None::<()>.expect(&quoted),
        |quoted| assert_eq!(quoted, "another text"),
    ];
    let deps = Deps::new(Arc::new(SystemClock));
    for way in ways {
        let texts = [(); 4].map(|()| quoted.clone());
        let [thread, blocking, task, own] = texts;
        assert!(thread::spawn(move || way(thread)).join().is_err());
        assert!(spawn_blocking(move || way(blocking)).await.is_err());
        assert!(tokio::spawn(async move { way(task) }).await.is_err());
        let (ended, waits) = tokio::sync::oneshot::channel::<()>();
        let _task = deps.start(async move {
            let _held = ended;
            way(own);
        });
        assert!(waits.await.is_err());
    }
    // A text that is in the source is in the log.
    let constant = tokio::spawn(async { panic!("qzcontrol") });
    assert!(constant.await.is_err());
}

/// Runs this test again in a process of its own; what it says.
fn run(hook: &str) -> String {
    let this = std::env::current_exe().unwrap();
    let output = Command::new(this)
        .args(["--exact", NAME, "--nocapture", "--test-threads", "1"])
        .env(HOOK, hook)
        .output()
        .unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}"
    );
    said
}

#[expect(
    clippy::disallowed_methods,
    reason = "this test says to the process that it starts what to do"
)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_that_quotes_a_secret_is_logged_without_its_text() {
    match std::env::var(HOOK).as_deref() {
        Ok("ours") => {
            let log = LogConfig {
                level: Level::TRACE,
                json: true,
            };
            let clock = Arc::new(SystemClock);
            let trace = TraceConfig {
                otlp_endpoint: None,
                sample: 1.0,
            };
            let telemetry =
                telemetry::start(log, false, &trace, &Handle::current(), clock).unwrap();
            panic_everywhere().await;
            telemetry.flush().await;
        }
        Ok(_) => panic_everywhere().await,
        Err(_) => {
            let canaries = Canaries::chosen();
            let said = run("ours");
            assert_eq!(said.matches("\"panicked\"").count(), 21, "{said}");
            assert_eq!(canaries.found(&said), [CONTROL], "{said}");
            assert!(said.contains(CONTROL_TEXT));
            // Without our hook all of it is found.
            let said = run("plain");
            assert_eq!(canaries.found(&said), [CONTROL, "api key", "secret"]);
        }
    }
}
