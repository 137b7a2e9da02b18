//! Facts that are sealed to an auditor, and identifiers that are keyed, as the commands of `verigate audit` see them.

use std::{fs, path::Path, sync::Arc};

use serde_json::{Value, json};
use tempfile::TempDir;
use verigate::{
    audit::{decision::DecisionLine, facts::FactsOpener},
    journal::{
        AuditorKey, IdentifierKey, IdentifierKind, Keys, Signing, checkpoints_beside,
        signed_note::{SigningKey, signing_key_text},
    },
    policy::{
        BirthDate, ClaimedIdentity, Datum, Evidence, Finding, Identity, PolicyName, PolicySet,
        Request, Scope, SourceText, Timestamp, Verification, VerificationId, parse,
    },
    provenance::Timings,
};

use super::{audit, ended, gate::Judge, schema::check_lines};
use crate::world::{World, until};

/// Each of these would name a person.
const CANARIES: [&str; 7] = [
    "verification-of-ada",
    "trace-of-ada",
    "id-of-ada",
    "claimed-by-ada",
    "+12025550101",
    "642902400000",
    "lane-of-ada",
];

const POLICIES: &str = "\
version: 1
policies:
  front-door:
    require:
      - status: [VERIFIED]
      - verified_within: 90d
        otherwise: step_up
";

