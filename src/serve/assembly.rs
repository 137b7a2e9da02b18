//! Builds the parts of the service and connects them. Each line makes one part from the ones above it.

use std::sync::Arc;

use prometheus::IntGauge;
use secrecy::ExposeSecret as _;

use super::{
    callers::CallersReloader,
    error::StartError,
    evidence::{Sources, sources},
    listener_tls::{self, ListenersTls},
    policy_sets::{live, reloader},
    recorded::{record_certificates, record_policies, record_signing_key},
};
use crate::{
    build_info,
    callers::Callers,
    config::Config,
    deps::Deps,
    export::{self, Exports},
    gate::Gate,
    gateway::{self, HandOns},
    grpc::{self, Authentication, Grpc},
    http::{
        self, Admin, AdminCallers, AdminPurge, Authzen, ForwardAuth, HandOnReturn, HandingOn,
        HttpCallers, StepUpPage, Webhooks,
    },
    incode::Incode,
    journal::{
        self, IdentifierKey, Journal, JournalState, Outlet, Output,
        signed_note::{KeyError, SigningKey},
    },
    jwt::KeySets,
    live::{Live, Reading, Reloader},
    metrics::set_count,
    policy::PolicySet,
    purge::{Purgeable, Purges},
    refusals::Refusals,
    session::Sessions,
    signatures::SigningKeys,
    source::Source,
    step_up::{PageAddress, PageKeys, StepUps},
    telemetry,
    tls::TlsFiles,
    webhook_queue::{self, WebhookQueue, Worker},
};

/// The parts that are served, and those that are stopped.
pub(super) struct Parts {
    pub(super) grpc: Grpc,
    pub(super) webhooks: Arc<Webhooks>,
    pub(super) forward_auth: Arc<ForwardAuth>,
    pub(super) authzen: Arc<Authzen>,
    pub(super) page: Option<Arc<StepUpPage>>,
    pub(super) hand_on: Option<Arc<HandOnReturn>>,
    pub(super) admin: Admin,
    pub(super) reloader: Arc<Reloader>,
    pub(super) shadow_reloader: Option<Arc<Reloader>>,
    pub(super) webhook_worker: Worker,
    /// And what exports its lines, which ends after it.
    pub(super) journal_writer: (journal::Writer, Exports),
    /// Whether decisions can be recorded, and what records what operators change.
    pub(super) journal: (JournalState, Journal),
    pub(super) upstream: Arc<Incode>,
    pub(super) tls: ListenersTls,
    pub(super) tls_files: TlsFiles,
    pub(super) callers: Arc<CallersReloader>,
}

