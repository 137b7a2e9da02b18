//! Facts from outside in another spelling: identities, verification ids, dates of birth and numbers that are not in their one form. The
//! vendor says them, callers and lists do; the answers of the running service are looked at.

use std::{fs, path::Path};

use verigate::{
    policy::ParseError,
    sim::{ApiCall, Fault},
};

use crate::world::{World, check_request, gist};

const UUID: &str = "9b1c6f0e-2f57-4b41-8a55-6f1d3f1f6c0a";

const POLICIES: &str = "\
version: 1
policies:
  same: { require: [identity: same_as_request] }
  in: { require: [identity_in: { file: people.txt }] }
  not-in: { require: [identity_not_in: { file: people.txt }] }
  not-in-line: { require: [identity_not_in: [9B1C6F0E-2F57-4B41-8A55-6F1D3F1F6C0A, id-ada]] }
  carries: { require: [scopes: [IDENTITY_ID]] }
  any: { require: [status: [VERIFIED]] }
  fresh: { require: [verified_within: 30d] }
  adult: { require: [age_at_least: 18] }
  minor: { require: [age_below: 18] }
";

async fn world() -> World {
    World::with(|config| write_policies(&config.policies)).await
}

fn write_policies(path: &Path) {
    fs::write(path, POLICIES).unwrap();
    let list = format!("id-ada\r\n  {UUID}  \r\n\r\nädä\n");
    fs::write(path.with_file_name("people.txt"), list).unwrap();
}

