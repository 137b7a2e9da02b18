//! Batches and streams by grpcio, where it is installed (`tests/clients/install`).

use std::{path::Path, process::Command};

use tokio::task::spawn_blocking;

use super::*;
use crate::tls::real_clients::installed;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grpcio_asks_for_many_checks_in_one_call() {
    let Some(clients) = installed() else { return };
    let world = World::new().await;
    let address = world.grpc_address().to_string();
    let asked = spawn_blocking(move || {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/many.py");
        let mut command = Command::new(clients.join("py/bin/python"));
        command.arg(script).arg(address);
        command.output().unwrap()
    });
    let asked = asked.await.unwrap();
    let printed = String::from_utf8_lossy(&asked.stdout).into_owned();
    let errors = String::from_utf8_lossy(&asked.stderr).into_owned();
    assert!(asked.status.success(), "{errors}");
    assert_eq!(
        printed,
        "ALLOW, code 5, not ALLOW\na ALLOW, b code 5, c not ALLOW\n"
    );
}
