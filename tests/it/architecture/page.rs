//! Documents against the sources: the files of a check, top to bottom, an invariant for each room, and the files and tests that are
//! named.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use super::{
    rooms::ROOMS,
    sources::{files, is_rust},
};
use crate::words::texts;

/// `ARCHITECTURE.md` is read in one sitting. It has a row and an invariant for each room.
const PAGE_LINES_MAX: usize = 240;
const CHAIN: &str = "One check, top to bottom";
const INVARIANTS: &str = "Invariants of the rooms";

fn section<'p>(page: &'p str, heading: &str) -> Option<&'p str> {
    let sections = page.split("\n## ").skip(1);
    let mut named = sections.filter_map(|section| section.strip_prefix(heading));
    named.next()
}

/// What is wrong with the chain: steps that name no file, and files that do not exist.
fn chain(page: &str, files: &BTreeSet<String>) -> Vec<String> {
    let Some(section) = section(page, CHAIN) else {
        return vec![format!("there is no section `{CHAIN}`")];
    };
    let mut problems = Vec::new();
    let steps = steps(section);
    let named = steps
        .iter()
        .flat_map(|step| quoted(step))
        .filter(|name| is_rust(name));
    let named = named.collect::<BTreeSet<_>>().len();
    let counts = section
        .split(" files")
        .map(|before| before.rsplit(' ').next());
    let counts = counts.filter_map(|word| word?.trim_start_matches('(').parse::<usize>().ok());
    problems.extend(
        counts
            .filter(|count| *count != named)
            .map(|count| format!("`{CHAIN}` speaks of {count} files, and its steps name {named}")),
    );
    if steps.len() < 2 {
        problems.push(format!("`{CHAIN}` has no numbered steps"));
    }
    for (number, step) in (1..).zip(steps) {
        let named: Vec<&str> = quoted(&step).filter(|quoted| is_rust(quoted)).collect();
        if named.is_empty() {
            problems.push(format!("step {number} of `{CHAIN}` names no file"));
        }
        let missing = named.into_iter().filter(|name| !exists(name, files));
        problems.extend(missing.map(|name| {
            format!("step {number} of `{CHAIN}` names `{name}`, which does not exist")
        }));
    }
    problems
}

/// The items of a numbered list, each with the lines that go on with it.
fn steps(section: &str) -> Vec<String> {
    let mut steps: Vec<String> = Vec::new();
    for line in section.lines() {
        let digits = line.trim_start_matches(|c: char| c.is_ascii_digit());
        if digits.len() < line.len() && digits.starts_with(". ") {
            steps.push(String::new());
        }
        let goes_on = line.starts_with(' ') || digits.starts_with(". ");
        if let (true, Some(step)) = (goes_on, steps.last_mut()) {
            step.push_str(line);
            step.push('\n');
        }
    }
    steps
}

fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// What looks like the name of a test between backticks: a sentence of at least five words, and not the name of a metric.
fn quoted_tests(line: &str) -> impl Iterator<Item = &str> {
    quoted(line).filter(|name| {
        let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        name.matches('_').count() >= 4 && name.chars().all(letter) && !name.starts_with("verigate_")
    })
}

/// Files are named by their path in the repository, in `src`, or, with `policy/` before it, in the package of the language.
fn exists(name: &str, files: &BTreeSet<String>) -> bool {
    let policy = name
        .strip_prefix("policy/")
        .map(|inside| format!("crates/policy/src/{inside}"));
    let candidates = [Some(name.to_owned()), Some(format!("src/{name}")), policy];
    candidates
        .iter()
        .flatten()
        .any(|candidate| files.contains(candidate))
}

/// Rooms without an invariant, invariants of no room, and those that say nothing.
fn invariants(page: &str, rooms: &BTreeSet<&str>) -> Vec<String> {
    let Some(section) = section(page, INVARIANTS) else {
        return vec![format!("there is no section `{INVARIANTS}`")];
    };
    let mut problems = Vec::new();
    let mut found = BTreeSet::new();
    for line in section.lines().filter_map(|line| line.strip_prefix("- `")) {
        let (room, invariant) = line.split_once("`: ").unwrap_or((line, ""));
        if !rooms.contains(room) {
            problems.push(format!("`{INVARIANTS}` has `{room}`, which is no room"));
        }
        if invariant.split_whitespace().count() < 3 {
            problems.push(format!("the invariant of `{room}` is empty"));
        }
        found.insert(room);
    }
    let missing = rooms.iter().filter(|room| !found.contains(**room));
    problems.extend(missing.map(|room| format!("`{INVARIANTS}` lacks `{room}`")));
    problems
}

