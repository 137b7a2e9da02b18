//! `serve --check` and the start of `serve` refuse what cannot work, with everything at once, and touch nothing.

mod machine;
mod settings;
mod warnings;

use std::{
    fmt::Write as _,
    fs,
    io::{BufRead as _, BufReader},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::world::Killed;

const POLICY: &str = "version: 1\npolicies: {a: {require: [verified_within: 1d]}}\n";

/// A folder with a configuration that works and its policies.
struct Installed {
    folder: TempDir,
}

impl Installed {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("policies")).unwrap();
        fs::write(folder.path().join("policies/a.yaml"), POLICY).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs `serve` with these settings in place of those that work.
    fn command(&self, settings: &[(&str, &str)], arguments: &[&str]) -> Command {
        let journal = quoted(&self.path("journal.jsonl"));
        let policies = quoted(&self.path("policies"));
        let mut all: Vec<(&str, &str)> = vec![
            ("grpc.listen", "'127.0.0.1:0'"),
            ("http.listen", "'127.0.0.1:0'"),
            ("admin.listen", "'127.0.0.1:0'"),
            ("incode.url", "'http://127.0.0.1:9'"),
            ("incode.api_key", "'k'"),
            ("incode.integration_id", "'i'"),
            ("incode.secret", "'s'"),
            ("journal.path", &journal),
            ("policies.path", &policies),
            ("log.format", "'json'"),
        ];
        all.retain(|(name, _)| settings.iter().all(|(other, _)| other != name));
        all.extend(settings);
        all.sort_unstable();
        let (mut text, mut section) = (String::new(), "");
        for (name, value) in all {
            let (in_section, key) = name.split_once('.').unwrap();
            if in_section != section {
                writeln!(text, "[{in_section}]").unwrap();
                section = in_section;
            }
            writeln!(text, "{key} = {value}").unwrap();
        }
        let file = self.path("verigate.toml");
        fs::write(&file, text).unwrap();
        // There is a secret in it.
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_verigate"));
        command.arg("serve").arg("--config");
        command.arg(self.path("verigate.toml")).args(arguments);
        command
    }

    /// The exit code of `--check`, and what it prints.
    fn check(&self, settings: &[(&str, &str)]) -> (i32, String) {
        let output = self.command(settings, &["--check"]).output().unwrap();
        assert!(output.stdout.is_empty());
        let printed = String::from_utf8(output.stderr).unwrap();
        (output.status.code().unwrap(), printed)
    }

    /// What `--check` prints of settings that are valid.
    fn warned(&self, settings: &[(&str, &str)]) -> String {
        let (code, printed) = self.check(settings);
        assert_eq!(code, 0, "{printed}");
        printed
    }

    /// What the start warns of with these settings.
    fn warned_at_start(&self, settings: &[(&str, &str)]) -> Vec<String> {
        let events = events_of_start(&mut self.command(settings, &[])).into_iter();
        let warned = events.filter(|fields| fields["event"] == "configuration_warning");
        let warnings = warned.map(|fields| fields["warning"].as_str().unwrap().to_owned());
        warnings.collect()
    }

    /// What `--check` prints of settings that cannot work; `serve` refuses to start with them too.
    fn refused(&self, settings: &[(&str, &str)]) -> String {
        let (code, printed) = self.check(settings);
        assert_eq!(code, 2, "{settings:?}\n{printed}");
        assert!(!printed.contains("is valid"), "{printed}");
        let output = self.command(settings, &[]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{settings:?} starts");
        printed
    }
}

/// Starts the service, stops it once it is ready, and returns the fields of what it has logged.
fn events_of_start(serve: &mut Command) -> Vec<Value> {
    let mut serve = Killed(serve.stderr(Stdio::piped()).spawn().unwrap());
    let log = BufReader::new(serve.0.stderr.take().unwrap());
    let mut events = Vec::new();
    for line in log.lines() {
        let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
        if line["fields"]["event"] == "service_ready" {
            serve.signal("-TERM");
        }
        events.push(line["fields"].clone());
    }
    assert!(serve.0.wait().unwrap().success());
    events
}

fn quoted(path: &Path) -> String {
    format!("'{}'", path.display())
}

#[test]
fn what_works_is_valid_and_what_was_not_tried_is_named() {
    let installed = Installed::new();
    fs::write(installed.path("policies/notes.txt"), "").unwrap();
    let (code, printed) = installed.check(&[]);
    assert_eq!(code, 0, "{printed}");
    for expected in [
        "the configuration is valid; 1 polic",
        "notes.txt` is not read",
    ] {
        assert!(printed.contains(expected), "{printed}");
    }
    let last = printed.lines().last().unwrap();
    assert!(last.starts_with("not tried: "), "{printed}");
    assert!(!installed.path("journal.jsonl").exists(), "it was created");
}

#[test]
fn problems_of_the_configuration_and_of_the_policies_are_reported_together() {
    let installed = Installed::new();
    let broken = "version: 1\npolicies: {b: {requre: []}}\n";
    fs::write(installed.path("policies/b.yaml"), broken).unwrap();
    let printed = installed.refused(&[
        ("cache.capacity", "0"),
        ("journal.path", "'/no/such/folder/x'"),
    ]);
    for expected in [
        "cache.capacity must be at least 1",
        "there is no folder",
        "did you mean `require`?",
        "not tried: ",
    ] {
        assert!(printed.contains(expected), "{expected}: {printed}");
    }
    // The policies alone.
    assert_eq!(installed.check(&[]).0, 1);
    // This machine and the policies.
    let (code, printed) = installed.check(&[("admin.listen", "'192.0.2.1:7002'")]);
    assert_eq!(code, 2, "{printed}");
    for expected in ["192.0.2.1", "requre"] {
        assert!(printed.contains(expected), "{expected}: {printed}");
    }
}
