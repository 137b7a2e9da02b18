//! The table of rooms against what the code names, also through re-exports; and re-exports that carry a type around the table.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    circles::{files_inside_rooms, rooms},
    imports::Imports,
    rooms::ROOMS,
    sources::{Sources, made_up},
};

type Table<'t> = BTreeMap<&'t str, BTreeSet<&'t str>>;

/// What the code names and the table does not allow, and what the table allows and no code names.
fn differences(sources: &Sources, table: &Table<'_>) -> Vec<String> {
    let graph = rooms(sources);
    let mut differences = Vec::new();
    for (room, targets) in &graph {
        // What the policy language may use is what its package depends on.
        if room == "policy" {
            continue;
        }
        let Some(allowed) = table.get(room.as_str()) else {
            differences.push(format!("the room `{room}` is not in the table"));
            continue;
        };
        for (target, place) in targets {
            if !allowed.contains(target.as_str()) {
                differences.push(format!("`{room}` may not import `{target}`: {place}"));
            }
        }
        for needless in allowed.iter().filter(|room| !targets.contains_key(**room)) {
            differences.push(format!("`{room}` may import `{needless}` and does not"));
        }
    }
    let gone = table.keys().filter(|room| !graph.contains_key(**room));
    differences.extend(gone.map(|room| format!("there is no room `{room}`")));
    differences
}

/// Each `pub use` by a room of a name that another room defines.
fn reexports(sources: &Sources) -> Vec<String> {
    let imports = Imports::of(sources);
    let mut found = Vec::new();
    for source in sources.iter().filter(|source| source.room() != "lib") {
        for (line, path) in imports.reexports(source) {
            let path = path.join("::");
            found.push(format!(
                "{}:{line} re-exports `{path}` of another room",
                source.path
            ));
        }
    }
    found
}

/// Inside the package of the language: its YAML depends on nothing else, and nothing depends on the tools for authors.
fn layers(sources: &Sources) -> Vec<String> {
    let within = |path: &str, layer: &str| {
        let inside = path.strip_prefix("crates/policy/src/");
        let inside = inside.and_then(|inside| inside.strip_prefix(layer));
        inside.is_some_and(|rest| rest.starts_with(['/', '.']))
    };
    let mut found = Vec::new();
    for (from, targets) in files_inside_rooms(sources) {
        for (to, place) in targets {
            let from_yaml = within(&from, "yaml") && !within(&to, "yaml");
            let to_authoring = within(&to, "authoring") && !within(&from, "authoring");
            if from_yaml || to_authoring {
                found.push(format!("{place} of {to}"));
            }
        }
    }
    found
}

fn table<'t>(rows: &[(&'t str, &[&'t str])]) -> Table<'t> {
    let row = |(room, allowed): &(&'t str, &[&'t str])| (*room, allowed.iter().copied().collect());
    rows.iter().map(row).collect()
}

#[test]
fn an_import_is_seen_however_it_is_written() {
    for import in [
        "use crate::b::B;",
        "use crate::{c::C, b::{B, other}};",
        "fn f() -> crate::b::B {}",
        "use super::super::b::B;",
        "fn f(b: super::super::b::B) {}",
        "use crate::b as renamed; fn f(b: renamed::B) {}",
        "use crate::c::B;",
        "use crate::c::*; use crate::b;fn f(b: b::B) {}",
    ] {
        let sources = made_up(&[
            ("src/a/deep.rs", import),
            ("src/b.rs", "pub struct B; pub fn other() {}"),
            ("src/c.rs", "pub use crate::b::B; pub struct C;"),
        ]);
        let table = table(&[("a", &["c"]), ("b", &[]), ("c", &["b"])]);
        let differences = differences(&sources, &table);
        let forbidden = "`a` may not import `b`: src/a/deep.rs:1";
        assert!(
            differences.iter().any(|d| d.starts_with(forbidden)),
            "{import} {differences:?}"
        );
    }
}

#[test]
fn what_stands_in_comments_strings_and_tests_is_no_import() {
    let sources = made_up(&[
        (
            "src/a.rs",
            "// crate::b::B\npub(in crate::b) const X: &str = \"crate::b::B\"; #[cfg(test)] mod tests { use crate::b::B; }",
        ),
        ("src/b.rs", "pub struct B;"),
    ]);
    assert_eq!(
        differences(&sources, &table(&[("a", &[]), ("b", &[])])),
        [""; 0]
    );
}

#[test]
fn a_room_without_a_row_a_row_without_a_room_and_a_needless_permission_are_found() {
    let sources = made_up(&[("src/a.rs", ""), ("src/b.rs", "pub struct B;")]);
    let found = differences(&sources, &table(&[("a", &["b"]), ("c", &[])]));
    let expected = [
        "`a` may import `b` and does not",
        "the room `b` is not in the table",
        "there is no room `c`",
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_type_that_is_reexported_by_another_room_is_found() {
    let sources = made_up(&[
        (
            "src/a.rs",
            "mod own; pub use crate::b::B; pub use own::Own; use crate::b::B as Private;",
        ),
        (
            "src/a/own.rs",
            "pub struct Own; pub(crate) use crate::a::B as Again;",
        ),
        ("src/b.rs", "pub struct B;"),
    ]);
    let expected = [
        "src/a.rs:1 re-exports `b::B` of another room",
        "src/a/own.rs:1 re-exports `a::B` of another room",
    ];
    assert_eq!(reexports(&sources), expected);
}

#[test]
fn the_layers_of_the_language_are_kept() {
    let sources = made_up(&[
        (
            "crates/policy/src/lib.rs",
            "mod yaml; mod rule; mod authoring; pub use authoring::Tool; pub use rule::Rule; pub use yaml::Node;",
        ),
        ("crates/policy/src/yaml.rs", "mod node; pub use node::Node;"),
        (
            "crates/policy/src/yaml/node.rs",
            "use crate::Rule; pub struct Node(Rule);",
        ),
        (
            "crates/policy/src/rule.rs",
            "use crate::yaml::Node; use super::Tool; pub struct Rule(Node, Tool);",
        ),
        (
            "crates/policy/src/authoring.rs",
            "pub struct Tool(crate::Rule, crate::Node);",
        ),
    ]);
    let expected = [
        "crates/policy/src/rule.rs:1 names policy::Tool of crates/policy/src/authoring.rs",
        "crates/policy/src/yaml/node.rs:1 names policy::Rule of crates/policy/src/rule.rs",
    ];
    assert_eq!(layers(&sources), expected);
    let found = layers(&Sources::read());
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_table_of_rooms_is_what_the_code_names() {
    let found = differences(&Sources::read(), &table(&ROOMS));
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_simulator_shares_no_code_with_the_client_of_the_vendor() {
    let graph = rooms(&Sources::read());
    let mut imports = graph["sim"].iter();
    let foreign = imports.find(|(room, _)| !["policy", "clock"].contains(&room.as_str()));
    assert!(foreign.is_none(), "{foreign:?}");
}

#[test]
fn no_room_reexports_what_another_defines() {
    let found = reexports(&Sources::read());
    assert!(found.is_empty(), "{}", found.join("\n"));
}
