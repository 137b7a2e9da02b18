//! Real clients of gRPC by TLS: grpcio, grpc-js, connect-node and `buf curl`, where they are installed (`tests/clients/install`).

use std::{
    fs,
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
};

use serde_json::{Value, json};
use tokio::{sync::Notify, task::spawn_blocking};
use verigate::proto::DESCRIPTORS;

use super::{
    Files,
    callers::{caller, doors, token},
    pki::{Authority, Leaf},
};
use crate::{
    components::skip,
    world::{World, until},
};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const LIBRARIES: [&str; 3] = ["grpcio", "grpc-js", "connect-node"];
const ROTATIONS: usize = 20;

/// The folder of the clients; `None` if they are not installed.
pub fn installed() -> Option<PathBuf> {
    let folder = Path::new(ROOT).join("target/clients");
    if folder.join("installed").exists() {
        return Some(folder);
    }
    skip("the real clients are not installed: run tests/clients/install");
    None
}

/// Starts a client of this library, and sends it what to ask.
fn start(clients: &Path, library: &str, asked: &Value) -> Child {
    let scripts = Path::new(ROOT).join("tests/clients");
    let mut command = if library == "grpcio" {
        let mut command = Command::new(clients.join("py/bin/python"));
        command.arg(scripts.join("client.py"));
        command
    } else {
        let mut command = Command::new("node");
        command.args([&scripts.join("client.mjs"), Path::new(library)]);
        command.arg(clients.join("js"));
        command
    };
    let mut child = command
        // Handshakes that fail are expected.
        .envs([("GRPC_VERBOSITY", "NONE"), ("NODE_NO_WARNINGS", "1")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(child.stdin.as_mut().unwrap(), "{asked}").unwrap();
    child
}

/// What it has printed when it has ended.
async fn printed(mut child: Child) -> String {
    let read = spawn_blocking(move || {
        drop(child.stdin.take());
        let mut printed = String::new();
        let out = child.stdout.as_mut().unwrap();
        out.read_to_string(&mut printed).unwrap();
        assert!(child.wait().unwrap().success(), "{printed}");
        printed
    });
    read.await.unwrap()
}

/// A case for the clients, with its certificate in files.
fn case(
    files: &Files,
    world: &World,
    name: &str,
    leaf: Option<&Leaf>,
    token: Option<&str>,
) -> Value {
    files.write("server-ca.crt", &files.server_ca.pem());
    fs::write(files.path("access.binpb"), DESCRIPTORS).unwrap();
    let own = leaf.map(|leaf| {
        let (certificate, key) = (format!("{name}.crt"), format!("{name}.key"));
        files.write(&certificate, &leaf.chain);
        files.write(&key, &leaf.key);
        (files.path(&certificate), files.path(&key))
    });
    json!({
        "target": world.service.addresses.grpc.to_string(),
        "ca": files.path("server-ca.crt"),
        "descriptors": files.path("access.binpb"),
        "certificate": own.as_ref().map(|own| &own.0),
        "key": own.as_ref().map(|own| &own.1),
        "token": token,
    })
}

/// The results of these cases by a library.
async fn ask(clients: &Path, library: &str, cases: &[&Value]) -> Vec<String> {
    if library == "buf" {
        let mut results = Vec::new();
        for case in cases {
            results.push(ask_by_buf(clients, case).await);
        }
        return results;
    }
    let asked = json!({ "load": false, "cases": cases });
    let printed = printed(start(clients, library, &asked)).await;
    let results: Vec<String> = printed.lines().map(str::to_owned).collect();
    assert_eq!(results.len(), cases.len(), "{library}: {printed}");
    results
}

async fn ask_by_buf(clients: &Path, case: &Value) -> String {
    let text = |key: &str| case[key].as_str().map(str::to_owned);
    let url = format!(
        "https://{}/verigate.v1.AccessService/CheckAccess",
        text("target").unwrap()
    );
    let mut command = Command::new(clients.join("js/node_modules/.bin/buf"));
    command
        .args(["curl", "--protocol", "grpc", "--timeout", "5s"])
        .args(["--schema", &text("descriptors").unwrap()])
        .args(["--cacert", &text("ca").unwrap()])
        .args([
            "--data",
            r#"{"verificationId": "fresh", "policy": "front-door"}"#,
        ]);
    if let Some((certificate, key)) = text("certificate").zip(text("key")) {
        command.args(["--cert", &certificate, "--key", &key]);
    }
    if let Some(token) = text("token") {
        command.args(["--header", &format!("authorization: Bearer {token}")]);
    }
    command.arg(url);
    let output = spawn_blocking(move || command.output().unwrap());
    let output = output.await.unwrap();
    if output.status.success() {
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        let decision = answer["decision"].as_str().unwrap_or_default();
        return decision.trim_start_matches("DECISION_").to_owned();
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    match serde_json::from_str::<Value>(&said) {
        Ok(error) => error["code"].as_str().unwrap_or_default().to_uppercase(),
        Err(_) => said,
    }
}

#[tokio::test]
async fn real_clients_are_let_in_by_certificate_and_by_token_and_by_nothing_else() {
    let Some(clients) = installed() else { return };
    let files = Files::new();
    let mut badge = caller("badge");
    badge.tokens.push(token().entry());
    let (door, revoked) = (
        files.client_ca.client("spiffe://example.org/door/north"),
        files.client_ca.client("spiffe://example.org/door/south"),
    );
    files.write("ca.crl", &files.client_ca.list(&[&revoked]));
    let other = Authority::new("Other CA").client("spiffe://example.org/door/north");
    let nobody = files.client_ca.client("spiffe://example.org/cat/1");
    let world = super::callers::world(&files, vec![doors(), badge]).await;
    let case = |name, leaf, token| case(&files, &world, name, leaf, token);
    let (good, wrong) = (
        token(),
        "vg_aaaaaaaa_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    );
    let refused = [
        ("UNAUTHENTICATED", case("none", None, None)),
        ("UNAUTHENTICATED", case("wrong", None, Some(wrong))),
        ("UNAUTHENTICATED", case("nobody", Some(&nobody), None)),
        (
            "UNAUTHENTICATED",
            case("both", Some(&door), Some(good.reveal())),
        ),
        // Which code a library gives to a handshake that failed is its own.
        ("", case("other", Some(&other), None)),
        ("", case("other-token", Some(&other), Some(good.reveal()))),
        ("", case("revoked", Some(&revoked), None)),
    ];
    let accepted = [
        case("door", Some(&door), None),
        case("badge", None, Some(good.reveal())),
    ];
    let libraries: Vec<&str> = LIBRARIES.into_iter().chain(["buf"]).collect();
    for library in &libraries {
        let cases: Vec<&Value> = refused.iter().map(|(_, case)| case).collect();
        let results = ask(&clients, library, &cases).await;
        for ((expected, case), result) in refused.iter().zip(results) {
            let fits = result != "ALLOW" && (expected.is_empty() || result == *expected);
            assert!(fits, "{library}: {result}: {case}");
        }
    }
    assert_eq!(world.calls().details, 0, "the vendor is not asked");
    assert_eq!(world.calls().authorize, 0, "not even for a token");
    for library in &libraries {
        let results = ask(&clients, library, &[&accepted[0], &accepted[1]]).await;
        assert_eq!(results, ["ALLOW", "ALLOW"], "{library}");
    }
}

#[tokio::test]
async fn certificates_are_replaced_under_real_clients_without_a_call_that_fails() {
    let Some(clients) = installed() else { return };
    let files = Files::new();
    files.swap(0);
    files.link();
    let mut badge = caller("badge");
    badge.tokens.push(token().entry());
    let mut world = super::callers::world(&files, vec![doors(), badge]).await;
    world.service.watch(Arc::new(Notify::new()));
    let door = files.client_ca.client("spiffe://example.org/door/north");
    let by_certificate = case(&files, &world, "door", Some(&door), None);
    let by_token = case(&files, &world, "badge", None, Some(token().reveal()));
    let mut running = Vec::new();
    for library in LIBRARIES {
        for case in [&by_certificate, &by_token] {
            let asked = json!({ "load": true, "cases": [case] });
            running.push((library, start(&clients, library, &asked)));
        }
    }
    let accepted = async || {
        let metrics = world.metrics().await;
        let name = "verigate_connections_accepted_total{listener=\"grpc\"} ";
        let value = metrics.lines().find_map(|line| line.strip_prefix(name));
        value.unwrap_or_default().parse::<u64>().unwrap_or(0)
    };
    let begun = u64::try_from(running.len()).unwrap();
    until("the clients have begun", async || accepted().await >= begun).await;
    for version in 1..=ROTATIONS {
        files.swap(version);
        let read = format!("verigate_tls_reloads_total{{outcome=\"ok\"}} {version}\n");
        let reloaded = async || world.metrics().await.contains(&read);
        until("the files are read again", reloaded).await;
        let before = accepted().await;
        let more = async || accepted().await > before;
        until("a connection is made with the new files", more).await;
    }
    for (library, child) in running {
        let printed = printed(child).await;
        let mut words = printed.split_whitespace();
        let calls: u64 = words.next().unwrap().parse().unwrap();
        assert!(calls >= 20, "{library}: {printed}");
        assert_eq!(words.next(), Some("0"), "{library}: {printed}");
    }
}