/// Builds everything; nothing listens yet.
pub(super) fn assemble(
    config: &Config,
    (set, reading): (PolicySet, Option<Reading>),
    journal: Option<Box<dyn Output>>,
    deps: &Deps,
) -> Result<Parts, StartError> {
    register_metrics(config, deps)?;
    let key_sets = KeySets::new(deps)?;
    let callers = Callers::new(&config.callers, key_sets.clone(), Arc::clone(&deps.clock))?;
    let sessions = Sessions::new(config.session.as_ref(), &key_sets, callers.clone(), deps)?;
    let (tls, mut tls_files) = listener_tls::load(config, &callers, deps)?;
    let (live, shadow_reloader) = live(config, set, deps)?;
    let reloader = reloader(config, &live, reading, deps)?;
    let (outlets, exports) = export::start(&config.export, &mut tls_files, deps)?;
    let started = start_journal(config, journal, outlets, deps)?;
    let (journal, changes) = (started.journal.clone(), started.journal);
    record_policies(&reloader, shadow_reloader.as_deref(), &journal);
    let refusals = Refusals::new(journal.clone(), deps)?;
    let incode = Incode::new(config.incode.clone(), &mut tls_files, deps)?;
    let step_ups = step_ups(config, &incode, &live, &refusals, deps)?;
    let Sources { source, judged } = sources(config, &incode, &live, &step_ups, deps)?;
    let (queue, webhook_worker) = webhook_queue(config, &source, &step_ups, deps);
    record_certificates(&tls_files, &journal);
    let callers_reloader = CallersReloader::new(config, callers.clone(), journal.clone(), deps)?;
    let gate = Gate::new(live.clone(), judged, journal, refusals.clone(), deps).map(Arc::new)?;
    let for_http = http_callers(&callers, &refusals);
    let browsers = browsers(config, deps)?;
    let gateways = gateways(config, &browsers, &live, &sessions);
    let page = page(config, &browsers, Arc::clone(&source), &step_ups, deps)?;
    let kept = kept_elsewhere(&sessions, &queue, &browsers, page.as_ref());
    let purge = admin_purge(config, source, &step_ups, kept, &changes, deps);
    let terms = terms(config, &callers, &refusals, deps)?;
    let grpc = grpc::services(gate.clone(), step_ups.clone(), gateways, terms, deps)?;
    let forward_auth = forward_auth(config, &browsers, &gate, &live, sessions, &for_http, deps)?;
    let hand_on = hand_on_return(config, &browsers, deps);
    let authzen = authzen(config, browsers, &gate, &for_http, &step_ups, deps)?;
    let admin = Admin {
        live,
        upstream: Arc::clone(&incode) as _,
        tls: Arc::new(tls_files.clone()),
        journal: Arc::new(started.state.clone()),
        step_ups,
        purge,
        callers: admin_callers(config, for_http),
        callers_state: Arc::clone(&callers_reloader) as _,
        serving: Arc::default(),
        registry: deps.registry.clone(),
        config_path: config.file.clone(),
        shadow_path: config.shadow.clone(),
        journal_path: config.journal.path.clone(),
    };
    Ok(Parts {
        grpc,
        webhooks: Arc::new(Webhooks::new(config.webhook.as_ref(), queue, deps)?),
        forward_auth: Arc::new(forward_auth),
        authzen: Arc::new(authzen),
        page,
        hand_on,
        admin,
        reloader,
        shadow_reloader,
        webhook_worker,
        journal_writer: (started.writer, exports),
        journal: (started.state, changes),
        upstream: incode,
        tls,
        tls_files,
        callers: callers_reloader,
    })
}

/// What Envoy is answered by: the same headers and in the same way as gateways over HTTP.
fn gateways(
    config: &Config,
    browsers: &Browsers,
    live: &Arc<Live>,
    sessions: &Sessions,
) -> grpc::Gateways {
    grpc::Gateways {
        config: grpc::ext_authz::Config {
            gateway: browsers.known_to(&config.forward_auth.gateway),
            claims: config.ext_authz.clone(),
        },
        live: Arc::clone(live),
        sessions: sessions.clone(),
    }
}

/// Who may make calls over gRPC, how many at once, and how long each may take.
fn terms(
    config: &Config,
    callers: &Callers,
    refusals: &Refusals,
    deps: &Deps,
) -> Result<grpc::Terms, prometheus::Error> {
    Ok(grpc::Terms {
        deadlines: config.deadlines,
        in_flight: grpc::InFlight::new(config.in_flight, deps)?,
        calls: grpc::Calls::new(callers.clone(), deps)?,
        authentication: authentication(config, callers, refusals),
    })
}

/// What browsers bring, signed with the configured keys, if there are any.
#[derive(Default)]
struct Browsers {
    keys: Option<Arc<SigningKeys>>,
    /// Where they are sent to verify again.
    address: Option<Arc<PageAddress>>,
    hand_ons: Option<Arc<HandOns>>,
}

impl Browsers {
    /// What gateways know of it.
    fn known_to(&self, gateway: &gateway::Config) -> gateway::Config {
        gateway::Config {
            page: self.address.clone(),
            hand_ons: self.hand_ons.clone(),
            ..gateway.clone()
        }
    }
}

fn browsers(config: &Config, deps: &Deps) -> Result<Browsers, prometheus::Error> {
    let Some(page) = &config.step_up.page else {
        return Ok(Browsers::default());
    };
    let keys = SigningKeys::new(&page.key, page.previous_key.as_ref());
    let keys = Arc::new(keys);
    let for_page = PageKeys::new(Arc::clone(&keys));
    let address = Arc::new(PageAddress::new(&page.url, for_page, page.life));
    address.drop_expired_by(deps);
    let hand_ons = page.hand_on.map(|_| HandOns::new(Arc::clone(&keys), deps));
    Ok(Browsers {
        address: Some(address),
        hand_ons: hand_ons.transpose()?.map(Arc::new),
        keys: Some(keys),
    })
}

