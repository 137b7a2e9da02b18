//! The JSON Schemas by which editors check policy and case files: they accept every sample, and reject what the decoder rejects.

use std::{
    fs,
    path::{Path, PathBuf},
};

use boon::{Compiler, SchemaIndex, Schemas};
use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value};
use verigate::policy::{
    CASES_SCHEMA, POLICY_SCHEMA, parse, suite,
    testing::{no_lists, set, source},
};

/// A schema as an editor applies it, with the formats of texts.
struct Schema {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Schema {
    fn of(text: &str) -> Self {
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.enable_format_assertions();
        let schema = serde_json::from_str(text).unwrap();
        compiler.add_resource("schema.json", schema).unwrap();
        let index = compiler.compile("schema.json", &mut schemas).unwrap();
        Self { schemas, index }
    }

    fn check(&self, yaml: &str) -> Result<(), String> {
        let json = as_json(yaml);
        let validated = self.schemas.validate(&json, self.index);
        validated.map_err(|error| error.to_string())
    }
}

/// A YAML text as an editor reads it, by the rules of YAML 1.2.
fn as_json(yaml: &str) -> Value {
    let events = Parser::new_from_str(yaml).map(|event| event.unwrap().0);
    let mut inside = events.skip_while(|event| !matches!(event, Event::DocumentStart(_)));
    inside.next();
    value(&mut inside).expect("one document of texts, lists and maps of texts")
}

/// The next value; `None` where a list or a map ends.
fn value<'e>(events: &mut impl Iterator<Item = Event<'e>>) -> Option<Value> {
    Some(match events.next()? {
        Event::Scalar(text, ScalarStyle::Plain, ..) => match &*text {
            "" | "~" | "null" => Value::Null,
            "true" => true.into(),
            "false" => false.into(),
            text => text.parse::<i64>().map_or(text.into(), Value::from),
        },
        Event::Scalar(text, ..) => text.into_owned().into(),
        Event::SequenceStart(..) => {
            let mut items = Vec::new();
            while let Some(item) = value(events) {
                items.push(item);
            }
            items.into()
        }
        Event::MappingStart(..) => {
            let mut map = Map::new();
            while let Some(key) = value(events) {
                map.insert(key.as_str()?.to_owned(), value(events)?);
            }
            map.into()
        }
        _ => return None,
    })
}

fn yaml_files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|e| e == "yaml"))
        .collect()
}

#[test]
fn every_sample_is_taken() {
    let (policy, cases) = (Schema::of(POLICY_SCHEMA), Schema::of(CASES_SCHEMA));
    let mut count = 0;
    for (schema, folder) in [
        (&policy, "policies"),
        (&policy, "tests/policies"),
        (&cases, "tests/cases"),
        (&cases, "tests/samples"),
    ] {
        for path in yaml_files(folder) {
            let checked = schema.check(&fs::read_to_string(&path).unwrap());
            assert_eq!(checked, Ok(()), "{}", path.display());
            count += 1;
        }
    }
    assert!(count >= 40, "{count} files");
}

