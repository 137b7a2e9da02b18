//! The rules of the house that a reader would otherwise have to check: who may import whom, and what never appears where.

pub mod tokens;
mod sources;
mod imports;
mod circles;
mod exports;
mod unused;
mod sizes;
mod events;
mod page;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Each room and the rooms that it may import. `ARCHITECTURE.md` shows the same table.
const ROOMS: [(&str, &[&str]); 32] = [
    (
        "gate",
        &[
            "call",
            "callers",
            "clock",
            "deps",
            "journal",
            "live",
            "policy",
            "provenance",
            "ruling",
            "source",
            "span",
        ],
    ),
    ("ruling", &["policy", "provenance"]),
    ("call", &["callers"]),
    ("callers", &["rate_limit"]),
    (
        "source",
        &[
            "callers",
            "clock",
            "deps",
            "flight",
            "jitter",
            "log_throttle",
            "metrics",
            "policy",
            "provenance",
            "span",
        ],
    ),
    ("provenance", &[]),
    (
        "step_up",
        &[
            "callers",
            "clock",
            "deps",
            "flight",
            "live",
            "metrics",
            "policy",
            "provenance",
            "rate_limit",
        ],
    ),
    (
        "webhook_queue",
        &[
            "callers",
            "clock",
            "policy",
            "rate_limit",
            "source",
            "step_up",
        ],
    ),
    (
        "incode",
        &[
            "callers",
            "clock",
            "deps",
            "jitter",
            "json",
            "log_throttle",
            "metrics",
            "policy",
            "provenance",
            "rate_limit",
            "readiness",
            "retry_budget",
            "source",
            "span",
            "step_up",
        ],
    ),
    ("live", &["clock", "deps", "files", "metrics", "policy"]),
    (
        "journal",
        &[
            "clock",
            "deps",
            "log_throttle",
            "policy",
            "provenance",
            "ruling",
        ],
    ),
    (
        "grpc",
        &[
            "call",
            "gate",
            "policy",
            "proto",
            "provenance",
            "ruling",
            "span",
            "step_up",
        ],
    ),
    (
        "http",
        &[
            "call",
            "clock",
            "deps",
            "json",
            "live",
            "log_throttle",
            "metrics",
            "policy",
            "readiness",
            "step_up",
            "webhook_queue",
        ],
    ),
    ("listener", &[]),
    ("proto", &["policy"]),
    ("clock", &["policy"]),
    ("files", &[]),
    ("flight", &[]),
    ("rate_limit", &[]),
    ("retry_budget", &[]),
    ("log_throttle", &[]),
    ("jitter", &[]),
    ("json", &[]),
    ("metrics", &[]),
    ("readiness", &[]),
    ("span", &["call", "policy", "ruling"]),
    (
        "config",
        &[
            "call",
            "files",
            "http",
            "incode",
            "policy",
            "rate_limit",
            "step_up",
            "telemetry",
        ],
    ),
    ("telemetry", &["clock", "log_throttle", "span"]),
    ("deps", &["clock", "flight"]),
    (
        "serve",
        &[
            "clock",
            "config",
            "deps",
            "gate",
            "grpc",
            "http",
            "incode",
            "journal",
            "listener",
            "live",
            "policy",
            "readiness",
            "source",
            "step_up",
            "webhook_queue",
        ],
    ),
    ("sim", &["policy", "clock"]),
    (
        "cli",
        &[
            "clock",
            "config",
            "files",
            "http",
            "live",
            "policy",
            "proto",
            "serve",
            "sim",
            "telemetry",
        ],
    ),
];

/// `ARCHITECTURE.md` is read in one sitting. It has a row and an invariant for each room.
const PAGE_LINES_MAX: usize = 200;

/// Every source file with the room that it belongs to. The policy language is a room in a package of its own.
fn files() -> Vec<(String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = files_of(&root.join("src"));
    let policy = files_of(&root.join("crates/policy/src"));
    files.extend(
        policy
            .into_iter()
            .map(|(_, path, text)| ("policy".to_owned(), path, text)),
    );
    files
}

fn files_of(src: &Path) -> Vec<(String, PathBuf, String)> {
    let (mut folders, mut files) = (vec![src.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let inside = path.strip_prefix(src).unwrap();
                let first = inside.iter().next().unwrap().to_str().unwrap();
                let room = first.trim_end_matches(".rs").to_owned();
                let text = fs::read_to_string(&path).unwrap();
                files.push((room, path, text));
            }
        }
    }
    files
}

/// The code of a file: without comments, and without its tests.
fn code(text: &str) -> String {
    let before_tests = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    before_tests
        .lines()
        .map(|line| line.split("//").next().unwrap())
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn the_table_of_the_architecture_is_this_one() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md"));
    let page = page.unwrap();
    for (room, allowed) in ROOMS {
        let row = page
            .lines()
            .find(|line| line.starts_with(&format!("| `{room}` |")))
            .unwrap_or_else(|| panic!("ARCHITECTURE.md does not show the room `{room}`"));
        let cell = row.trim_end_matches('|').rsplit('|').next().unwrap().trim();
        let shown: BTreeSet<&str> = match cell {
            "nothing of ours" => BTreeSet::new(),
            "all of the above" => continue,
            rooms => rooms.split_whitespace().collect(),
        };
        let shown: BTreeSet<&str> = shown
            .into_iter()
            .filter(|word| !word.starts_with('(') && !word.ends_with(')'))
            .collect();
        let allowed: BTreeSet<&str> = allowed.iter().copied().collect();
        assert_eq!(shown, allowed, "ARCHITECTURE.md shows `{room}` otherwise");
    }
    assert!(
        page.lines().count() <= PAGE_LINES_MAX,
        "ARCHITECTURE.md is too long"
    );
}

#[test]
fn the_policy_core_neither_waits_nor_asks_the_time() {
    for (room, path, text) in files() {
        if room != "policy" {
            continue;
        }
        for word in [
            "tokio", "async ", ".await", "clock", "now()", "tracing", "std::fs", "std::net",
            "std::env",
        ] {
            assert!(
                !code(&text).contains(word),
                "{} has `{word}`",
                path.display()
            );
        }
    }
}

#[test]
fn only_the_clock_asks_what_time_it_is() {
    for (room, path, text) in files() {
        for call in [
            "SystemTime::now",
            "Instant::now",
            "Timestamp::now",
            "Zoned::now",
            "now_v7",
        ] {
            assert!(
                room == "clock" || !code(&text).contains(call),
                "{} calls `{call}`",
                path.display()
            );
        }
    }
}

#[test]
fn a_decision_is_made_only_in_the_policy_core_and_nothing_of_it_is_serialised() {
    for (room, path, text) in files() {
        let code = code(&text);
        assert!(
            room == "policy" || !code.contains(" Decision {"),
            "{} makes a decision",
            path.display()
        );
        assert!(
            room != "policy" || !(code.contains("Serialize") || code.contains("serde")),
            "{} serialises policy types",
            path.display()
        );
    }
}
