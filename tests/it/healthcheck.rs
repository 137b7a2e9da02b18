//! `verigate healthcheck`, as a container runtime or a person runs it.

use std::{net::TcpListener, path::Path, process::Command, time::Duration};

use verigate::listener::ListenAddress;

use crate::{
    tls::{Files, pki::Leaf},
    world::{World, loopback},
};

/// Longer than any answer of this machine takes.
const LONG: &str = "30s";

/// The exit code and what was printed, with this address of the gRPC listener in the environment.
pub async fn healthcheck(arguments: &[&str], listen: Option<&str>) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_verigate"));
    command.arg("healthcheck").args(arguments);
    command.envs(listen.map(|listen| ("VERIGATE_GRPC__LISTEN", listen)));
    // The service may live in this process: the client must not block it.
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = output.await.unwrap();
    let printed = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(printed).unwrap())
}

fn serving() -> (Option<i32>, String) {
    (Some(0), "SERVING\n".to_owned())
}

fn path(files: &Files, name: &str) -> String {
    files.path(name).display().to_string()
}

/// A configuration that is only about the listener: it lacks what a service needs.
fn write_config(files: &Files, listen: &ListenAddress, certificate: Option<&Path>) -> String {
    let certificate = certificate.map_or_else(String::new, |path| {
        format!("tls.certificate = '{}'\n", path.display())
    });
    let config = format!("[grpc]\nlisten = '{listen}'\n{certificate}[incode]\nurll = 'x'\n");
    files.write("verigate.toml", &config);
    path(files, "verigate.toml")
}

#[tokio::test]
async fn a_service_that_serves_is_found_by_its_address_its_environment_and_its_configuration() {
    let world = World::new().await;
    let address = world.grpc_address();
    let server = format!("http://{address}");
    let by_address = ["--server", &server, "--timeout", LONG];
    assert_eq!(healthcheck(&by_address, None).await, serving());
    let (waiting, everywhere) = (["--timeout", LONG], format!("0.0.0.0:{}", address.port()));
    for listen in [address.to_string(), everywhere] {
        assert_eq!(healthcheck(&waiting, Some(&listen)).await, serving());
        // What is wrong with other settings does not matter to a service that runs.
        let files = Files::new();
        let config = write_config(&files, &listen.parse().unwrap(), None);
        let by_config = ["--config", &config, "--timeout", LONG];
        assert_eq!(healthcheck(&by_config, None).await, serving());
    }
}

#[tokio::test]
async fn a_unix_socket_is_asked_in_plain_text_and_by_tls() {
    for with_tls in [false, true] {
        let files = Files::new();
        let (tls, socket) = (files.server("grpc.tls"), files.path("grpc.sock"));
        let address = ListenAddress::Unix(socket);
        let _world = World::with(|all| {
            all.tls.grpc = with_tls.then_some(tls);
            all.grpc = address.clone();
        })
        .await;
        files.write("server-ca.crt", &files.server_ca.pem());
        let certificate = files.path("tls.crt");
        let config = write_config(&files, &address, with_tls.then_some(&*certificate));
        let ca = path(&files, "server-ca.crt");
        let mut arguments = vec!["--config", &config, "--timeout", LONG];
        arguments.extend(["--ca", &ca].iter().filter(|_| with_tls));
        assert_eq!(healthcheck(&arguments, None).await, serving());
    }
}

/// A service by TLS with this certificate, and a health check with its configuration and these arguments.
async fn by_tls(files: &Files, leaf: &Leaf, more: &[&str]) -> (Option<i32>, String) {
    files.write_server(leaf);
    let tls = files.server("grpc.tls");
    let certificate = tls.certificate.clone();
    let world = World::with(|all| all.tls.grpc = Some(tls)).await;
    let config = write_config(files, &world.service.addresses.grpc, Some(&certificate));
    let arguments = [&["--config", &config, "--timeout", LONG], more].concat();
    healthcheck(&arguments, None).await
}

