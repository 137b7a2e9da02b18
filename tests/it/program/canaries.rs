//! Canaries in every field of a verification, in every secret, token, certificate and key: none of them is in anything that the program
//! writes. Each search is shown to find what it looks for.

mod panics;
mod planted;
mod scene;

use tonic::{Request, metadata::MetadataValue};
use verigate::{
    callers::Token,
    sim::{Answer, ApiCall, Fault, PlannedFault},
};

use self::{
    planted::{API_KEY, CONTROL, CONTROL_TEXT, Canaries, SECRET, WEBHOOK_SECRET},
    scene::Scene,
};
use super::*;
use crate::tls::pki::{Leaf, self_signed};

/// Asks for a check with a token, and an identifier that is echoed.
async fn check(scene: &Scene, policy: &str, id: &str) -> String {
    let mut request = check_request(policy, id);
    request.request_id = format!("{CONTROL_TEXT}-1");
    let mut request = Request::new(request);
    let token = format!("Bearer {}", scene.token.reveal());
    let value = MetadataValue::try_from(token).unwrap();
    request.metadata_mut().insert("authorization", value);
    let answer = scene.client(None).check_access(request).await;
    format!("{answer:?}\n")
}

/// Checks by a policy that reads everything, by one that reads nothing and by none that exists, while the vendor answers in
/// several ways; the answers.
async fn checks(scene: &Scene) -> String {
    let mut answers = String::new();
    for (n, (id, fault)) in faults().into_iter().enumerate() {
        // In between, what the vendor answers as it should, so that it is asked again.
        for half in ["a", "b"] {
            answers += &check(scene, "none", &format!("v-good-{n}{half}")).await;
        }
        if let Some(fault) = fault {
            let planned = PlannedFault {
                call: ApiCall::Details,
                id: Some(id.to_owned()),
                times: None,
                fault,
            };
            scene.vendor.faults().clear();
            scene.vendor.faults().plan(planned).unwrap();
        }
        for policy in [CONTROL_TEXT, "none", "no-such-policy"] {
            answers += &check(scene, policy, id).await;
        }
    }
    answers
}

