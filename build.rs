//! Compiles the public contract to Rust and to the descriptor set that reflection serves, and finds out which commit is built. The
//! compiler is pure Rust, so that no `protoc` is needed on the machine.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use prost::Message as _;

const CONTRACT: &str = "proto/verigate/v1/access.proto";
/// The part of Envoy's interface that is served.
const EXT_AUTHZ: &str = "proto/envoy/service/auth/v3/external_auth.proto";
/// Who builds without a repository, as in a container or from a tarball, may name the commit by this variable.
const COMMIT: &str = "VERIGATE_COMMIT";
/// The commit where nobody knows it.
const UNKNOWN: &str = "unknown";
/// The length of a commit, in digits.
const DIGITS: &str = "--short=12";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=proto");
    let out = PathBuf::from(variable("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    for (file, name) in [(CONTRACT, "access"), (EXT_AUTHZ, "ext_authz")] {
        let descriptors = protox::compile([file], ["proto"])?;
        let encoded = descriptors.encode_to_vec();
        fs::write(out.join(format!("{name}.binpb")), encoded)?;
        tonic_prost_build::configure()
            .bytes(".")
            .codec_path("crate::proto::codec::SmallCodec")
            // The modules of all packages, of which the contract is one.
            .include_file(format!("{name}.rs"))
            .compile_fds(descriptors)?;
    }
    let commit = commit().unwrap_or_else(|| UNKNOWN.to_owned());
    println!("cargo::rustc-env=VERIGATE_BUILD_COMMIT={commit}");
    Ok(())
}

/// The commit that is built: that of the variable, or that of the repository whose root is this package. A repository further up is
/// another one, into which a tarball was unpacked.
fn commit() -> Option<String> {
    println!("cargo::rerun-if-env-changed={COMMIT}");
    let named = variable(COMMIT).filter(|commit| !commit.is_empty());
    if let Some(commit) = named {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        return Some(commit).filter(|commit| commit.len() <= 64 && commit.chars().all(plain));
    }
    let package = fs::canonicalize(variable("CARGO_MANIFEST_DIR")?).ok()?;
    let root = git(&["rev-parse", "--show-toplevel"])?;
    if fs::canonicalize(root).ok()? != package {
        return None;
    }
    rerun_when_the_head_moves();
    git(&["rev-parse", DIGITS, "HEAD"])
}

/// Names the files that change with the head: what it points to, that branch, and the log of both. Cargo would run this script at each
/// build if one of them were missing, so only those that exist are named.
fn rerun_when_the_head_moves() {
    let branch = git(&["symbolic-ref", "--quiet", "HEAD"]);
    let names = ["HEAD", "logs/HEAD", "packed-refs"];
    for name in names.into_iter().chain(branch.as_deref()) {
        let path = git(&["rev-parse", "--git-path", name]);
        if let Some(path) = path.filter(|path| Path::new(path).is_file()) {
            println!("cargo::rerun-if-changed={path}");
        }
    }
}

/// What git prints; `None` if there is no git, or it fails.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let printed = String::from_utf8(output.stdout).ok()?;
    let printed = printed.trim();
    (output.status.success() && !printed.is_empty()).then(|| printed.to_owned())
}

#[expect(
    clippy::disallowed_methods,
    reason = "Cargo configures a build script by environment variables"
)]
fn variable(name: &str) -> Option<String> {
    env::var(name).ok()
}