#[test]
fn a_policy_file_that_the_reader_refuses_is_refused() {
    let schema = Schema::of(POLICY_SCHEMA);
    let file = |policy: &str| format!("version: 1\npolicies: {{p: {policy}}}");
    let right = file("{require: [verified_within: 1d]}");
    assert_eq!(schema.check(&right), Ok(()));
    for wrong in [
        "policies: {p: {require: [verified_within: 1d]}}".to_owned(),
        right.replace("version: 1", "version: 2"),
        right.replace("{p:", "{P:"),
        right.replace("policies:", "polices:"),
        file("{}"),
        file("{require: []}"),
        file("{require: [verified_witin: 1d]}"),
        file("{require: [verified_within: 1]}"),
        file("{require: [{verified_within: 1d, otherwise: allow}]}"),
        file("{require: [{verified_within: 1d, scopes: [NAME]}]}"),
        file("{require: [otherwise: deny]}"),
        file("{require: [age_at_least: 151]}"),
        file("{require: [scopes: NAME]}"),
        file("{require: [phone_prefix: [\"1\"]]}"),
        file("{require: [identity: id-1]}"),
        file("{require: [identity_in: {path: people.txt}]}"),
        file("{require: [identity_not_in: ['id-ada,id-ben']]}"),
        file("{require: [identity_not_in: ['\"id-ada\"']]}"),
        file("{require: [identity_not_in: [id ada]]}"),
        file("{require: [identity_not_in: ['#id-ada']]}"),
        file("{require: [any_of: [{verified_within: 1d, otherwise: deny}]]}"),
        file("{require: [schedule: {days: [monday], from: \"07:00\", to: \"19:00\", zone: UTC}]}"),
        file("{require: [schedule: {days: [mon], from: \"24:00\", to: \"19:00\", zone: UTC}]}"),
        file("{require: [verified_within: 1d], evidence: {unavailable: allow}}"),
        file("{require: [verified_within: 1d], step_up: {redirect: \"http://sso.example.com\"}}"),
    ] {
        assert!(
            parse(&[source("p.yaml", &wrong)], &no_lists).is_err(),
            "{wrong}"
        );
        assert!(schema.check(&wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_case_file_that_the_reader_refuses_is_refused() {
    let schema = Schema::of(CASES_SCHEMA);
    let policy = "version: 1\npolicies: {p: {require: [verified_within: 1d]}}";
    let policies = set(policy);
    let file = |rest: &str| {
        let expect = if rest.contains("expect:") {
            ""
        } else {
            ", expect: {decision: deny}"
        };
        format!("cases:\n  - {{name: n, policy: p, at: \"2026-01-31T00:00:00Z\", {rest}{expect}}}")
    };
    for right in [
        "verification: {}",
        "upstream: down, expect: {next_change: never}",
        "verification: {full_name: ~, verified_at: ~, date_of_birth: 642902400000}, request: {identity_id: ~}",
        "verification: {verified_ago: 40d}, request: {authentication: {auth_ago: 1h30m}}",
        "verification: {}, evidence: {seen_ago: 10m}, expect: {evidence: cached}",
        "verification: {}, upstream: down, evidence: {seen_at: \"2026-01-30T23:00:00Z\"}, expect: {valid_until: none}",
        "verification: {}, expect: {valid_until: \"2026-01-31T00:00:00Z\", alternatives: [[{identify: {}}], []], remedies: \
         [{reverify: {}}, {grant_scopes: {scopes: [NAME]}}, {wait: {until: \"2026-01-31T00:00:00Z\"}}, {authenticate: {max_age: 1h, amr: [a]}}, \
         {authenticate: {max_age: 1h, acr: [x], amr_all_of: [[a], [b]]}}]}",
    ] {
        let read = suite::read(&[source("c.yaml", &file(right))], &policies);
        assert!(read.is_ok(), "{right}: {read:?}");
        assert_eq!(schema.check(&file(right)), Ok(()), "{right}");
    }
    let shared = "at: 2026-01-31T00:00:00Z\nverifications: {v: {verified_ago: 1d}}\nrequests: {r: {identity_id: id-1}}\n\
                  cases: [{name: n, policy: p, verification: {from: v, verified_ago: 2d}, request: r, expect: {decision: deny}}]";
    let read = suite::read(&[source("c.yaml", shared)], &policies);
    assert!(read.is_ok(), "{read:?}");
    assert_eq!(schema.check(shared), Ok(()));
    for wrong in [
        "cases: []".to_owned(),
        "case: []".to_owned(),
        file("verification: {}").replace("name: n, ", ""),
        file("verification: {}").replace("-31T00:00:00Z", "-31"),
        file("request: {}"),
        file("verification: {}, upstream: down"),
        file("upstream: up"),
        file("verification: {fullname: Ada}"),
        file("verification: {scopes: NAME}"),
        file("verification: {date_of_birth: 17.5.1990}"),
        file("upstream: down, request: {authentication: {amr: hwk}}"),
        file("upstream: down, expect: {decision: permit}"),
        file("upstream: down, expect: {reasons: [VERIFICATION_TO_OLD]}"),
        file("upstream: down, expect: {next_change: soon}"),
        file("upstream: down, expect: {}"),
        file("upstream: down, expect: {valid_until: soon}"),
        file("upstream: down, expect: {evidence: fresh}"),
        file("upstream: down, expect: {remedies: [reverify]}"),
        file("upstream: down, expect: {remedies: [{reverify: {}, identify: {}}]}"),
        file(
            "upstream: down, expect: {remedies: [{authenticate: {max_age: 1h, amr: [a], amr_all_of: [[b]]}}]}",
        ),
        file("upstream: down, evidence: {seen_ago: 1m}"),
        file("verification: {}, upstream: absent, evidence: {seen_ago: 1m}"),
        file("verification: {}, evidence: {}"),
        file("verification: {}, evidence: {seen_ago: 1m, seen_at: \"2026-01-30T23:00:00Z\"}"),
        file("verification: {verified_ago: 1}"),
        file("verification: {verified_ago: 1d, verified_at: \"2026-01-30T23:00:00Z\"}"),
        file("verification: {}").replace("at: \"2026-01-31T00:00:00Z\", ", ""),
        file("verification: {}").replace(", expect: {decision: deny}", ""),
    ] {
        assert!(
            suite::read(&[source("c.yaml", &wrong)], &policies).is_err(),
            "{wrong}"
        );
        assert!(schema.check(&wrong).is_err(), "{wrong}");
    }
}
