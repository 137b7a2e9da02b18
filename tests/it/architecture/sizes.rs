//! How long files and functions may be, and how each file opens.

use std::collections::BTreeSet;

use super::{
    sources::{Code, files, item_end},
    tokens::tokens,
};

/// No file is longer, tests included.
const FILE_LINES_MAX: usize = 450;
/// Half of the files of the product are no longer.
const MEDIAN_LINES_MAX: usize = 150;
/// No function has more lines of code, from its signature to its end. Comments, and the lines within a string, are none.
const FUNCTION_LINES_MAX: usize = 70;

fn too_long_files(files: &[(String, String)]) -> Vec<String> {
    let lines = |text: &str| text.lines().count();
    files
        .iter()
        .filter(|(_, text)| lines(text) > FILE_LINES_MAX)
        .map(|(path, text)| format!("{path} has {} lines", lines(text)))
        .collect()
}

fn median_lines(files: &[(String, String)]) -> usize {
    let mut lines: Vec<usize> = files.iter().map(|(_, text)| text.lines().count()).collect();
    lines.sort_unstable();
    lines.get(lines.len() / 2).copied().unwrap_or(0)
}

fn too_long_functions(files: &[(String, String)]) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in files {
        let code: Code = tokens(text);
        for (at, (line, token)) in code.iter().enumerate() {
            let Some(name) = code.get(at + 1).and_then(|(_, name)| name.word()) else {
                continue;
            };
            if token.is_word("fn") {
                let tokens = &code[at..item_end(&code, at)];
                let lines: BTreeSet<usize> = tokens.iter().map(|(line, _)| *line).collect();
                let lines = lines.len();
                if lines > FUNCTION_LINES_MAX {
                    found.push(format!("{path}:{line} `{name}` has {lines} lines"));
                }
            }
        }
    }
    found
}

/// Files that do not open with what they are for, in at least a few words.
fn unexplained(files: &[(String, String)]) -> Vec<String> {
    let explains = |text: &str| {
        let said = text
            .strip_prefix("//! ")
            .map(|rest| rest.lines().next().unwrap_or(""));
        said.is_some_and(|said| said.split_whitespace().count() >= 3)
            || text.starts_with("#![doc = include_str!")
    };
    let unexplained = files.iter().filter(|(_, text)| !explains(text));
    unexplained.map(|(path, _)| path.clone()).collect()
}

fn made_up(path: &str, text: &str) -> [(String, String); 1] {
    [(path.to_owned(), text.to_owned())]
}

#[test]
fn what_is_too_long_is_found() {
    let file = |lines: usize| made_up("src/a.rs", &"x\n".repeat(lines));
    assert_eq!(too_long_files(&file(450)), [""; 0]);
    assert_eq!(too_long_files(&file(451)), ["src/a.rs has 451 lines"]);
    let function = |lines: usize| {
        let body = "    x();\n    // Not code.\n\n".repeat(lines - 2);
        made_up(
            "src/a.rs",
            &format!("const X: [u8; 2] = [0; 2];\npub fn long() {{\n{body}}}\n"),
        )
    };
    assert_eq!(too_long_functions(&function(70)), [""; 0]);
    assert_eq!(
        too_long_functions(&function(71)),
        ["src/a.rs:2 `long` has 71 lines"]
    );
    let files: Vec<(String, String)> = [1, 2, 300].into_iter().flat_map(file).collect();
    assert_eq!(median_lines(&files), 2);
}

#[test]
fn a_file_that_does_not_open_with_what_it_is_for_is_found() {
    for text in [
        "",
        "use x;",
        "//! ",
        "//! Things.",
        "// A reader of things.",
        "\n//! A reader of things.",
    ] {
        assert_eq!(
            unexplained(&made_up("src/a.rs", text)),
            ["src/a.rs"],
            "{text}"
        );
    }
    assert_eq!(
        unexplained(&made_up("src/a.rs", "//! Reads such things.\n")),
        [""; 0]
    );
}

#[test]
fn no_file_and_no_function_is_too_long() {
    let all = files(&["src", "crates", "tests", "benches", "fuzz", "build.rs"]);
    let mut found = too_long_files(&all);
    found.extend(too_long_functions(&all));
    let median = median_lines(&files(&["src", "crates"]));
    if median > MEDIAN_LINES_MAX {
        found.push(format!(
            "half of the files of src and crates have {median} lines or more"
        ));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_file_opens_with_what_it_is_for() {
    let all = files(&["src", "crates", "tests", "benches", "fuzz", "build.rs"]);
    let found = unexplained(&all);
    assert!(found.is_empty(), "{}", found.join("\n"));
}
