//! Requirements that are refused, and those at the bounds.

use crate::{parse::parse, testing::source};

/// The problems of a policy of this one requirement, with a list `many.txt` of this many identities.
fn problems_with(requirement: &str, identities: usize) -> Option<String> {
    let text = format!("version: 1\npolicies: {{p: {{require: [{{{requirement}}}]}}}}");
    let list = |policy: &str, name: &str| {
        assert_eq!((policy, name), ("p.yaml", "many.txt"));
        let lines: Vec<String> = (0..identities).map(|n| format!("id-{n}")).collect();
        Ok(lines.join("\n"))
    };
    let read = parse(&[source("p.yaml", &text)], &list);
    read.err().map(|error| error.to_string())
}

fn problems(requirement: &str) -> Option<String> {
    problems_with(requirement, 1)
}

#[test]
fn requirements_nest_four_deep_and_no_deeper() {
    let nested = |depth: usize| {
        let begin = "any_of: [{ all_of: [{ ".repeat(depth / 2) + &"any_of: [{ ".repeat(depth % 2);
        format!("{begin}age_at_least: 18{}", " }]".repeat(depth))
    };
    assert_eq!(problems(&nested(4)), None);
    let deeper = problems(&nested(5)).unwrap();
    assert!(deeper.contains("nest more than 4 deep"), "{deeper}");
}

#[test]
fn otherwise_is_a_word_of_a_whole_rule_only() {
    let inside = problems("any_of: [{ age_at_least: 18, otherwise: deny }]").unwrap();
    assert!(
        inside.contains("`otherwise` inside a requirement"),
        "{inside}"
    );
    let hinted = problems("age_at_least: 18, otherwis: deny").unwrap();
    assert!(hinted.contains("did you mean `otherwise`?"), "{hinted}");
    let unhinted = problems("any_of: [{ age_at_least: 18, otherwis: deny }]").unwrap();
    assert!(unhinted.contains("unknown key `otherwis`"), "{unhinted}");
    assert!(!unhinted.contains("`otherwise`"), "{unhinted}");
    let another = problems("age_at_least: 18, any_if: []").unwrap();
    assert!(another.contains("unknown key `any_if`"), "{another}");
}

#[test]
fn an_unknown_key_is_not_taken_for_a_second_requirement() {
    let second = problems("age_at_least: 18, age_below: 21").unwrap();
    assert!(
        second.contains("a second requirement, `age_below`"),
        "{second}"
    );
    let unknown = problems("age_at_least: 18, age: 21").unwrap();
    assert!(unknown.contains("unknown key `age`"), "{unknown}");
}

#[test]
fn a_prefix_is_a_plus_sign_and_up_to_15_digits_without_a_leading_zero() {
    for right in ["+1", "+49", "+123456789012345"] {
        assert_eq!(problems(&format!("phone_prefix: ['{right}']")), None);
    }
    for wrong in ["1", "+", "+0", "+01", "+1a", "++1", "+1234567890123456"] {
        let problems = problems(&format!("phone_prefix: ['+1', '{wrong}']")).unwrap();
        let expected = format!("`{wrong}` does not begin a telephone number");
        assert!(problems.contains(&expected), "{problems}");
    }
}

#[test]
fn an_identity_has_at_most_256_bytes() {
    let of = |bytes: usize| problems(&format!("identity_not_in: [{}]", "x".repeat(bytes)));
    assert_eq!(of(256), None);
    assert!(of(257).unwrap().contains("it is longer than 256 bytes"));
}

#[test]
fn a_list_has_at_most_100_000_identities() {
    let of = |identities| problems_with("identity_not_in: {file: many.txt}", identities);
    assert_eq!(of(100_000), None);
    assert!(of(100_001).unwrap().contains("more than 100000 identities"));
}

#[test]
fn an_identity_with_an_invisible_character_is_refused() {
    for invisible in [
        "\\t", "\\a", "\\xad", "\\u200b", "\\u200f", "\\u2028", "\\u202f", "\\u2060", "\\u206f",
        "\\ufeff",
    ] {
        let problems = problems(&format!("identity_not_in: [\"id-{invisible}1\"]")).unwrap();
        assert!(problems.contains("not an identity: it has "), "{problems}");
    }
}

#[test]
fn an_attribute_has_either_accepted_or_refused_values() {
    for right in [
        "attribute: {name: a, in: [x]}",
        "attribute: {name: a, not_in: [x]}",
        "attribute: {name: a, not_in: [x], if_absent: holds}",
        "attribute: {name: a, not_in: [x], if_absent: fails}",
    ] {
        assert_eq!(problems(right), None, "{right}");
    }
    for (wrong, expected) in [
        ("{name: a}", "neither `in` nor `not_in`"),
        ("{name: a, if_absent: holds}", "neither `in` nor `not_in`"),
        ("{name: a, in: [x], not_in: [y]}", "both `in` and `not_in`"),
        (
            "{name: a, in: [x], if_absent: holds}",
            "`if_absent` beside `in`",
        ),
        ("{name: a, not_in: []}", "`not_in` is empty"),
        ("{name: a, not_in: ['']}", "an item of `not_in` is empty"),
        ("{name: a, not_in: x}", "`not_in` is a list"),
        ("{not_in: [x]}", "name"),
        ("{name: '', not_in: [x]}", "`name` is empty"),
        (
            "{name: a, not_in: [x], if_absent: true}",
            "did you mean `holds`?",
        ),
        (
            "{name: a, not_in: [x], if_absent: deny}",
            "did you mean `fails`?",
        ),
        (
            "{name: a, not_in: [x], if_absent: fail}",
            "did you mean `fails`?",
        ),
        (
            "{name: a, not_in: [x], if_absent: ''}",
            "`if_absent` is empty",
        ),
        ("{name: a, not_in: [x], if_absent: }", "`if_absent`"),
        ("{name: a, not_in: [x], if_missing: holds}", "`if_absent`"),
    ] {
        let problems = problems(&format!("attribute: {wrong}"));
        let problems = problems.unwrap_or_default();
        assert!(problems.contains(expected), "{wrong}: {problems}");
    }
}