#[tokio::test]
async fn a_listener_with_tls_is_asked_under_a_name_of_its_own_certificate() {
    let files = Files::new();
    files.write("server-ca.crt", &files.server_ca.pem());
    let ca = path(&files, "server-ca.crt");
    let of = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        move |params: &mut rcgen::CertificateParams| {
            params.subject_alt_names = rcgen::CertificateParams::new(names)
                .unwrap()
                .subject_alt_names;
            params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
        }
    };
    for names in [
        &["doors.example.org"][..],
        &["*.example.org"],
        &["192.0.2.7"],
    ] {
        let leaf = files.server_ca.issue(of(names));
        let answer = by_tls(&files, &leaf, &["--ca", &ca]).await;
        assert_eq!(answer, serving(), "{names:?}");
        // The issuer is neither of this machine nor in the chain.
        let (code, printed) = by_tls(&files, &leaf, &[]).await;
        assert_eq!(code, Some(2), "{printed}");
        assert!(printed.contains("by --ca FILE"), "{printed}");
    }
    // The chain has the issuer.
    let below = files
        .server_ca
        .intermediate("Below")
        .issue(of(&["doors.example.org"]));
    assert_eq!(by_tls(&files, &below, &[]).await, serving());
    // A service that presents another certificate than that of its configuration is another one.
    let other = crate::tls::pki::Authority::new("Other CA");
    files.write("other.crt", &other.issue(of(&["doors.example.org"])).chain);
    let tls = files.server("grpc.tls");
    let world = World::with(|all| all.tls.grpc = Some(tls)).await;
    let config = write_config(
        &files,
        &world.service.addresses.grpc,
        Some(&files.path("other.crt")),
    );
    let (code, printed) = healthcheck(&["--config", &config, "--timeout", LONG], None).await;
    assert_eq!(code, Some(2), "{printed}");
}

#[tokio::test]
async fn a_listener_that_asks_for_a_certificate_is_shown_one() {
    let files = Files::new();
    let world = files.world().await;
    files.write("server-ca.crt", &files.server_ca.pem());
    let client = files.client_ca.client("spiffe://example.org/health");
    files.write("health.crt", &client.chain);
    files.write("health.key", &client.key);
    let server = format!("https://{}", world.service.addresses.grpc);
    let file = |name| path(&files, name);
    let (ca, certificate, key) = (
        file("server-ca.crt"),
        file("health.crt"),
        file("health.key"),
    );
    let asked = ["--server", &server, "--timeout", LONG, "--ca", &ca];
    let (code, printed) = healthcheck(&asked, None).await;
    assert_eq!(code, Some(2), "{printed}");
    assert!(
        printed.contains("--certificate FILE and --key FILE"),
        "{printed}"
    );
    let own = ["--certificate", &certificate, "--key", &key];
    assert_eq!(
        healthcheck(&[&asked[..], &own].concat(), None).await,
        serving()
    );
}

#[tokio::test]
async fn without_an_answer_it_ends_with_the_reason_and_in_time() {
    let silent = TcpListener::bind(loopback()).unwrap();
    let listen = silent.local_addr().unwrap().to_string();
    let asked = healthcheck(&["--timeout", "200ms"], Some(&listen));
    // Connecting and the answer have one timeout.
    let in_time = tokio::time::timeout(Duration::from_secs(30), asked).await;
    let (code, printed) = in_time.expect("it ends in time");
    assert_eq!(code, Some(2), "{printed}");
    assert!(
        printed.contains(&format!("`http://{listen}` within 200ms")),
        "{printed}"
    );
    drop(silent);
    for (arguments, listen, expected) in [
        (&[][..], listen.as_str(), "cannot connect"),
        (
            &[],
            "127.0.0.1:0",
            "another port each time: name it by --server",
        ),
        (&[], "nowhere", "neither an IP address with a port"),
        (
            &["--ca", "x"],
            "127.0.0.1:1",
            "grpc.tls.certificate is not set",
        ),
        (&["--config", "no-such-file"], "127.0.0.1:1", "no-such-file"),
        (
            &["--config", "x", "--server", "http://127.0.0.1:1"],
            "127.0.0.1:1",
            "cannot be used with",
        ),
    ] {
        let (code, printed) = healthcheck(arguments, Some(listen)).await;
        assert_eq!(code, Some(2), "{printed}");
        assert!(printed.contains(expected), "{expected}: {printed}");
    }
}
