//! Chromium, where a browser is the user.

#![expect(clippy::panic, reason = "a test fails by panicking")]

use std::{
    io::{BufRead as _, BufReader, Lines, Write as _},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{components::skip, world::Killed};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

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

/// A script that Node runs, and whose stdin and stdout are pipes.
pub fn node(arguments: &[&str]) -> Child {
    let mut command = Command::new("node");
    command.args(arguments).stderr(Stdio::null());
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command.spawn().unwrap()
}

/// Whether there is a browser, and axe to check its pages.
pub fn has_axe() -> bool {
    if chromium().is_none() {
        skip("chromium is not installed: .ci/run installs it");
        return false;
    }
    let is_there = Path::new(AXE).exists();
    if !is_there {
        skip("axe-core is not installed: tests/clients/install does it");
    }
    is_there
}

const AXE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/target/clients/js/node_modules/axe-core/axe.min.js"
);

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
        let script = format!("{ROOT}/tests/browser.mjs");
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

    /// From now on, a tab of a browser of its own.
    pub fn new_tab(&mut self, has_script: bool) {
        self.run(json!({ "tab": has_script }));
    }

    /// A script that runs before those of each page that is opened later in this tab.
    pub fn run_first(&mut self, script: &str) {
        self.run(json!({ "first": script }));
    }

    /// Headers that are sent with each request of this tab.
    pub fn send_headers(&mut self, headers: &Value) {
        self.run(json!({ "headers": headers }));
    }

    /// Waits until the page is loaded and shows this text.
    pub fn until_shown(&mut self, text: &str) {
        let text = Value::from(text);
        self.until(&format!(
            "document.readyState === 'complete' && document.body.innerText.includes({text})"
        ));
    }

    /// Moves the focus by the keyboard until it is on this element.
    pub fn tab_to(&mut self, selector: &str) {
        let is_there = format!("document.activeElement?.matches('{selector}') ?? false");
        for _ in 0..20 {
            self.run(json!({ "key": "Tab" }));
            if self.evaluated(&is_there) == true {
                return;
            }
        }
        panic!("{selector} cannot be reached by the keyboard");
    }

    pub fn press_enter(&mut self) {
        self.run(json!({ "key": "Enter" }));
    }

    /// Writes where the focus is.
    pub fn write(&mut self, text: &str) {
        self.run(json!({ "write": text }));
    }

    /// Shows the page in a window of this size, where a person prefers light or dark.
    pub fn view(&mut self, (width, height): (u32, u32), scheme: &str) {
        self.run(json!({ "view": { "width": width, "height": height, "scheme": scheme } }));
    }

    /// Writes a picture of the whole page.
    pub fn picture(&mut self, file: &Path) {
        self.run(json!({ "picture": file }));
    }

    /// What axe finds on the page: how many rules it passes, and each violation with its places.
    pub fn checked_by_axe(&mut self) -> (u64, Vec<String>) {
        self.evaluated(&format!("{};1", std::fs::read_to_string(AXE).unwrap()));
        let found = self.evaluated(
            "axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }).then((found) => [found.passes.length, found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => `${n.html.slice(0, 120)}: ${n.failureSummary}`).join('; ')}`)])",
        );
        let violations = found[1].as_array().unwrap().iter();
        let violations = violations.map(|violation| violation.as_str().unwrap().to_owned());
        (found[0].as_u64().unwrap(), violations.collect())
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
