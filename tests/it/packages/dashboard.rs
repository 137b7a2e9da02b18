//! The dashboard for Grafana asks only for metrics, labels and values that exist, and so does the page that documents them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    process::Command,
};

use serde_json::{Value, json};

use crate::{components::skip, world::World};

const DASHBOARD: &str = include_str!("../../../deploy/grafana/verigate.json");
const PAGE: &str = include_str!("../../../docs/operations.md");
/// `golden` compares it with what the service exports.
const METRICS: &str = include_str!("../../golden/metrics.txt");
/// Labels that Prometheus adds, and that of the buckets of histograms.
const ADDED: [&str; 3] = ["job", "instance", "le"];

/// What the page documents of a metric.
struct Documented {
    labels: BTreeSet<&'static str>,
    /// The whole row: the values of labels stand in it in backticks.
    row: &'static str,
}

/// The texts in backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Every metric that the service has, by its name.
fn documented() -> BTreeMap<&'static str, Documented> {
    let types = METRICS.lines().filter_map(|l| l.strip_prefix("# TYPE "));
    let exported: BTreeSet<&str> = types.filter_map(|l| l.split(' ').next()).collect();
    let rows = PAGE.lines().filter(|line| line.starts_with("| `"));
    let mut metrics = BTreeMap::new();
    for row in rows {
        let mut cells = row.split('|').skip(1);
        let (names, labels) = (cells.next().unwrap(), cells.next().unwrap());
        for name in quoted(names).filter(|name| exported.contains(name)) {
            let labels = quoted(labels).collect();
            metrics.insert(name, Documented { labels, row });
        }
    }
    assert_eq!(metrics.len(), exported.len());
    metrics
}

/// A series that an expression asks for: the metric, and what is demanded of its labels.
#[derive(Debug, PartialEq)]
struct Series<'e> {
    metric: &'e str,
    demands: Vec<(&'e str, &'e str)>,
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The series of an expression of Prometheus. Each names its labels in braces, even if there is none: a metric is known by the brace behind it.
fn series(expression: &str) -> Vec<Series<'_>> {
    let mut series = Vec::new();
    for (at, _) in expression.match_indices('{') {
        let before = &expression[..at];
        let metric = &before[before.rfind(|c| !is_name(c)).map_or(0, |at| at + 1)..];
        let inside = expression[at + 1..].split('}').next().unwrap();
        let demands = inside.split(", ").map(|demand| {
            let (label, value) = demand.split_once('"').unwrap();
            let label = label.trim_end_matches(['=', '~', '!']);
            (label, value.trim_end_matches('"'))
        });
        series.push(Series {
            metric,
            demands: demands.collect(),
        });
    }
    series
}

/// The labels by which an expression groups.
fn groups(expression: &str) -> impl Iterator<Item = &str> {
    let lists = expression.split("by (").skip(1);
    lists.flat_map(|rest| rest.split(')').next().unwrap().split(", "))
}

/// What is wrong with an expression and its legend.
fn flaws(
    expression: &str,
    legend: &str,
    metrics: &BTreeMap<&'static str, Documented>,
) -> Vec<String> {
    let mut flaws = Vec::new();
    let mut labels: BTreeSet<&str> = ADDED.into();
    let asked = series(expression);
    // Of a metric without braces, the job and the instance would not be those that are chosen.
    let words = expression.split(|c| !is_name(c));
    let named = words.filter(|word| word.starts_with("verigate_") || word.starts_with("process_"));
    if asked.is_empty() || named.count() != asked.len() {
        flaws.push(format!("a metric without braces: {expression}"));
    }
    for Series { metric, demands } in asked {
        let mut suffixes = ["_bucket", "_count", "_sum"].into_iter();
        let plain = suffixes.find_map(|s| metric.strip_suffix(s));
        let plain = plain.filter(|name| metrics.contains_key(name));
        let Some(known) = metrics.get(plain.unwrap_or(metric)) else {
            flaws.push(format!("no metric {metric}"));
            continue;
        };
        labels.extend(&known.labels);
        let values: BTreeSet<&str> = quoted(known.row).collect();
        for chosen in ["job", "instance"] {
            if !demands.contains(&(chosen, &format!("${chosen}"))) {
                flaws.push(format!("{metric} of every {chosen}"));
            }
        }
        for (label, value) in demands {
            if ADDED.contains(&label) {
                continue;
            }
            if !known.labels.contains(label) {
                flaws.push(format!("{metric} has no label {label}"));
            }
            // gRPC's codes are not listed.
            let unknown = value
                .split('|')
                .filter(|v| label != "code" && !values.contains(v));
            flaws.extend(unknown.map(|v| format!("{metric}: {label} is never {v}")));
        }
    }
    let shown = legend.split("{{").skip(1);
    let shown = shown.map(|rest| rest.split("}}").next().unwrap());
    let grouped: BTreeSet<&str> = groups(expression).collect();
    for label in shown.clone().filter(|label| !grouped.contains(label)) {
        flaws.push(format!(
            "the legend shows {label}, by which nothing is grouped"
        ));
    }
    for label in grouped.iter().copied().chain(shown) {
        if !labels.contains(label) {
            flaws.push(format!("nothing has a label {label}: {expression}"));
        }
    }
    flaws
}

