//! A pretend Incode: the calls with real checks of key, integration, secret and token, a cast of made-up people, links by
//! which they verify again, webhooks, and faults on request.
//!
//! What it pretends is under `/v1`; `/sim` controls it: `POST /sim/faults` plans a fault, `DELETE /sim/faults` lifts all,
//! `POST /sim/tokens/expire` ends every token, `GET /sim/calls` tells how often it was asked, `GET /sim/links/{trace}` is a
//! person who opens a link.

mod cast;
mod fault;
mod links;
mod network;
mod vendor;
mod wire;

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header::DATE},
    middleware::map_response_with_state,
    response::Response,
    routing::{get, post},
    serve::Listener as _,
};
use jiff::fmt::rfc2822::DateTimePrinter;
use serde_json::{Value, json};
use tokio::{sync::watch, task::JoinHandle};
use uuid::Uuid;

use self::network::Behind;
pub use self::{
    cast::{BUILT_IN, Cast, Part, Person},
    fault::{Call, Fault, Faults, Planned, TooMany},
    links::Webhook,
    network::Network,
};
use crate::{
    clock::Clock,
    policy::{Timestamp, after},
};

/// How long a token lives, as the vendor says.
pub const TOKEN_LIFE: Duration = Duration::from_mins(15);
/// No more tokens than this are alive at once; the oldest ends first.
const TOKENS_MAX: usize = 1024;
/// `{"alg":"HS256"}`, by which the vendor's tokens begin.
const TOKEN_HEADER: &str = "eyJhbGciOiJIUzI1NiJ9";

/// Who may ask.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// Expected as `x-api-key`.
    pub api_key: String,
    /// The integration.
    pub integration_id: String,
    /// Its secret.
    pub secret: String,
}

impl Default for Credentials {
    fn default() -> Self {
        Self {
            api_key: "demo-api-key".to_owned(),
            integration_id: "demo-integration".to_owned(),
            secret: "demo-secret".to_owned(),
        }
    }
}

/// A pretend Incode that listens; it ends when this falls.
#[derive(Debug)]
pub struct Simulator {
    /// Where it listens.
    pub address: SocketAddr,
    network: watch::Sender<Network>,
    world: Arc<World>,
    server: JoinHandle<io::Result<()>>,
}

/// What the pretend Incode knows.
#[derive(Debug)]
struct World {
    /// Where it listens.
    address: SocketAddr,
    cast: Cast,
    credentials: Credentials,
    token_life: Duration,
    tokens: Mutex<Vec<(String, Timestamp)>>,
    faults: Faults,
    calls: Mutex<Calls>,
    links: Mutex<Vec<links::Made>>,
    webhook: Mutex<Option<Webhook>>,
    clock: Arc<dyn Clock>,
}

/// How often it was asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Calls {
    /// For a token.
    pub authorize: u64,
    /// For details, of any verification.
    pub details: u64,
    /// For the details of each verification.
    pub details_of: BTreeMap<String, u64>,
    /// For a link.
    pub link: u64,
}

