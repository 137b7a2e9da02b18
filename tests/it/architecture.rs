//! The rules of the house that a reader would otherwise have to check: who may import whom, and what never appears where.

pub mod tokens;
pub mod sources;
mod imports;
mod circles;
mod exports;
mod unused;
mod sizes;
mod events;
mod page;
mod purity;

use std::{collections::BTreeSet, fs, path::Path};

/// Each room and the rooms that it may import. `ARCHITECTURE.md` shows the same table.
const ROOMS: [(&str, &[&str]); 45] = [
    (
        "gate",
        &[
            "call",
            "callers",
            "clock",
            "deps",
            "journal",
            "live",
            "log_throttle",
            "metrics",
            "policy",
            "provenance",
            "refusals",
            "ruling",
            "source",
            "span",
        ],
    ),
    ("ruling", &["policy", "provenance"]),
    ("audit", &["journal", "json", "policy"]),
    ("call", &["callers", "peer"]),
    (
        "callers",
        &[
            "clock",
            "header_list",
            "jwt",
            "peer",
            "policy",
            "rate_limit",
        ],
    ),
    (
        "refusals",
        &[
            "callers",
            "clock",
            "deps",
            "journal",
            "log_throttle",
            "metrics",
            "policy",
            "rate_limit",
        ],
    ),
    (
        "jwt",
        &[
            "clock",
            "deps",
            "files",
            "flight",
            "jitter",
            "json",
            "log_throttle",
            "metrics",
            "policy",
            "rate_limit",
            "tls",
        ],
    ),
    (
        "session",
        &[
            "callers",
            "clock",
            "deps",
            "header_list",
            "jwt",
            "log_throttle",
            "metrics",
            "policy",
            "violations",
        ],
    ),
    (
        "gateway",
        &[
            "callers",
            "gate",
            "header_list",
            "incode",
            "policy",
            "ruling",
            "session",
            "step_up",
            "violations",
        ],
    ),
    (
        "source",
        &[
            "callers",
            "clock",
            "deps",
            "flight",
            "jitter",
            "live",
            "log_throttle",
            "metrics",
            "policy",
            "provenance",
            "rate_limit",
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
            "log_throttle",
            "metrics",
            "policy",
            "provenance",
            "rate_limit",
            "refusals",
            "secrets",
            "source",
        ],
    ),
    (
        "webhook_queue",
        &[
            "callers",
            "clock",
            "deps",
            "log_throttle",
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
            "flight",
            "jitter",
            "json",
            "log_throttle",
            "metrics",
            "policy",
            "provenance",
            "rate_limit",
            "readiness",
            "retry_budget",
            "secrets",
            "source",
            "span",
            "step_up",
            "tls",
        ],
    ),
    (
        "live",
        &["clock", "deps", "file_watch", "files", "metrics", "policy"],
    ),
    (
        "journal",
        &[
            "callers",
            "clock",
            "deps",
            "log_throttle",
            "metrics",
            "policy",
            "proto",
            "provenance",
            "readiness",
            "ruling",
        ],
    ),
    (
        "grpc",
        &[
            "call",
            "callers",
            "clock",
            "deps",
            "gate",
            "gateway",
            "header_list",
            "jitter",
            "jwt",
            "listener",
            "live",
            "log_throttle",
            "metrics",
            "peer",
            "policy",
            "proto",
            "provenance",
            "refusals",
            "request_id",
            "ruling",
            "session",
            "span",
            "step_up",
            "violations",
        ],
    ),
    (
        "http",
        &[
            "build_info",
            "call",
            "callers",
            "clock",
            "deps",
            "flight",
            "gate",
            "gateway",
            "header_list",
            "json",
            "jwt",
            "listener",
            "live",
            "log_throttle",
            "metrics",
            "peer",
            "policy",
            "proto",
            "rate_limit",
            "readiness",
            "refusals",
            "request_id",
            "ruling",
            "secrets",
            "session",
            "span",
            "step_up",
            "violations",
            "webhook_queue",
        ],
    ),
    (
        "listener",
        &[
            "clock",
            "deps",
            "header_list",
            "log_throttle",
            "metrics",
            "peer",
            "tls",
        ],
    ),
    ("proto", &["policy"]),
    ("violations", &[]),
    ("clock", &["policy"]),
    ("flight", &[]),
    ("rate_limit", &[]),
    ("retry_budget", &[]),
    ("log_throttle", &[]),
    ("jitter", &[]),
    ("json", &[]),
    ("files", &[]),
    ("file_watch", &["clock"]),
    (
        "tls",
        &[
            "clock",
            "deps",
            "file_watch",
            "files",
            "log_throttle",
            "metrics",
            "peer",
            "readiness",
            "secrets",
        ],
    ),
    ("metrics", &[]),
    ("readiness", &[]),
    ("secrets", &["files", "log_throttle"]),
    ("span", &["call", "policy", "ruling"]),
    (
        "config",
        &[
            "call",
            "callers",
            "files",
            "gateway",
            "grpc",
            "http",
            "incode",
            "jwt",
            "listener",
            "policy",
            "rate_limit",
            "secrets",
            "session",
            "source",
            "step_up",
            "telemetry",
            "tls",
        ],
    ),
    (
        "telemetry",
        &["clock", "log_throttle", "metrics", "span", "tls"],
    ),
    ("build_info", &[]),
    ("header_list", &[]),
    ("request_id", &["violations"]),
    ("peer", &[]),
    ("deps", &["clock", "flight"]),
    (
        "serve",
        &[
            "build_info",
            "callers",
            "clock",
            "config",
            "deps",
            "file_watch",
            "gate",
            "gateway",
            "grpc",
            "http",
            "incode",
            "journal",
            "jwt",
            "listener",
            "live",
            "metrics",
            "peer",
            "policy",
            "readiness",
            "refusals",
            "session",
            "source",
            "step_up",
            "telemetry",
            "tls",
            "webhook_queue",
        ],
    ),
    ("sim", &["clock", "policy"]),
    (
        "cli",
        &[
            "audit",
            "build_info",
            "callers",
            "clock",
            "config",
            "files",
            "http",
            "journal",
            "listener",
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
const PAGE_LINES_MAX: usize = 240;

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
