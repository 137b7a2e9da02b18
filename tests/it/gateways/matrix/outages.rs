//! The service is away, or something else is in its place.

use futures_util::future::join_all;
use tokio::sync::watch;

use super::{Cell, Scene, Sessions, Times, get, refused, token};
use crate::{
    gateways::{
        application::Application,
        proxy::{Kind, Neighbours, Proxy, ScriptFault},
        stub::{self, BrokenGrpc, Stub},
    },
    world::loopback,
};

/// The service is frozen, thawed, and gone.
pub async fn away(scene: &mut Scene) {
    let strong = scene.session("ada-fresh", "urn:x:mfa");
    let request = |scene: &Scene| scene.get("/door").header("authorization", &strong);
    scene.service.process.signal("-STOP");
    let before = scene.application.reached();
    let answers = join_all((0..3).map(|_| scene.sent(Cell::Frozen, request(scene)))).await;
    for response in answers {
        assert!(
            response.status().is_server_error(),
            "frozen: {}",
            response.status()
        );
    }
    assert_eq!(scene.application.reached(), before, "frozen");
    scene.service.process.signal("-CONT");
    crate::world::until("the service answers again", async || {
        request(scene).send().await.unwrap().status() == 200
    })
    .await;
    let _ = scene.service.process.0.kill();
    let _ = scene.service.process.0.wait();
    for _ in 0..3 {
        let response = scene.refused(Cell::Down, "down", request(scene)).await;
        assert!(response.status().is_server_error(), "{}", response.status());
    }
    // What is open does not need it.
    let open = scene.sent(Cell::Down, scene.get("/open/x"));
    assert_eq!(open.await.status(), 200);
}

/// Something else answers in its place.
pub async fn broken(kind: Kind, times: &Times) {
    let application = Application::start().await;
    let sessions = Sessions::new();
    let strong = sessions.token("ada-fresh", "urn:x:mfa");
    let token = token();
    let between = |service| Neighbours {
        service,
        application: application.address,
        token: token.reveal(),
        keys: &sessions.keys,
        login: None,
        fault: None,
    };
    let ask = async |proxy: &Proxy, cell: Cell, what: &str| {
        let request = get(proxy.address, kind.door()).header("authorization", &strong);
        let status = refused(&application, times, cell, what, request)
            .await
            .status();
        assert!(status.as_u16() >= 400, "{what}: {status}");
        status
    };
    let service = Stub::start().await;
    let proxy = Proxy::start(kind, between(service.address)).await;
    for broken in stub::BROKEN {
        service.set(broken);
        ask(&proxy, broken.cell(), broken.what).await;
    }
    if kind != Kind::Nginx {
        service.set(stub::DRIPS);
        ask(&proxy, Cell::Hung, "drips").await;
    }
    if kind.speaks_grpc() {
        let (to, broken) = watch::channel(BrokenGrpc::Hangs);
        let proxy = Proxy::start(kind, between(stub::grpc(broken).await)).await;
        for broken in BrokenGrpc::ALL {
            to.send(broken).unwrap();
            let what = format!("{broken:?}");
            assert_eq!(ask(&proxy, broken.cell(), &what).await, 503, "{what}");
        }
    }
    for fault in faults(kind) {
        let between = Neighbours {
            fault: Some(*fault),
            ..between(service.address)
        };
        let proxy = Proxy::start(kind, between).await;
        // The service still drips.
        ask(&proxy, Cell::Hung, fault.0).await;
    }
    // Nobody listens, or nobody takes the connection.
    let free = std::net::TcpListener::bind(loopback()).unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let (full, _taken, _listener) = stub::without_places().await;
    for (cell, what, address) in [(Cell::Down, "down", address), (Cell::Hung, "full", full)] {
        let proxy = Proxy::start(kind, between(address)).await;
        assert!(ask(&proxy, cell, what).await.is_server_error(), "{what}");
    }
}

/// Mistakes in the script of a proxy: an error before it asks, and one after that.
fn faults(kind: Kind) -> &'static [ScriptFault] {
    match kind {
        Kind::Haproxy => &[
            (
                "	txn:set_var(\"txn.vg_decision\", \"NONE\")",
                "	error(\"broken\")",
            ),
            (
                "	local status, headers = parsed(answer)",
                "	error(\"broken\")",
            ),
        ],
        Kind::Apache => &[
            (
                "	r.subprocess_env[\"VERIGATE_DECISION\"] = \"NONE\"",
                "	error(\"broken\")",
            ),
            (
                "	local status, headers = parsed(answer or \"\")",
                "	error(\"broken\")",
            ),
            ("	r.user = \"bearer\"", "	error(\"broken\")"),
            (
                "	local path = r.unparsed_uri",
                "	error(\"broken\") local path = r.unparsed_uri",
            ),
        ],
        _ => &[],
    }
}