/// Where browsers get what the page hands on.
fn hand_on_return(config: &Config, browsers: &Browsers, deps: &Deps) -> Option<Arc<HandOnReturn>> {
    let hand_ons = browsers.hand_ons.clone()?;
    let hosts = config.forward_auth.gateway.return_hosts.clone();
    Some(Arc::new(HandOnReturn::new(hand_ons, hosts, deps)))
}

/// Builds the page where people verify again.
fn page(
    config: &Config,
    browsers: &Browsers,
    source: Arc<dyn Source>,
    step_ups: &StepUps,
    deps: &Deps,
) -> Result<Option<Arc<StepUpPage>>, prometheus::Error> {
    let (Some(address), Some(page)) = (browsers.address.clone(), &config.step_up.page) else {
        return Ok(None);
    };
    let hand_on = page.hand_on.zip(browsers.keys.clone());
    let handing_on = hand_on.map(|(life, keys)| HandingOn::new(source, keys, life, deps));
    let hosts = config.forward_auth.gateway.return_hosts.clone();
    let return_url = &page.return_url;
    let waiting = page.waiting.within(config.limits.connections_per_address);
    let step_ups = step_ups.clone();
    let page = StepUpPage::new(
        address, return_url, hosts, step_ups, waiting, handing_on, deps,
    )?;
    Ok(Some(Arc::new(page)))
}

/// Answers gateways over HTTP.
fn forward_auth(
    config: &Config,
    browsers: &Browsers,
    gate: &Arc<Gate>,
    live: &Arc<Live>,
    sessions: Sessions,
    callers: &HttpCallers,
    deps: &Deps,
) -> Result<ForwardAuth, prometheus::Error> {
    ForwardAuth::new(
        Arc::clone(gate),
        Arc::clone(live),
        sessions,
        callers.clone(),
        http::forward_auth::Config {
            gateway: browsers.known_to(&config.forward_auth.gateway),
            ..config.forward_auth.clone()
        },
        config.in_flight,
        deps,
    )
}

/// Answers AuthZEN.
fn authzen(
    config: &Config,
    browsers: Browsers,
    gate: &Arc<Gate>,
    callers: &HttpCallers,
    step_ups: &StepUps,
    deps: &Deps,
) -> Result<Authzen, prometheus::Error> {
    Authzen::new(
        Arc::clone(gate),
        callers.clone(),
        step_ups.clone(),
        config.authzen.clone(),
        config.in_flight,
        browsers.keys,
        deps,
    )
}

/// Who may make calls over gRPC.
fn authentication(config: &Config, callers: &Callers, refusals: &Refusals) -> Authentication {
    Authentication {
        callers: callers.clone(),
        refusals: refusals.clone(),
        is_local: config.grpc.is_local(),
    }
}

/// Who may make calls over HTTP.
fn http_callers(callers: &Callers, refusals: &Refusals) -> HttpCallers {
    HttpCallers {
        callers: callers.clone(),
        refusals: refusals.clone(),
    }
}

/// Who may see what is for operators.
fn admin_callers(config: &Config, callers: HttpCallers) -> AdminCallers {
    AdminCallers {
        callers,
        is_local: config.admin.is_local(),
        is_anonymous_accepted: config.insecure_allow_anonymous,
    }
}

/// What keeps something of a person beside evidence and step-ups.
fn kept_elsewhere(
    sessions: &Sessions,
    queue: &WebhookQueue,
    browsers: &Browsers,
    page: Option<&Arc<StepUpPage>>,
) -> Vec<Arc<dyn Purgeable>> {
    let mut kept: Vec<Arc<dyn Purgeable>> =
        vec![Arc::new(sessions.clone()), Arc::new(queue.clone())];
    if let Some(address) = &browsers.address {
        kept.push(Arc::clone(address) as _);
    }
    if let Some(page) = page {
        kept.push(Arc::clone(page) as _);
    }
    kept
}

