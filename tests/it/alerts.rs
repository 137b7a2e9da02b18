//! The alerts that are shipped, and the page for the person who is paged: both name only what exists, and all of it.

use std::{
    collections::BTreeSet,
    process::{Command, Output},
};

use crate::{components::skip, world::World};

const PAGE: &str = include_str!("../../docs/operations.md");
const RULES: &str = include_str!("../../deploy/prometheus/verigate.rules.yaml");
const CASES: &str = include_str!("../../deploy/prometheus/verigate.rules.test.yaml");
/// `golden` compares it with what the service exports.
const METRICS: &str = include_str!("../golden/metrics.txt");

/// Every metric that the service has.
fn metrics() -> BTreeSet<&'static str> {
    let types = METRICS.lines().filter_map(|l| l.strip_prefix("# TYPE "));
    types.filter_map(|l| l.split_whitespace().next()).collect()
}

/// Every metric that a text names, without what a histogram appends.
fn named(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !(c.is_ascii_lowercase() || c == '_'));
    let metrics = words.filter(|word| word.starts_with("verigate_"));
    metrics
        .map(|name| {
            let series = ["_bucket", "_count"].into_iter();
            let mut of_histogram = series.filter_map(|suffix| name.strip_suffix(suffix));
            of_histogram.next().unwrap_or(name)
        })
        .collect()
}

/// What follows this key, wherever it stands.
fn values<'t>(text: &'t str, key: &str) -> Vec<&'t str> {
    let lines = text.lines().map(str::trim_start);
    lines.filter_map(|l| l.strip_prefix(key)).collect()
}

#[test]
fn the_page_documents_every_metric() {
    let is_row = |line: &&str| {
        let mut prefixes = ["| `verigate_", "| `process_"].into_iter();
        prefixes.any(|prefix| line.starts_with(prefix))
    };
    // The first cell names one metric, or several.
    let cells = PAGE
        .lines()
        .filter(is_row)
        .filter_map(|row| row.split('|').nth(1));
    let documented: BTreeSet<&str> = cells
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect();
    assert_eq!(documented, metrics());
}

#[test]
fn the_page_and_the_alerts_name_no_metric_that_is_not_there() {
    for text in [PAGE, RULES, CASES] {
        let unknown: Vec<_> = named(text).difference(&metrics()).copied().collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }
}

#[test]
fn every_setting_that_the_page_and_the_alerts_name_exists() {
    let settings: BTreeSet<String> = {
        let mut section = "";
        let mut settings = BTreeSet::new();
        for line in verigate::config::DEFAULTS.lines() {
            if let Some(name) = line.strip_prefix('[') {
                section = name.trim_end_matches(']');
            } else if let Some((key, _)) = line.split_once(" = ").filter(|_| !line.starts_with('#'))
            {
                settings.insert(format!("{section}.{key}"));
            }
        }
        settings
    };
    let sections: BTreeSet<&str> = settings
        .iter()
        .filter_map(|s| s.split('.').next())
        .collect();
    for text in [PAGE, RULES] {
        let words = text.split(|c: char| !(c.is_ascii_lowercase() || c == '_' || c == '.'));
        // A page beside this one is no setting.
        let words = words.filter(|word| word.strip_suffix(".md").is_none());
        for word in words.map(|word| word.trim_matches('.')) {
            let setting = word
                .split_once('.')
                .filter(|(section, _)| sections.contains(section));
            let is_section = settings.iter().any(|s| s.starts_with(&format!("{word}.")));
            let exists = is_section || settings.contains(word);
            assert!(setting.is_none() || exists, "{word}");
        }
    }
}

#[test]
fn every_alert_says_how_bad_it_is_and_where_to_read_on() {
    let alerts = values(RULES, "- alert: ");
    let severities = values(RULES, "labels: ");
    let runbooks = values(RULES, "runbook: ");
    assert!(alerts.len() >= 13 && alerts.len() == severities.len());
    assert_eq!(alerts.len(), runbooks.len());
    let headings: BTreeSet<String> = PAGE
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| {
            let title = line.trim_start_matches(['#', ' ']).to_lowercase();
            let kept = title.chars().filter(|c| c.is_alphanumeric() || *c == ' ');
            kept.collect::<String>().replace(' ', "-")
        })
        .collect();
    for runbook in runbooks {
        let section = runbook.strip_prefix("docs/operations.md#").unwrap();
        assert!(headings.contains(section), "{section}");
    }
    for link in PAGE.split("](#").skip(1) {
        let section = link.split(')').next().unwrap();
        assert!(headings.contains(section), "{section}");
    }
    for (alert, labels) in alerts.iter().zip(severities) {
        let severity = labels.trim_matches(['{', '}', ' ']);
        let severity = severity.strip_prefix("severity: ").unwrap();
        let row = format!("| {alert} | {severity} |");
        assert!(PAGE.contains(&row), "the page has no row {row}");
    }
}

#[test]
fn every_alert_is_tried_where_it_must_fire_and_where_it_must_not() {
    let tried = values(CASES, "- alertname: ");
    for alert in values(RULES, "- alert: ") {
        assert_eq!(tried.iter().filter(|t| **t == alert).count(), 2, "{alert}");
    }
    assert_eq!(values(CASES, "exp_alerts: []").len() * 2, tried.len());
}

#[tokio::test]
async fn the_alerts_count_the_connections_that_listeners_share_by_the_limit_of_one() {
    let world = World::with(|config| config.limits.connections = 100).await;
    let metrics = world.metrics().await;
    for listener in ["grpc", "http"] {
        let limit = format!("verigate_connections_limit{{listener=\"{listener}\"}} 90\n");
        assert!(metrics.contains(&limit), "{limit}: {metrics}");
    }
    assert_eq!(
        RULES
            .matches("(verigate_connections_limit{listener!=\"admin\"}) / 0.9")
            .count(),
        2
    );
}

/// Where Prometheus' own checker is installed; `.ci/run` installs it.
#[test]
fn promtool_finds_that_the_alerts_fire_when_they_must() {
    for arguments in [
        ["check", "rules", "verigate.rules.yaml"],
        ["test", "rules", "verigate.rules.test.yaml"],
    ] {
        let ran = Command::new("promtool")
            .args(arguments)
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/prometheus"))
            .output();
        let Ok(Output {
            status,
            stdout,
            stderr,
        }) = ran
        else {
            skip("promtool is not installed");
            return;
        };
        let output = String::from_utf8_lossy(&stdout) + String::from_utf8_lossy(&stderr);
        assert!(status.success(), "{output}");
    }
}
