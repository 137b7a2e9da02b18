//! The service: assembled, started, stopped.

mod assembly;
mod error;
mod preflight;
mod tasks;

use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};
use tonic_health::server::HealthReporter;
use tracing::info;

use self::{
    assembly::{Parts, assemble},
    tasks::Tasks,
};
pub use self::{
    error::{StartError, StopError},
    preflight::{NOT_TRIED, Preflight, preflight, preflight_with_addresses},
};
use crate::{
    build_info::{COMMIT, VERSION},
    clock::Clock,
    config::Config,
    deps::{Deps, Task},
    grpc, http,
    journal::Writer,
    listener::{Listeners, Protocol},
    live::{self, Reloader},
    policy::PolicySet,
    readiness::Serving,
    webhook_queue::Worker,
};

/// How long the service still accepts calls after readiness and health have changed, so that load balancers can notice.
const LAME_DUCK: Duration = Duration::from_millis(300);
/// How long calls in flight may take to finish.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(8);
/// How long the journal may take to be written after that, and the webhook queue to be processed.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// The addresses that the service has bound.
#[derive(Debug, Clone, Copy)]
pub struct Addresses {
    /// The gRPC listener.
    pub grpc: SocketAddr,
    /// The HTTP listener for callers and for the vendor.
    pub http: SocketAddr,
    /// The HTTP listener for operators.
    pub admin: SocketAddr,
}

/// A running service.
#[derive(Debug)]
pub struct Service {
    /// What it has bound.
    pub addresses: Addresses,
    /// Reloads the policies.
    pub reloader: Arc<Reloader>,
    deps: Deps,
    /// Watches the policy files, from [`Service::watch`] on.
    watching: Option<Task>,
    tasks: Tasks,
}

impl Service {
    /// Assembles the service and listens.
    pub async fn start(
        config: &Config,
        set: PolicySet,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StartError> {
        log_start(config);
        let deps = Deps::new(clock);
        let Parts {
            grpc: services,
            webhooks,
            admin,
            reloader,
            webhook_worker,
            journal_writer,
        } = assemble(config, set, &deps)?;
        let (live, serving) = (Arc::clone(&admin.live), Arc::clone(&admin.serving));

        let mut listeners = Listeners::new(&deps);
        let refusals = services.refusals;
        let only_http2 = Protocol::Http2Only(Arc::new(move |peer| refusals.not_http2(peer.ip())));
        let grpc = listeners.open(config.grpc, only_http2, services.router);
        let grpc = grpc.await?;
        let http = http::decisions(webhooks);
        let http = listeners.open(config.http, Protocol::AnyHttp, http).await?;
        let admin = http::admin(admin);
        let admin = listeners.open(config.admin, Protocol::AnyHttp, admin);
        let admin = admin.await?;

        grpc::serving(&services.health, true).await;
        serving.set(true);
        let policies = live.current();
        let (policies, revision) = (policies.len(), policies.revision());
        info!(event = "service_ready", %grpc, %http, %admin, policies, %revision, "serving");
        // The order in which the parts stop.
        let mut tasks = Tasks::default();
        tasks.then(announce_stop(serving, services.health));
        tasks.then(drain(listeners));
        tasks.then(process_queue(webhook_worker));
        tasks.beside(flush(journal_writer));
        Ok(Self {
            addresses: Addresses { grpc, http, admin },
            reloader,
            deps,
            watching: None,
            tasks,
        })
    }

    /// Starts to reload the policies when their files change, and when `requested`.
    pub fn watch(&mut self, requested: Arc<Notify>) {
        let reloader = Arc::clone(&self.reloader);
        self.watching = Some(self.deps.start(live::watch(reloader, requested)));
    }

    /// Stops the parts in the order that [`Service::start`] lists.
    pub async fn stop(mut self) -> Result<(), StopError> {
        info!(event = "service_stopping", "stopping");
        self.watching = None;
        self.tasks.stop().await?;
        info!(event = "service_stopped", "stopped");
        Ok(())
    }
}

/// The first line: which build starts, and with which files.
fn log_start(config: &Config) {
    let file = config.file.as_ref();
    info!(
        event = "service_starting",
        version = VERSION,
        commit = COMMIT,
        config_path = file.map(|file| file.display().to_string()),
        policies_path = %config.policies.display(),
        journal_path = %config.journal.display(),
        "starting"
    );
}

/// Readiness and health say that the service stops, while it still accepts calls.
async fn announce_stop(serving: Arc<Serving>, mut health: HealthReporter) -> Result<(), StopError> {
    serving.set(false);
    grpc::serving(&health, false).await;
    sleep(LAME_DUCK).await;
    grpc::end_watches(&mut health).await;
    Ok(())
}

async fn drain(listeners: Listeners) -> Result<(), StopError> {
    listeners.drain(DRAIN_TIMEOUT).await;
    Ok(())
}

async fn process_queue(worker: Worker) -> Result<(), StopError> {
    worker.drain(FLUSH_TIMEOUT).await;
    Ok(())
}

async fn flush(journal: Writer) -> Result<(), StopError> {
    let flushed = timeout(FLUSH_TIMEOUT, journal.flush()).await;
    flushed.map_err(|_| StopError::Journal)
}

/// Runs the service until `shutdown`, and reloads the policies when their files change or `reload` is notified.
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