/// Files of code and, in the records of decisions, tests that a document names and that do not exist.
fn dangling(path: &str, text: &str, files: &BTreeMap<String, String>) -> Vec<String> {
    let paths: BTreeSet<String> = files.keys().cloned().collect();
    let mut missing = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let named = quoted(line).filter(|name| {
            // Of a bare file name it is not known which file is meant.
            is_rust(name) && name.contains('/')
        });
        let named = named.filter(|name| !exists(name, &paths));
        let tests = quoted_tests(line).filter(|test| {
            let definition = format!("fn {test}(");
            path.starts_with("docs/adr/") && !files.values().any(|text| text.contains(&definition))
        });
        let names = named.chain(tests);
        missing.extend(
            names.map(|name| format!("{path}:{number} names `{name}`, which does not exist")),
        );
    }
    missing
}

fn page() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md")).unwrap()
}

fn rooms() -> BTreeSet<&'static str> {
    let rooms = ROOMS.iter().map(|(room, _)| *room);
    rooms.chain(["policy"]).collect()
}

#[test]
fn a_file_of_the_chain_that_does_not_exist_is_found() {
    let there = ["src/a.rs", "src/b/c.rs", "crates/policy/src/d.rs"];
    let there: BTreeSet<String> = there.into_iter().map(str::to_owned).collect();
    let page = "# A\n\n## One check, top to bottom\n\nText `z.rs`.\n\n1. `a.rs`, `f`: does.\n   Then `b/c.rs`.\n\
        2. `c.rs` and\n   `policy/d.rs`, `policy/e.rs`.\n3. Nothing `named`.\n\n## Next\n\n1. `q.rs`\n";
    let expected = [
        "step 2 of `One check, top to bottom` names `c.rs`, which does not exist",
        "step 2 of `One check, top to bottom` names `policy/e.rs`, which does not exist",
        "step 3 of `One check, top to bottom` names no file",
    ];
    assert_eq!(chain(page, &there), expected);
    assert_eq!(
        chain("# A\n", &there),
        ["there is no section `One check, top to bottom`"]
    );
    let counted =
        "# A\n\n## One check, top to bottom\n\nIt reads 3 files.\n\n1. `a.rs`\n2. `b/c.rs`\n";
    let expected = ["`One check, top to bottom` speaks of 3 files, and its steps name 2"];
    assert_eq!(chain(counted, &there), expected);
    let none = "# A\n\n## One check, top to bottom\n\nNo list.\n";
    assert_eq!(
        chain(none, &there),
        ["`One check, top to bottom` has no numbered steps"]
    );
}

#[test]
fn a_room_without_an_invariant_is_found() {
    let page = "# A\n\n## Invariants of the rooms\n\n- `a`: never waits for b.\n- `c`: is no room.\n- `d`:\n\n## Next\n\n- `b`: is elsewhere, too.\n";
    let expected = [
        "`Invariants of the rooms` has `c`, which is no room",
        "`Invariants of the rooms` has `d`:`, which is no room",
        "the invariant of `d`:` is empty",
        "`Invariants of the rooms` lacks `b`",
    ];
    assert_eq!(invariants(page, &["a", "b"].into()), expected);
    assert_eq!(
        invariants("", &["a"].into()),
        ["there is no section `Invariants of the rooms`"]
    );
}

#[test]
fn the_files_of_a_check_from_top_to_bottom_exist() {
    let files: BTreeSet<String> = files(&["src", "crates"])
        .into_iter()
        .map(|(path, _)| path)
        .collect();
    let found = chain(&page(), &files);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn each_room_has_an_invariant() {
    let found = invariants(&page(), &rooms());
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_file_or_a_test_that_a_document_names_and_that_does_not_exist_is_found() {
    let files = [
        ("tests/it/a.rs", "fn what_is_tested_exists_here() {}"),
        ("src/b.rs", ""),
    ];
    let files = files
        .map(|(path, text)| (path.to_owned(), text.to_owned()))
        .into();
    let text = "`tests/it/a.rs`, `tests/it/b.rs`\n`src/b.rs` `src/c.rs`\n`b.rs` `what_is_tested_exists_here` `what_is_tested_is_gone` `verigate_upstream_rejected_total`\n";
    let expected = [
        "docs/adr/1.md:1 names `tests/it/b.rs`, which does not exist",
        "docs/adr/1.md:2 names `src/c.rs`, which does not exist",
        "docs/adr/1.md:3 names `what_is_tested_is_gone`, which does not exist",
    ];
    assert_eq!(dangling("docs/adr/1.md", text, &files), expected);
    assert_eq!(dangling("README.md", text, &files).len(), 2);
}

#[test]
fn the_files_and_tests_that_documents_name_exist() {
    let code = files(&["src", "crates", "tests", "benches", "fuzz", "build.rs"]);
    let code: BTreeMap<String, String> = code.into_iter().collect();
    let pages = texts(&["docs", "README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"]);
    let found = pages
        .iter()
        .flat_map(|(path, text)| dangling(path, text, &code));
    let found: Vec<String> = found.collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_table_of_the_architecture_is_this_one() {
    let page = page();
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
