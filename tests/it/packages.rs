//! What is shipped for installing: copies of what is kept elsewhere are the same, versions are this one, and the dashboard shows only what exists.

mod dashboard;

use std::{fmt::Write as _, fs};

use expect_test::expect_file;

const RULES: &str = include_str!("../../deploy/prometheus/verigate.rules.yaml");

fn read(path: &str) -> String {
    fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).expect(path)
}

#[test]
fn the_alerts_of_the_operator_are_those_of_prometheus() {
    let (_, groups) = RULES.split_once("\ngroups:\n").unwrap();
    let mut object = String::from(
        "# The alerts of verigate.rules.yaml as an object of the Prometheus Operator. A test writes it: `just bless`.\n\
         apiVersion: monitoring.coreos.com/v1\n\
         kind: PrometheusRule\n\
         metadata:\n  name: verigate\n\
         spec:\n  groups:\n",
    );
    for line in groups.lines() {
        let indent = if line.is_empty() { "" } else { "  " };
        writeln!(object, "{indent}{line}").unwrap();
    }
    expect_file!["../../deploy/prometheus/prometheusrule.yaml"].assert_eq(&object);
}

#[test]
fn the_policy_of_the_manifests_is_the_sample() {
    expect_file!["../../deploy/kubernetes/base/policies/front-door.yaml"]
        .assert_eq(&read("policies/front-door.yaml"));
}

#[test]
fn packages_and_their_pages_name_this_version() {
    let version = env!("CARGO_PKG_VERSION");
    for (file, prefix) in [
        ("deploy/container/Containerfile", "ARG VERSION="),
        ("deploy/container/Containerfile", "-t verigate:"),
        ("deploy/kubernetes/base/kustomization.yaml", "newTag: "),
        (
            "deploy/kubernetes/overlays/try/kustomization.yaml",
            "newTag: ",
        ),
        ("docs/container.md", "verigate:"),
        ("docs/debian.md", "verigate_"),
        ("docs/kubernetes.md", "newTag: "),
        ("docs/kubernetes.md", "docker-image verigate:"),
    ] {
        let text = read(file);
        let named: Vec<&str> = text
            .split(prefix)
            .skip(1)
            .map(|rest| rest.split([' ', '\n', '`', '_']).next().unwrap())
            .filter(|named| named.starts_with(|c: char| c.is_ascii_digit()))
            .collect();
        assert!(!named.is_empty(), "{file} has no {prefix}");
        assert!(
            named.iter().all(|named| *named == version),
            "{file}: {named:?}"
        );
    }
}
