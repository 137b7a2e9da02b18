//! `verigate demo`: a simulated vendor, sample policies and the service, in one process. Prints commands to try.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
};

use clap::Args;
use http::HeaderName;
use tokio::{net::TcpListener, runtime::Handle};

use super::{
    environment::Colours,
    exit::Exit,
    output::print,
    signals::{ignore_others, interrupted},
    sim::introduction,
};
use crate::{
    clock::{Clock as _, SystemClock},
    config::{Account, Config},
    http::webhook,
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

/// Checks to try: a policy, a verification, the identity of the badge or account, and the expected decision.
const TRY: [(&str, &str, &str, &str); 6] = [
    ("front-door", "ada-fresh", "id-ada", "ALLOW"),
    (
        "front-door",
        "ada-month-old",
        "id-ada",
        "STEP_UP: older than 30 days",
    ),
    (
        "front-door",
        "ada-fresh",
        "id-ben",
        "DENY: not Ben's verification",
    ),
    ("server-room", "mia-minor", "id-mia", "DENY: a minor"),
    (
        "sso-admin",
        "ben-name-only",
        "id-ben",
        "STEP_UP: no telephone number",
    ),
    (
        "front-door",
        "nobody",
        "id-ada",
        "DENY: no such verification",
    ),
];

const USUAL_GRPC: u16 = 50051;
/// Where the browser goes after a step-up. There is no such host.
const REDIRECT: &str = "https://sso.example.com/step-up";
/// The header that authenticates the simulator's webhooks.
const WEBHOOK_HEADER: &str = "x-webhook-secret";
const WEBHOOK_SECRET: &str = "demo-webhook-secret";

/// Try it out: a simulated vendor, sample policies and the service, in one process.
#[derive(Debug, Args)]
pub(super) struct Demo {}

impl Demo {
    pub(super) async fn run(self, colours: Colours) -> anyhow::Result<Exit> {
        let stop = interrupted()?;
        ignore_others()?;
        let log = LogConfig {
            level: tracing::Level::INFO,
            json: false,
        };
        let clock = Arc::new(SystemClock);
        let telemetry = telemetry::start(
            log,
            colours.on(&std::io::stderr()),
            &TraceConfig::default(),
            &Handle::current(),
            Arc::clone(&clock) as _,
        )?;
        let ran = run(stop, clock).await;
        telemetry.flush().await;
        ran.map(|()| Exit::Done)
    }
}

/// Runs the simulator and the service until `stop`.
async fn run(stop: impl Future<Output = ()>, clock: Arc<SystemClock>) -> anyhow::Result<()> {
    let cast = Cast::read("the built-in cast", BUILT_IN, clock.now())?;
    let address = free(9000).await;
    let credentials = Credentials::default();
    let simulator = Simulator::start(address, cast, credentials, TOKEN_LIFE, clock.clone()).await?;
    let service = start(config(&simulator).await?, clock).await?;
    let webhooks = format!("http://{}/webhooks/incode", service.addresses.http);
    simulator.send_webhooks(WebhookTarget::new(
        &webhooks,
        WEBHOOK_HEADER,
        WEBHOOK_SECRET,
    )?);
    print(&introduction(&simulator))?;
    print(&commands(&service))?;
    print(&step_up(&service))?;
    stop.await;
    Ok(service.stop().await?)
}

/// Starts the service; on any free ports, if another process has taken one of the usual ports in between.
async fn start(mut config: Config, clock: Arc<SystemClock>) -> anyhow::Result<Service> {
    let policies = policies()?;
    match Service::start(&config, policies.clone(), clock.clone()).await {
        Err(StartError::Listen(..)) => {}
        started => return Ok(started?),
    }
    for address in [&mut config.grpc, &mut config.http, &mut config.admin] {
        address.set_port(0);
    }
    Ok(Service::start(&config, policies, clock).await?)
}

fn policies() -> Result<PolicySet, ParseError> {
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
    config.grpc = free(USUAL_GRPC).await;
    config.http = free(8080).await;
    config.admin = free(9090).await;
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

/// The addresses of the service, and the checks to try.
fn commands(service: &Service) -> String {
    let program = program();
    let server = if service.addresses.grpc.port() == USUAL_GRPC {
        String::new()
    } else {
        format!(" --server http://{}", service.addresses.grpc)
    };
    let mut text = format!(
        "\nthe service serves gRPC on {}, and metrics on http://{}/metrics\n\
         each decision is logged below as one line of JSON; stop with Ctrl-C\n\nin another terminal, try:\n\n",
        service.addresses.grpc, service.addresses.admin
    );
    for (policy, verification, identity, outcome) in TRY {
        // Writing to a `String` cannot fail.
        let _ = writeln!(
            text,
            "  {program} check --policy {policy} --verification {verification} --identity {identity}{server}   # {outcome}"
        );
    }
    text.push('\n');
    text
}

/// The commands of a step-up.
fn step_up(service: &Service) -> String {
    let request = format!(
        r#"{{"verificationId": "ada-month-old", "policy": "front-door", "loginHint": "ada@example.com", "redirectUrl": "{REDIRECT}"}}"#
    );
    let (grpc, admin) = (service.addresses.grpc, service.addresses.admin);
    format!(
        "try a step-up: get a link, open it, query the result (the first command needs `buf`)\n\n  \
         buf curl --http2-prior-knowledge --protocol grpc --data '{request}' \
         http://{grpc}/verigate.v1.AccessService/BeginStepUp\n  \
         curl VERIFICATION_LINK\n  \
         curl http://{admin}/step-ups/STEP_UP_ID\n\n"
    )
}

/// The path of this program, relative to the working directory if it is below it.
fn program() -> String {
    let (Ok(program), Ok(here)) = (std::env::current_exe(), std::env::current_dir()) else {
        return "verigate".to_owned();
    };
    let path = program.strip_prefix(&here).unwrap_or(&program);
    let path = if path.components().count() == 1 {
        Path::new(".").join(path)
    } else {
        path.to_owned()
    };
    let shown = path.display().to_string();
    if shown.contains(char::is_whitespace) {
        format!("'{shown}'")
    } else {
        shown
    }
}
