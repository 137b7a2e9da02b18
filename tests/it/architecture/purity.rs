//! What never appears where: no time and no waiting in the policy language, one clock, and decisions that only the language makes.

use super::{
    sources::{Source, Sources, made_up, sign},
    tokens::{Token, tokens},
};

/// What the policy language does not know. A single name is found within longer ones, too.
const TIME_AND_WAITING: [&str; 6] = ["tokio", "async", ".await", "clock", "now()", "tracing"];

/// The modules of the standard library that the policy language uses. None of them does I/O, waits or reads the time.
const STANDARD: [&str; 15] = [
    "borrow",
    "cell",
    "cmp",
    "collections",
    "error",
    "fmt",
    "hash",
    "iter",
    "mem",
    "num",
    "ops",
    "path",
    "str",
    "sync",
    "time",
];

/// No type of the language has a form on the wire.
const SERIALISATION: [&str; 2] = ["Serialize", "serde"];

/// What only the clock calls.
const CLOCK_ONLY: [&str; 5] = [
    "SystemTime::now",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
    "now_v7",
];

/// How a decision is made. The decision on the wire is `v1::Decision`.
const DECISION: [&str; 1] = ["Decision {"];

/// Whether the code has these tokens one after another; of a single name, whether it is part of one.
fn has(source: &Source, pattern: &str) -> bool {
    let pattern: Vec<Token> = tokens(pattern)
        .into_iter()
        .map(|(_, token)| token)
        .collect();
    if let [Token::Word(name)] = pattern.as_slice() {
        let mut words = source.code.iter().filter_map(|(_, token)| token.word());
        return words.any(|word| word.contains(name));
    }
    let mut starts = (0..source.code.len()).filter(|at| {
        let tail = source.code[*at..].iter().map(|(_, token)| token);
        tail.take(pattern.len()).eq(&pattern)
    });
    // `v1::Decision` is another name.
    let type_name = pattern.last() == Some(&Token::Sign('{'));
    starts.any(|at| !type_name || at == 0 || sign(&source.code, at - 1) != Some(':'))
}

/// Where one of these stands, in rooms that may not have it.
fn violations(sources: &Sources, patterns: &[&str], forbidden_in: fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources.iter().filter(|source| forbidden_in(source.room())) {
        let patterns = patterns.iter().filter(|pattern| has(source, pattern));
        found.extend(patterns.map(|pattern| format!("{} has `{pattern}`", source.path)));
    }
    found
}

/// The modules of the standard library that the code names, in paths and in `use` trees.
fn standard_modules(source: &Source) -> Vec<String> {
    let code = &source.code;
    let word = |at: usize| code.get(at).and_then(|(_, token)| token.word());
    let mut modules = Vec::new();
    for start in (0..code.len()).filter(|at| word(*at) == Some("std")) {
        let path = [1, 2].map(|ahead| sign(code, start + ahead));
        if path != [Some(':'), Some(':')] {
            continue;
        }
        let first = start + 3;
        modules.extend(word(first).map(str::to_owned));
        let mut depth = 0;
        for at in first..code.len() {
            match sign(code, at) {
                Some('{') => depth += 1,
                Some('}') => depth -= 1,
                _ => {}
            }
            if depth <= 0 {
                break;
            }
            if depth == 1 && matches!(sign(code, at), Some('{' | ',')) {
                modules.extend(word(at + 1).map(str::to_owned));
            }
        }
    }
    modules
}

fn time_in_policy(sources: &Sources) -> Vec<String> {
    let mut found = violations(sources, &TIME_AND_WAITING, |room| room == "policy");
    for source in sources.iter().filter(|source| source.room() == "policy") {
        let others = standard_modules(source).into_iter();
        let others = others.filter(|module| !STANDARD.contains(&module.as_str()));
        found.extend(others.map(|module| format!("{} uses `std::{module}`", source.path)));
    }
    found
}

fn clocks_elsewhere(sources: &Sources) -> Vec<String> {
    violations(sources, &CLOCK_ONLY, |room| room != "clock")
}

