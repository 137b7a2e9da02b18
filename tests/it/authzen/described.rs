//! `docs/openapi.yaml` describes every route of HTTP, and schemathesis finds no answer that it does not: by valid and invalid requests that it
//! makes from the description alone.

use std::{
    collections::BTreeSet,
    fs,
    net::SocketAddr,
    path::Path,
    process::{Command, Output, Stdio},
};

use tokio::task::spawn_blocking;

use super::{ALL, POLICIES, configure, token, with_policies};
use crate::{
    callers::caller,
    components::skip,
    webhook::{HEADER, SECRET, terms},
    world::World,
};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const DESCRIPTION: &str = "docs/openapi.yaml";

/// Runs schemathesis against this listener with these options; `None` if it is not installed.
async fn run(listener: SocketAddr, options: &[&str]) -> Option<Output> {
    let program = Path::new(ROOT).join("target/clients/py/bin/st");
    if !program.exists() {
        skip("schemathesis is not installed: run tests/clients/install");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(program);
    let url = format!("http://{listener}");
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

/// The same, of these paths. Whether it is installed.
async fn passes(listener: SocketAddr, path: &str, excluded: &str, more: &[&str]) -> bool {
    let options = ["--include-path-regex", path, "--exclude-checks", excluded];
    let Some(output) = run(listener, &[&options, more].concat()).await else {
        return false;
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{path}\n{text}\n{errors}");
    assert!(text.contains("Test cases"), "{text}");
    true
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
    let listener = world.http_address();
    passes(listener, "^/access/v1/access-requests", excluded, &[]).await;
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
    let listener = world.http_address();
    passes(listener, "^/(step-up/|.verigate/)", excluded, &[]).await;
    assert_eq!(world.calls().link, 0);
}

/// What the vendor sends, and what operators see, each on its listener.
async fn webhooks_and_operators() {
    let world = World::with(|config| config.webhook = Some(terms())).await;
    let secret = ["--header", &format!("{HEADER}: {SECRET}")];
    let excluded = "ensure_resource_availability";
    passes(world.http_address(), "^/webhooks/", excluded, &secret).await;
    // To its own machine the listener shows everything; and nobody knows a step-up from the description alone.
    let operators = "^/(livez|readyz|metrics|policies|step-ups/|admin/)";
    let excluded = "ensure_resource_availability,positive_data_acceptance,ignored_auth";
    passes(world.admin_address(), operators, excluded, &[]).await;
}

/// Each path that stands in the code is one of the description, or another form of one.
#[test]
fn every_route_is_described() {
    let forms = [
        ("/check", "/check/{policy}"),
        ("/check/", "/check/{policy}"),
        ("/check/{*path}", "/check/{policy}/{rest}"),
        ("/step-up", "/step-up/"),
        ("/step-up/{*elsewhere}", "/step-up/"),
        ("/webhooks/incode/", "/webhooks/incode"),
    ];
    let text = fs::read_to_string(Path::new(ROOT).join(DESCRIPTION)).unwrap();
    let described: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.strip_suffix(':'))
        .filter(|name| name.starts_with('/'))
        .collect();
    let mut routes = Vec::new();
    for file in ["forward_auth", "step_up_page", "webhook", "admin"] {
        let code = fs::read_to_string(format!("{ROOT}/src/http/{file}.rs")).unwrap();
        let paths = code.split(".route(\"").skip(1);
        let paths = paths.map(|rest| rest.split('"').next().unwrap().to_owned());
        routes.extend(paths);
    }
    assert!(routes.len() > 12, "{routes:?}");
    for route in &routes {
        let form = forms.iter().find(|(form, _)| form == route);
        let path = form.map_or(route.as_str(), |(_, path)| path);
        assert!(described.contains(path), "{route}");
    }
    // The paths of these are made of constants.
    for path in [
        verigate::gateway::HAND_ON_PATH,
        "/.well-known/authzen-configuration",
        "/access/v1/evaluation",
        "/access/v1/evaluations",
        "/access/v1/access-requests",
        "/access/v1/access-requests/{task}",
    ] {
        assert!(described.contains(path), "{path}");
    }
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
        (
            "^/(access/v1/evaluations?$|.well-known/)",
            "ensure_resource_availability",
        ),
        ("^/check/", "unsupported_method,negative_data_rejection"),
    ] {
        if !passes(world.http_address(), path, excluded, &[]).await {
            return;
        }
    }
    access_requests().await;
    page().await;
    webhooks_and_operators().await;
    // What it has asked was answered, both ways.
    let metrics = world.metrics().await;
    for outcome in ["malformed", "bad_policy_name", "deny"] {
        let none = format!("verigate_authzen_evaluations_total{{outcome=\"{outcome}\"}} 0");
        assert!(!metrics.contains(&none), "{outcome}");
    }
}