impl Simulator {
    /// Listens on this address.
    pub async fn start(
        address: SocketAddr,
        cast: Cast,
        credentials: Credentials,
        token_life: Duration,
        clock: Arc<dyn Clock>,
    ) -> io::Result<Self> {
        let (network, state) = watch::channel(Network::Up);
        let listener = Behind::bind(address, state).await?;
        let address = listener.local_addr()?;
        let world = Arc::new(World {
            address,
            cast,
            credentials,
            token_life,
            tokens: Mutex::default(),
            faults: Faults::default(),
            calls: Mutex::default(),
            links: Mutex::default(),
            webhook: Mutex::default(),
            clock,
        });
        let router = router(Arc::clone(&world));
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self {
            address,
            network,
            world,
            server,
        })
    }

    /// The faults that wait.
    pub fn faults(&self) -> &Faults {
        &self.world.faults
    }

    /// Changes how the network is.
    pub fn network(&self, network: Network) {
        self.network.send_replace(network);
    }

    /// The cast.
    pub fn cast(&self) -> &Cast {
        &self.world.cast
    }

    /// Who may ask.
    pub fn credentials(&self) -> &Credentials {
        &self.world.credentials
    }

    /// How often it was asked.
    pub fn calls(&self) -> Calls {
        self.world.calls().clone()
    }

    /// Tells by webhooks what becomes of links, from now on.
    pub fn call_back(&self, webhook: Webhook) {
        let current = self.world.webhook.lock();
        *current.unwrap_or_else(PoisonError::into_inner) = Some(webhook);
    }

    /// Ends every token.
    pub fn expire_tokens(&self) {
        self.world.tokens().clear();
    }

    /// Runs until it fails.
    pub async fn run(mut self) -> io::Result<()> {
        (&mut self.server).await.map_err(io::Error::other)?
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl World {
    fn tokens(&self) -> std::sync::MutexGuard<'_, Vec<(String, Timestamp)>> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn calls(&self) -> std::sync::MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn links(&self) -> std::sync::MutexGuard<'_, Vec<links::Made>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn webhook(&self) -> Option<Webhook> {
        let webhook = self.webhook.lock();
        webhook.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Issues a token. It looks like a JWT, as the vendor's does, but has nothing to read.
    fn issue(&self) -> String {
        let (payload, signature) = (Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let token = format!("{TOKEN_HEADER}.{payload}.{signature}");
        let mut tokens = self.tokens();
        if tokens.len() >= TOKENS_MAX {
            tokens.remove(0);
        }
        tokens.push((token.clone(), after(self.clock.now(), self.token_life)));
        token
    }

    /// Whether this token is alive.
    fn admits(&self, token: &str) -> bool {
        let now = self.clock.now();
        let mut tokens = self.tokens();
        tokens.retain(|(_, ends)| now < *ends);
        tokens.iter().any(|(alive, _)| alive == token)
    }
}

fn router(world: Arc<World>) -> Router {
    Router::new()
        .route("/v1/integration/authorize/server", post(vendor::authorize))
        .route("/v1/verification/details/{id}", get(vendor::details))
        .route(
            "/v1/verification/generate-verification-link",
            post(links::make),
        )
        .route("/sim/links/{trace}", get(links::open))
        .route("/sim/faults", post(plan).delete(lift))
        .route("/sim/tokens/expire", post(expire))
        .route("/sim/calls", get(calls))
        .layer(map_response_with_state(Arc::clone(&world), dated))
        .with_state(world)
}

/// Dates an answer by the pretended clock.
async fn dated(State(world): State<Arc<World>>, mut response: Response) -> Response {
    let now = DateTimePrinter::new().timestamp_to_rfc9110_string(&world.clock.now());
    // No year of a clock is too far for a date; if it were, the answer has none.
    if let Some(date) = now.ok().and_then(|date| date.parse().ok()) {
        response.headers_mut().entry(DATE).or_insert(date);
    }
    response
}

async fn plan(
    State(world): State<Arc<World>>,
    Json(fault): Json<Planned>,
) -> Result<StatusCode, (StatusCode, String)> {
    match world.faults.plan(fault) {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(error) => Err((StatusCode::TOO_MANY_REQUESTS, format!("{error}\n"))),
    }
}

async fn lift(State(world): State<Arc<World>>) -> StatusCode {
    world.faults.clear();
    StatusCode::NO_CONTENT
}

async fn expire(State(world): State<Arc<World>>) -> StatusCode {
    world.tokens().clear();
    StatusCode::NO_CONTENT
}

async fn calls(State(world): State<Arc<World>>) -> Json<Value> {
    let Calls {
        authorize,
        details,
        details_of,
        link,
    } = world.calls().clone();
    Json(json!({
        "authorize": authorize,
        "details": details,
        "details_of": details_of,
        "link": link,
    }))
}
