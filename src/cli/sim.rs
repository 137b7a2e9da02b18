//! `verigate sim`: the pretend Incode alone.

use std::{fmt::Write as _, fs, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context as _;
use clap::Args;

use super::{Exit, tell, told_to_stop};
use crate::{
    clock::{Clock as _, SystemClock},
    policy::{InvalidDurationError, parse_duration},
    sim::{BUILT_IN, Call, Cast, Credentials, Fault, Planned, Simulator, Webhook},
};

/// Run a pretend Incode with made-up people.
#[derive(Debug, Args)]
pub(super) struct Sim {
    /// Where it listens.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9000")]
    listen: SocketAddr,
    /// People and verifications (YAML) in place of the built-in ones.
    #[arg(long, value_name = "FILE")]
    cast: Option<PathBuf>,
    /// The API key that it expects.
    #[arg(long, value_name = "KEY", default_value = "demo-api-key")]
    api_key: String,
    /// The integration that it knows.
    #[arg(long, value_name = "ID", default_value = "demo-integration")]
    integration_id: String,
    /// The integration's secret.
    #[arg(long, value_name = "SECRET", default_value = "demo-secret")]
    secret: String,
    /// How long a token lives.
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = duration)]
    token_life: Duration,
    /// How late every answer comes.
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = duration)]
    latency: Duration,
    /// Answer every request for details with this HTTP status.
    #[arg(long, value_name = "CODE", value_parser = clap::value_parser!(u16).range(400..=599))]
    fail: Option<u16>,
    /// Tell there by webhooks how it goes when a link is opened; none are sent if not given.
    #[arg(long, value_name = "URL")]
    webhook: Option<String>,
    /// The header of webhooks that carries their secret.
    #[arg(long, value_name = "NAME", default_value = "x-webhook-secret")]
    webhook_header: String,
    /// The secret of webhooks.
    #[arg(long, value_name = "SECRET", default_value = "demo-webhook-secret")]
    webhook_secret: String,
}

fn duration(text: &str) -> Result<Duration, InvalidDurationError> {
    parse_duration(text)
}

impl Sim {
    pub(super) async fn run(self) -> anyhow::Result<Exit> {
        let stop = told_to_stop()?;
        let simulator = self.start().await?;
        tell(&introduction(&simulator))?;
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
        let clock = Arc::new(SystemClock);
        let simulator = Simulator::start(self.listen, cast, credentials, self.token_life, clock)
            .await
            .with_context(|| format!("cannot listen on {}", self.listen))?;
        let late = u64::try_from(self.latency.as_millis())?;
        if late > 0 {
            plan(&simulator, Call::Authorize, Fault::LatencyMs(late))?;
            plan(&simulator, Call::Details, Fault::LatencyMs(late))?;
            plan(&simulator, Call::Link, Fault::LatencyMs(late))?;
        }
        if let Some(url) = &self.webhook {
            let webhook = Webhook::new(url, &self.webhook_header, &self.webhook_secret)?;
            simulator.call_back(webhook);
        }
        if let Some(status) = self.fail {
            plan(&simulator, Call::Details, Fault::Status(status))?;
        }
        Ok(simulator)
    }
}

fn plan(simulator: &Simulator, call: Call, fault: Fault) -> anyhow::Result<()> {
    Ok(simulator.faults().plan(Planned {
        call,
        id: None,
        times: None,
        fault,
    })?)
}

/// Where it is, and who is in the cast.
pub(super) fn introduction(simulator: &Simulator) -> String {
    let mut text = format!(
        "a pretend Incode listens on http://{}\n\n",
        simulator.address
    );
    for (id, part) in &simulator.cast().verifications {
        // Writing to a `String` cannot fail.
        let _ = writeln!(
            text,
            "  {:<16} {}",
            id.as_str(),
            part.about.as_deref().unwrap_or("")
        );
    }
    text
}
