//! What others parse, held against what it was: the contract, the help, the metrics, the defaults.

use std::{fmt::Write as _, process::Command};

use expect_test::expect_file;
use prost::Message as _;
use prost_types::{DescriptorProto, EnumDescriptorProto, FileDescriptorProto, FileDescriptorSet};
use verigate::{
    config::DEFAULTS,
    policy::ReasonCode as Code,
    proto::{DESCRIPTORS, v1::ReasonCode},
};

use crate::{
    callers::{ask, bearer, with_file, with_issuer},
    step_up::page::page,
    tls::Files,
    world::{POLICIES, World, check_request},
};

#[test]
fn the_contract_is_what_clients_were_generated_from() {
    let set = FileDescriptorSet::decode(DESCRIPTORS).unwrap();
    let file = set
        .file
        .iter()
        .find(|file| file.name() == "verigate/v1/access.proto")
        .unwrap();
    expect_file!["../golden/access.txt"].assert_eq(&listing(file));
}

/// The names, numbers and types of a contract, one a line.
fn listing(file: &FileDescriptorProto) -> String {
    let mut text = format!("package {}\n", file.package());
    for service in &file.service {
        for method in &service.method {
            let stream = |streams| if streams { "stream " } else { "" };
            writeln!(
                text,
                "rpc {}.{}({}{}) returns ({}{})",
                service.name(),
                method.name(),
                stream(method.client_streaming()),
                method.input_type(),
                stream(method.server_streaming()),
                method.output_type()
            )
            .unwrap();
        }
    }
    for message in &file.message_type {
        list_message(&mut text, message);
    }
    for enumeration in &file.enum_type {
        list_enum(&mut text, enumeration);
    }
    text
}

fn list_message(text: &mut String, message: &DescriptorProto) {
    for field in &message.field {
        let oneof = field.oneof_index.map_or_else(String::new, |index| {
            let index = usize::try_from(index).unwrap();
            format!(" in {}", message.oneof_decl[index].name())
        });
        writeln!(
            text,
            "{}.{} = {} {:?} {:?} {}{oneof}",
            message.name(),
            field.name(),
            field.number(),
            field.label(),
            field.r#type(),
            field.type_name()
        )
        .unwrap();
    }
    if message.field.is_empty() {
        writeln!(text, "{} is empty", message.name()).unwrap();
    }
    for nested in &message.nested_type {
        list_message(text, nested);
    }
}

fn list_enum(text: &mut String, enumeration: &EnumDescriptorProto) {
    for value in &enumeration.value {
        writeln!(text, "{} = {}", value.name(), value.number()).unwrap();
    }
}

#[test]
fn every_reason_is_spelt_as_the_contract_spells_it() {
    for code in Code::ALL {
        let name = format!("REASON_CODE_{}", code.as_str());
        assert!(ReasonCode::from_str_name(&name).is_some(), "{name}");
    }
}

#[test]
fn the_help_is_what_scripts_and_people_know() {
    let mut text = String::new();
    for command in [
        &[][..],
        &["serve"],
        &["demo"],
        &["sim"],
        &["check"],
        &["healthcheck"],
        &["token"],
        &["token", "new"],
        &["purge"],
        &["policy"],
        &["policy", "check"],
        &["policy", "diff"],
        &["policy", "explain"],
        &["policy", "needs"],
        &["policy", "schema"],
        &["policy", "test"],
        &["audit"],
        &["audit", "verify"],
        &["audit", "tail"],
        &["audit", "replay"],
        &["audit", "shadow"],
        &["audit", "search"],
        &["audit", "show"],
        &["audit", "stats"],
        &["audit", "export"],
        &["audit", "prove"],
        &["audit", "check-proof"],
        &["audit", "keygen"],
        &["bench"],
        &["completions"],
        &["man"],
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_verigate"))
            .args(command)
            .arg("--help")
            .env("COLUMNS", "100")
            .output()
            .unwrap();
        assert!(output.status.success());
        let help = String::from_utf8(output.stdout).unwrap();
        let words = ["verigate", &command.join(" "), "--help"].join(" ");
        writeln!(text, "$ {words}\n{help}").unwrap();
    }
    expect_file!["../golden/help.txt"].assert_eq(&text);
}

#[test]
fn the_default_configuration_is_what_operators_know() {
    expect_file!["../golden/config.default.toml"].assert_eq(DEFAULTS);
}

#[tokio::test]
async fn the_metrics_are_what_dashboards_read() {
    // Some metrics are there with TLS only, some with an issuer of callers' tokens, with the page for browsers, or with shadow policies.
    let files = Files::new();
    let path = files.path("verigate.toml");
    let text = with_issuer(&files.path("jwks.json"));
    let shadow = files.path("shadow.yaml");
    std::fs::write(&shadow, POLICIES).unwrap();
    let world = World::with(|config| {
        config.tls.http = Some(files.mutual("http.tls"));
        with_file(&path, &text, config);
        let mut page = page("http://127.0.0.1");
        page.hand_on = Some(std::time::Duration::from_hours(1));
        config.step_up.page = Some(page);
        config.step_up.follow_successors = true;
        config.shadow = Some(shadow);
    })
    .await;
    for verification in ["fresh", "nobody"] {
        let request = check_request("front-door", verification);
        ask(&world, Some(&bearer(1)), request).await.unwrap();
    }
    let text = world.metrics().await;
    let names: Vec<&str> = text.lines().filter(|l| l.starts_with("# ")).collect();
    expect_file!["../golden/metrics.txt"].assert_eq(&format!("{}\n", names.join("\n")));
}
