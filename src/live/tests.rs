//! Loading real folders.

use std::{fs, path::Path};

use super::*;
use crate::policy::POLICY_FILE_BYTES_MAX;

const POLICY: &str = "version: 1\npolicies:\n  NAME:\n    require:\n      - verified_within: 90d\n";

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

#[test]
fn every_yaml_file_of_a_folder_is_read_and_nothing_else() {
    let folder = folder(&[
        ("a.yaml", &POLICY.replace("NAME", "a")),
        ("b.yaml", &POLICY.replace("NAME", "b")),
        (".hidden.yaml", "not: [a policy"),
        ("notes.txt", "not a policy"),
    ]);
    let set = load(folder.path()).unwrap();
    let names: Vec<&str> = set.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
}

#[test]
fn a_policy_that_two_files_define_is_a_mistake_of_both() {
    let text = POLICY.replace("NAME", "a");
    let folder = folder(&[("a.yaml", &text), ("b.yaml", &text)]);
    let message = load(folder.path()).unwrap_err().to_string();
    assert!(
        message.contains("the policy `a` is defined twice"),
        "{message}"
    );
    assert!(message.contains("b.yaml:3:3"), "{message}");
    assert!(message.contains("the other is in"), "{message}");
}

#[test]
fn nothing_to_read_is_an_error_that_says_so() {
    assert!(matches!(
        load(Path::new("/no/such/place")),
        Err(LoadError::Unreadable(..))
    ));
    assert!(matches!(
        load(folder(&[]).path()),
        Err(LoadError::NoFile(_))
    ));
    let empty = folder(&[("a.yaml", "version: 1\npolicies: {}\n")]);
    let error = load(empty.path()).unwrap_err().to_string();
    assert!(error.contains("`policies` is empty"), "{error}");
    let latin1 = folder(&[]);
    fs::write(latin1.path().join("a.yaml"), b"version: \xe9").unwrap();
    let error = load(latin1.path()).unwrap_err().to_string();
    assert!(error.contains("not UTF-8"), "{error}");
}

#[test]
fn a_file_that_was_surely_meant_to_be_read_is_an_error_that_names_it() {
    let good = POLICY.replace("NAME", "a");
    for name in ["q.yml", "Q.YML", "q.YAML", "q.Yaml", "q.json", "q.JSON"] {
        for beside in [&[][..], &[("p.yaml", good.as_str())]] {
            let folder = folder(&[beside, &[(name, &good)]].concat());
            let error = load(folder.path()).unwrap_err();
            assert!(matches!(error, LoadError::Misnamed(_)), "{name}: {error}");
            assert!(error.to_string().contains(name), "{error}");
            assert!(error.to_string().contains("*.yaml"), "{error}");
        }
    }
    // All of them at once.
    let several = folder(&[("a.yml", ""), ("b.json", ""), ("p.yaml", &good)]);
    let error = load(several.path()).unwrap_err().to_string();
    assert_eq!(error.lines().count(), 2, "{error}");
}

#[test]
fn a_pipe_that_is_named_like_a_policy_is_an_error_and_is_never_opened() {
    let folder = folder(&[("a.yaml", &POLICY.replace("NAME", "a"))]);
    let made = std::process::Command::new("mkfifo")
        .arg(folder.path().join("q.yaml"))
        .status();
    assert!(made.unwrap().success());
    let error = load(folder.path()).unwrap_err().to_string();
    assert!(
        error.contains("q.yaml` is not read: it is a pipe"),
        "{error}"
    );
}

#[test]
fn any_other_file_is_named_and_the_lists_of_policies_are_not() {
    let text = "version: 1\npolicies: {p: {require: [identity_not_in: {file: blocked.json}, identity_in: {file: sub/people}]}}\n";
    let folder = folder(&[
        ("p.yaml", text),
        ("blocked.json", "id-ben\n"),
        ("notes.txt", "not a policy"),
        ("q.yaml.txt", ""),
        (".hidden.yaml", ""),
        ("..2026", ""),
    ]);
    fs::create_dir(folder.path().join("sub")).unwrap();
    fs::write(folder.path().join("sub/people"), "id-ada\n").unwrap();
    fs::create_dir(folder.path().join("lost+found")).unwrap();
    fs::write(folder.path().join("lost+found/x.yaml"), "not: [a policy").unwrap();
    let loaded = load_all(folder.path()).unwrap();
    assert_eq!(loaded.set.len(), 1);
    let names: Vec<String> = loaded.ignored.iter().map(ToString::to_string).collect();
    let shown = |name: &str| folder.path().join(name).display().to_string();
    assert_eq!(
        names,
        [
            format!(
                "`{}` is not read: its name begins with a dot",
                shown(".hidden.yaml")
            ),
            format!(
                "`{}` is not read: it is not named *.yaml",
                shown("notes.txt")
            ),
            format!(
                "`{}` is not read: it is not named *.yaml",
                shown("q.yaml.txt")
            ),
        ]
    );
}

#[test]
fn a_link_in_a_circle_is_an_error_that_names_it() {
    let folder = folder(&[("a.yaml", &POLICY.replace("NAME", "a"))]);
    std::os::unix::fs::symlink("loop", folder.path().join("loop")).unwrap();
    let error = load(folder.path()).unwrap_err();
    assert!(matches!(error, LoadError::Unreadable(..)), "{error}");
    assert!(error.to_string().contains("loop"), "{error}");
}

#[test]
fn sub_folders_are_read_once_whatever_links_lead_to_them() {
    let folder = folder(&[("a.yaml", &POLICY.replace("NAME", "a"))]);
    let sub = folder.path().join("sub/.hidden");
    fs::create_dir_all(&sub).unwrap();
    fs::write(sub.join("x.yaml"), "not: [a policy").unwrap();
    fs::write(
        folder.path().join("sub/b.yaml"),
        POLICY.replace("NAME", "b"),
    )
    .unwrap();
    let link = |target: &str, name: &str| {
        std::os::unix::fs::symlink(target, folder.path().join(name)).unwrap();
    };
    link("..", "sub/ring");
    link("sub", "again");
    link("a.yaml", "c.yaml");
    assert_eq!(load(folder.path()).unwrap().len(), 2);
    link("nowhere", "d");
    let error = load(folder.path()).unwrap_err();
    assert!(matches!(error, LoadError::Unreadable(..)), "{error}");
}

#[test]
fn what_is_read_has_bounds() {
    let folder = folder(&[("a.yaml", &POLICY.replace("NAME", "a"))]);
    let error = |what: &str| {
        let error = load(folder.path()).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    };
    let deep = folder.path().join(["d"; 17].join("/"));
    fs::create_dir_all(deep).unwrap();
    error("16 nested folders");
    fs::remove_dir_all(folder.path().join("d")).unwrap();
    for n in 0..17 {
        let comment = "#".repeat(POLICY_FILE_BYTES_MAX);
        fs::write(folder.path().join(format!("{n}.yaml")), comment).unwrap();
    }
    error("16777216 bytes in all");
    for n in 0..1000 {
        fs::write(folder.path().join(format!("{n}.yaml")), "").unwrap();
    }
    error("1000 files");
    for n in 0..200 {
        fs::create_dir(folder.path().join(format!("{n}"))).unwrap();
    }
    for n in 0..1000 {
        fs::remove_file(folder.path().join(format!("{n}.yaml"))).unwrap();
    }
    error("200 folders");
    for n in 0..10_000 {
        fs::write(folder.path().join(format!("{n}.txt")), "").unwrap();
    }
    error("10000 entries");
}
