//! One session for all rules: what it must have, and which sessions are listed.

use verigate::policy::Remedy;

use super::{reverify, session, sets};

#[test]
fn one_session_satisfies_several_rules() {
    let rules = "      - authenticated: {within: 12h, amr_any: [hwk, face]}\n      - authenticated: {within: 1h, amr_any: [face, pin]}\n";
    let both = session(1, &[&["face", "hwk"], &["face", "pin"]], &[]);
    assert_eq!(sets(rules, 1, |_| {}), [vec![both]]);
    let rules = "      - authenticated: {within: 12h}\n      - authenticated: {within: 1d, acr_any: [high]}\n";
    assert_eq!(sets(rules, 1, |_| {}), [vec![session(12, &[], &["high"])]]);
    let rules = "      - authenticated: {within: 30d, amr_any: [hwk], acr_any: [a, b]}\n      - authenticated: {within: 1h, amr_any: [pwd], acr_any: [b, c]}\n";
    let both = session(1, &[&["hwk"], &["pwd"]], &["b"]);
    assert_eq!(sets(rules, 1, |_| {}), [vec![both]]);
    // A group that another one implies is left out.
    let rules = "      - authenticated: {within: 1h, amr_any: [hwk, face]}\n      - authenticated: {within: 1h, amr_any: [hwk]}\n";
    assert_eq!(sets(rules, 1, |_| {}), [vec![session(1, &[&["hwk"]], &[])]]);
}

#[test]
fn a_session_that_no_other_set_covers_is_listed_although_others_of_its_set_need_less() {
    let first = "      - authenticated: {within: 30d, amr_any: [hwk, face, pwd]}\n";
    let any_of = |parts: &str| format!("{first}      - any_of: [{parts}]\n");
    let word = "authenticated: {within: 1h, amr_any: [face, pwd]}";
    let key = "authenticated: {within: 12h, amr_any: [hwk, otp], acr_any: [b]}";
    let any = "authenticated: {within: 15m, acr_any: [a, c]}";
    let all = &["face", "hwk", "pwd"][..];
    let words = vec![session(1, &[&["face", "pwd"]], &[])];
    // By a face or a password, a session needs no class and no other method. By a key it needs the class, and may be older.
    let keys = vec![session(12, &[all, &["hwk", "otp"]], &["b"])];
    assert_eq!(
        sets(&any_of(&[word, key].join(", ")), 1, |_| {}),
        [words.clone(), keys.clone()]
    );
    let listed = sets(&any_of(&[word, key, any].join(", ")), 1, |_| {});
    assert!(
        listed.contains(&words) && listed.contains(&keys),
        "{listed:?}"
    );
    assert_eq!(listed.len(), 3, "{listed:?}");
    // A key alone may be older than a key, a face or a password.
    let rules =
        any_of("authenticated: {within: 1h}, authenticated: {within: 12h, amr_any: [hwk, otp]}");
    assert_eq!(
        sets(&rules, 1, |_| {}),
        [
            vec![session(1, &[all], &[])],
            vec![session(12, &[all, &["hwk", "otp"]], &[])]
        ]
    );
    // Of two methods and a class, one method is enough.
    let rules = any_of(
        "authenticated: {within: 1h}, authenticated: {within: 12h, amr_any: [otp], acr_any: [b]}",
    );
    assert_eq!(sets(&rules, 1, |_| {}), [vec![session(1, &[all], &[])]]);
}

#[test]
fn no_wait_is_listed_where_every_session_suffices_now_each_by_another_path() {
    let classes = "      - authenticated: {within: 1h, acr_any: [a, c]}\n";
    let schedule = "schedule: {days: [mon, tue, wed, thu, fri, sat, sun], from: \"13:00\", to: \"14:00\", zone: UTC}";
    let by = |class: &str| format!("authenticated: {{within: 1h, acr_any: [{class}]}}");
    let either = [schedule, &by("c"), &by("a")].join(", ");
    let rules = format!("{classes}      - any_of: [{either}]\n");
    let now = [vec![session(1, &[], &["c"])], vec![session(1, &[], &["a"])]];
    assert_eq!(sets(&rules, 1, |_| {}), now);
    // One class alone: the other one waits.
    let rules = format!("{classes}      - any_of: [{schedule}, {}]\n", by("c"));
    let listed = sets(&rules, 1, |_| {});
    let opens = Remedy::Wait("2026-01-31T13:00:00Z".parse().unwrap());
    let later = vec![opens, session(1, &[], &["a", "c"])];
    assert_eq!(listed, [vec![session(1, &[], &["c"])], later]);
}

#[test]
fn nothing_helps_where_one_session_cannot_satisfy_two_rules() {
    let rules = "      - authenticated: {within: 1h, acr_any: [a]}\n      - authenticated: {within: 1h, acr_any: [b]}\n        otherwise: step_up\n";
    let none: Vec<Vec<Remedy>> = Vec::new();
    assert_eq!(sets(rules, 1, |_| {}), none);
    // Unless an alternative avoids one of them.
    let around = "      - authenticated: {within: 1h, acr_any: [a]}\n      - any_of: [authenticated: {within: 1h, acr_any: [b]}, verified_within: 7d]\n";
    assert_eq!(
        sets(around, 31, |_| {}),
        [vec![session(1, &[], &["a"]), reverify(7)]]
    );
}
