//! People: a browser, and the OpenID provider where they sign in.

use std::{
    io::{BufRead as _, BufReader, Lines, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::proxy::ROOT;
use crate::{operations::skip, world::Killed};

fn script(name: &str) -> PathBuf {
    Path::new(ROOT).join("tests/proxies").join(name)
}

/// The command of a browser, if there is one.
pub fn chromium() -> Option<&'static str> {
    let runs = |name: &&str| {
        let mut command = Command::new(name);
        let command = command.arg("--version").stdout(Stdio::null());
        let ran = command.stderr(Stdio::null()).status();
        ran.is_ok_and(|status| status.success())
    };
    ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .find(runs)
}

/// Whether a browser and a provider can be started.
pub fn are_installed() -> bool {
    let provider = Path::new(ROOT).join("target/proxies/js/node_modules/oidc-provider");
    if provider.exists() && chromium().is_some() {
        return true;
    }
    skip("Chromium or oidc-provider is not installed: run .ci/run or tests/proxies/install");
    false
}

fn node(arguments: &[&str]) -> Child {
    let mut command = Command::new("node");
    command.args(arguments).stderr(Stdio::null());
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command.spawn().unwrap()
}

/// An OpenID provider that believes everybody.
pub struct Provider {
    pub issuer: String,
    /// It ends when it cannot write.
    _output: Lines<BufReader<ChildStdout>>,
    _process: Killed,
}

impl Provider {
    /// One with this client.
    pub fn start(redirect: &str, secret: &str) -> Self {
        let script = script("op.mjs").display().to_string();
        let mut process = node(&[&script, redirect, secret]);
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self {
            issuer: lines.next().expect("it starts").unwrap(),
            _output: lines,
            _process: Killed(process),
        }
    }
}

/// A browser without a window, and with no host but this one.
pub struct Browser {
    commands: ChildStdin,
    results: Lines<BufReader<ChildStdout>>,
    _process: Killed,
    _folder: TempDir,
}

impl Browser {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let script = script("browser.mjs").display().to_string();
        let profile = folder.path().display().to_string();
        let mut process = node(&[&script, chromium().unwrap(), &profile]);
        Self {
            commands: process.stdin.take().unwrap(),
            results: BufReader::new(process.stdout.take().unwrap()).lines(),
            _process: Killed(process),
            _folder: folder,
        }
    }

    #[expect(clippy::needless_pass_by_value, reason = "callers write them in place")]
    fn run(&mut self, command: Value) -> Value {
        // The runtime of the test serves the application in the meantime.
        tokio::task::block_in_place(|| {
            writeln!(self.commands, "{command}").unwrap();
            let line = self.results.next().expect("the browser runs").unwrap();
            let result: Value = serde_json::from_str(&line).unwrap();
            assert!(result.get("error").is_none(), "{command}: {result}");
            result
        })
    }

    pub fn open(&mut self, url: &str) {
        assert_eq!(self.run(json!({ "open": url })), true, "{url}");
    }

    /// The value of an expression in the page.
    pub fn evaluated(&mut self, script: &str) -> Value {
        self.run(json!({ "eval": script }))
    }

    /// Waits until an expression holds in the page.
    pub fn until(&mut self, script: &str) {
        let holds = self.run(json!({ "until": script })) == true;
        let page = self.evaluated("location.href + ' ' + document.documentElement.innerText");
        assert!(holds, "not {script} at {page}, after {}", self.steps());
    }

    /// The documents that were loaded since the last time: `[status, URL, location]`.
    pub fn trail(&mut self) -> Value {
        self.run(json!({ "trail": true }))
    }

    /// The last documents, without their queries.
    fn steps(&mut self) -> String {
        let trail = self.trail();
        let steps = trail.as_array().unwrap().iter().map(|step| {
            let url = step[1].as_str().unwrap();
            let path = url.split('?').next().unwrap();
            format!("{} {path}", step[0])
        });
        let steps: Vec<String> = steps.collect();
        steps[steps.len().saturating_sub(8)..].join(", ")
    }

    /// Sends these headers with each request from now on.
    pub fn send(&mut self, headers: &Value) {
        self.run(json!({ "headers": headers }));
    }

    /// Clears all cookies.
    pub fn clear(&mut self) {
        self.run(json!({ "clear": true }));
    }

    pub fn text(&mut self) -> String {
        let text = self.evaluated("document.documentElement.innerText");
        text.as_str().unwrap().to_owned()
    }
}
