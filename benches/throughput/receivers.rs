//! Receivers of the lines that the journal exports, on the core of the load.

use std::{
    net::{SocketAddr, TcpListener, UdpSocket},
    thread,
};

use axum::{Router, body::Bytes, extract::DefaultBodyLimit, routing::post};
use tokio::runtime::Builder;
use verigate::bench::stay_on;

use crate::LOAD_CORE;

/// A receiver of syslog by UDP, for as long as the bench runs.
pub(crate) fn datagrams() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let address = socket.local_addr().expect("an address");
    thread::spawn(move || {
        stay_on(&[LOAD_CORE]);
        let mut datagram = [0; 4096];
        while socket.recv(&mut datagram).is_ok() {}
    });
    address
}

/// A collector of log records by OTLP, which reads and confirms them, for as long as the bench runs.
pub(crate) fn collector() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("a socket");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        stay_on(&[LOAD_CORE]);
        let runtime = Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let confirmed = post(|_: Bytes| async { [("content-type", "application/x-protobuf")] });
            let routes = Router::new().route("/v1/logs", confirmed);
            let listener = tokio::net::TcpListener::from_std(listener).expect("a socket");
            axum::serve(listener, routes.layer(DefaultBodyLimit::disable()))
                .await
                .expect("it serves");
        });
    });
    address
}
