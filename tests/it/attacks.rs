//! Peers that would wear the service down, byte by byte on real sockets, in paused time: each is disconnected in time, and none keeps
//! an honest caller from its answer.

mod bodies;
mod floods;
mod frames;
mod memory;
mod silent;
mod stop;

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, timeout},
};

use crate::world::World;

/// Within this time every peer here is disconnected.
const EVER: Duration = Duration::from_secs(100);

/// A world whose time stands still, but for the timers that are waited for.
async fn paused_world() -> World {
    let world = World::new().await;
    tokio::time::pause();
    world
}

async fn connect(to: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(to).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream
}

#[expect(
    clippy::disallowed_methods,
    reason = "it is the paused time of the test"
)]
fn now() -> Instant {
    Instant::now()
}

/// After how many seconds the service closes a connection on which nothing more is sent, and what it said until then.
async fn closed_after(mut stream: TcpStream) -> (f64, Vec<u8>) {
    let (started, mut said) = (now(), Vec::new());
    // An error is a reset.
    let read = timeout(EVER, stream.read_to_end(&mut said)).await;
    assert!(read.is_ok(), "not closed within {EVER:?}");
    (started.elapsed().as_secs_f64(), said)
}

/// An honest call is answered.
async fn serves(world: &World) {
    let answer = world.check("front-door", "fresh").await;
    assert_eq!(answer.decision, 1);
}
