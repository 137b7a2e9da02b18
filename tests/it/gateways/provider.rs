//! The OpenID provider where people sign in.

use std::{
    io::{BufRead as _, BufReader, Lines},
    path::Path,
    process::ChildStdout,
};

use super::proxy::ROOT;
use crate::{
    browser::{chromium, node},
    components::skip,
    world::Killed,
};

/// Whether a browser and a provider can be started.
pub fn are_installed() -> bool {
    let provider = Path::new(ROOT).join("target/proxies/js/node_modules/oidc-provider");
    if provider.exists() && chromium().is_some() {
        return true;
    }
    skip("Chromium or oidc-provider is not installed: run .ci/run or tests/proxies/install");
    false
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
        let script = format!("{ROOT}/tests/proxies/op.mjs");
        let mut process = node(&[&script, redirect, secret]);
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self {
            issuer: lines.next().expect("it starts").unwrap(),
            _output: lines,
            _process: Killed(process),
        }
    }
}
