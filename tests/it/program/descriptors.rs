//! Too few file descriptors.

use std::net::TcpStream;

use super::*;

/// Opens silent connections.
fn silent(url: &str, count: usize) -> Vec<TcpStream> {
    let address = url.trim_start_matches("http://");
    (0..count)
        .map(|_| TcpStream::connect(address).unwrap())
        .collect()
}

#[tokio::test]
async fn peers_that_take_all_descriptors_keep_no_connected_caller_from_its_answer() {
    for of_operators in [false, true] {
        let mut program = Program::start(Start {
            before: "ulimit -n 64",
            ..Start::default()
        })
        .await;
        program.check("ada-fresh").await.unwrap();
        let attacked = if of_operators {
            &program.admin
        } else {
            &program.http
        };
        let peers = silent(attacked, 100);
        program = program.until_logged("connections_exhausted").await;
        for _ in 0..20 {
            program.check("ada-fresh").await.unwrap();
        }
        for _ in 0..5 {
            let new_caller = tokio::time::timeout(SOON, program.health()).await;
            assert_eq!(new_caller, Ok(ServingStatus::Serving));
        }
        if !of_operators {
            assert_eq!(program.get("/livez").await.0, 200, "operators see it");
        }
        drop(peers);
        until("operators are served again", async || {
            program.get("/livez").await.0 == 200
        })
        .await;
        let channel = Channel::from_shared(program.grpc.clone()).unwrap();
        until("new callers are served again", async || {
            channel.connect().await.is_ok()
        })
        .await;
        program.stop().await;
    }
}
