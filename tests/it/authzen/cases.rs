//! The cases of the certification and of the text of the standard, as `tests/authzen` has them: each is a request over a real socket, with TLS as
//! the standard demands, and what its answer must be.

use std::{collections::BTreeSet, fs, path::Path};

use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use tempfile::TempDir;
use verigate::config::Config;

use super::{configure, with_policies};
use crate::{
    callers::{caller, listeners::http_client},
    tls::Files,
    world::World,
};

const CAST: &str = "\
people:
  ada: { identity_id: id-ada, full_name: Ada Example }
verifications:
  alice: { person: ada, verified_ago: 10d }
  bob: { person: ada, verified_ago: 60d }
";
const POLICIES: &str = "\
version: 1
policies:
  read: { require: [{ verified_within: 365d }] }
  write:
    require:
      - any_of:
          - attribute: { name: subject.role, in: [admin] }
          - all_of:
              - verified_within: 30d
              - attribute: { name: resource.status, not_in: [archived], if_absent: holds }
  delete: { require: [{ attribute: { name: action.soft, in: ['true'] } }] }
";
const PUBLIC: &str = "https://pdp.example.com";

/// How the service is set up for a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Setting {
    Plain,
    Callers,
    Tenant,
    NoUrl,
}

impl Setting {
    const ALL: [Self; 4] = [Self::Plain, Self::Callers, Self::Tenant, Self::NoUrl];

    fn of(case: &Value) -> Self {
        let named = |world: &Self| match world {
            Self::Plain => case["world"].is_null(),
            Self::Callers => case["world"] == "callers",
            Self::Tenant => case["world"] == "tenant",
            Self::NoUrl => case["world"] == "no-url",
        };
        Self::ALL.into_iter().find(named).unwrap()
    }

    fn url(self) -> Option<String> {
        match self {
            Self::Plain | Self::Callers => Some(PUBLIC.to_owned()),
            Self::Tenant => Some(format!("{PUBLIC}/tenant1")),
            Self::NoUrl => None,
        }
    }

    fn adjust(self, folder: &Path, config: &mut Config) {
        with_policies(folder, POLICIES, config);
        let url = self
            .url()
            .map(|url| format!("[http]\npublic_url = \"{url}\"\n"));
        let url = url.unwrap_or_default();
        configure(
            config,
            &format!("{url}[authzen]\nsubject_types = [\"user\"]\n"),
        );
        if self == Self::Callers {
            config.callers = vec![caller(1, "gateway", &["*"], &[], false)];
        }
    }
}

/// A service with TLS, and a client that trusts it.
async fn served(setting: Setting) -> (World, Client, Files, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::new();
    let world = World::of(CAST, |config| {
        setting.adjust(folder.path(), config);
        config.tls.http = Some(files.server("http.tls"));
    })
    .await;
    let client = http_client(&files, None);
    (world, client, files, folder)
}

fn all() -> Vec<Value> {
    rows("cases")
}

