//! A simulated vendor: the calls of the vendor's API with real checks of key, integration, secret and token, made-up people,
//! links by which they verify again, webhooks, and faults on request.
//!
//! `/v1` is the vendor's API. `/sim` controls the simulator:
//!
//! - `POST /sim/faults` plans a fault ([`PlannedFault`]); `DELETE /sim/faults` removes all;
//! - `POST /sim/tokens/expire` expires every token;
//! - `GET /sim/calls` returns how often each call was made ([`Calls`]);
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

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::serve::Listener as _;
use tokio::{sync::watch, task::JoinHandle};

pub use self::{
    access::{Credentials, TOKEN_LIFE},
    cast::BUILT_IN,
    fault::{ApiCall, Fault, Faults, PlannedFault, TooManyFaultsError},
    network::Network,
    people::{Cast, Person, VerificationRecord},
    vendor::Calls,
    webhook::WebhookTarget,
};
use self::{network::FaultyListener, vendor::Vendor};
use crate::clock::Clock;

/// A running simulator. Dropping it stops it.
#[derive(Debug)]
pub struct Simulator {
    /// The address that it listens on.
    pub address: SocketAddr,
    network: watch::Sender<Network>,
    vendor: Arc<Vendor>,
    server: JoinHandle<io::Result<()>>,
}

impl Simulator {
    /// Starts to listen on this address.
    pub async fn start(
        address: SocketAddr,
        cast: Cast,
        credentials: Credentials,
        token_life: Duration,
        clock: Arc<dyn Clock>,
    ) -> io::Result<Self> {
        let (network, state) = watch::channel(Network::Up);
        let listener = FaultyListener::bind(address, state).await?;
        let address = listener.local_addr()?;
        let vendor = Vendor::new(address, cast, credentials, token_life, clock);
        let vendor = Arc::new(vendor);
        let router = routes::router(Arc::clone(&vendor));
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self {
            address,
            network,
            vendor,
            server,
        })
    }

    /// The planned faults.
    pub fn faults(&self) -> &Faults {
        &self.vendor.faults
    }

    /// Changes the state of the network.
    pub fn network(&self, network: Network) {
        self.network.send_replace(network);
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

    /// Serves until the listener fails.
    pub async fn run(mut self) -> io::Result<()> {
        (&mut self.server).await.map_err(io::Error::other)?
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.server.abort();
    }
}
