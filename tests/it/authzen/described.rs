//! `docs/openapi.yaml` describes the decision listener, and schemathesis finds no answer that it does not: by valid and invalid requests that it
//! makes from the description alone.

use std::{
    path::Path,
    process::{Command, Output, Stdio},
};

use tokio::task::spawn_blocking;

use super::{ALL, POLICIES, configure, token, with_policies};
use crate::{callers::caller, operations::skip, world::World};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const DESCRIPTION: &str = "docs/openapi.yaml";

/// Runs schemathesis with these options; `None` if it is not installed.
async fn run(world: &World, options: &[&str]) -> Option<Output> {
    let program = Path::new(ROOT).join("target/clients/py/bin/st");
    if !program.exists() {
        skip("schemathesis is not installed: run tests/clients/install");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(program);
    let url = format!("http://{}", world.http_address());
    command
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .env("HYPOTHESIS_STORAGE_DIRECTORY", folder.path())
        .args([
            "run",
            "--url",
            &url,
            "--no-color",
            "--seed",
            "7",
            "--max-examples",
            "40",
        ])
        .args([
            "--phases",
            "examples,coverage,fuzzing",
            "--suppress-health-check",
            "all",
        ])
        .args([
            "--header",
            &format!("Authorization: Bearer {}", token(1).reveal()),
        ])
        .args(options)
        .arg(Path::new(ROOT).join(DESCRIPTION));
    let ran = spawn_blocking(move || command.output().unwrap());
    Some(ran.await.unwrap())
}

/// The same, of paths that are off by default.
async fn passes(world: &World, path: &str, excluded: &str) {
    let options = ["--include-path-regex", path, "--exclude-checks", excluded];
    let Some(output) = run(world, &options).await else {
        return;
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{path}\n{text}\n{errors}");
    assert!(text.contains("Test cases"), "{text}");
}

/// Access requests are on, and their caller may make them.
async fn access_requests() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::with(|config| {
        with_policies(folder.path(), POLICIES, config);
        configure(
            config,
            "[http]\npublic_url = \"https://pdp.example.org\"\n[step_up]\nfollow_successors = true\n[authzen]\naccess_requests = true\n",
        );
        config.callers = vec![caller(1, "gateway", &["*"], &ALL, true)];
    })
    .await;
    // Nobody can make a denial or a task from the description alone: what is valid by it is refused as bound to none.
    let excluded = "ensure_resource_availability,positive_data_acceptance";
    passes(&world, "^/access/v1/access-requests", excluded).await;
    assert_eq!(world.calls().link, 0);
}

/// There is a page, and it hands on.
async fn page() {
    let world = crate::step_up::page::world_with(|config| {
        config.step_up.page.as_mut().unwrap().hand_on = Some(std::time::Duration::from_hours(1));
    })
    .await;
    // Nor a state: every one is refused with a page.
    let excluded = "positive_data_acceptance,ensure_resource_availability,unsupported_method";
    passes(&world, "^/(step-up/|.verigate/)", excluded).await;
    assert_eq!(world.calls().link, 0);
}

#[tokio::test]
async fn schemathesis_finds_no_answer_that_is_not_described() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::with(|config| {
        with_policies(folder.path(), POLICIES, config);
        configure(config, "[http]\npublic_url = \"https://pdp.example.org\"\n");
        config.callers = vec![caller(1, "gateway", &["*"], &ALL, false)];
    })
    .await;
    // To any method, a check is answered alike; and a header that is no id is refused as the id of nobody, with 403.
    for (path, excluded) in [
        ("^/(access/v1/evaluations?$|.well-known/)", "ensure_resource_availability"),
        ("^/check/", "unsupported_method,negative_data_rejection"),
    ] {
        let options = ["--include-path-regex", path, "--exclude-checks", excluded];
        let Some(output) = run(&world, &options).await else {
            return;
        };
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{path}\n{text}\n{errors}");
        assert!(text.contains("Test cases"), "{text}");
    }
    access_requests().await;
    page().await;
    // What it has asked was answered, both ways.
    let metrics = world.metrics().await;
    for outcome in ["malformed", "bad_policy_name", "deny"] {
        let none = format!("verigate_authzen_evaluations_total{{outcome=\"{outcome}\"}} 0");
        assert!(!metrics.contains(&none), "{outcome}");
    }
}
