//! Walks through real folders.

use std::os::unix::fs::symlink;

use super::*;

const LIMITS: WalkLimits = WalkLimits {
    files: 3,
    folders: 4,
    entries: 20,
    depth: 2,
    links: SymlinkMode::Once,
};

/// A folder of empty files.
fn folder(files: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
    folder
}

/// The names of the files that are found, in their order by name.
fn found(folder: &Path, links: SymlinkMode) -> Result<Vec<String>, WalkError> {
    let mut walk = Walk::new(WalkLimits { links, ..LIMITS });
    walk.add_folder(folder, Path::new(""))?;
    let mut names: Vec<String> = walk
        .files
        .iter()
        .map(|file| file.shown.display().to_string())
        .collect();
    names.sort();
    Ok(names)
}

fn bound(folder: &Path) -> Bound {
    match found(folder, SymlinkMode::Once) {
        Err(WalkError::Exceeded(_, bound)) => bound,
        other => panic!("{other:?}"),
    }
}

#[test]
fn yaml_files_are_found_in_sub_folders_and_hidden_ones_are_not() {
    let folder = folder(&["a.yaml", "b/c.yaml", "b/d.txt", ".e.yaml", ".f/g.yaml"]);
    for links in [SymlinkMode::Once, SymlinkMode::Copies] {
        assert_eq!(found(folder.path(), links).unwrap(), ["a.yaml", "b/c.yaml"]);
    }
}

/// What is not taken, with the reasons.
fn ignored(folder: &Path, links: SymlinkMode) -> Vec<(String, IgnoredReason)> {
    let limits = WalkLimits {
        files: 100,
        entries: 100,
        links,
        ..LIMITS
    };
    let mut walk = Walk::new(limits);
    walk.add_folder(folder, Path::new("")).unwrap();
    let ignored = walk.ignored.iter();
    let mut ignored: Vec<_> = ignored
        .map(|file| (file.shown.display().to_string(), file.reason))
        .collect();
    ignored.sort_by(|one, other| one.0.cmp(&other.0));
    ignored
}

#[test]
fn every_file_that_is_not_taken_is_named_with_the_reason() {
    use IgnoredReason::{Hidden, Json, Misspelt, NotAFile, Other};
    let folder = folder(&[
        "a.yaml",
        "b.yml",
        "c.YML",
        "d.Yaml",
        "e.json",
        "f.JSON",
        "g.yaml.txt",
        "h.yaml~",
        "i",
        "sub/j.yaML",
        ".k.yaml",
        ".l.YML",
        ".yaml",
        ".git/m.yaml",
        "..data_tmp",
        ".#n.yaml",
        "lost+found/o.yaml",
        "yaml",
    ]);
    let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("p.yaml")).unwrap();
    let _other = std::os::unix::net::UnixListener::bind(folder.path().join("q")).unwrap();
    let expected = [
        (".k.yaml", Hidden),
        (".l.YML", Hidden),
        (".yaml", Hidden),
        ("b.yml", Misspelt),
        ("c.YML", Misspelt),
        ("d.Yaml", Misspelt),
        ("e.json", Json),
        ("f.JSON", Json),
        ("g.yaml.txt", Other),
        ("h.yaml~", Other),
        ("i", Other),
        ("p.yaml", NotAFile),
        ("q", Other),
        ("sub/j.yaML", Misspelt),
        ("yaml", Other),
    ];
    let expected = expected.map(|(name, reason)| (name.to_owned(), reason));
    for links in [SymlinkMode::Once, SymlinkMode::Copies] {
        assert_eq!(ignored(folder.path(), links), expected);
    }
}

#[test]
fn every_bound_ends_a_walk() {
    let files = folder(&["a.yaml", "b.yaml", "c.yaml", "d.yaml"]);
    assert_eq!(bound(files.path()), Bound::Files);
    let folders = folder(&["a/a", "b/b", "c/c", "d/d"]);
    assert_eq!(bound(folders.path()), Bound::Folders);
    let names: Vec<String> = (0..21).map(|n| n.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(bound(folder(&names).path()), Bound::Entries);
    assert_eq!(bound(folder(&["a/b/c/d"]).path()), Bound::Depth);
}

#[test]
fn links_count_once_or_as_copies() {
    let folder = folder(&["a.yaml"]);
    symlink("a.yaml", folder.path().join("b.yaml")).unwrap();
    assert_eq!(found(folder.path(), SymlinkMode::Once).unwrap().len(), 1);
    let copies = found(folder.path(), SymlinkMode::Copies).unwrap();
    assert_eq!(copies, ["a.yaml", "b.yaml"]);
    symlink(".", folder.path().join("circle")).unwrap();
    assert_eq!(found(folder.path(), SymlinkMode::Once).unwrap().len(), 1);
    assert!(matches!(
        found(folder.path(), SymlinkMode::Copies),
        Err(WalkError::Exceeded(_, Bound::Files | Bound::Depth))
    ));
}

#[test]
fn a_link_to_nowhere_is_an_error_where_something_would_be_ignored() {
    let folder = folder(&["a.yaml"]);
    symlink("nowhere", folder.path().join("b")).unwrap();
    assert!(matches!(
        found(folder.path(), SymlinkMode::Once),
        Err(WalkError::Unreadable(..))
    ));
    assert_eq!(
        found(folder.path(), SymlinkMode::Copies).unwrap(),
        ["a.yaml"]
    );
    symlink("nowhere", folder.path().join("c.yaml")).unwrap();
    assert!(matches!(
        found(folder.path(), SymlinkMode::Copies),
        Err(WalkError::Unreadable(..))
    ));
}

#[test]
fn a_socket_in_the_place_of_a_file_is_never_opened() {
    let folder = folder(&["a.yaml"]);
    let path = folder.path().join("b.yaml");
    let _socket = std::os::unix::net::UnixListener::bind(path).unwrap();
    for links in [SymlinkMode::Once, SymlinkMode::Copies] {
        assert_eq!(found(folder.path(), links).unwrap(), ["a.yaml"]);
        let expected = ("b.yaml".to_owned(), IgnoredReason::NotAFile);
        assert_eq!(ignored(folder.path(), links), [expected]);
    }
}

#[test]
fn the_link_that_kubernetes_swaps_is_resolved_once() {
    let folder = folder(&["..v1/a.yaml"]);
    symlink("..v1", folder.path().join("..data")).unwrap();
    symlink("..data/a.yaml", folder.path().join("a.yaml")).unwrap();
    let mut walk = Walk::new(LIMITS);
    walk.add_folder(folder.path(), Path::new("")).unwrap();
    let root = folder.path().canonicalize().unwrap();
    let expected = File {
        path: root.join("..v1/a.yaml"),
        shown: PathBuf::from("a.yaml"),
    };
    assert_eq!(walk.files, [expected]);
    assert_eq!(
        found(folder.path(), SymlinkMode::Copies).unwrap(),
        ["a.yaml"]
    );
}

#[test]
fn no_more_is_read_than_the_bound() {
    let folder = folder(&[]);
    let path = folder.path().join("a");
    fs::write(&path, "four").unwrap();
    assert_eq!(read_text(&path, 4).unwrap(), "four");
    let error = read_text(&path, 3).unwrap_err().to_string();
    assert_eq!(error, "it is longer than 3 bytes");
    assert_eq!(read_start(&path, 2).unwrap(), b"fou");
    fs::write(&path, b"\xe9").unwrap();
    assert!(read_text(&path, 4).is_err());
}
