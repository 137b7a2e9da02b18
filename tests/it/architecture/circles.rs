//! Import circles: between rooms, and between the files inside a room.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    imports::Imports,
    sources::{Sources, made_up},
};

/// Who imports whom, and a place for each.
pub type Graph = BTreeMap<String, BTreeMap<String, String>>;

/// The files that import each other inside a room. What a file only re-exports, it does not import.
pub fn files_inside_rooms(sources: &Sources) -> Graph {
    let imports = Imports::of(sources);
    let mut graph = Graph::new();
    for source in sources.iter() {
        let targets = graph.entry(source.path.clone()).or_default();
        for import in imports.from(source) {
            let target = &sources.0[&import.definer];
            if target.room() == source.room() && !import.only_reexported {
                let place = format!(
                    "{}:{} names {}",
                    source.path,
                    import.line,
                    import.path.join("::")
                );
                targets.entry(target.path.clone()).or_insert(place);
            }
        }
    }
    graph
}

/// The rooms that import each other.
pub fn rooms(sources: &Sources) -> Graph {
    let imports = Imports::of(sources);
    let mut graph = Graph::new();
    for source in sources.iter().filter(|source| source.room() != "lib") {
        let targets = graph.entry(source.room().to_owned()).or_default();
        for import in imports.from(source) {
            let place = format!(
                "{}:{} names {}",
                source.path,
                import.line,
                import.path.join("::")
            );
            for room in [import.path.first(), import.definer.first()]
                .into_iter()
                .flatten()
            {
                if room != source.room() && sources.rooms().contains(room.as_str()) {
                    targets.entry(room.clone()).or_insert_with(|| place.clone());
                }
            }
        }
    }
    graph
}

/// Each circle, as the places that make it up. Of nodes that reach each other, every import among them is shown.
pub fn circles(graph: &Graph) -> Vec<String> {
    let reached: BTreeMap<&str, BTreeSet<&str>> = graph
        .keys()
        .map(|node| (node.as_str(), reachable(graph, node)))
        .collect();
    let mut seen = BTreeSet::new();
    let mut circles = Vec::new();
    for (node, from_here) in &reached {
        let together = from_here.iter().filter(|other| {
            reached
                .get(*other)
                .is_some_and(|from_there| from_there.contains(node))
        });
        let together: BTreeSet<&str> = together.copied().collect();
        if together.is_empty() || !seen.insert(together.clone()) {
            continue;
        }
        let places = together.iter().flat_map(|member| &graph[*member]);
        let places = places.filter(|(target, _)| together.contains(target.as_str()));
        let places: Vec<String> = places
            .map(|(target, place)| format!("    {place} of {target}"))
            .collect();
        let members: Vec<&str> = together.into_iter().collect();
        circles.push(format!(
            "circle of {}:\n{}",
            members.join(", "),
            places.join("\n")
        ));
    }
    circles
}

fn reachable<'g>(graph: &'g Graph, from: &str) -> BTreeSet<&'g str> {
    let mut open = vec![from];
    let mut reached = BTreeSet::new();
    while let Some(node) = open.pop() {
        for target in graph.get(node).into_iter().flat_map(BTreeMap::keys) {
            if reached.insert(target.as_str()) {
                open.push(target);
            }
        }
    }
    reached
}

fn circles_of(files: &[(&str, &str)]) -> Vec<String> {
    circles(&files_inside_rooms(&made_up(files)))
}

#[test]
fn a_child_and_a_parent_that_use_each_other_are_a_circle() {
    for (parent, child) in [
        (
            "mod b; use self::b::B; struct A(B);",
            "use super::A; struct B(A);",
        ),
        ("mod b; use b::B; struct A(B);", "struct B(super::A);"),
        (
            "mod b; struct A(b::B);",
            "use crate::a::{self, A}; struct B(A);",
        ),
        ("mod b; struct A(crate::a::b::B);", "struct B(crate::a::A);"),
        (
            "mod b; pub use self::b::B; struct A(B);",
            "use super::{A}; struct B(A);",
        ),
    ] {
        let found = circles_of(&[("src/a.rs", parent), ("src/a/b.rs", child)]);
        assert_eq!(found.len(), 1, "{parent} {child}");
        assert!(
            found[0].starts_with("circle of src/a.rs, src/a/b.rs:"),
            "{found:?}"
        );
    }
}

#[test]
fn a_parent_that_only_reexports_does_not_import() {
    let parent = "mod b; pub use self::b::B; pub(crate) use b::C; pub struct A;";
    let child = "use super::A; pub struct B(A); pub struct C;";
    assert_eq!(
        circles_of(&[("src/a.rs", parent), ("src/a/b.rs", child)]),
        [""; 0]
    );
}

#[test]
fn a_name_that_is_reexported_leads_to_the_file_that_defines_it() {
    let parent = "mod b; mod c; pub use self::{b::B, c::*};";
    let b = "use super::C; pub struct B(C);";
    let c = "pub struct C(super::super::a::B);";
    let found = circles_of(&[("src/a.rs", parent), ("src/a/b.rs", b), ("src/a/c.rs", c)]);
    assert_eq!(found.len(), 1);
    assert!(
        found[0].starts_with("circle of src/a/b.rs, src/a/c.rs:"),
        "{found:?}"
    );
}

#[test]
fn a_circle_of_three_is_one_circle_and_modules_of_tests_do_not_count() {
    let root = "mod b; mod c; mod d;";
    let b = "use super::c::C; pub struct B(C);";
    let c = "use super::d::D; pub struct C(D); #[cfg(test)] mod tests { use super::super::b::B; }";
    let d = "use super::b; pub struct D(b::B);";
    let files = [
        ("src/a.rs", root),
        ("src/a/b.rs", b),
        ("src/a/c.rs", c),
        ("src/a/d.rs", d),
    ];
    assert_eq!(circles_of(&files).len(), 1);
    let files = [("src/a.rs", root), ("src/a/b.rs", b), ("src/a/c.rs", c)];
    assert_eq!(circles_of(&files), [""; 0]);
}

#[test]
fn a_circle_between_rooms_is_found_through_what_is_reexported() {
    let sources = made_up(&[
        ("src/a.rs", "pub use crate::b::B;"),
        ("src/b.rs", "pub struct B(crate::c::C);"),
        ("src/c.rs", "use crate::a::B; pub struct C(B);"),
    ]);
    let graph = rooms(&sources);
    let targets = |room: &str| graph[room].keys().map(String::as_str).collect::<Vec<_>>();
    assert_eq!(targets("c"), ["a", "b"]);
    assert_eq!(circles(&graph).len(), 1);
}

#[test]
fn no_files_inside_a_room_import_each_other_in_a_circle() {
    let found = circles(&files_inside_rooms(&Sources::read()));
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn no_rooms_import_each_other_in_a_circle() {
    let found = circles(&rooms(&Sources::read()));
    assert!(found.is_empty(), "{}", found.join("\n"));
}