/// Sleeps of a time that is computed. Where it is zero, the runtime's timer takes a millisecond: `clock::pause` does not.
fn computed_sleeps(sources: &Sources) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources.iter().filter(|source| source.room() != "clock") {
        let code = &source.code;
        let word = |at: usize| code.get(at).and_then(|(_, token)| token.word());
        for at in (3..code.len()).filter(|at| word(*at) == Some("sleep")) {
            let of_a_thread = word(at - 3) == Some("thread");
            let called = sign(code, at + 1) == Some('(');
            let argument = word(at + 2).unwrap_or_default();
            let constant = argument.chars().any(char::is_uppercase)
                && !argument.chars().any(char::is_lowercase);
            if called && !of_a_thread && !constant {
                found.push(format!("{} sleeps for `{argument}`", source.path));
            }
        }
    }
    found
}

fn decisions_elsewhere(sources: &Sources) -> Vec<String> {
    let mut found = violations(sources, &DECISION, |room| room != "policy");
    found.extend(violations(sources, &SERIALISATION, |room| room == "policy"));
    found
}

#[test]
fn what_does_not_belong_there_is_found() {
    let sources = made_up(&[
        (
            "src/gate.rs",
            "fn f() { Decision { x } } fn g() { let now = std::time::Instant::now(); jiff::Timestamp::now() }",
        ),
        (
            "src/clock.rs",
            "fn f() { Instant::now(); SystemTime::now() }",
        ),
        (
            "src/live.rs",
            "// Instant::now\n#[cfg(test)] mod tests { fn f() { Instant::now() } }",
        ),
        (
            "crates/policy/src/a.rs",
            "use std::{collections::{BTreeMap, BTreeSet}, fs, io::{self, Read}}; use std::thread; async fn f() { g().await } fn d() { Decision { x } }",
        ),
        (
            "crates/policy/src/b.rs",
            "use crate::wall_clock; #[derive(Serialize)] struct S; fn f() { t.now() }",
        ),
        (
            "crates/policy/src/c.rs",
            "/// The clock.\nconst X: &str = \"serde\";",
        ),
    ]);
    let expected = [
        "crates/policy/src/a.rs has `async`",
        "crates/policy/src/a.rs has `.await`",
        "crates/policy/src/b.rs has `clock`",
        "crates/policy/src/b.rs has `now()`",
        "crates/policy/src/a.rs uses `std::fs`",
        "crates/policy/src/a.rs uses `std::io`",
        "crates/policy/src/a.rs uses `std::thread`",
    ];
    assert_eq!(time_in_policy(&sources), expected);
    let expected = [
        "src/gate.rs has `Instant::now`",
        "src/gate.rs has `Timestamp::now`",
    ];
    assert_eq!(clocks_elsewhere(&sources), expected);
    let expected = [
        "src/gate.rs has `Decision {`",
        "crates/policy/src/b.rs has `Serialize`",
    ];
    assert_eq!(decisions_elsewhere(&sources), expected);
}

#[test]
fn a_sleep_of_a_computed_time_is_found() {
    let sources = made_up(&[
        (
            "src/a.rs",
            "async fn f() { sleep(wait).await; sleep(Duration::ZERO).await }",
        ),
        (
            "src/b.rs",
            "async fn f() { sleep(RETRY).await; thread::sleep(self.wait); pause(wait).await }",
        ),
        (
            "src/clock.rs",
            "async fn pause(d: Duration) { tokio::time::sleep(d).await }",
        ),
    ]);
    let expected = [
        "src/a.rs sleeps for `wait`",
        "src/a.rs sleeps for `Duration`",
    ];
    assert_eq!(computed_sleeps(&sources), expected);
}

#[test]
fn nothing_sleeps_for_a_time_that_may_be_zero() {
    let found = computed_sleeps(&Sources::read());
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_policy_core_neither_waits_nor_asks_the_time() {
    let found = time_in_policy(&Sources::read());
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn only_the_clock_asks_what_time_it_is() {
    let found = clocks_elsewhere(&Sources::read());
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_decision_is_made_only_in_the_policy_core_and_nothing_of_it_is_serialised() {
    let found = decisions_elsewhere(&Sources::read());
    assert!(found.is_empty(), "{}", found.join("\n"));
}
