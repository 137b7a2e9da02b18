//! A simulated vendor: the calls of the vendor's API with real checks of key, integration, secret and token, made-up people,
//! links by which they verify again, webhooks, and faults on request.
//!
//! `/v1` is the vendor's API. `/sim` controls the simulator:
//!
//! - `POST /sim/faults` plans a fault ([`PlannedFault`]); `DELETE /sim/faults` removes all;
//! - `POST /sim/tokens/expire` expires every token;
//! - `GET /sim/calls` returns how often each call was made ([`Calls`]);
//! - `GET /sim/connections` returns how many connections were accepted and are open; `POST /sim/connections/freeze` freezes and
//!   `POST /sim/connections/close` closes those that are open, just after the response;
//! - `GET /sim/links/{trace}` plays the person who opens a link.

mod people;
mod cast;
mod fault;
mod access;
mod links;
mod webhook;
mod vendor;
mod wire;
mod response;
mod api;
mod opening;
mod routes;
mod network;
mod server;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::task::JoinHandle;

pub use self::{
    access::{Credentials, TOKEN_LIFE},
    cast::BUILT_IN,
    fault::{Answer, ApiCall, Fault, Faults, Header, PlannedFault, TooManyFaultsError},
    network::Network,
    people::{Cast, Person, VerificationRecord},
    server::Identity,
    vendor::Calls,
    webhook::WebhookTarget,
};
use self::{
    network::{Control, FaultyListener},
    vendor::Vendor,
};
use crate::clock::Clock;

/// A running simulator. Dropping it stops it.
#[derive(Debug)]
pub struct Simulator {
    /// The address that it listens on.
    pub address: SocketAddr,
    vendor: Arc<Vendor>,
    server: JoinHandle<()>,
}

impl Simulator {
    /// Starts to listen on this address, in plain text.
    pub async fn start(
        address: SocketAddr,
        cast: Cast,
        credentials: Credentials,
        token_life: Duration,
        clock: Arc<dyn Clock>,
    ) -> io::Result<Self> {
        Self::start_as(None, address, cast, credentials, token_life, clock).await
    }

    /// Starts to listen on this address, by TLS if there is a certificate for it.
    pub async fn start_as(
        identity: Option<Identity>,
        address: SocketAddr,
        cast: Cast,
        credentials: Credentials,
        token_life: Duration,
        clock: Arc<dyn Clock>,
    ) -> io::Result<Self> {
        let network = Control::new();
        let listener = FaultyListener::bind(address, Arc::clone(&network)).await?;
        let address = listener.address();
        let scheme = if identity.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{address}");
        let vendor = Vendor::new(url, network, cast, credentials, token_life, clock);
        let vendor = Arc::new(vendor);
        let router = routes::router(Arc::clone(&vendor));
        let server = tokio::spawn(server::serve(listener, router, identity));
        Ok(Self {
            address,
            vendor,
            server,
        })
    }

    /// The address of the API.
    pub fn url(&self) -> &str {
        &self.vendor.url
    }

    /// The planned faults.
    pub fn faults(&self) -> &Faults {
        &self.vendor.faults
    }

    /// Changes the state of the network.
    pub fn network(&self, network: Network) {
        self.vendor.network.set(network);
    }

    /// How many connections were accepted so far.
    pub fn connections(&self) -> u64 {
        self.vendor.network.accepted()
    }

    /// How many connections are open.
    pub fn open_connections(&self) -> u64 {
        self.vendor.network.open_connections()
    }

    /// Freezes the connections that are open: they stay open, and what is sent either way is discarded.
    pub fn freeze_connections(&self) {
        self.vendor.network.freeze();
    }

    /// Closes the connections that are open, once their calls have ended: HTTP/2 sends GOAWAY.
    pub fn close_connections(&self) {
        self.vendor.network.close();
    }

    /// The people and their verifications.
    pub fn cast(&self) -> &Cast {
        &self.vendor.cast
    }

    /// The credentials that it accepts.
    pub fn credentials(&self) -> &Credentials {
        &self.vendor.credentials
    }

    /// How often each call was made.
    pub fn calls(&self) -> Calls {
        self.vendor.calls()
    }

    /// Sends webhooks to this target from now on.
    pub fn send_webhooks(&self, target: WebhookTarget) {
        self.vendor.set_webhook(target);
    }

    /// Expires every token.
    pub fn expire_tokens(&self) {
        self.vendor.tokens.expire();
    }

    /// Serves until it is dropped.
    pub async fn run(mut self) -> io::Result<()> {
        (&mut self.server).await.map_err(io::Error::other)
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.server.abort();
    }
}