/// The answers to `policies` about a verification that the vendor describes so, in the order of the policies. Only the first look-up
/// reaches the vendor.
async fn answers<const N: usize>(
    world: &World,
    fields: &str,
    claimed: &str,
    policies: [&str; N],
) -> [String; N] {
    let id = format!("v-{}", world.calls().details);
    let scopes = if fields.contains("scopes") {
        ""
    } else {
        r#""scopes":[],"#
    };
    let body = format!(r#"{{"id":"{id}","status":"VERIFIED",{scopes}{fields}}}"#);
    world.inject(ApiCall::Details, Some(1), Fault::Body(body));
    let mut answers = [const { String::new() }; N];
    for (answer, policy) in answers.iter_mut().zip(policies) {
        let mut request = check_request(policy, &id);
        request.identity_id = claimed.to_owned();
        *answer = gist(&world.ask(request).await.unwrap());
    }
    answers
}

fn identity(text: &str) -> String {
    let text = serde_json::to_string(text).unwrap();
    format!(r#""verifiedAt":1769860200000,"data":{{"identityId":{text}}}"#)
}

/// The spellings of one UUID.
fn spellings() -> Vec<String> {
    let simple = UUID.replace('-', "");
    let forms = [
        UUID.to_owned(),
        format!("{{{UUID}}}"),
        format!("urn:uuid:{UUID}"),
        simple.clone(),
        format!("{{{simple}}}"),
    ];
    forms
        .iter()
        .flat_map(|form| [form.clone(), form.to_uppercase()])
        .collect()
}

#[tokio::test]
async fn a_uuid_is_the_same_identity_in_every_spelling() {
    let world = world().await;
    for spelling in spellings() {
        let policies = ["same", "in", "not-in", "not-in-line"];
        for (sent, claimed) in [(spelling.as_str(), UUID), (UUID, &spelling)] {
            assert_eq!(
                answers(&world, &identity(sent), claimed, policies).await,
                [
                    "ALLOW",
                    "ALLOW",
                    "DENY IDENTITY_BLOCKED",
                    "DENY IDENTITY_BLOCKED"
                ],
                "{sent} {claimed}"
            );
        }
    }
}

#[tokio::test]
async fn what_is_no_identity_is_never_off_a_list_and_never_the_same() {
    let world = world().await;
    for text in [
        "id-ada ",
        " id-ada",
        "id-ada\t",
        "id-ada\n",
        "id ada",
        "id-ada\u{a0}",
        "id-ada\u{200b}",
        "\u{feff}id-ada",
        "id\u{ad}-ada",
        "id-ada\u{2060}",
        "id-ada\u{fe0f}",
        "id-ada\u{e0041}",
        "\u{202e}id-ada",
        "a\u{308}da\u{308}",
        "ｉｄ-ａｄａ",
        "id-ada\u{0}",
        &format!("{UUID} "),
        &format!("{UUID}\u{200d}"),
    ] {
        let policies = ["same", "in", "not-in", "not-in-line", "carries", "any"];
        let invalid = "DENY DATA_INVALID";
        assert_eq!(
            answers(&world, &identity(text), text, policies).await,
            [invalid, invalid, invalid, invalid, invalid, "ALLOW"],
            "{text:?}"
        );
        // The same of a request: it is judged only where a rule judges it.
        let claimed = ["same", "not-in", "any"];
        assert_eq!(
            answers(&world, &identity("id-ada"), text, claimed).await,
            [invalid, "DENY IDENTITY_BLOCKED", "ALLOW"],
            "{text:?}"
        );
    }
    // A blank one is missing, and a request without one names none.
    assert_eq!(
        answers(&world, &identity("  "), "", ["same", "not-in"]).await,
        ["DENY IDENTITY_NOT_GIVEN", "DENY DATA_MISSING"]
    );
}

#[tokio::test]
async fn letters_of_any_script_are_an_identity() {
    let world = world().await;
    for text in [
        "ädä",
        "人-1",
        "नमस्ते",
        "น้ำ",
        "o'neill+x@example.com",
        "EXAMPLE\\ada",
        "\"x\"",
    ] {
        assert_eq!(
            answers(&world, &identity(text), text, ["same"]).await,
            ["ALLOW"],
            "{text}"
        );
    }
    let listed = answers(&world, &identity("ädä"), "", ["in", "not-in"]).await;
    assert_eq!(listed, ["ALLOW", "DENY IDENTITY_BLOCKED"]);
    // Other identities keep their case, and a number is the string of its digits.
    let other = answers(&world, &identity("ID-ADA"), "id-ada", ["same", "not-in"]).await;
    assert_eq!(other, ["DENY IDENTITY_MISMATCH", "ALLOW"]);
    let number = r#""data":{"identityId":4711}"#;
    assert_eq!(answers(&world, number, "4711", ["same"]).await, ["ALLOW"]);
}

#[tokio::test]
async fn a_birth_date_in_another_unit_makes_nobody_an_adult() {
    let world = world().await;
    for birth in [
        "20150517",
        "\"20150517\"",
        "1431820800",
        "\"1431820800\"",
        "1425600000",
        "-1425600000",
        "2015",
        "0",
        "-0",
        "0.0",
        "2199600000",
        "587455200001",
        "587455260000",
        "\"2015-05-17\"",
        "\"+587455200000\"",
        "\"0587455200000\"",
        "\" 587455200000\"",
        "\"587455200000.0\"",
        "\"5.874552e11\"",
        "587455200000.5",
        "99999999999999999999",
        "true",
        "[587455200000]",
        "{\"ms\":587455200000}",
    ] {
        let fields = format!(r#""scopes":["DATE_OF_BIRTH"],"data":{{"dateOfBirth":{birth}}}"#);
        assert_eq!(
            answers(&world, &fields, "", ["adult", "minor", "any"]).await,
            ["DENY DATA_INVALID", "DENY DATA_INVALID", "ALLOW"],
            "{birth}"
        );
    }
    for birth in [
        "587455200000",
        "\"587455200000\"",
        "587455200000.0",
        "5.874552e11",
        "5874552E5",
        "-631152000000",
        "\"-631152000000\"",
    ] {
        let fields = format!(r#""scopes":["DATE_OF_BIRTH"],"data":{{"dateOfBirth":{birth}}}"#);
        assert_eq!(
            answers(&world, &fields, "", ["adult", "minor"]).await,
            ["ALLOW", "DENY OVER_AGE"],
            "{birth}"
        );
    }
}

#[tokio::test]
async fn a_number_of_the_vendor_is_read_by_one_rule_wherever_it_stands() {
    let world = world().await;
    for verified_at in [
        "1769860200000",
        "\"1769860200000\"",
        "1769860200000.0",
        "1.7698602e12",
    ] {
        let fields = format!(r#""verifiedAt":{verified_at}"#);
        let answer = answers(&world, &fields, "", ["fresh", "any"]).await;
        assert_eq!(answer, ["ALLOW", "ALLOW"], "{verified_at}");
    }
    // What cannot be read is not missing: a policy that does not ask for the time lets nobody in by it either.
    for fields in [
        r#""verifiedAt":"soon""#,
        r#""verifiedAt":"""#,
        r#""verifiedAt":"+1769860200000""#,
        r#""verifiedAt":"1769860200000.0""#,
        r#""verifiedAt":1769860200000.5"#,
        r#""verifiedAt":99999999999999999999"#,
        r#""verifiedAt":true"#,
        r#""verifiedAt":[]"#,
        r#""traceId":true"#,
        r#""traceId":1.5"#,
        r#""projectId":{}"#,
    ] {
        let answer = answers(&world, fields, "", ["fresh", "any"]).await;
        let invalid = "DENY EVIDENCE_INVALID";
        assert_eq!(answer, [invalid, invalid], "{fields}");
        world.clock.advance(crate::world::FAILED_FOR_MAX);
    }
    for fields in [
        r#""verifiedAt":1769860200000,"traceId":4711"#,
        r#""verifiedAt":1769860200000,"projectId":4711.0"#,
        r#""verifiedAt":1769860200000,"traceId":null"#,
    ] {
        let answer = answers(&world, fields, "", ["fresh"]).await;
        assert_eq!(answer, ["ALLOW"], "{fields}");
    }
    let missing = answers(&world, r#""verifiedAt":null"#, "", ["fresh", "any"]).await;
    assert_eq!(missing, ["DENY VERIFIED_AT_MISSING", "ALLOW"]);
}

#[tokio::test]
async fn a_verification_id_in_capitals_is_the_same_verification() {
    let cast = format!(
        "people: {{ada: {{identity_id: id-ada}}}}\nverifications:\n  {UUID}: {{person: ada, verified_ago: 1d}}\n"
    );
    let world = World::of(&cast, |config| write_policies(&config.policies)).await;
    for id in [UUID, &UUID.to_uppercase()] {
        let answer = world.check("fresh", id).await;
        assert_eq!(gist(&answer), "ALLOW", "{id}");
    }
    assert_eq!(world.calls().details, 1);
    // Any other id is opaque, and goes to the vendor as it is.
    let other = world
        .check("fresh", &UUID.replace('-', "").to_uppercase())
        .await;
    assert_eq!(gist(&other), "DENY VERIFICATION_NOT_FOUND");
    assert_eq!(world.calls().details, 2);
}

/// Why these lists do not load, in short.
fn problems(policies: &[(&str, &str)], list: &str) -> ParseError {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in policies {
        fs::write(folder.path().join(name), text).unwrap();
    }
    fs::write(folder.path().join("people.txt"), list).unwrap();
    let problems = match verigate::live::load(folder.path()) {
        Err(verigate::live::LoadError::Invalid(problems)) => Some(problems),
        _ => None,
    };
    problems.unwrap()
}

const ONE: &str = "version: 1\npolicies: {p: {require: [identity_not_in: {file: people.txt}]}}\n";

#[test]
fn every_line_of_a_list_that_is_not_one_identity_is_reported_with_its_place() {
    let list = "\u{feff}id-1\n\"id-ada\"\nid-ok\nid-ada,Ada\n{id-ada}\nid-ada\tAda\n  id ada\n# id-ada\nid-ada;\n\
                urn:uuid:9b1c6f0e-2f57-4b41-8a55-6f1d3f1f6c0a\nid-ada\u{2003}\nid-ada\r\r\na\u{308}da\n*@example.com\n9b1c6f0e2f574b418a556f1d3f1f6c0a\n";
    let problems = problems(&[("p.yaml", ONE)], list);
    let short = problems.in_short();
    for (line, column, what) in [
        (1, 1, "a byte order mark"),
        (2, 1, "a quotation mark"),
        (4, 7, "a comma"),
        (5, 1, "a bracket"),
        (6, 7, "a tab"),
        (7, 5, "a blank"),
        (8, 2, "a blank"),
        (9, 7, "a semicolon"),
        (10, 1, "a UUID, but not written as 36 characters"),
        (11, 7, "U+2003"),
        (12, 7, "a carriage return"),
        (13, 1, "NFC"),
        (14, 1, "an asterisk"),
        (15, 1, "a UUID, but not written as 36 characters"),
    ] {
        let place = format!("people.txt:{line}:{column}: ");
        let found = short.lines().find(|text| text.contains(&place));
        assert!(
            found.is_some_and(|text| text.contains(what)),
            "{place}{what}\n{short}"
        );
    }
    assert_eq!(problems.count(), 14, "{short}");
}

#[test]
fn a_list_is_read_once_however_many_policies_name_it() {
    let two = "version: 1\npolicies:\n  q: {require: [identity_in: {file: people.txt}]}\n  r: {require: [any_of: [identity_in: {file: people.txt}, identity_not_in: {file: people.txt}]]}\n";
    let files = [("p.yaml", ONE), ("q.yaml", two)];
    assert_eq!(problems(&files, "id-ok\nid ada\n\"id\"\n").count(), 2);
    assert_eq!(problems(&files, "\n\n").count(), 1);
    // Of many mistakes, some are shown and the others are counted, so that those of the policies are not hidden.
    let broken = [
        ("p.yaml", ONE),
        ("q.yaml", &two.replace("require", "requier")),
    ];
    let many = problems(&broken, &"id ada\n".repeat(100_000));
    let short = many.in_short();
    assert!(short.contains("99980 more lines"), "{short}");
    assert!(short.contains("requier"), "{short}");
    assert_eq!(
        short
            .lines()
            .filter(|line| line.contains("not an identity: "))
            .count(),
        20
    );
}

#[test]
fn a_list_that_cannot_be_read_is_reported_once() {
    let gone = ONE.replace("people.txt", "gone.txt");
    let both = gone.replace("}\n", ", q: {require: [identity_in: {file: gone.txt}]}}\n");
    let problems = problems(&[("p.yaml", &both)], "id-ada\n");
    assert_eq!(problems.count(), 1, "{}", problems.in_short());
    assert!(
        problems
            .in_short()
            .contains("the list `gone.txt` cannot be read")
    );
}
