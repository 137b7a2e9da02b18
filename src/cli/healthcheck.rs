//! `verigate healthcheck`: whether a service answers and serves, by the health service of gRPC.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context as _, anyhow};
use clap::Args;
use tonic::{Status, transport::Channel};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use super::{
    check::timeout,
    connection::{self, OwnCertificate, SERVICE, TlsFiles},
    environment::Environment,
    examples,
    exit::Exit,
    output::{Visible, print},
};
use crate::{
    config::{Config, GrpcListener},
    policy::Shown,
};

/// Ask a service whether it serves.
///
/// Without --server, at grpc.listen of its configuration on this machine: that of --config, or the defaults, and of the environment. Needs no
/// credential but the certificate that a listener may ask for. Prints SERVING or NOT_SERVING. Exits with 0 for SERVING, 1 for NOT_SERVING,
/// and 2 if there was no answer.
#[derive(Debug, Args)]
#[command(after_help = examples::HEALTHCHECK)]
pub(super) struct Healthcheck {
    /// Configuration file of a service on this machine; without it, the defaults and the environment apply.
    #[arg(long, value_name = "FILE", conflicts_with = "server", help_heading = SERVICE)]
    config: Option<PathBuf>,
    /// Address of grpc.listen: http, or https where it speaks TLS.
    #[arg(long, value_name = "URL", help_heading = SERVICE)]
    server: Option<String>,
    /// CA certificates (PEM) to accept; without it, those of this machine, and those of grpc.tls.certificate of the configuration.
    #[arg(long, value_name = "FILE", help_heading = SERVICE)]
    ca: Option<PathBuf>,
    #[command(flatten)]
    own: OwnCertificate,
    /// How long connecting and the answer may take together, at most 1h.
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = timeout, help_heading = SERVICE)]
    timeout: Duration,
}

impl Healthcheck {
    pub(super) async fn run(self, environment: Environment) -> anyhow::Result<Exit> {
        let (server, listener) = if let Some(server) = &self.server {
            (server.clone(), None)
        } else {
            let listener = self.listener(environment)?;
            (connection::shown(&listener), Some(listener))
        };
        let asked = tokio::time::timeout(self.timeout, self.ask(&server, listener));
        let within = Shown(self.timeout);
        let status = asked
            .await
            .with_context(|| format!("no answer from `{server}` within {within}"))??;
        print(&format!("{}\n", status.as_str_name()))?;
        Ok(match status {
            ServingStatus::Serving => Exit::Done,
            ServingStatus::NotServing | ServingStatus::Unknown | ServingStatus::ServiceUnknown => {
                Exit::Invalid
            }
        })
    }

    /// The listener of the configuration, where it can be reached.
    fn listener(&self, environment: Environment) -> anyhow::Result<GrpcListener> {
        let listener = Config::read_grpc_listener(self.config.as_deref(), environment)?;
        let address = &listener.address;
        let reachable = connection::reachable(address).ok_or_else(|| {
            anyhow!(
                "grpc.listen is {address}, which is another port each time: name it by --server"
            )
        })?;
        Ok(GrpcListener {
            address: reachable,
            ..listener
        })
    }

    async fn ask(
        &self,
        server: &str,
        listener: Option<GrpcListener>,
    ) -> anyhow::Result<ServingStatus> {
        let files = TlsFiles {
            ca: self.ca.as_deref(),
            identity: self.own.files(),
        };
        let channel = match listener {
            Some(listener) => connection::open_listener(&listener, files, self.timeout).await?,
            None => connection::open(server, files, self.timeout).await?,
        };
        let answer = health(channel).await.map_err(|status| {
            match connection::hint(&status, server, files.identity.is_some()) {
                Some(hint) => anyhow!("the connection to `{server}` broke; {hint}"),
                None => anyhow!(
                    "`{server}` answers {:?}: {}",
                    status.code(),
                    Visible(status.message())
                ),
            }
        })?;
        Ok(answer)
    }
}

/// What the service says of itself as a whole.
async fn health(channel: Channel) -> Result<ServingStatus, Status> {
    let whole = HealthCheckRequest::default();
    let answer = HealthClient::new(channel).check(whole).await?;
    Ok(answer.into_inner().status())
}