/// What the vendor answers, about whom. The data of a person are where they belong, and where they do not.
fn faults() -> Vec<(&'static str, Option<Fault>)> {
    let error = r#"{"timestamp":"2026-01-01T00:00:00","status":400,"error":"Qzfull Canary","message":"Qzlast 12025559173 id-qzcanary","path":"/1988-08-13"}"#;
    let odd = |data: &str| {
        format!(
            r#"{{"id":"v-odd-1","status":"VERIFIED","scopes":["NAME","Qzfirst"],"data":{data}}}"#
        )
    };
    let answer = |status| {
        Fault::Answer(Answer {
            status,
            headers: Vec::new(),
            body: Some(error.to_owned()),
        })
    };
    vec![
        ("v-canary", None),
        (
            "v-faulty",
            Some(Fault::ContentType("text/plain".to_owned())),
        ),
        ("v-half", Some(Fault::Truncated)),
        ("v-503", Some(Fault::Status(503))),
        ("v-400", Some(answer(400))),
        ("v-401", Some(answer(401))),
        ("v-403", Some(answer(403))),
        ("v-404", Some(answer(404))),
        ("v-500", Some(answer(500))),
        (
            "v-odd-2",
            Some(Fault::Body(odd(
                r#"{"fullName":["Qzfull Canary"],"phone":12025559173,"dateOfBirth":"1988-08-13","identityId":{"a":"id-qzcanary"}}"#,
            ))),
        ),
        (
            "v-odd-3",
            Some(Fault::Body(odd(
                r#"{"fullName":"Qzfull","fullName":"Qzlast","dateOfBirth":587433600000.5}"#,
            ))),
        ),
        (
            "v-odd-4",
            Some(Fault::Body(odd(r#"{"Qzfull Canary":"Qzfirst" Qzlast"#))),
        ),
        ("v-canary", None),
    ]
}

/// Credentials, good and bad, each in both headers; the answers.
async fn credentials(scene: &mut Scene) -> String {
    let good = scene.token.reveal().to_owned();
    let unknown = Token::from_random([8; 8], [93; 32]).reveal().to_owned();
    let jwt = scene.jwt("qzgateway", 600);
    let expired = scene.jwt("qzgateway", -600);
    let other = scene.jwt("qznobody", 600);
    let mut answers = String::new();
    for (credential, is_good) in [
        (good.clone(), true),
        (format!("{good}x"), false),
        (unknown, false),
        (format!("vg_{good}"), false),
        (jwt.clone(), true),
        (expired, false),
        (other, false),
        (jwt.replace('.', ".."), false),
        (format!("{jwt}.{good}"), false),
    ] {
        for (header, prefix) in [("authorization", "Bearer "), ("x-verigate-token", "")] {
            let mut request = Request::new(check_request(CONTROL_TEXT, "v-canary"));
            let value = MetadataValue::try_from(format!("{prefix}{credential}")).unwrap();
            request.metadata_mut().insert(header, value);
            let answer = scene.client(None).check_access(request).await;
            assert_eq!(answer.is_ok(), is_good, "{header} {answer:?}");
            answers.extend([format!("{answer:?}\n")]);
        }
    }
    // A header with something else, and one with two.
    for value in [
        good.clone(),
        format!("Basic {good}"),
        format!("Bearer {good}, Bearer {jwt}"),
    ] {
        let mut request = Request::new(check_request(CONTROL_TEXT, "v-canary"));
        let value = MetadataValue::try_from(value).unwrap();
        request.metadata_mut().insert("authorization", value);
        let answer = scene.client(None).check_access(request).await;
        answers.extend([format!("{answer:?}\n")]);
    }
    answers + &certificates(scene).await
}

/// Certificates, of a caller and of nobody; the answers.
async fn certificates(scene: &Scene) -> String {
    let mut answers = String::new();
    let own = self_signed();
    let cases: [(&Leaf, bool); 4] = [
        (&scene.door, true),
        (&scene.stranger, false),
        (&scene.foreign, false),
        (&own, false),
    ];
    for (leaf, is_good) in cases {
        let request = check_request(CONTROL_TEXT, "v-canary");
        let answer = scene.client(Some(leaf)).check_access(request).await;
        assert_eq!(answer.is_ok(), is_good, "{answer:?}");
        if is_good {
            answers.extend([format!("{answer:?}\n")]);
        } else {
            // What the client says of its own certificate is not ours.
            answers += answer.unwrap_err().message();
        }
    }
    answers
}

/// Webhooks with the secret, with nearly the secret, and with it elsewhere; the answers.
async fn webhooks(scene: &Scene) -> String {
    let mut answers = String::new();
    let hook = format!("http://{}/webhooks/incode", scene.address("http"));
    let nearly = format!("{WEBHOOK_SECRET}x");
    for (secret, status) in [(WEBHOOK_SECRET, 204), (&nearly, 401), ("", 401)] {
        let body = r#"{"verificationId":"v-canary","name":"Qzfull Canary","data":{"Qzfirst":"12025559173"}}"#;
        let request = reqwest::Client::new()
            .post(format!("{hook}?secret={WEBHOOK_SECRET}&of=id-qzcanary"))
            .header("x-webhook-secret", secret)
            .header("referer", format!("https://{WEBHOOK_SECRET}.example.com"))
            .header("content-type", "application/json")
            .body(body);
        let response = request.send().await.unwrap();
        assert_eq!(response.status().as_u16(), status);
        answers.extend([format!("{:?}", response.headers())]);
        answers += &response.text().await.unwrap();
    }
    // A host that nobody knows is named in the log: the control of the search there.
    let foreign = reqwest::Client::new().get(&hook);
    let foreign = foreign.header("host", format!("{CONTROL_TEXT}.example.org"));
    assert_eq!(foreign.send().await.unwrap().status().as_u16(), 421);
    answers
}

/// Files that cannot be used, with canaries in them, in place of those that are in use.
async fn broken_files(scene: &Scene) {
    let path = |name: &str| scene.folder.path().join(name);
    fs::write(path("key"), format!("{API_KEY}\u{7}\n")).unwrap();
    fs::write(path("secret"), format!(" {SECRET}\n")).unwrap();
    fs::write(
        path("hook"),
        format!("{WEBHOOK_SECRET}\n{WEBHOOK_SECRET}\n"),
    )
    .unwrap();
    // A key that is not the certificate's, and one that is cut.
    let key = fs::read_to_string(scene.files.path("own.key")).unwrap();
    scene.files.write("tls.key", &key);
    scene.files.write("own.key", &key[..key.len() - 40]);
    // A token in place of its digest, and a private key in a set of public ones.
    let config = fs::read_to_string(path("verigate.toml")).unwrap();
    let token = scene.token.reveal();
    let pasted = format!("[callers.pasted]\ntoken_sha256 = ['{token}', 'vg_pasted00:{token}']\n");
    fs::write(path("verigate.toml"), config + &pasted).unwrap();
    let set = format!(
        r#"{{"keys":[{{"kty":"RSA","kid":"k","n":"AQ","e":"AQAB","d":"{SECRET}"}},{{"kty":"oct","k":"{SECRET}"}},"{SECRET}"]}}"#
    );
    fs::write(path("jwks.json"), set).unwrap();
    scene.process.signal("-HUP");
    for event in [
        "credentials_reload_failed",
        "tls_reload_failed",
        "callers_reload_failed",
    ] {
        until(event, async || scene.log().contains(event)).await;
    }
}

/// What the program for one check by hand says, with this token.
async fn by_hand(scene: &Scene, token: &str, more: &[&str]) -> String {
    let file = scene.path("token");
    fs::write(&file, token).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_verigate"));
    command
        .args([
            "check",
            "--policy",
            CONTROL_TEXT,
            "--verification",
            "v-canary",
        ])
        .arg("--server")
        .arg(format!("https://{}", scene.address("grpc")))
        .arg("--ca")
        .arg(scene.files.path("vendor-ca.crt"))
        .arg("--token-file")
        .arg(&file)
        .args(more)
        .env("RUST_LOG", "trace");
    let ran = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = ran.await.unwrap();
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

/// Every page for operators, and some that others have.
async fn pages(scene: &Scene) -> String {
    let mut pages = String::new();
    for page in [
        "metrics",
        "readyz",
        "livez",
        "policies",
        "step-ups/x",
        "",
        "debug",
        "debug/vars",
        "debug/pprof/heap",
        "config",
        "env",
    ] {
        let address = scene.address("admin");
        let page = reqwest::get(format!("http://{address}/{page}"))
            .await
            .unwrap();
        pages.extend([format!("{:?}", page.headers())]);
        pages += &page.text().await.unwrap();
    }
    pages
}

#[tokio::test]
async fn no_canary_is_in_a_log_a_metric_a_page_a_trace_the_journal_or_an_answer() {
    let mut scene = Scene::start().await;
    scene.canaries.assert_can_be_found();
    let mut answers = checks(&scene).await;
    assert!(answers.contains("decision: Allow"), "{answers}");
    let faults = faults().iter().filter(|(_, fault)| fault.is_some()).count();
    let injected = scene.vendor.faults().injected();
    assert!(injected >= u64::try_from(faults).unwrap(), "{injected}");
    // The vendor was shown our certificate, and so we used its key.
    assert!(!scene.front.presented.lock().is_empty());
    answers += &credentials(&mut scene).await;
    answers += &webhooks(&scene).await;
    for token in [
        scene.token.reveal(),
        "vg_wrong",
        &format!("x{}", scene.token.reveal()),
    ] {
        for more in [&["--json"][..], &["--explain"]] {
            answers += &by_hand(&scene, token, more).await;
        }
    }
    let mut shown = pages(&scene).await;
    broken_files(&scene).await;
    answers += &checks(&scene).await;
    shown += &pages(&scene).await;

    let Scene {
        process,
        folder,
        traces,
        canaries,
        ..
    } = scene;
    process.signal("-TERM");
    assert!(Program::ended(process).await.success());
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    let (log, journal) = (read("log"), read("journal.jsonl"));
    let traces = String::from_utf8_lossy(&traces.lock()).into_owned();
    for event in [
        "webhook_rejected",
        "caller_refused",
        "tls_handshake_refused",
        "upstream_response_foreign",
    ] {
        assert!(log.contains(event), "{event}: {log}");
    }
    assert!(traces.contains("look up") && journal.contains("caller_refused"));
    for (what, text) in [
        ("log", &log),
        ("journal", &journal),
        ("traces", &traces),
        ("pages", &shown),
        ("answers", &answers),
    ] {
        let found = canaries.found(text);
        assert_eq!(found, [CONTROL], "{what}: {:?}", canaries.around(text));
    }
}

#[test]
fn no_secret_is_in_what_is_said_of_a_configuration_that_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("verigate.toml");
    let (key, secret) = (API_KEY, SECRET);
    let canaries = Canaries::chosen();
    for wrong in [
        format!("[incode]\napi_key = '{key}\n"),
        format!("[incode]\napi_key = ['{key}']\nsecret = {{ a = '{secret}' }}\n"),
        format!("[incode]\napi_key = ' {key}'\nsecret = '\"{secret}\"'\n"),
        format!("[incode]\nurl = 'https://{key}:{secret}@example.com'\n"),
        format!("[incode]\nproxy = 'http://{key}:qzpassword@127.0.0.1:1'\n"),
        format!("[trace]\notlp_endpoint = 'http://{key}:qzpassword@127.0.0.1:1'\n"),
        format!(
            "[callers.a]\ntoken_sha256 = '{key}'\n[callers.b]\ntoken_sha256 = ['{key}', 'vg_aaaaaaaa:{secret}', {{ x = '{key}' }}]\n"
        ),
        format!(
            "[callers.a]\njwt = '{secret}'\n[callers.b]\npriority = ['{key}']\nrate = '{secret}'\n"
        ),
        format!("[grpc]\ntls = '{secret}'\n"),
        format!("[grpc.tls]\nkey = ['{secret}']\n"),
        format!("[incode]\nheaders = {{ x-api-key = '{key}', \"a b\" = '{secret}' }}\n"),
        format!("[incode]\napi_key = '{key}'\napi_key_file = 'f'\nunknown = '{secret}'\n"),
        format!("[webhook]\nprevious_secret = '{secret}'\nsecret_file = '/nowhere'\n"),
        format!("[incode]\nconnect_timeout = 1\napi_key = '${{{key}}}'\n"),
    ] {
        fs::write(&path, &wrong).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_verigate"))
            .args(["serve", "--check", "--config"])
            .arg(&path)
            .env("RUST_LOG", "trace")
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{wrong}");
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(canaries.found(&said), Vec::<&str>::new(), "{wrong}: {said}");
    }
}
