//! What is counted and logged of step-ups and webhooks, and what is not.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    process::{Command, Stdio},
};

use verigate::proto::v1::access_service_client::AccessServiceClient;

use super::{HINT, REDIRECT, begin, open, step_up_request, until_state, world};
use crate::{
    webhook::HEADER,
    world::{Killed, POLICIES, World, loopback},
};

#[tokio::test]
async fn step_ups_are_counted_and_nobody_is_named() {
    let world = world().await;
    let begun = begin(&world, "r-1").await;
    begin(&world, "r-1").await;
    open(&begun, "?deliver=twice").await;
    until_state(&world, &begun, "succeeded").await;
    world.check("front-door", "month-old").await;
    let text = world.metrics().await;
    for line in [
        r#"verigate_step_ups_total{event="begun"} 1"#,
        r#"verigate_step_ups_total{event="repeated"} 1"#,
        r#"verigate_step_ups_total{event="succeeded"} 1"#,
        r#"verigate_upstream_calls_total{call="link",outcome="ok"} 1"#,
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    let (_, journal) = world.stop().await;
    for text in [text, journal] {
        for secret in [HINT, "sim/links", begun.trace_id.as_str()] {
            assert!(!text.contains(secret), "{secret} is in\n{text}");
        }
    }
}

/// The log of the service as it is run, up to its end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_has_step_ups_and_refused_webhooks_but_no_person_and_no_secret() {
    const SECRET: &str = "hush-hush-hush-hush";
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let policies = folder.path().join("p.yaml");
    fs::write(&policies, POLICIES).unwrap();
    let config = folder.path().join("verigate.toml");
    let (sim, any) = (world.simulator.address, loopback());
    let text = format!(
        "[grpc]\nlisten='{any}'\n[http]\nlisten='{any}'\n[admin]\nlisten='{any}'\n[policies]\npath='{}'\n\
         [incode]\nurl='http://{sim}'\napi_key='demo-api-key'\nintegration_id='demo-integration'\nsecret='demo-secret'\n\
         [step_up]\nredirects=['{REDIRECT}']\n[webhook]\nsecret='{SECRET}'\n[journal]\npath='{}'\n",
        policies.display(),
        folder.path().join("journal").display(),
    );
    fs::write(&config, text).unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_verigate"))
        .args(["serve", "--config", config.to_str().unwrap()])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut child = Killed(child);
    let mut stderr = BufReader::new(child.0.stderr.take().unwrap());
    let mut log = String::new();
    while !log.contains(r#"event="service_ready""#) {
        assert_ne!(stderr.read_line(&mut log).unwrap(), 0, "{log}");
    }
    let address = |name: &str| {
        let rest = log.split(&format!("{name}=")).nth(1).unwrap();
        rest.split_whitespace().next().unwrap().to_owned()
    };
    let (grpc, http) = (address("grpc"), address("http"));
    let webhooks = format!("http://{http}/webhooks/incode");
    let webhook = verigate::sim::WebhookTarget::new(&webhooks, HEADER, SECRET).unwrap();
    world.simulator.send_webhooks(webhook);
    let mut client = AccessServiceClient::connect(format!("http://{grpc}"))
        .await
        .unwrap();
    let begun = client
        .begin_step_up(step_up_request("r-1"))
        .await
        .unwrap()
        .into_inner();
    for _ in 0..50 {
        open(&begun, "?deliver=forged").await;
    }
    open(&begun, "").await;
    drop(client);
    child.signal("-TERM");
    stderr.read_to_string(&mut log).unwrap();
    assert!(child.0.wait().unwrap().success(), "{log}");
    for event in ["step_up_started", "step_up_ended", "webhook_rejected"] {
        let field = format!(r#"event="{event}""#);
        assert_eq!(log.matches(&field).count(), 1, "{event}\n{log}");
    }
    assert!(log.contains(&begun.step_up_id), "{log}");
    let secrets = [
        SECRET,
        "agreed-on",
        "ada@",
        "example.com",
        "sim/links",
        &begun.trace_id,
    ];
    for secret in secrets {
        assert!(!log.contains(secret), "{secret} is in\n{log}");
    }
}
