//! The service: assembled, started, stopped.

mod assembly;
mod callers;
pub mod core_dumps;
mod error;
mod evidence;
mod held_callers;
mod listener_tls;
mod policy_sets;
mod preflight;
mod recorded;
mod supervisor;
mod tasks;

use std::{
    future::{self, Future},
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::Notify,
    task::spawn_blocking,
    time::{sleep, timeout},
};
use tonic_health::server::HealthReporter;
use tracing::{info, warn};

use self::{
    assembly::{Parts, assemble},
    callers::CallersReloader,
    listener_tls::ListenersTls,
    recorded::record_request,
    supervisor::{Phase, keep_alive, notify, watchdog_interval},
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
    export::Exports,
    grpc::{self, Grpc},
    http::{self, Routers, Served, StepUpPage, Webhooks},
    incode::Incode,
    journal::{Journal, JournalState, Output, Writer},
    listener::{Inherited, ListenAddress, Listeners, Liveness, Protocol},
    live::{self, Loaded, Reading, Reloader},
    peer::Peer,
    policy::PolicySet,
    readiness::Serving,
    tls::{self, TlsFiles},
    webhook_queue::Worker,
};

/// How long the service still accepts calls after readiness and health have changed, so that load balancers can notice.
const LAME_DUCK: Duration = Duration::from_millis(300);
/// How long the journal may take to be written after that, and the webhook queue to be processed.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);
/// How long those who take the lines of the journal may need after that.
const EXPORT_TIMEOUT: Duration = Duration::from_millis(500);

/// How long the files with secrets of webhooks may take to be read again.
const RENEW_TIMEOUT: Duration = Duration::from_secs(1);

/// The addresses that the service has bound.
#[derive(Debug, Clone)]
pub struct Addresses {
    /// The gRPC listener.
    pub grpc: ListenAddress,
    /// The HTTP listener for callers and for the vendor.
    pub http: ListenAddress,
    /// The HTTP listener for the Internet, if that is another.
    pub public: Option<ListenAddress>,
    /// The HTTP listener for operators.
    pub admin: ListenAddress,
}

/// A running service.
#[derive(Debug)]
pub struct Service {
    /// What it has bound.
    pub addresses: Addresses,
    /// Reloads the policies.
    pub reloader: Arc<Reloader>,
    /// Reloads the shadow policies, if any are configured.
    pub shadow_reloader: Option<Arc<Reloader>>,
    deps: Deps,
    tls_files: TlsFiles,
    callers: Arc<CallersReloader>,
    /// What else is read or opened again on request.
    renewable: Renewable,
    liveness: Liveness,
    /// Watches the files of policies and of certificates, waits for requests, and keeps the service manager from a restart, from
    /// [`Service::watch`] on.
    watching: Vec<Task>,
    tasks: Tasks,
}

/// What is read or opened again on request, beside the policies.
#[derive(Debug, Clone)]
struct Renewable {
    journal: JournalState,
    changes: Journal,
    upstream: Arc<Incode>,
    webhooks: Arc<Webhooks>,
    page: Option<Arc<StepUpPage>>,
}

