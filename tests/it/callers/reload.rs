//! Callers that are read again while the service runs.

use std::{fs, sync::Arc};

use tokio::sync::Notify;
use tonic::Code;

use super::{ask, bearer, token, with_file};
use crate::world::{World, check_request, until};

#[tokio::test]
async fn callers_are_read_again_and_a_file_that_cannot_be_used_keeps_those_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("verigate.toml");
    let section = |n: u8| {
        let entry = token(n).entry();
        format!("[callers.c{n}]\ntoken_sha256 = [\"{entry}\"]\npolicies = [\"*\"]\n")
    };
    let mut world = World::with(|config| with_file(&path, &section(1), config)).await;
    let requested = Arc::new(Notify::new());
    world.service.watch(Arc::clone(&requested));
    let codes = async || {
        let mut codes = Vec::new();
        for n in [1, 2] {
            let answer = ask(
                &world,
                Some(&bearer(n)),
                check_request("front-door", "fresh"),
            )
            .await;
            codes.push(answer.map_or_else(|status| status.code(), |()| Code::Ok));
        }
        codes
    };
    let (ok, refused) = (Code::Ok, Code::Unauthenticated);
    assert_eq!(codes().await, [ok, refused]);
    for (text, expected, failed) in [
        (section(1) + &section(2), [ok, ok], 0),
        ("[callers.c1".to_owned(), [ok, ok], 1),
        (section(2) + "[callers.c3]\npolicy = []\n", [ok, ok], 1),
        (section(2) + "[log]\nlevel = \"debug\"\n", [refused, ok], 0),
        (String::new(), [refused, refused], 0),
        (section(1), [ok, refused], 0),
    ] {
        fs::write(&path, &text).unwrap();
        requested.notify_one();
        let gauge = format!("\nverigate_callers_reload_failed {failed}\n");
        until(&format!("in force: {text}"), async || {
            codes().await == expected && world.metrics().await.contains(&gauge)
        })
        .await;
    }
    fs::remove_file(&path).unwrap();
    requested.notify_one();
    until("the failure shows", async || {
        let (status, ready) = world.get_json("/readyz").await;
        status == 200 && ready["callers"]["reload_failure"].is_string()
    })
    .await;
    assert_eq!(codes().await, [ok, refused]);
}