fn dashboard() -> Value {
    serde_json::from_str(DASHBOARD).unwrap()
}

fn panels(dashboard: &Value) -> &Vec<Value> {
    dashboard["panels"].as_array().unwrap()
}

#[test]
fn the_dashboard_asks_only_for_what_is_exported() {
    let metrics = documented();
    let dashboard = dashboard();
    let mut asked = 0;
    for panel in panels(&dashboard) {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let (expression, legend) = (&target["expr"], &target["legendFormat"]);
            let flaws = flaws(
                expression.as_str().unwrap(),
                legend.as_str().unwrap(),
                &metrics,
            );
            assert_eq!(flaws, [""; 0], "{}", panel["title"]);
            assert_eq!(target["datasource"]["uid"], "${datasource}");
            asked += 1;
        }
    }
    assert!(asked > 50, "{asked}");
}

#[test]
fn what_the_dashboard_must_not_ask_for_is_found() {
    let metrics = documented();
    for (expression, legend, flaw) in [
        ("sum(verigate_policies)", "", "a metric without braces"),
        (
            r#"verigate_policy{job=~"$job", instance=~"$instance"}"#,
            "",
            "no metric verigate_policy",
        ),
        (
            r#"verigate_policies{instance=~"$instance"}"#,
            "",
            "verigate_policies of every job",
        ),
        (
            r#"verigate_checks_total{job=~"$job", instance=~"$instance", effect="deny"}"#,
            "",
            "verigate_checks_total has no label effect",
        ),
        (
            r#"verigate_checks_total{job=~"$job", instance=~"$instance", decision=~"allow|refuse"}"#,
            "",
            "decision is never refuse",
        ),
        (
            r#"sum by (door) (verigate_checks_total{job=~"$job", instance=~"$instance"})"#,
            "",
            "nothing has a label door",
        ),
        (
            r#"sum by (policy) (verigate_checks_total{job=~"$job", instance=~"$instance"})"#,
            "{{decision}}",
            "the legend shows decision",
        ),
    ] {
        let flaws = flaws(expression, legend, &metrics);
        assert!(flaws.iter().any(|f| f.contains(flaw)), "{flaws:?}: {flaw}");
    }
}

#[test]
fn the_panels_of_the_dashboard_have_a_name_a_place_and_an_explanation() {
    let dashboard = dashboard();
    assert_eq!(dashboard["uid"], "verigate");
    assert_eq!(dashboard["title"], "Verigate");
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    let names: Vec<&str> = variables
        .iter()
        .map(|v| v["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["datasource", "job", "instance"]);
    let (mut ids, mut taken) = (BTreeSet::new(), BTreeSet::new());
    for panel in panels(&dashboard) {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{}", panel["id"]);
        let explained = panel["type"] == "row"
            || panel["description"]
                .as_str()
                .is_some_and(|d| d.ends_with('.'));
        assert!(explained && panel["title"] != "", "{}", panel["title"]);
        let place = |name: &str| panel["gridPos"][name].as_u64().unwrap();
        assert!(place("x") + place("w") <= 24);
        for x in place("x")..place("x") + place("w") {
            for y in place("y")..place("y") + place("h") {
                assert!(taken.insert((x, y)), "{} overlaps another", panel["title"]);
            }
        }
    }
}

/// Where Prometheus' own checker is installed; `.ci/run` installs it.
#[test]
fn promtool_can_read_every_expression_of_the_dashboard() {
    let dashboard = dashboard();
    let targets = panels(&dashboard).iter().flat_map(|panel| {
        let targets = panel["targets"].as_array();
        targets.into_iter().flatten()
    });
    let rules = targets.enumerate().map(|(at, target)| {
        let expression = target["expr"].as_str().unwrap();
        let expression = expression.replace("$__rate_interval", "5m");
        json!({"record": format!("dashboard:{at}"), "expr": expression})
    });
    let rules = json!({"groups": [{"name": "dashboard", "rules": rules.collect::<Vec<_>>()}]});
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rules.yaml");
    fs::write(&file, rules.to_string()).unwrap();
    let mut promtool = Command::new("promtool");
    let Ok(output) = promtool.args(["check", "rules"]).arg(&file).output() else {
        skip("promtool is not installed");
        return;
    };
    assert!(output.status.success(), "{output:?}");
}

#[tokio::test]
async fn the_page_documents_every_label_that_is_exported() {
    let world = World::new().await;
    let metrics = world.metrics().await;
    let documented = documented();
    let mut compared = 0;
    for line in metrics.lines().filter(|line| !line.starts_with('#')) {
        let Some((name, rest)) = line.split_once('{') else {
            continue;
        };
        let mut suffixes = ["_bucket", "_count", "_sum"].into_iter();
        let plain = suffixes.find_map(|s| name.strip_suffix(s)).unwrap_or(name);
        let known = documented.get(plain).or_else(|| documented.get(name));
        let known = known.expect(name);
        for pair in rest.split('}').next().unwrap().split("\",") {
            let label = pair.split('=').next().unwrap();
            let exists = label == "le" || known.labels.contains(label);
            assert!(
                exists,
                "{name} has a label {label}, which the page does not name"
            );
            compared += 1;
        }
    }
    assert!(compared > 100, "{compared}");
}