/// Policies that read what the ones in force do not.
const NEW: &str = "\
version: 1
policies:
  front-door:
    require:
      - phone_prefix: [\"+1\"]
      - age_at_least: 18
        otherwise: step_up
  back-door: {require: [status: [VERIFIED]]}
";

fn set(text: &str) -> PolicySet {
    let source = SourceText {
        path: "p.yaml".to_owned(),
        text: text.to_owned(),
    };
    parse(&[Arc::new(source)], &|_, _| Err("no file".to_owned())).unwrap()
}

/// A signed journal of two checks about Ada.
struct Journal {
    folder: TempDir,
    identifiers: IdentifierKey,
}

impl Journal {
    async fn write() -> Self {
        let auditor = AuditorKey::generate().unwrap();
        let key = "07".repeat(32);
        let identifiers = IdentifierKey::parse(&key).unwrap();
        let at: Timestamp = "2026-01-31T12:00:00Z".parse().unwrap();
        let keys = |path: &Path| {
            let signing = signing_key_text("door.example/journal", &[3; 32]).unwrap();
            Keys {
                signing: Some(Signing {
                    key: SigningKey::parse(&signing).unwrap(),
                    file: checkpoints_beside(path),
                    copy: None,
                }),
                auditor: Some(auditor.recipient()),
                identifiers: Some(identifiers.clone()),
            }
        };
        let none = PolicySet::new([].into());
        let judge = Judge::with_keys(set(POLICIES), none, at, &[], keys);
        for phone in ["+12025550101", "+442025550101"] {
            judge
                .check(request(), evidence(at, phone), Timings::default())
                .await;
        }
        let (lines, path, folder) = judge.stop().await;
        assert_eq!(lines.len(), 2);
        assert_eq!(path, folder.path().join("decisions.jsonl"));
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("auditor.key", &auditor.to_text());
        write("other.key", &AuditorKey::generate().unwrap().to_text());
        write("identifiers.key", &key);
        write("other-identifiers.key", &"08".repeat(32));
        write("new.yaml", NEW);
        Self {
            folder,
            identifiers,
        }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn text(&self) -> String {
        fs::read_to_string(self.path("decisions.jsonl")).unwrap()
    }

    fn ids(&self) -> Vec<String> {
        let text = self.text();
        let lines = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        let ids = lines.filter_map(|line| Some(line.get("decision_id")?.as_str()?.to_owned()));
        ids.collect()
    }

    /// What a replay by the new policies says, with this key if one is named.
    fn replay(&self, key: Option<&str>) -> (i32, Value) {
        let mut given = vec![
            "replay".to_owned(),
            self.path("decisions.jsonl"),
            "--policies".to_owned(),
            self.path("new.yaml"),
            "--json".to_owned(),
        ];
        given.extend(
            key.into_iter()
                .flat_map(|key| ["--auditor-key".to_owned(), self.path(key)]),
        );
        let given: Vec<&str> = given.iter().map(String::as_str).collect();
        let (code, stdout, stderr) = ended(&audit(&given));
        assert!(!stderr.contains("panicked"), "{stderr}");
        (code, serde_json::from_str(&stdout).unwrap_or(Value::Null))
    }

    /// The same of a journal in which this was changed.
    fn replay_of(&self, changed: &str) -> (i32, Value) {
        let text = self.text();
        fs::write(self.path("decisions.jsonl"), changed).unwrap();
        let replayed = self.replay(Some("auditor.key"));
        fs::write(self.path("decisions.jsonl"), text).unwrap();
        replayed
    }

    fn found(&self, given: &[&str]) -> (i32, usize) {
        let journal = self.path("decisions.jsonl");
        let given = [&["search", &journal, "--json"], given].concat();
        let (code, stdout, _) = ended(&audit(&given));
        (code, stdout.lines().count())
    }
}

fn request() -> Request {
    let verification = VerificationId::parse("verification-of-ada").unwrap();
    Request {
        identity: ClaimedIdentity::parse("claimed-by-ada"),
        attributes: [("home".to_owned(), "lane-of-ada".to_owned())].into(),
        ..Request::bare(PolicyName::parse("front-door").unwrap(), verification)
    }
}

fn evidence(at: Timestamp, phone: &str) -> Evidence {
    Evidence {
        finding: Finding::Present(Verification {
            id: Some("verification-of-ada".into()),
            trace_id: Some("trace-of-ada".into()),
            status: Some("VERIFIED".into()),
            verified_at: Some(at),
            scopes: [Scope::Phone, Scope::DateOfBirth].into(),
            identity: Datum::Known(Identity::parse("id-of-ada").unwrap()),
            name: Datum::Known(()),
            phone: Datum::Known(phone.into()),
            born: Datum::Known(BirthDate::from_millis(642_902_400_000).unwrap()),
            ..Verification::default()
        }),
        seen_at: at,
    }
}

#[tokio::test]
async fn with_the_auditors_key_everything_is_known_and_without_it_nothing_more_than_before() {
    let journal = Journal::write().await;
    let (code, report) = journal.replay(None);
    assert_eq!(code, 0);
    let changes = &report["policies"]["front-door"]["changes"];
    assert_eq!(*changes, json!({"allow->unknown": 2}), "{report}");
    assert_eq!(report["from_facts"], 0);
    let (code, report) = journal.replay(Some("auditor.key"));
    assert_eq!(code, 0, "{report}");
    let changes = &report["policies"]["front-door"]["changes"];
    assert_eq!(*changes, json!({"allow->deny": 1}), "{report}");
    assert_eq!(report["from_facts"], 2);
    assert_eq!(report["facts_not_opened"], json!({}));
}

#[tokio::test]
async fn a_service_that_seals_facts_keeps_all_that_policies_can_read() {
    let auditor = AuditorKey::generate().unwrap();
    let recipient = auditor.recipient();
    let world = World::with(|config| config.journal.auditor = Some(recipient)).await;
    let journal = world.journal.clone();
    world.check("front-door", "fresh").await;
    let text = || fs::read_to_string(&journal).unwrap();
    until("the decision is written", async || {
        text().contains("\"decision\":")
    })
    .await;
    let text = text();
    assert!(!text.contains("2025550101"), "{text}");
    check_lines(&text);
    let mut opener = FactsOpener::new(vec![auditor]);
    let mut opened = Vec::new();
    for line in text.lines() {
        opener.learn(line.as_bytes());
        let decision = DecisionLine::read(line.as_bytes()).unwrap();
        opened.extend(decision.and_then(|line| opener.open_text(&line)));
    }
    let facts: Value = serde_json::from_slice(opened[0].as_ref().unwrap()).unwrap();
    let present = &facts["finding"]["present"];
    assert_eq!(
        present["kept"],
        json!(["identity", "name", "phone", "birth"])
    );
    assert_eq!(present["phone"]["known"], "+12025550101", "{present}");
}

/// The text with lines that were changed so.
fn changed(text: &str, change: &dyn Fn(&mut Vec<Value>)) -> String {
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    let mut lines: Vec<Value> = lines.collect();
    change(&mut lines);
    let texts: Vec<String> = lines.iter().map(Value::to_string).collect();
    format!("{}\n", texts.join("\n"))
}

#[tokio::test]
async fn facts_that_cannot_be_opened_are_named_and_decide_nothing() {
    let journal = Journal::write().await;
    let ids = journal.ids();
    let text = journal.text();
    let changed = |change: &dyn Fn(&mut Vec<Value>)| changed(&text, change);
    let is_decision = |line: &str| line.contains("\"decision\":");
    let first = text.lines().position(is_decision).unwrap();
    let swapped = changed(&|lines| {
        let facts = lines[first]["sealed_facts"].clone();
        lines[first]["sealed_facts"] = lines[first + 1]["sealed_facts"].clone();
        lines[first + 1]["sealed_facts"] = facts;
    });
    let broken = changed(&|lines| {
        let data = lines[first]["sealed_facts"]["data"].as_str().unwrap();
        let last = if data.starts_with('A') { "B" } else { "A" };
        lines[first]["sealed_facts"]["data"] = format!("{last}{}", &data[1..]).into();
    });
    let no_base64 = changed(&|lines| lines[first]["sealed_facts"]["data"] = "?".into());
    let no_key = changed(&|lines| {
        for line in lines {
            line.as_object_mut().unwrap().remove("facts_keys");
        }
    });
    let bad_key = changed(&|lines| {
        for line in lines
            .iter_mut()
            .filter(|line| line.get("facts_keys").is_some())
        {
            line["facts_keys"][0]["sealed"] = "AAAA".into();
        }
    });
    let other_policy = changed(&|lines| lines[first]["policy"] = "no-door".into());
    for (text, cause, count, unknown) in [
        (&swapped, "damaged", 2, 2),
        (&broken, "damaged", 1, 1),
        (&no_base64, "damaged", 1, 1),
        (&no_key, "no_key", 2, 2),
        (&bad_key, "bad_key", 2, 2),
    ] {
        let (code, report) = journal.replay_of(text);
        let expected = json!({cause: {"decisions": count, "first": ids[0]}});
        assert_eq!(
            (code, &report["facts_not_opened"]),
            (2, &expected),
            "{report}"
        );
        let changes = &report["policies"]["front-door"]["changes"];
        assert_eq!(changes["allow->unknown"], unknown, "{report}");
    }
    // A policy that is not in the set has no facts opened for it.
    let (code, report) = journal.replay_of(&other_policy);
    assert_eq!((code, &report["facts_not_opened"]), (0, &json!({})));
    let (code, report) = journal.replay(Some("other.key"));
    let expected = json!({"other_auditor": {"decisions": 2, "first": ids[0]}});
    assert_eq!(
        (code, &report["facts_not_opened"]),
        (2, &expected),
        "{report}"
    );
    for no_key in ["identifiers.key", "new.yaml", "missing.key"] {
        assert_eq!(journal.replay(Some(no_key)), (2, Value::Null), "{no_key}");
    }
}

#[tokio::test]
async fn facts_that_do_not_fit_the_clear_part_of_their_line_decide_nothing() {
    let journal = Journal::write().await;
    let text = journal.text();
    let vendor_at = "\"vendor_at\":\"2026-01-31T12:00:00.000Z\",";
    // The clear part says another instant, another policy of the set, or a second clock that there was not.
    for (old, new) in [
        (
            "\"at\":\"2026-01-31T12:00:00.000Z\",\"decision_id\"",
            "\"at\":\"2026-01-31T12:00:01.000Z\",\"decision_id\"".to_owned(),
        ),
        (
            "\"policy\":\"front-door\",",
            "\"policy\":\"back-door\",".to_owned(),
        ),
        ("\"decision_id\"", format!("{vendor_at}\"decision_id\"")),
    ] {
        let changed = text.replace(old, &new);
        assert_eq!(changed.matches(&new).count(), 2, "{new}: {text}");
        let (code, report) = journal.replay_of(&changed);
        assert_eq!(code, 2, "{new}: {report}");
        assert_eq!(
            report["facts_not_opened"]["other_form"]["decisions"], 2,
            "{new}: {report}"
        );
    }
}

#[tokio::test]
async fn facts_are_shown_only_to_the_auditor_who_asks_for_them() {
    let journal = Journal::write().await;
    let (id, path) = (&journal.ids()[0], journal.path("decisions.jsonl"));
    let show = |more: &[&str]| ended(&audit(&[&["show", id, &path], more].concat()));
    let key = journal.path("auditor.key");
    let (code, facts, _) = show(&["--facts", "--auditor-key", &key]);
    assert_eq!(code, 0);
    let facts: Value = serde_json::from_str(&facts).unwrap();
    assert_eq!(
        facts["finding"]["present"]["phone"]["known"],
        "+12025550101"
    );
    for more in [&[][..], &["--json"]] {
        let (code, shown, _) = show(more);
        assert_eq!(code, 0);
        for canary in CANARIES {
            assert!(!shown.contains(canary), "{canary}: {shown}");
        }
    }
    let other = journal.path("other.key");
    for more in [
        &["--facts"][..],
        &["--auditor-key", &key],
        &["--facts", "--auditor-key", &other],
    ] {
        let (code, shown, _) = show(more);
        assert_eq!((code, &*shown), (2, ""), "{more:?}");
    }
}

#[tokio::test]
async fn nothing_of_a_person_is_in_a_line_an_export_or_a_proof() {
    let journal = Journal::write().await;
    let path = journal.path("decisions.jsonl");
    let verifier = SigningKey::parse(&signing_key_text("door.example/journal", &[3; 32]).unwrap());
    let verifier = verifier.unwrap().verifier().to_string();
    let mut outputs = vec![("line", journal.text())];
    for format in ["jsonl", "csv", "ocsf", "ecs", "purview", "syslog"] {
        let (code, exported, _) = ended(&audit(&["export", &path, "--format", format]));
        assert_eq!(code, 0, "{format}");
        assert!(exported.contains("hmac:"), "{format}: {exported}");
        outputs.push((format, exported));
    }
    let (code, proof, error) = ended(&audit(&[
        "prove",
        &journal.ids()[0],
        &path,
        "--key",
        &verifier,
    ]));
    assert_eq!(code, 0, "{error}");
    outputs.push(("proof", proof));
    for (name, output) in outputs {
        for canary in CANARIES {
            assert!(
                !output.contains(canary),
                "{canary} is in the {name}: {output}"
            );
        }
    }
    let (code, _, error) = ended(&audit(&["verify", &path, "--key", &verifier]));
    assert_eq!(code, 0, "{error}");
}

#[tokio::test]
async fn keyed_lines_are_found_by_their_key_alone() {
    let journal = Journal::write().await;
    let [key, other] = ["identifiers.key", "other-identifiers.key"].map(|name| journal.path(name));
    let ada = ["--verification", "verification-of-ada"];
    assert_eq!(journal.found(&ada), (1, 0));
    let with =
        |key: &str, more: &[&str]| journal.found(&[more, &["--identifier-key", key]].concat());
    assert_eq!(with(&key, &ada), (0, 2));
    assert_eq!(with(&other, &ada), (1, 0));
    assert_eq!(with(&key, &["--identity", "claimed-by-ada"]), (0, 2));
    assert_eq!(with(&key, &["--identity", "verification-of-ada"]), (1, 0));
    assert_eq!(with(&key, &["--verification", "trace-of-ada"]), (0, 2));
    let both = [&ada[..], &["--identifier-key", &other]].concat();
    assert_eq!(with(&key, &both), (0, 2));
    // The text of a line finds it, too.
    let keyed = journal
        .identifiers
        .keyed(IdentifierKind::Verification, "verification-of-ada");
    assert_eq!(journal.found(&["--verification", &keyed]), (0, 2));
    let (code, _) = with(&journal.path("auditor.key"), &ada);
    assert_eq!(code, 2);
}
