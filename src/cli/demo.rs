//! `verigate demo`: a simulated vendor, sample policies and the service, in one process. Prints commands to try.

mod decisions;
mod tour;

use std::{
    collections::BTreeSet,
    io::{self, IsTerminal as _},
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
};

use clap::Args;
use http::HeaderName;
use tokio::{net::TcpListener, runtime::Handle, sync::Notify};
use tracing::Level;

use self::{
    decisions::ShortLines,
    tour::{REDIRECT, USUAL_GRPC},
};
use super::{
    environment::{Colours, Environment},
    examples,
    exit::Exit,
    output::print,
    screen::Screen,
    serve::report_policies,
    signals::{ignore_others, interrupted},
    sim::introduction,
};
use crate::{
    clock::{Clock as _, SystemClock},
    config::{Account, Config},
    http::webhook,
    live,
    policy::{ParseError, PolicySet, SourceText, parse},
    serve::{Service, StartError},
    sim::{BUILT_IN, Cast, Credentials, Simulator, TOKEN_LIFE, WebhookTarget},
    telemetry::{self, LogConfig, TraceConfig},
};

const POLICIES: [(&str, &str); 3] = [
    (
        "policies/front-door.yaml",
        include_str!("../../policies/front-door.yaml"),
    ),
    (
        "policies/server-room.yaml",
        include_str!("../../policies/server-room.yaml"),
    ),
    (
        "policies/sso-admin.yaml",
        include_str!("../../policies/sso-admin.yaml"),
    ),
];

/// The header that authenticates the simulator's webhooks.
const WEBHOOK_HEADER: &str = "x-webhook-secret";
const WEBHOOK_SECRET: &str = "demo-webhook-secret";

/// Try it out: a simulated vendor, sample policies and the service, in one process.
#[derive(Debug, Args)]
#[command(after_help = examples::DEMO)]
pub(super) struct Demo {
    /// Policies to try in place of the samples: a file, or a folder of them. They are read again when they change.
    #[arg(long, value_name = "PATH")]
    policies: Option<PathBuf>,
    /// Print each decision as the journal has it, a line of JSON, also on a terminal.
    #[arg(long)]
    json: bool,
}

impl Demo {
    pub(super) async fn run(
        self,
        environment: Environment,
        colours: Colours,
        screen: Screen,
    ) -> anyhow::Result<Exit> {
        let stop = interrupted()?;
        ignore_others()?;
        let policies = match &self.policies {
            None => samples()?,
            Some(path) => match live::load_all(path) {
                Ok(loaded) => loaded.set,
                Err(error) => return Ok(report_policies(&error)),
            },
        };
        let is_watched = io::stdout().is_terminal();
        let log = LogConfig {
            // The service's own log lines would hide the decisions.
            level: if is_watched { Level::WARN } else { Level::INFO },
            json: false,
        };
        let clock = Arc::new(SystemClock);
        let telemetry = telemetry::start(
            log,
            colours.on(&io::stderr()),
            &TraceConfig::default(),
            &Handle::current(),
            Arc::clone(&clock) as _,
        )?;
        let journal = (is_watched && !self.json).then_some(screen);
        let search = environment.iter().find(|(name, _)| name == "PATH");
        let program = tour::program(search.map(|(_, folders)| folders.as_os_str()));
        let ran = self.play(&program, policies, journal, stop, clock).await;
        telemetry.flush().await;
        ran.map(|()| Exit::Done)
    }

    /// Runs the simulator and the service until `stop`. Decisions are short on a screen, else lines of JSON.
    async fn play(
        self,
        program: &str,
        policies: PolicySet,
        screen: Option<Screen>,
        stop: impl Future<Output = ()>,
        clock: Arc<SystemClock>,
    ) -> anyhow::Result<()> {
        let cast = Cast::read("the built-in cast", BUILT_IN, clock.now())?;
        let address = free(9000).await;
        let credentials = Credentials::default();
        let simulator =
            Simulator::start(address, cast, credentials, TOKEN_LIFE, clock.clone()).await?;
        let mut config = config(&simulator).await?;
        let redirects = policies.iter().filter_map(|(_, policy)| policy.redirect());
        config
            .step_up
            .redirects
            .extend(redirects.map(str::to_owned));
        if let Some(path) = &self.policies {
            config.policies.clone_from(path);
        }
        let own = self.policies.is_some().then(|| policies.clone());
        let mut service = start(config, policies, screen, clock).await?;
        if own.is_some() {
            service.watch(Arc::new(Notify::new()));
        }
        let webhooks = format!("http://{}/webhooks/incode", service.addresses.http);
        simulator.send_webhooks(WebhookTarget::new(
            &webhooks,
            WEBHOOK_HEADER,
            WEBHOOK_SECRET,
        )?);
        print(&introduction(&simulator))?;
        print(&tour::commands(
            program,
            &service,
            own.as_ref(),
            screen.is_some(),
        ))?;
        stop.await;
        Ok(service.stop().await?)
    }
}

/// Starts the service; on any free ports, if another process has taken one of the usual ports in between.
async fn start(
    mut config: Config,
    policies: PolicySet,
    screen: Option<Screen>,
    clock: Arc<SystemClock>,
) -> anyhow::Result<Service> {
    let journal = || screen.map(|screen| Box::new(ShortLines::new(io::stdout(), screen)) as _);
    let (set, same) = (policies.clone(), Arc::clone(&clock));
    match Service::start_with_journal(&config, set, same, journal()).await {
        Err(StartError::Listen(..)) => {}
        started => return Ok(started?),
    }
    for address in [&mut config.grpc, &mut config.http, &mut config.admin] {
        *address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into();
    }
    Ok(Service::start_with_journal(&config, policies, clock, journal()).await?)
}

/// The sample policies.
fn samples() -> Result<PolicySet, ParseError> {
    let files = POLICIES.map(|(path, text)| {
        Arc::new(SourceText {
            path: path.to_owned(),
            text: text.to_owned(),
        })
    });
    let no_lists = |_: &str, _: &str| Err("the samples have none".to_owned());
    parse(&files, &no_lists)
}

/// The defaults, but on free ports and for the simulator.
async fn config(simulator: &Simulator) -> anyhow::Result<Config> {
    let known = simulator.credentials().clone();
    let mut config = Config::from_defaults(&Account {
        url: format!("http://{}", simulator.address).parse()?,
        api_key: known.api_key.into(),
        integration_id: known.integration_id,
        secret: known.secret.into(),
    })?;
    config.grpc = free(USUAL_GRPC).await.into();
    config.http = free(8080).await.into();
    config.admin = free(9090).await.into();
    config.cache.capacity = 10_000;
    config.step_up.redirects = BTreeSet::from([REDIRECT.to_owned()]);
    config.webhook = Some(webhook::Config {
        header: HeaderName::from_static(WEBHOOK_HEADER),
        secret: WEBHOOK_SECRET.into(),
        previous_secret: None,
    });
    Ok(config)
}

/// The usual loopback port, or any free one if that is taken.
async fn free(usual: u16) -> SocketAddr {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, usual));
    match TcpListener::bind(address).await {
        Ok(_) => address,
        Err(_) => SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
    }
}
