//! `verigate sim`: the simulated vendor alone.

use std::{fmt::Write as _, fs, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context as _;
use clap::Args;

use super::{
    examples,
    exit::Exit,
    output::{Visible, print},
    signals::interrupted,
};
use crate::{
    clock::{Clock as _, SystemClock},
    policy::{InvalidDurationError, parse_duration},
    sim::{
        ApiCall, BUILT_IN, Cast, Credentials, Fault, Identity, PlannedFault, Simulator,
        WebhookTarget,
    },
};

/// Run a simulated vendor with made-up people.
#[derive(Debug, Args)]
#[command(after_help = examples::SIM)]
pub(super) struct Sim {
    /// Address to listen on.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9000")]
    listen: SocketAddr,
    /// Certificate chain (PEM), leaf first: serves TLS with HTTP/2 and HTTP/1.1.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// Key of the certificate (PEM).
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
    /// People and verifications (YAML) in place of the built-in ones.
    #[arg(long, value_name = "FILE")]
    cast: Option<PathBuf>,
    /// API key that clients must send.
    #[arg(long, value_name = "KEY", default_value = "demo-api-key")]
    api_key: String,
    /// Id of the integration.
    #[arg(long, value_name = "ID", default_value = "demo-integration")]
    integration_id: String,
    /// Secret of the integration.
    #[arg(long, value_name = "SECRET", default_value = "demo-secret")]
    secret: String,
    /// Lifetime of a token.
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = duration)]
    token_life: Duration,
    /// Latency added to every response of the API.
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = duration)]
    latency: Duration,
    /// Answer every request for details with this HTTP status.
    #[arg(long, value_name = "CODE", value_parser = clap::value_parser!(u16).range(400..=599))]
    fail: Option<u16>,
    /// Send webhooks to this URL when a link is opened; without it, none are sent.
    #[arg(long, value_name = "URL")]
    webhook: Option<String>,
    /// Header of webhooks that carries the secret.
    #[arg(long, value_name = "NAME", default_value = "x-webhook-secret")]
    webhook_header: String,
    /// Secret of webhooks.
    #[arg(long, value_name = "SECRET", default_value = "demo-webhook-secret")]
    webhook_secret: String,
}

fn duration(text: &str) -> Result<Duration, InvalidDurationError> {
    parse_duration(text)
}

impl Sim {
    pub(super) async fn run(self) -> anyhow::Result<Exit> {
        let stop = interrupted()?;
        let simulator = self.start().await?;
        print(&introduction(&simulator))?;
        tokio::select! {
            ended = simulator.run() => ended?,
            () = stop => {}
        }
        Ok(Exit::Done)
    }

    async fn start(self) -> anyhow::Result<Simulator> {
        let now = SystemClock.now();
        let cast = match &self.cast {
            None => Cast::read("the built-in cast", BUILT_IN, now)?,
            Some(path) => {
                let shown = path.display().to_string();
                let text =
                    fs::read_to_string(path).with_context(|| format!("cannot read `{shown}`"))?;
                Cast::read(&shown, &text, now)?
            }
        };
        let credentials = Credentials {
            api_key: self.api_key,
            integration_id: self.integration_id,
            secret: self.secret,
        };
        let identity = match (&self.tls_certificate, &self.tls_key) {
            (Some(certificate), Some(key)) => Some(Identity::read(certificate, key)?),
            _ => None,
        };
        let (life, clock) = (self.token_life, Arc::new(SystemClock));
        let simulator = Simulator::start_as(identity, self.listen, cast, credentials, life, clock)
            .await
            .with_context(|| format!("cannot listen on {}", self.listen))?;
        let latency_ms = u64::try_from(self.latency.as_millis())?;
        if latency_ms > 0 {
            for call in [ApiCall::Authorize, ApiCall::Details, ApiCall::Link] {
                plan(&simulator, call, Fault::LatencyMs(latency_ms))?;
            }
        }
        if let Some(url) = &self.webhook {
            let target = WebhookTarget::new(url, &self.webhook_header, &self.webhook_secret)?;
            simulator.send_webhooks(target);
        }
        if let Some(status) = self.fail {
            plan(&simulator, ApiCall::Details, Fault::Status(status))?;
        }
        Ok(simulator)
    }
}

fn plan(simulator: &Simulator, call: ApiCall, fault: Fault) -> anyhow::Result<()> {
    Ok(simulator.faults().plan(PlannedFault {
        call,
        id: None,
        times: None,
        fault,
    })?)
}

/// The address of the simulator, and the verifications of its cast.
pub(super) fn introduction(simulator: &Simulator) -> String {
    let mut text = format!("the simulated vendor listens on {}\n\n", simulator.url());
    for (id, verification) in &simulator.cast().verifications {
        // Writing to a `String` cannot fail.
        let _ = writeln!(
            text,
            "  {:<16} {}",
            id.as_str(),
            Visible(verification.about.as_deref().unwrap_or(""))
        );
    }
    text
}
