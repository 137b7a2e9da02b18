//! What `SECURITY.md`, `deny.toml` and the workflows promise: the tests that they name exist, and the versions are those that are built.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use toml::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap()
}

/// Every file of Rust below a folder.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The names of all tests.
fn tests() -> BTreeSet<String> {
    let mut files = Vec::new();
    for folder in ["src", "tests", "crates"] {
        sources(&root().join(folder), &mut files);
    }
    let mut names = BTreeSet::new();
    for file in files {
        let text = fs::read_to_string(file).unwrap();
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                is_test = true;
            } else if let Some((_, rest)) = line.split_once("fn ").filter(|_| is_test) {
                names.extend(rest.split('(').next().map(str::to_owned));
                is_test = false;
            }
        }
    }
    names
}

#[test]
fn each_test_that_the_table_of_threats_names_exists() {
    let page = read("SECURITY.md");
    let rows = page.lines().filter(|line| line.starts_with("| "));
    let rows = rows.filter(|row| !row.starts_with("| threat "));
    let (tests, mut count) = (tests(), 0);
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").collect();
        assert_eq!(cells.len(), 3, "{row}");
        let named: Vec<&str> = cells[2].split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "no test shows it: {row}");
        for name in named {
            assert!(tests.contains(name), "there is no test `{name}`");
            count += 1;
        }
    }
    assert!(count > 20, "the table of threats is empty");
}

#[test]
fn each_action_of_the_workflows_is_pinned_to_a_commit() {
    let folder = root().join(".github/workflows");
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let what = path.display();
        assert!(text.contains("\npermissions: {}\n"), "{what}");
        for line in text.lines().filter(|line| line.contains("uses:")) {
            let action = line.split("uses:").nth(1).unwrap().trim();
            let (_, pin) = action.split_once('@').unwrap();
            let (commit, version) = pin.split_once(" # ").unwrap();
            let is_commit = commit.len() == 40 && commit.bytes().all(|c| c.is_ascii_hexdigit());
            assert!(is_commit && version.starts_with('v'), "{what}: {action}");
            count += 1;
        }
    }
    assert!(count > 10);
}

/// A version as numbers.
fn version(text: &str) -> Vec<u64> {
    let text = text.split(['-', '+']).next().unwrap();
    text.split('.').map(|part| part.parse().unwrap()).collect()
}

#[test]
fn the_lowest_versions_are_those_of_the_lock_file() {
    let deny: Value = toml::from_str(&read("deny.toml")).unwrap();
    let lock: Value = toml::from_str(&read("Cargo.lock")).unwrap();
    let denied = deny["bans"]["deny"].as_array().unwrap();
    let denied: Vec<&str> = denied
        .iter()
        .map(|d| d["crate"].as_str().unwrap())
        .collect();
    for floor in [
        "rustls-webpki@<0.103.13",
        "h2@<0.4.16",
        "jsonwebtoken@<10.3",
    ] {
        assert!(denied.contains(&floor), "{floor}");
    }
    for package in lock["package"].as_array().unwrap() {
        let (name, built) = (&package["name"], &package["version"]);
        let (name, built) = (name.as_str().unwrap(), built.as_str().unwrap());
        for denied in &denied {
            let (denied, floor) = denied.split_once("@<").unwrap_or((denied, ""));
            if denied == name {
                assert!(!floor.is_empty(), "{name} is banned");
                assert!(version(built) >= version(floor), "{name} {built} < {floor}");
            }
        }
    }
    let bans = &deny["bans"];
    assert_eq!(bans["multiple-versions"].as_str(), Some("deny"));
    for skip in bans["skip"].as_array().unwrap() {
        assert!(
            skip["reason"]
                .as_str()
                .is_some_and(|reason| !reason.is_empty())
        );
    }
    assert!(deny["advisories"]["ignore"].as_array().unwrap().is_empty());
}

#[test]
fn the_release_names_what_is_in_it() {
    let recipe = read("deploy/release");
    for step in [
        "cargo auditable build --locked --profile dist",
        "cargo cyclonedx",
        "--only-section=.dep-v0",
        "sha256sum",
        "--remap-path-prefix",
        "SOURCE_DATE_EPOCH",
    ] {
        assert!(recipe.contains(step), "{step}");
    }
    let workflow = read(".github/workflows/release.yml");
    for step in ["just deny", "just advisories", "just release"] {
        assert!(workflow.contains(&format!("- run: {step}\n")), "{step}");
    }
}
