//! The file for logrotate that is shipped, and logrotate itself where it is installed; `.ci/run` installs it.

use std::process::Output;

use super::{
    rotation::{assert_whole, under_load, until_reopened},
    *,
};
use crate::components::skip;

const SHIPPED: &str = include_str!("../../../deploy/logrotate/verigate");
const PATH: &str = "/var/log/verigate/decisions.jsonl";
const OWNED: &str = "create 0600 verigate verigate";
const SIGNAL: &str = "systemctl kill --kill-whom=main --signal=HUP verigate.service";

/// Runs logrotate once. `None` if it is not installed.
fn rotate(config: &Path, state: &Path) -> Option<Output> {
    let path = std::iter::once("/usr/sbin").chain(["/sbin", "/usr/bin", "/bin"]);
    let program = path
        .map(|folder| Path::new(folder).join("logrotate"))
        .find(|program| program.exists());
    let Some(program) = program else {
        skip("logrotate is not installed");
        return None;
    };
    let mut command = Command::new(program);
    command.arg("--force").arg("--state").args([state, config]);
    Some(command.output().unwrap())
}

/// The shipped file, for a journal and a process of a test; with the signal, or without one.
fn config(program: &Program, signal: bool) -> String {
    for part in [PATH, OWNED, SIGNAL] {
        assert_eq!(SHIPPED.matches(part).count(), 1, "{part}");
    }
    let signalled = if signal {
        format!("kill -HUP {}", program.process.0.id())
    } else {
        ":".to_owned()
    };
    SHIPPED
        .replace(PATH, &program.journal.display().to_string())
        .replace(OWNED, "create 0600")
        .replace(SIGNAL, &signalled)
}

#[tokio::test]
async fn logrotate_loses_and_doubles_nothing_under_load() {
    let program = Program::start(Start::default()).await;
    let at = |name: &str| program.folder.path().join(name);
    let mut given = Vec::new();
    for n in 1..=4 {
        let rotation = async {
            fs::write(at("rotate"), config(&program, n % 2 == 0)).unwrap();
            let (config, state) = (at("rotate"), at("state"));
            let rotated = tokio::task::spawn_blocking(move || rotate(&config, &state));
            let Some(rotated) = rotated.await.unwrap() else {
                return;
            };
            let printed = String::from_utf8_lossy(&rotated.stderr).into_owned();
            assert!(rotated.status.success(), "{printed}");
            until_reopened(&program).await;
        };
        given.extend(under_load(&program, rotation).await);
    }
    given.push(program.check("ada-fresh").await.unwrap().decision_id);
    let (_, folder) = program.stop_and_keep().await;
    let mut files = Vec::new();
    for entry in fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if !name.starts_with("journal.jsonl") {
            continue;
        }
        if path.extension().is_some_and(|end| end == "gz") {
            assert!(
                Command::new("gunzip")
                    .arg(&path)
                    .status()
                    .unwrap()
                    .success()
            );
            files.push(path.with_extension(""));
        } else {
            files.push(path);
        }
    }
    let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    assert_whole(given, recorded(&files));
}
