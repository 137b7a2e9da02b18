//! `verigate check` by TLS, as a person uses it.

use std::process::Command;

use super::{Files, pki::self_signed};
use crate::world::World;

/// The exit code and what was printed.
async fn check(world: &World, arguments: &[String]) -> (Option<i32>, String) {
    let server = format!("https://{}", world.service.addresses.grpc);
    let mut command = Command::new(env!("CARGO_BIN_EXE_verigate"));
    command
        .args(["check", "--policy", "front-door", "--verification", "fresh"])
        .args(["--server", &server])
        .args(arguments);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = output.await.unwrap();
    let printed = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(printed).unwrap())
}

#[tokio::test]
async fn a_person_asks_with_a_certificate_and_is_shown_what_is_wrong_with_it() {
    let files = Files::new();
    let world = files.world().await;
    files.write("server-ca.crt", &files.server_ca.pem());
    let arguments = |name: &str| {
        let file = |name: &str| files.path(name).display().to_string();
        let (certificate, key) = (format!("{name}.crt"), format!("{name}.key"));
        let ca = ["--ca".to_owned(), file("server-ca.crt")];
        let own = [
            "--certificate".to_owned(),
            file(&certificate),
            "--key".to_owned(),
            file(&key),
        ];
        [ca.to_vec(), own.to_vec()].concat()
    };
    let write = |name: &str, leaf: &super::Leaf| {
        files.write(&format!("{name}.crt"), &leaf.chain);
        files.write(&format!("{name}.key"), &leaf.key);
    };
    write(
        "door",
        &files.client_ca.client("spiffe://example.org/door/north"),
    );
    write("other", &self_signed());
    let (code, printed) = check(&world, &arguments("door")).await;
    assert_eq!(code, Some(0), "{printed}");
    assert!(printed.starts_with("ALLOW"), "{printed}");
    let (code, printed) = check(&world, &arguments("other")).await;
    assert_eq!(code, Some(2), "{printed}");
    assert!(
        printed.contains("does not accept the certificate"),
        "{printed}"
    );
    let (code, printed) = check(&world, &arguments("other")[..2]).await;
    assert_eq!(code, Some(2), "{printed}");
    assert!(
        printed.contains("--certificate FILE and --key FILE"),
        "{printed}"
    );
    let (code, printed) = check(&world, &arguments("other")[..4]).await;
    assert_eq!(code, Some(2), "{printed}");
    assert!(printed.contains("--key <FILE>"), "{printed}");
}