fn rows(file: &str) -> Vec<Value> {
    let text = fs::read_to_string(format!("tests/authzen/{file}.jsonl")).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

async fn send(world: &World, client: &Client, case: &Value) -> Response {
    let method: Method = case["method"].as_str().unwrap().parse().unwrap();
    let address = format!(
        "https://{}{}",
        world.http_address(),
        case["path"].as_str().unwrap()
    );
    let mut request = client.request(method.clone(), address);
    let headers = case["headers"].as_object().cloned().unwrap_or_default();
    if method == Method::POST && !headers.contains_key("content-type") {
        request = request.header("content-type", "application/json");
    }
    for (name, value) in &headers {
        // `null`: the header is not sent.
        if let Some(value) = value.as_str() {
            request = request.header(name, value);
        }
    }
    match (case["text"].as_str(), case.get("body")) {
        (Some(text), _) => request = request.body(text.to_owned()),
        (None, Some(body)) => request = request.body(body.to_string()),
        (None, None) => {}
    }
    request.send().await.unwrap()
}

/// What is wrong with the answer to a case.
async fn mistakes(response: Response, case: &Value, url: Option<&str>) -> Vec<String> {
    let want = &case["want"];
    let mut wrong = Vec::new();
    let mut check = |holds: bool, what: String| {
        if !holds {
            wrong.push(what);
        }
    };
    let status = response.status().as_u16();
    check(
        u64::from(status) == want["status"],
        format!("status {status}"),
    );
    let headers = response.headers().clone();
    let shown = |name: &str| headers.get(name).map(|v| v.to_str().unwrap().to_owned());
    for (name, value) in want["headers"].as_object().into_iter().flatten() {
        check(
            shown(name).as_deref() == value.as_str(),
            format!("header {name}"),
        );
    }
    for name in want["has_headers"].as_array().into_iter().flatten() {
        check(
            shown(name.as_str().unwrap()).is_some(),
            format!("no header {name}"),
        );
    }
    let body = response.text().await.unwrap();
    if status != 200 {
        return wrong;
    }
    check(
        shown("content-type").as_deref() == Some("application/json"),
        "content type".to_owned(),
    );
    let Ok(body) = serde_json::from_str::<Value>(&body) else {
        return vec![format!("not JSON: {body}")];
    };
    answers(&body, want, &mut check);
    members(&body, want, url, &mut check);
    wrong
}

/// Checks decisions, and that every answer has its form.
fn answers(body: &Value, want: &Value, check: &mut impl FnMut(bool, String)) {
    if let Some(decision) = want.get("decision") {
        check(body["decision"] == *decision, format!("{body}"));
    }
    let several = body["evaluations"].as_array();
    if let Some(decisions) = want["decisions"].as_array() {
        let found: Vec<Value> = several
            .into_iter()
            .flatten()
            .map(|one| one["decision"].clone())
            .collect();
        check(found == *decisions, format!("{found:?}"));
    }
    if let Some(count) = want["count"].as_u64() {
        check(
            several.map(Vec::len) == usize::try_from(count).ok(),
            format!("{body}"),
        );
    }
    let all = several.map_or_else(|| vec![body], |several| several.iter().collect());
    let is_discovery = body.get("policy_decision_point").is_some();
    for one in all.into_iter().filter(|_| !is_discovery) {
        check(one["decision"].is_boolean(), format!("no decision: {one}"));
        check(
            one.get("context").is_none_or(Value::is_object),
            format!("context: {one}"),
        );
    }
    for name in want["absent"].as_array().into_iter().flatten() {
        check(
            body.get(name.as_str().unwrap()).is_none(),
            format!("has {name}"),
        );
    }
}

/// Checks the metadata.
fn members(body: &Value, want: &Value, url: Option<&str>, check: &mut impl FnMut(bool, String)) {
    for (name, value) in want["members"].as_object().into_iter().flatten() {
        let value = if value == "PUBLIC" {
            json!(url)
        } else {
            value.clone()
        };
        check(body[name] == value, format!("{name} of {body}"));
    }
    let is_https = |value: &Value| {
        value
            .as_str()
            .is_some_and(|url| url.starts_with("https://"))
    };
    for name in want["https"].as_array().into_iter().flatten() {
        check(
            is_https(&body[name.as_str().unwrap()]),
            format!("{name} of {body}"),
        );
    }
    for name in want["https_if_there"].as_array().into_iter().flatten() {
        let value = body.get(name.as_str().unwrap());
        check(value.is_none_or(is_https), format!("{name} of {body}"));
    }
    for (name, value) in body.as_object().into_iter().flatten() {
        let is_empty = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
        check(!is_empty, format!("{name} has no value"));
    }
}

#[tokio::test]
async fn every_case_of_the_certification_and_of_the_standard_is_answered_as_it_says() {
    let cases = all();
    let mut tried = 0;
    let mut wrong = Vec::new();
    for setting in Setting::ALL {
        let (world, client, _files, _folder) = served(setting).await;
        for case in cases.iter().filter(|case| Setting::of(case) == setting) {
            for _ in 0..case["times"].as_u64().unwrap_or(1) {
                let response = send(&world, &client, case).await;
                let found = mistakes(response, case, setting.url().as_deref()).await;
                wrong.extend(
                    found
                        .into_iter()
                        .map(|what| format!("{}: {what}", case["id"])),
                );
            }
            tried += 1;
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    // Of each level, and all of them.
    assert_eq!((tried, cases.len()), (73, 73));
    for level in [
        "basic-core",
        "basic-properties",
        "batch-core",
        "batch-properties",
        "discovery",
        "specification",
    ] {
        assert!(cases.iter().any(|case| case["set"] == level), "{level}");
    }
}

#[tokio::test]
async fn the_name_of_a_request_comes_back_on_every_answer() {
    let (world, client, _files, _folder) = served(Setting::Callers).await;
    let (open, open_client, _open_files, _open_folder) = served(Setting::Plain).await;
    for case in all() {
        if case["headers"].get("x-request-id").is_some() || case["method"] != "POST" {
            continue;
        }
        for (world, client) in [(&world, &client), (&open, &open_client)] {
            let mut named = case.clone();
            named["headers"]["x-request-id"] = json!("r-\"7\"/\\~");
            let response = send(world, client, &named).await;
            let id = response
                .headers()
                .get("x-request-id")
                .map(|id| id.as_bytes().to_owned());
            assert_eq!(id.as_deref(), Some(&b"r-\"7\"/\\~"[..]), "{}", case["id"]);
        }
    }
}

/// The cases that are no request of their own, or of which several requests are one: each is shown by tests of ours, or skipped with a reason.
#[test]
fn every_other_case_is_shown_by_a_test_or_skipped_with_a_reason() {
    let others = rows("others");
    let (mut skipped, mut shown) = (0, 0);
    for case in &others {
        let id = &case["id"];
        match (case["skipped"].as_str(), case["shown_by"].as_array()) {
            (Some(reason), None) => {
                assert!(reason.len() > 20, "{id}");
                skipped += 1;
            }
            (None, Some(by)) if !by.is_empty() => {
                for test in by {
                    let (file, name) = test.as_str().unwrap().split_once(' ').unwrap();
                    let text = fs::read_to_string(file).unwrap();
                    assert!(text.contains(&format!("fn {name}(")), "{id}: {test}");
                }
                shown += 1;
            }
            neither => panic!("{id}: {neither:?}"),
        }
    }
    // 26 cases of the certification and the vectors of a provider, which are all about searches; and the rest of the 120 cases.
    assert_eq!((skipped, shown), (27, 21));
    let ids: BTreeSet<String> = [all(), others]
        .concat()
        .iter()
        .map(|case| case["id"].to_string())
        .collect();
    assert_eq!(ids.len(), 121);
}
