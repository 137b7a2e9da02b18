//! Builds the parts of the service and connects them. Each line makes one part from the ones above it.

use std::sync::Arc;

use prometheus::IntGauge;

use super::{
    error::StartError,
    listener_tls::{self, ListenersTls},
};
use crate::{
    build_info,
    config::Config,
    deps::Deps,
    gate::Gate,
    grpc::{self, Grpc},
    http::{Admin, Webhooks},
    incode::Incode,
    journal::{self, JournalState, Output},
    live::{Live, Reloader},
    metrics::set_count,
    policy::PolicySet,
    source::{EvidenceCache, Source},
    step_up::{AwaitedSource, StepUps},
    telemetry,
    tls::TlsFiles,
    webhook_queue::{self, Worker},
};

/// The parts that are served, and those that are stopped.
pub(super) struct Parts {
    pub(super) grpc: Grpc,
    pub(super) webhooks: Arc<Webhooks>,
    pub(super) admin: Admin,
    pub(super) reloader: Arc<Reloader>,
    pub(super) webhook_worker: Worker,
    pub(super) journal_writer: journal::Writer,
    pub(super) journal: JournalState,
    pub(super) upstream: Arc<Incode>,
    pub(super) tls: ListenersTls,
    pub(super) tls_files: TlsFiles,
}

/// Builds everything; nothing listens yet.
pub(super) fn assemble(
    config: &Config,
    set: PolicySet,
    journal: Option<Box<dyn Output>>,
    deps: &Deps,
) -> Result<Parts, StartError> {
    build_info::register(&deps.registry)?;
    telemetry::register_metrics(&deps.registry)?;
    register_exposed(config, deps)?;
    let (tls, mut tls_files) = listener_tls::load(config, deps)?;
    let live = Arc::new(Live::new(set));
    let redirects = config.step_up.redirects.clone();
    let reloader = Reloader::new(&config.policies, redirects, Arc::clone(&live), deps)?;
    let journal::Started {
        journal,
        state: journal_state,
        writer: journal_writer,
    } = start_journal(config, journal, deps)?;
    let incode = Incode::new(config.incode.clone(), &mut tls_files, deps)?;
    let timeout = config.incode.timeout;
    let cache = EvidenceCache::new(Arc::clone(&incode) as _, config.cache, timeout, deps)?;
    cache.keep_for(Arc::clone(&live));
    let step_ups = StepUps::new(
        Arc::clone(&incode) as _,
        Arc::clone(&live),
        config.step_up.clone(),
        timeout,
        deps,
    )?;
    let source: Arc<dyn Source> = Arc::new(AwaitedSource::new(Arc::new(cache), step_ups.clone()));
    let (webhook_queue, webhook_worker) = webhook_queue::start(
        Arc::clone(&source),
        step_ups.clone(),
        webhook_queue::QUEUE_MAX,
        config.incode.rate,
        deps,
    );
    let webhooks = Webhooks::new(config.webhook.as_ref(), webhook_queue, deps)?;
    let gate = Arc::new(Gate::new(Arc::clone(&live), source, journal, deps)?);
    let calls = grpc::Calls::new(deps)?;
    let bounds = (
        config.deadlines,
        grpc::InFlight::new(config.in_flight, deps)?,
    );
    let grpc = grpc::services(gate, step_ups.clone(), bounds, calls, deps)?;
    let admin = Admin {
        live,
        upstream: Arc::clone(&incode) as _,
        tls: Arc::new(tls_files.clone()),
        journal: Arc::new(journal_state.clone()),
        step_ups,
        serving: Arc::default(),
        registry: deps.registry.clone(),
        config_path: config.file.clone(),
        journal_path: config.journal.clone(),
    };
    Ok(Parts {
        grpc,
        webhooks: Arc::new(webhooks),
        admin,
        reloader,
        webhook_worker,
        journal_writer,
        journal: journal_state,
        upstream: incode,
        tls,
        tls_files,
    })
}

/// Registers how many files with secrets are exposed, as they were when the service started.
fn register_exposed(config: &Config, deps: &Deps) -> Result<(), prometheus::Error> {
    let exposed = IntGauge::new(
        "verigate_secret_files_exposed",
        "Files with secrets, and their folders, that others than their owner and root can read or write.",
    )?;
    set_count(&exposed, config.exposed_secrets().len());
    deps.registry.register(Box::new(exposed))
}

/// Starts the journal with this output, or with the one in the configuration.
fn start_journal(
    config: &Config,
    output: Option<Box<dyn Output>>,
    deps: &Deps,
) -> Result<journal::Started, StartError> {
    let path = &config.journal;
    let output = output.map_or_else(|| journal::open(path), Ok);
    let output = output.map_err(|error| StartError::JournalFile(path.clone(), error))?;
    let limits = journal::QueueLimits::default();
    Ok(journal::start(output, limits, deps)?)
}
