//! Wires everything once, runs it, drains it.

use std::{future::Future, io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use axum::{Router, serve::ListenerExt as _};
use tokio::{
    join,
    net::{TcpListener, TcpStream},
    sync::{Notify, watch},
    task::JoinSet,
    time::{sleep, timeout},
};
use tonic_health::server::HealthReporter;
use tracing::{info, warn};

use crate::{
    clock::Clock,
    config::Config,
    gate::Gate,
    grpc::{self, Grpc},
    hints::{self, Worker},
    http::{self, Operations, Serving, Webhooks},
    incode::{Incode, NoClient},
    journal::{self, Journal, Writer},
    live::{self, Live, Reloader},
    metrics::Metrics,
    policy::PolicySet,
    source::{Limits, Recent, Source},
    step_up::StepUps,
};

/// How long the service goes on after it has said that it stops, so that whoever sends it questions can hear of it.
const LAME_DUCK: Duration = Duration::from_millis(300);
/// How long calls in flight may take to finish once no new ones are taken.
const DRAIN_MAX: Duration = Duration::from_secs(8);
/// How long the journal may take to be written after that, and hints to be followed.
const FLUSH_MAX: Duration = Duration::from_secs(1);

/// A service that takes questions.
#[derive(Debug)]
pub struct Service {
    /// Where it does over gRPC.
    pub grpc: SocketAddr,
    /// Where it will over HTTP, and where the upstream tells what has changed.
    pub http: SocketAddr,
    /// Where operators look.
    pub admin: SocketAddr,
    /// Puts other policies in force.
    pub reloader: Arc<Reloader>,
    /// Wakes it, once that is begun.
    watching: JoinSet<()>,
    servers: JoinSet<io::Result<()>>,
    stop: watch::Sender<bool>,
    serving: Arc<Serving>,
    health: HealthReporter,
    /// Follows the upstream's hints.
    follower: Worker,
    writer: Writer,
}

/// Why the service cannot start.
#[derive(Debug, thiserror::Error)]
pub enum CannotStart {
    /// An address cannot be listened on.
    #[error("cannot listen on {0}")]
    Listen(SocketAddr, #[source] io::Error),
    /// The journal cannot be opened.
    #[error("cannot write the journal `{}`", .0.display())]
    Journal(PathBuf, #[source] io::Error),
    /// The HTTP client for the upstream cannot be built.
    #[error(transparent)]
    Client(#[from] NoClient),
    /// A metric is registered twice, or the contract's descriptors are broken: a mistake of ours.
    #[error("the service is put together wrongly")]
    Assembly(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What was not finished when the service stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfinished {
    /// Decisions were not written to the journal.
    #[error("the journal could not be written to the end")]
    Journal,
}

impl Service {
    /// Puts everything together and listens.
    pub async fn start(
        config: &Config,
        set: PolicySet,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, CannotStart> {
        let Parts {
            services,
            webhooks,
            operations,
            reloader,
            follower,
            writer,
        } = assemble(config, set, clock)?;
        let (stop, stopping) = watch::channel(false);
        let mut servers = JoinSet::new();
        let mut open =
            async |address, router| listen(&mut servers, address, router, stopping.clone()).await;
        let grpc = open(config.grpc, services.router).await?;
        let http = open(config.http, http::decisions(webhooks)).await?;
        let admin = open(config.admin, http::admin(operations.clone())).await?;
        grpc::serving(&services.health, true).await;
        operations.serving.set(true);
        let policies = operations.live.current();
        let (policies, revision) = (policies.len(), policies.revision());
        info!(%grpc, %http, %admin, policies, %revision, "taking questions");
        Ok(Self {
            grpc,
            http,
            admin,
            reloader,
            watching: JoinSet::new(),
            servers,
            stop,
            serving: operations.serving,
            health: services.health,
            follower,
            writer,
        })
    }

    /// Begins to reload the policies when their files change, and when asked.
    pub fn watch(&mut self, asked: Arc<Notify>) {
        let reloader = Arc::clone(&self.reloader);
        self.watching.spawn(live::watch(reloader, asked));
    }

    /// Stops: says so to health checks, takes nothing new, lets calls in flight finish, writes the journal to the end.
    pub async fn stop(mut self) -> Result<(), Unfinished> {
        info!("stopping");
        self.watching.abort_all();
        self.serving.set(false);
        grpc::serving(&self.health, false).await;
        sleep(LAME_DUCK).await;
        grpc::end_watches(&mut self.health).await;
        self.stop.send_replace(true);
        let drained = timeout(DRAIN_MAX, async {
            while self.servers.join_next().await.is_some() {}
        });
        if drained.await.is_err() {
            // They are tasks of their own, and end with the process.
            warn!(
                "some connections did not end in time and are cut: their callers did not let go of them"
            );
        }
        let (flushed, ()) = join!(
            timeout(FLUSH_MAX, self.writer.flush()),
            self.follower.finish(FLUSH_MAX)
        );
        flushed.map_err(|_| Unfinished::Journal)?;
        info!("stopped");
        Ok(())
    }
}

/// Runs the service until `shutdown`, and reloads the policies when they change or `reload` asks for it.
pub async fn run(
    config: &Config,
    policies: PolicySet,
    clock: Arc<dyn Clock>,
    reload: Arc<Notify>,
    shutdown: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let mut service = Service::start(config, policies, clock).await?;
    service.watch(reload);
    shutdown.await;
    Ok(service.stop().await?)
}

/// What is put together before anything listens.
struct Parts {
    services: Grpc,
    webhooks: Arc<Webhooks>,
    operations: Operations,
    reloader: Arc<Reloader>,
    follower: Worker,
    writer: Writer,
}

/// Puts everything together.
fn assemble(config: &Config, set: PolicySet, clock: Arc<dyn Clock>) -> Result<Parts, CannotStart> {
    let metrics = Metrics::new().map_err(assembly)?;
    let live = Arc::new(Live::new(set));
    let reloader = Reloader::new(
        &config.policies,
        config.step_up.redirects.clone(),
        Arc::clone(&live),
        Arc::clone(&clock),
        Arc::clone(&metrics),
    );
    let (journal, writer) = open_journal(config, &metrics)?;
    let account = config.incode.clone();
    let upstream = Incode::new(account, Arc::clone(&clock), Arc::clone(&metrics))?;
    let upstream = Arc::new(upstream);
    let recent = Recent::new(
        Arc::clone(&upstream) as _,
        limits(config),
        Arc::clone(&clock),
        Arc::clone(&metrics),
        |task| drop(tokio::spawn(task)),
    );
    let step_ups = StepUps::new(
        Arc::clone(&upstream) as _,
        Arc::clone(&live),
        config.step_up.clone(),
        config.incode.timeout,
        Arc::clone(&clock),
        Arc::clone(&metrics),
    );
    let source: Arc<dyn Source> = Arc::new(recent.clone());
    let (hints, follower) = hints::start(
        Arc::clone(&source),
        step_ups.clone(),
        Arc::clone(&clock),
        hints::QUEUE_MAX,
    );
    let (webhook, own) = (config.webhook.as_ref(), Arc::clone(&metrics));
    let webhooks = Arc::new(Webhooks::new(webhook, hints, Arc::clone(&clock), own));
    let gate = Arc::new(Gate {
        clock,
        live: Arc::clone(&live),
        source,
        journal,
        metrics: Arc::clone(&metrics),
    });
    let services = grpc::services(gate, step_ups.clone(), config.deadlines).map_err(assembly)?;
    let operations = Operations {
        live,
        metrics,
        cache_entries: Arc::new(move || recent.entries()),
        upstream: Arc::new(move || upstream.condition()),
        step_ups,
        serving: Arc::default(),
    };
    Ok(Parts {
        services,
        webhooks,
        operations,
        reloader,
        follower,
        writer,
    })
}

fn assembly(error: impl std::error::Error + Send + Sync + 'static) -> CannotStart {
    CannotStart::Assembly(Box::new(error))
}

fn limits(config: &Config) -> Limits {
    Limits {
        capacity: config.cache_capacity,
        fetch_max: config.incode.timeout,
        fetches_per_second: config.quota.per_second,
        fetches_burst: config.quota.burst,
    }
}

fn open_journal(config: &Config, metrics: &Arc<Metrics>) -> Result<(Journal, Writer), CannotStart> {
    let failed = |error| CannotStart::Journal(config.journal.clone(), error);
    let output = journal::open(&config.journal).map_err(failed)?;
    journal::start(output, journal::Limits::default(), Arc::clone(metrics)).map_err(failed)
}

/// Serves a router on an address until it is told to stop; the address that it got.
async fn listen(
    servers: &mut JoinSet<io::Result<()>>,
    address: SocketAddr,
    router: Router,
    mut stopping: watch::Receiver<bool>,
) -> Result<SocketAddr, CannotStart> {
    let failed = |error| CannotStart::Listen(address, error);
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    let listener = listener.tap_io(|stream: &mut TcpStream| {
        // Without it an answer may wait for the caller's acknowledgement; it is only slower if it cannot be set.
        let _ = stream.set_nodelay(true);
    });
    let router = router.into_make_service_with_connect_info::<SocketAddr>();
    servers.spawn(async move {
        axum::serve(listener, router)
            .with_graceful_shutdown(async move {
                // An error says that nobody can stop it any more, which stops it too.
                let _ = stopping.wait_for(|stop| *stop).await;
            })
            .await
    });
    Ok(bound)
}
