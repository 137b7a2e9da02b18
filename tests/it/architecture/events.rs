//! Log lines: each has a literal event, and `docs/logging.md` lists exactly these.

use std::{collections::BTreeSet, fs, path::Path};

use super::{
    sources::{Code, Sources, after_group, made_up, sign},
    tokens::Token,
};

const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];

/// One log line: its event, its level, and whether it is throttled.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Event {
    name: String,
    level: String,
    throttled: bool,
}

/// The log lines of the sources, and those without a literal event.
fn logged(sources: &Sources) -> (BTreeSet<Event>, Vec<String>) {
    let (mut events, mut without) = (BTreeSet::new(), Vec::new());
    for source in sources.iter() {
        let code = &source.code;
        for (at, (line, token)) in code.iter().enumerate() {
            let called = sign(code, at + 1) == Some('!')
                && matches!(sign(code, at + 2), Some('(' | '{' | '['));
            let Some(name) = token.word().filter(|_| called) else {
                continue;
            };
            // In the definition of a macro the level and the event are `$level` and `$event`.
            if sign(code, at + 3) == Some('$') {
                continue;
            }
            let event = if LEVELS.contains(&name) {
                at_once(code, at + 3, name)
            } else if name == "throttled" {
                throttled(code, at + 2)
            } else if name == "event" {
                None
            } else {
                continue;
            };
            match event.filter(|event| is_snake_case(&event.name)) {
                Some(event) => drop(events.insert(event)),
                None => without.push(format!(
                    "{}:{line} `{name}!` has no literal event first",
                    source.path
                )),
            }
        }
    }
    (events, without)
}

/// `event = "…"` as the first argument.
fn at_once(code: &Code, at: usize, level: &str) -> Option<Event> {
    match code.get(at..at + 3)? {
        [(_, event), (_, Token::Sign('=')), (_, Token::Text(name))] if event.is_word("event") => {
            Some(Event {
                name: name.clone(),
                level: level.to_owned(),
                throttled: false,
            })
        }
        _ => None,
    }
}

/// The third and the fourth argument are the level and the event.
fn throttled(code: &Code, open: usize) -> Option<Event> {
    let end = after_group(code, open) - 1;
    let mut starts = vec![open + 1];
    let mut at = open + 1;
    while at < end {
        match sign(code, at) {
            Some(',') => {
                starts.push(at + 1);
                at += 1;
            }
            Some('(' | '[' | '{') => at = after_group(code, at),
            _ => at += 1,
        }
    }
    let level = code.get(*starts.get(2)?)?.1.word()?;
    match &code.get(*starts.get(3)?)?.1 {
        Token::Text(name) => Some(Event {
            name: name.clone(),
            level: level.to_owned(),
            throttled: true,
        }),
        _ => None,
    }
}

fn is_snake_case(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '_')
}

/// The rows of the table below `## Events`.
fn documented(page: &str) -> BTreeSet<Event> {
    let section = page
        .split("\n## ")
        .find(|section| section.starts_with("Events"));
    let rows = section.unwrap_or("").lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.split('|').map(str::trim);
        let name = cells.next()?.trim_end_matches('`').to_owned();
        let mut level = cells.next()?.split_whitespace();
        Some(Event {
            name,
            level: level.next().unwrap_or("").to_owned(),
            throttled: level.next() == Some("T"),
        })
    });
    rows.collect()
}

fn differences(logged: &BTreeSet<Event>, documented: &BTreeSet<Event>) -> Vec<String> {
    let shown = |event: &Event| {
        let throttled = if event.throttled { ", throttled" } else { "" };
        format!("`{}` ({}{throttled})", event.name, event.level)
    };
    let missing = logged
        .difference(documented)
        .map(|e| format!("docs/logging.md lacks {}", shown(e)));
    let gone = documented
        .difference(logged)
        .map(|e| format!("nothing logs {}", shown(e)));
    missing.chain(gone).collect()
}

#[test]
fn a_log_line_without_an_event_is_found() {
    let lines = "fn f() {
        info!(event = \"ready\", x, \"m\");
        tracing::warn!(\"no event\");
        error!(x, event = \"second\", \"m\");
        debug!(event = NAME, \"m\");
        throttled!(self.log, self.clock.uptime(), warn, \"slow\", a = f(1, 2), \"m\");
        throttled!(self.log, f(a, b), error, \"slow\" / kind, \"m\");
        throttled!(self.log, uptime, warn, name, \"m\");
        info!(event = \"Not Snake\", \"m\");
        event!(Level::INFO, \"m\");
        throttled!($throttle, $uptime, $level, $event);
        write!(f, \"x\");
    }";
    let (events, without) = logged(&made_up(&[("src/a.rs", lines)]));
    let events: Vec<String> = events
        .iter()
        .map(|e| format!("{} {} {}", e.name, e.level, e.throttled))
        .collect();
    assert_eq!(
        events,
        ["ready info false", "slow error true", "slow warn true"]
    );
    let lines: Vec<&str> = without
        .iter()
        .map(|w| w.split_whitespace().next().unwrap())
        .collect();
    let expected = [
        "src/a.rs:3",
        "src/a.rs:4",
        "src/a.rs:5",
        "src/a.rs:8",
        "src/a.rs:9",
        "src/a.rs:10",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn an_event_without_a_row_and_a_row_without_an_event_are_found() {
    let page = "# Log\n\n## Fields\n\n| `other` | x |\n\n## Events\n\n| event | level |\n|---|---|\n\
        | `ready` | info | | x |\n| `slow` | warn T | | x |\n| `gone` | warn | | x |\n\n## Next\n\n| `more` | info |\n";
    let line = "fn f() { info!(event = \"ready\", \"m\"); warn!(event = \"slow\", \"m\"); error!(event = \"new\", \"m\"); }";
    let (events, _) = logged(&made_up(&[("src/a.rs", line)]));
    let expected = [
        "docs/logging.md lacks `new` (error)",
        "docs/logging.md lacks `slow` (warn)",
        "nothing logs `gone` (warn)",
        "nothing logs `slow` (warn, throttled)",
    ];
    assert_eq!(differences(&events, &documented(page)), expected);
}

#[test]
fn every_log_line_has_an_event_that_the_documentation_lists() {
    let (events, mut found) = logged(&Sources::read());
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/logging.md");
    let page = fs::read_to_string(page).unwrap_or_default();
    found.extend(differences(&events, &documented(&page)));
    assert!(found.is_empty(), "{}", found.join("\n"));
}
