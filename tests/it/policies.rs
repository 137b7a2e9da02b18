//! Policy files as their authors write them: every mistake at once, with its place, a caret and a hint.

mod check_command;
mod lint;
mod messages;
mod mistakes;
mod revision;

use expect_test::{Expect, expect};
use verigate::policy::{PolicySet, parse, testing};

/// A list beside the policy.
fn lists(_: &str, name: &str) -> Result<String, String> {
    match name {
        "marked.txt" => Ok("\u{feff}id-1\n".to_owned()),
        "commented.txt" => Ok("# id-1\nid-2\n".to_owned()),
        "empty.txt" => Ok("\n\n".to_owned()),
        "people.txt" => Ok("id-1\n\n  id-2  \n".to_owned()),
        _ => Err("no such file".to_owned()),
    }
}

fn read(text: &str) -> Result<PolicySet, String> {
    parse(&[testing::source("p.yaml", text)], &lists).map_err(|problems| problems.to_string())
}

fn check(text: &str, expected: &Expect) {
    expected.assert_eq(&read(text).unwrap_err());
}

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "the output is long, because it has every problem"
)]
fn every_mistake_is_reported_at_once() {
    check(
        "\
version: 1
policies:
  Side Entry:
    require:
      - verified_witin: 90d
      - verified_within: 90
        otherwise: allow
      - age_at_least: 200
      - scopes: NAME
      - status: [VERIFIED]
        verified_within: 1d
      - otherwise: deny
      - schedule: { days: [mon] }
    evidence: { fresh_fro: 5m, unavailable: allow }
    reuse: 10m
",
        &expect![[r#"
            error: `Side Entry` cannot name a policy
             --> p.yaml:3:3
              |
            3 |   Side Entry:
              |   ^^^^^^^^^^
              |
              = help: a name must be 1 to 64 of a-z, 0-9, `.`, `_` and `-`, with a letter or digit at both ends, such as `side-entry`

            error: unknown key `verified_witin`
             --> p.yaml:5:9
              |
            5 |       - verified_witin: 90d
              |         ^^^^^^^^^^^^^^
              |
              = help: did you mean `verified_within`?

            error: `verified_within`: `90` is not a duration
             --> p.yaml:6:26
              |
            6 |       - verified_within: 90
              |                          ^^
              |
              = help: write a unit: `90d` for days, `90h` for hours, `90m` for minutes

            error: `otherwise` is `step_up` or `deny`, not `allow`
             --> p.yaml:7:20
              |
            7 |         otherwise: allow
              |                    ^^^^^
              |
              = help: an unmet rule cannot allow: write `step_up` or `deny`; to accept something else, write an alternative in `any_of`

            error: `age_at_least`: `200` is not a whole number between 0 and 150
             --> p.yaml:8:23
              |
            8 |       - age_at_least: 200
              |                       ^^^
              |
              = help: the maximum is `150`

            error: `scopes` is a list
             --> p.yaml:9:17
              |
            9 |       - scopes: NAME
              |                 ^^^^
              |
              = help: write a list: `[NAME]`

            error: a second requirement, `verified_within`, in one rule
              --> p.yaml:11:9
               |
            11 |         verified_within: 1d
               |         ^^^^^^^^^^^^^^^
               |
               = help: begin another rule with `-`: a rule has one requirement

            error: the rule requires nothing
              --> p.yaml:12:9
               |
            12 |       - otherwise: deny
               |         ^
               |
               = help: one of: status, verified_within, scopes, age_at_least, age_below, phone_prefix, identity, identity_in, identity_not_in, project, attribute, authenticated, schedule, any_of, all_of

            error: `from` is missing
              --> p.yaml:13:19
               |
            13 |       - schedule: { days: [mon] }
               |                   ^^
               |
               = help: add it, such as `from: "07:00"`

            error: `to` is missing
              --> p.yaml:13:19
               |
            13 |       - schedule: { days: [mon] }
               |                   ^^
               |
               = help: add it, such as `to: "19:00"`

            error: `zone` is missing
              --> p.yaml:13:19
               |
            13 |       - schedule: { days: [mon] }
               |                   ^^
               |
               = help: add it, such as `zone: Europe/Berlin`

            error: unknown key `fresh_fro`
              --> p.yaml:14:17
               |
            14 |     evidence: { fresh_fro: 5m, unavailable: allow }
               |                 ^^^^^^^^^
               |
               = help: did you mean `fresh_for`?

            error: `unavailable` is `step_up` or `deny`, not `allow`
              --> p.yaml:14:45
               |
            14 |     evidence: { fresh_fro: 5m, unavailable: allow }
               |                                             ^^^^^
               |
               = help: missing evidence cannot allow: write `deny`, and a `stale_for` to use cached evidence in an outage

            error: `reuse` is a map of keys and values, not a text
              --> p.yaml:15:12
               |
            15 |     reuse: 10m
               |            ^^^
               |
               = help: write it as `reuse: { allow: 10m }`"#]],
    );
}

#[test]
fn what_yaml_can_do_and_a_policy_may_not_is_refused() {
    check(
        "\
version: 1
version: 2
policies:
  a: &anchor
    require: [verified_within: 1d]
  b: *anchor
  c: !tag
    require: [status: [~]]
",
        &expect![[r#"
            error: the key `version` is here twice
             --> p.yaml:2:1
              |
            2 | version: 2
              | ^^^^^^^
              |
              = help: keep one of the two

            error: YAML anchors and aliases are not allowed
             --> p.yaml:4:6
              |
            4 |   a: &anchor
              |      ^
              |
              = help: write the value out where it is used; quote a text that begins with `&` or `*`

            error: YAML anchors and aliases are not allowed
             --> p.yaml:6:6
              |
            6 |   b: *anchor
              |      ^^^^^^^
              |
              = help: write the value out where it is used; quote a text that begins with `&` or `*`

            error: nothing is written here: a policy is a map of keys and values
             --> p.yaml:6:6
              |
            6 |   b: *anchor
              |      ^^^^^^^
              |
              = help: write a map of keys and values, or take the line out

            error: YAML tags are not allowed
             --> p.yaml:7:6
              |
            7 |   c: !tag
              |      ^
              |
              = help: write the value without a tag: the key determines its type; quote a text that begins with `!`

            error: nothing is written here: an item of `status` is a text
             --> p.yaml:8:24
              |
            8 |     require: [status: [~]]
              |                        ^
              |
              = help: write a text, or take the line out; quote a text that is `null` or `~`"#]],
    );
}

#[test]
fn what_is_no_policy_file_is_reported_as_such() {
    for (text, expected) in [
        ("", "the file is empty"),
        ("[", "not YAML"),
        (
            "- 1",
            "a policy file is a map of keys and values, not a list",
        ),
        (
            "version: 2\npolicies: {}",
            "this version of the language is not known",
        ),
        ("policies: {}", "`version` is missing"),
        ("version: 1", "`policies` is missing"),
        ("version: 1\npolicies: {a: {}}", "`require` is missing"),
        (
            "version: 1\npolicies: {a: {require: []}}",
            "`require` is empty",
        ),
        (
            "version: 1\npolicies: {}\n---\nversion: 1",
            "a second document",
        ),
        ("{a: {b: {c", "not YAML"),
    ] {
        let error = read(text).unwrap_err();
        assert!(error.contains(expected), "{text:?} gives {error}");
    }
}

#[test]
fn a_schedule_without_a_length_is_no_time() {
    for (from, to) in [("24:00", "07:00"), ("07:00", "07:00"), ("24:00", "24:00")] {
        let schedule =
            format!("schedule: {{days: [mon], from: \"{from}\", to: \"{to}\", zone: UTC}}");
        let text = format!("version: 1\npolicies: {{a: {{require: [{schedule}]}}}}");
        let error = read(&text).unwrap_err();
        let expected = format!("`schedule` from {from} to {to} is no time");
        assert!(error.contains(&expected), "{error}");
    }
}

#[test]
fn a_carriage_return_ends_a_line_alone_too() {
    for ends in ["\n", "\r\n", "\r"] {
        let text = ["version: 1", "policies:", "  a: {}", ""].join(ends);
        let error = read(&text).unwrap_err();
        assert!(error.contains("p.yaml:3:6"), "{error}");
        assert!(error.contains("3 |   a: {}\n"), "{error}");
        let error = read(&["# one", "# tw\u{fffd}"].join(ends)).unwrap_err();
        assert!(error.contains("p.yaml:2:5"), "{error}");
    }
}

fn lines(lines: impl Iterator<Item = String>) -> String {
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_hostile_file_is_refused_and_does_not_hang() {
    let deep = "[".repeat(100);
    let deeper = "[".repeat(500_000);
    let wide = format!(
        "version: 1\npolicies:\n  a: {{{}}}",
        "k: 1, ".repeat(150_000)
    );
    let keys = lines((0..100_000).map(|n| format!("k{n}: 1")));
    let rules = "\n      - verified_within: 1d".repeat(65);
    let many = format!("version: 1\npolicies:\n  a:\n    require:{rules}");
    let policies = lines((0..1001).map(|n| format!("  p{n}: {{require: [verified_within: 1d]}}")));
    let crowd = format!("version: 1\npolicies:\n{policies}");
    let large = format!("# {}", "x".repeat(1024 * 1024));
    for (text, expected) in [
        (&deep, "nested more than 32 deep"),
        (&deeper, "not YAML: recursion limit exceeded"),
        (&wide, "twice"),
        (&keys, "unknown key"),
        (&many, "more than 64 rules"),
        (&crowd, "more than 1000 policies"),
        (&large, "larger than 1 MiB"),
    ] {
        let error = read(text).unwrap_err();
        assert!(error.contains(expected), "{expected}: {error:.300}");
    }
}

#[test]
fn as_much_as_may_be_is_read() {
    let rules = "\n      - verified_within: 1d".repeat(64);
    let many = format!("version: 1\npolicies:\n  a:\n    require:{rules}");
    let policies = lines((0..1000).map(|n| format!("  p{n}: {{require: [verified_within: 1d]}}")));
    let crowd = format!("version: 1\npolicies:\n{policies}");
    assert_eq!(read(&many).unwrap().len(), 1);
    assert_eq!(read(&crowd).unwrap().len(), 1000);
}

#[test]
fn the_sample_policies_are_valid() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    assert_eq!(verigate::live::load(&folder).unwrap().len(), 9);
}

#[test]
fn a_step_up_sends_only_to_an_https_address_without_a_user() {
    let of = |address: &str| {
        let step_up = format!("step_up: {{redirect: '{address}'}}");
        read(&format!(
            "version: 1\npolicies: {{a: {{require: [verified_within: 1d], {step_up}}}}}"
        ))
    };
    assert!(of("https://sso.example.com/x").is_ok());
    for wrong in [
        "sso.example.com",
        "http://sso.example.com/x",
        "http://eve@sso.example.com/x",
        "https://eve@sso.example.com/x",
        "https://:secret@sso.example.com/x",
        "https://eve:secret@sso.example.com/x",
    ] {
        let error = of(wrong).unwrap_err();
        let expected = format!("`{wrong}` is not an https URL without a user");
        assert!(error.contains(&expected), "{error}");
    }
}

#[test]
fn a_list_that_would_take_somebody_off_without_a_word_is_refused() {
    for list in [
        "{file: marked.txt}",
        "{file: commented.txt}",
        "{file: empty.txt}",
        "{file: gone.txt}",
        "['id-1 ']",
        "['#id-1']",
        "[\"id-1\\u200b\"]",
        "[\"\\uFEFFid-1\"]",
    ] {
        let text = format!("version: 1\npolicies: {{a: {{require: [identity_not_in: {list}]}}}}");
        assert!(read(&text).is_err(), "{list}");
    }
    // None of these is seen by who reads the list.
    for unseen in [
        0xa0, 0xad, 0x34f, 0x61c, 0x115f, 0x180e, 0x200b, 0x2800, 0x3164, 0xfe0f, 0xfeff, 0xffa0,
        0xe0020,
    ] {
        let unseen = char::from_u32(unseen).unwrap();
        let text = format!(
            "version: 1\npolicies: {{a: {{require: [identity_not_in: ['id-1{unseen}']]}}}}"
        );
        assert!(read(&text).is_err(), "{unseen:?}");
    }
    for list in [
        "{file: people.txt}",
        "[id-1, 'ä@example.com', '人-1', 'a/b:c+d=e|f']",
    ] {
        let text = format!("version: 1\npolicies: {{a: {{require: [identity_not_in: {list}]}}}}");
        assert!(read(&text).is_ok(), "{list}");
    }
}