/// Purges what these have, and says how long the journal holds the rest.
fn admin_purge(
    config: &Config,
    source: Arc<dyn Source>,
    step_ups: &StepUps,
    others: Vec<Arc<dyn Purgeable>>,
    journal: &Journal,
    deps: &Deps,
) -> AdminPurge {
    AdminPurge {
        purges: Purges::new(source, step_ups.clone(), others, journal.clone(), deps),
        are_identifiers_keyed: config.journal.identifier_key.is_some(),
        journal_retain_for: config.journal.retention.age,
    }
}

/// Processes webhooks.
fn webhook_queue(
    config: &Config,
    source: &Arc<dyn Source>,
    step_ups: &StepUps,
    deps: &Deps,
) -> (WebhookQueue, Worker) {
    let source = Arc::clone(source);
    let (length, calls) = (webhook_queue::QUEUE_MAX, config.incode.rate);
    webhook_queue::start(source, step_ups.clone(), length, calls, deps)
}

/// Builds the step-ups.
fn step_ups(
    config: &Config,
    incode: &Arc<Incode>,
    live: &Arc<Live>,
    refusals: &Refusals,
    deps: &Deps,
) -> Result<StepUps, prometheus::Error> {
    StepUps::new(
        Arc::clone(incode) as _,
        Arc::clone(live),
        config.step_up.clone(),
        config.incode.timeout,
        refusals.clone(),
        deps,
    )
}

/// Registers the metrics of the build, of the log, and of how many files with secrets are exposed, as they were when the service started.
fn register_metrics(config: &Config, deps: &Deps) -> Result<(), prometheus::Error> {
    build_info::register(&deps.registry)?;
    telemetry::register_metrics(&deps.registry)?;
    let exposed = IntGauge::new(
        "verigate_secret_files_exposed",
        "Files with secrets, and their folders, that others than their owner and root can read or write.",
    )?;
    set_count(&exposed, config.exposed_secrets().len());
    deps.registry.register(Box::new(exposed))?;
    let trusted = IntGauge::new(
        "verigate_trusted_files_exposed",
        "Folders to which others can add files, of files that decide who is trusted: CA certificates, key sets, the configuration.",
    )?;
    set_count(&trusted, config.exposed_trust().len());
    deps.registry.register(Box::new(trusted))
}

/// Starts the journal with this output, or with the one in the configuration.
fn start_journal(
    config: &Config,
    output: Option<Box<dyn Output>>,
    outlets: Vec<Outlet>,
    deps: &Deps,
) -> Result<journal::Started, StartError> {
    let terms = &config.journal;
    let path = &terms.path;
    let open = || journal::open(path, terms.segments, deps.clock.now());
    let output = output.map_or_else(open, Ok);
    let output = output.map_err(|error| StartError::JournalFile(path.clone(), error))?;
    let limits = journal::QueueLimits {
        durability: terms.durability,
        ..journal::QueueLimits::default()
    };
    let signing = terms.signing_key.as_ref().map(|key| {
        Ok::<_, KeyError>(journal::Signing {
            key: SigningKey::parse(key.expose_secret())?,
            file: journal::checkpoints_beside(path),
            copy: terms.checkpoint_copy.clone(),
        })
    });
    let signing = signing.transpose().map_err(StartError::SigningKey)?;
    let key = signing
        .as_ref()
        .map(|signing| signing.key.verifier().clone());
    let identifiers = terms.identifier_key.as_ref();
    let identifiers = identifiers.map(|key| IdentifierKey::parse(key.expose_secret()));
    let keys = journal::Keys {
        signing,
        auditor: terms.auditor.clone(),
        identifiers: identifiers.transpose().map_err(StartError::IdentifierKey)?,
    };
    let mut started = journal::start_with(output, limits, keys, outlets, deps)?;
    if let Some(key) = key {
        record_signing_key(&key, &started.journal);
    }
    started.writer.keep_only(path, terms.retention, deps);
    if terms.compress {
        let compressing = started.writer.compress_closed(path, deps);
        compressing.map_err(journal::JournalStartError::from)?;
    }
    let attributes = Arc::clone(&terms.attributes);
    Ok(journal::Started {
        journal: started.journal.with_attributes(attributes),
        ..started
    })
}
