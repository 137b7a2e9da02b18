//! Compiles the public contract to Rust and to the descriptor set that reflection serves. The compiler is pure Rust, so
//! that no `protoc` is needed on the machine.

use std::{env, fs, path::PathBuf};

use prost::Message as _;

const CONTRACT: &str = "proto/verigate/v1/access.proto";

#[expect(
    clippy::disallowed_methods,
    reason = "Cargo tells a build script where to write by the environment"
)]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=proto");
    let descriptors = protox::compile([CONTRACT], ["proto"])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("access.binpb"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        .bytes(".")
        .compile_fds(descriptors)?;
    Ok(())
}