impl Service {
    /// Assembles the service and listens.
    pub async fn start(
        config: &Config,
        set: PolicySet,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StartError> {
        Self::start_with_journal(config, set, clock, None).await
    }

    /// The same, with another output of the journal than the one in the configuration.
    pub async fn start_with_journal(
        config: &Config,
        set: PolicySet,
        clock: Arc<dyn Clock>,
        journal: Option<Box<dyn Output>>,
    ) -> Result<Self, StartError> {
        Self::start_with(config, (set, None), clock, journal, Inherited::default()).await
    }

    /// The same, with sockets that are bound already.
    async fn start_with(
        config: &Config,
        policies: (PolicySet, Option<Reading>),
        clock: Arc<dyn Clock>,
        journal: Option<Box<dyn Output>>,
        inherited: Inherited,
    ) -> Result<Self, StartError> {
        log_start(config);
        let deps = Deps::new(clock);
        let Parts {
            grpc: services,
            webhooks,
            forward_auth,
            authzen,
            page,
            hand_on,
            admin,
            reloader,
            shadow_reloader,
            webhook_worker,
            journal_writer,
            journal: (journal, changes),
            upstream,
            tls,
            tls_files,
            callers,
        } = assemble(config, policies, journal, &deps)?;
        let (live, serving) = (admin.live.clone(), admin.serving.clone());
        let apart = config.public.is_some();
        let mut listeners =
            Listeners::new(config.limits, 2 + usize::from(apart), inherited, &deps)?;
        let credentials = Arc::new(admin.callers.callers.callers.clone()) as _;
        let served = Served {
            webhooks: Arc::clone(&webhooks),
            forward_auth,
            authzen,
            page: page.clone(),
            hand_on,
            admin,
        };
        let routers = http::routers(&config.filters, apart, served, &credentials, &deps)?;
        let health = services.health.clone();
        let (addresses, liveness) = open(&mut listeners, config, tls, services, routers).await?;

        serving.set(true);
        let following = deps.start(follow(journal.clone(), serving.clone(), health.clone()));
        log_ready(&addresses, &live.current());
        // The order in which the parts stop.
        let mut tasks = Tasks::default();
        tasks.then(announce_stop(following, serving, health));
        tasks.then(drain(listeners, config.drain));
        tasks.then(process_queue(webhook_worker));
        tasks.beside(flush(journal_writer));
        Ok(Self {
            addresses,
            reloader,
            shadow_reloader,
            deps,
            tls_files,
            callers,
            renewable: Renewable {
                journal,
                changes,
                upstream,
                webhooks,
                page,
            },
            liveness,
            watching: Vec::new(),
            tasks,
        })
    }

    /// Starts to reload policies, callers and certificates when their files change. When `requested`, they and the credentials are read
    /// again, and the journal is opened again.
    pub fn watch(&mut self, requested: Arc<Notify>) {
        let reloader = Arc::clone(&self.reloader);
        let (reload, reload_tls) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let renewable = self.renewable.clone();
        let reload_callers = Arc::new(Notify::new());
        let callers = callers::watch(Arc::clone(&self.callers), Arc::clone(&reload_callers));
        let policies = live::watch(reloader, Arc::clone(&reload));
        let reload_shadow = Arc::new(Notify::new());
        let shadow = self.shadow_reloader.clone();
        let shadow = shadow.map(|shadow| live::watch(shadow, Arc::clone(&reload_shadow)));
        let certificates = tls::watch(self.tls_files.clone(), Arc::clone(&reload_tls));
        let requests = async move {
            loop {
                requested.notified().await;
                notify(Phase::Reloading).await;
                reload.notify_one();
                reload_shadow.notify_one();
                reload_tls.notify_one();
                reload_callers.notify_one();
                renewable.renew().await;
                notify(Phase::Ready).await;
            }
        };
        self.watching = vec![
            self.deps.start(policies),
            self.deps.start(certificates),
            self.deps.start(callers),
            self.deps.start(requests),
        ];
        let shadow = shadow.map(|shadow| self.deps.start(shadow));
        self.watching.extend(shadow);
        let watchdog = watchdog_interval();
        let watchdog = watchdog.map(|interval| keep_alive(interval, self.liveness.clone()));
        let watchdog = watchdog.map(|watchdog| self.deps.start(watchdog));
        self.watching.extend(watchdog);
    }

    /// Stops the parts in the order that [`Service::start`] lists.
    pub async fn stop(self) -> Result<(), StopError> {
        self.stop_or_force(future::pending()).await
    }

    /// The same, but waits for no call any more once `force` completes.
    pub async fn stop_or_force(mut self, force: impl Future<Output = ()>) -> Result<(), StopError> {
        info!(event = "service_stopping", "stopping");
        self.watching.clear();
        let force = async {
            force.await;
            warn!(
                event = "stop_forced",
                "second stop signal: connections are closed without waiting for calls in flight; the journal is still written"
            );
        };
        self.tasks.stop(force).await?;
        info!(event = "service_stopped", "stopped");
        Ok(())
    }
}

/// Binds every address, and serves on each what belongs there. Returns the addresses, and what proves that the threads that serve them run.
async fn open(
    listeners: &mut Listeners,
    config: &Config,
    tls: ListenersTls,
    services: Grpc,
    routers: Routers,
) -> Result<(Addresses, Liveness), StartError> {
    let rejections = services.rejections;
    let only_http2 =
        Protocol::Http2Only(Arc::new(move |peer: &Peer| rejections.not_http2(peer.ip())));
    let grpc = listeners.open("grpc", &config.grpc, only_http2, tls.grpc, services.service);
    let grpc = grpc.await?;
    let http = listeners.open(
        "http",
        &config.http,
        Protocol::AnyHttp,
        tls.http,
        routers.http,
    );
    let http = http.await?;
    let public = match (&config.public, routers.public) {
        (Some(address), Some(router)) => {
            let public = listeners.open("public", address, Protocol::AnyHttp, tls.public, router);
            Some(public.await?)
        }
        _ => None,
    };
    let admin = listeners.open(
        "admin",
        &config.admin,
        Protocol::Http1Only,
        tls.admin,
        routers.admin,
    );
    let admin = admin.await?;
    listeners.all_opened()?;
    let addresses = Addresses {
        grpc,
        http,
        public,
        admin,
    };
    Ok((addresses, listeners.liveness()))
}

/// What is served where, once it is.
fn log_ready(addresses: &Addresses, set: &PolicySet) {
    let Addresses {
        grpc,
        http,
        public,
        admin,
    } = addresses;
    info!(
        event = "service_ready",
        %grpc,
        %http,
        public = public.as_ref().map(tracing::field::display),
        %admin,
        policies = set.len(),
        revision = %set.revision(),
        "serving"
    );
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
        shadow_path = config.shadow.as_ref().map(|shadow| shadow.display().to_string()),
        journal_path = %config.journal.path.display(),
        "starting"
    );
}

