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
        ("^/(access|.well-known)/", "ensure_resource_availability"),
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
    // What it has asked was answered, both ways.
    let metrics = world.metrics().await;
    for outcome in ["malformed", "bad_policy_name", "deny"] {
        let none = format!("verigate_authzen_evaluations_total{{outcome=\"{outcome}\"}} 0");
        assert!(!metrics.contains(&none), "{outcome}");
    }
}