impl Renewable {
    /// Opens and reads everything again. None of it waits without bound, and none keeps the others waiting for long.
    async fn renew(&self) {
        record_request(&self.changes);
        self.journal.reopen();
        self.upstream.reload_credentials().await;
        let (webhooks, page) = (Arc::clone(&self.webhooks), self.page.clone());
        let reload = move || {
            webhooks.reload_secrets();
            if let Some(page) = page {
                page.reload_keys();
            }
        };
        // What a file system does not give in time is read by the next request.
        let _ = timeout(RENEW_TIMEOUT, spawn_blocking(reload)).await;
    }
}

/// Health follows whether decisions can be recorded, as `/readyz` does.
async fn follow(mut journal: JournalState, serving: Arc<Serving>, health: HealthReporter) {
    loop {
        grpc::serving(&health, serving.get() && journal.is_writable()).await;
        if !journal.changed().await {
            return;
        }
    }
}

/// Readiness and health say that the service stops, while it still accepts calls.
async fn announce_stop(
    following: Task,
    serving: Arc<Serving>,
    mut health: HealthReporter,
) -> Result<(), StopError> {
    serving.set(false);
    drop(following);
    grpc::serving(&health, false).await;
    sleep(LAME_DUCK).await;
    // Again: the task that follows the journal may have been about to write the opposite.
    grpc::serving(&health, false).await;
    grpc::end_watches(&mut health).await;
    Ok(())
}

async fn drain(listeners: Listeners, within: Duration) -> Result<(), StopError> {
    // The drain begins with the signal to stop.
    listeners.drain(within.saturating_sub(LAME_DUCK)).await;
    Ok(())
}

async fn process_queue(worker: Worker) -> Result<(), StopError> {
    worker.drain(FLUSH_TIMEOUT).await;
    Ok(())
}

async fn flush((journal, exports): (Writer, Exports)) -> Result<(), StopError> {
    let flushed = timeout(FLUSH_TIMEOUT, journal.flush()).await;
    exports.finish(EXPORT_TIMEOUT).await;
    flushed.map_err(|_| StopError::Journal)
}

/// Runs the service, on sockets that are bound already or on its own, until `shutdown`; stops at once when `force` completes too. Reloads the policies when their files change; when
/// `reload` is notified, also everything else that [`Service::watch`] names.
pub async fn run(
    config: &Config,
    loaded: Loaded,
    clock: Arc<dyn Clock>,
    inherited: Inherited,
    reload: Arc<Notify>,
    shutdown: impl Future<Output = ()>,
    force: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let policies = (loaded.set, Some(loaded.reading));
    let mut service = Service::start_with(config, policies, clock, None, inherited).await?;
    service.watch(reload);
    notify(Phase::Ready).await;
    shutdown.await;
    notify(Phase::Stopping).await;
    Ok(service.stop_or_force(force).await?)
}
