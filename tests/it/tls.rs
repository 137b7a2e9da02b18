//! TLS of the listeners: who may connect, how files are replaced, and what happens to those who are connected.

mod callers;
mod clients;
mod command;
mod files;
pub mod pki;
mod protocols;
mod replaced;
mod settings;
pub mod vendor;

use std::{fs, path::PathBuf, sync::Arc};

use tempfile::TempDir;
use tokio::sync::Notify;
use tonic::{
    Code, Status,
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity},
};
use verigate::{
    proto::v1::{CheckAccessResponse, access_service_client::AccessServiceClient},
    tls::{MinVersion, ServerTlsConfig},
};

use self::pki::{Authority, Leaf};
use crate::world::{World, check_request};

/// A folder with the files of a listener.
pub struct Files {
    folder: TempDir,
    pub server_ca: Authority,
    pub client_ca: Authority,
}

impl Files {
    /// A certificate for this machine, a CA of clients, and its list without entries.
    pub fn new() -> Self {
        let files = Self {
            folder: tempfile::tempdir().unwrap(),
            server_ca: Authority::new("Server CA"),
            client_ca: Authority::new("Client CA"),
        };
        files.write_server(&files.server_ca.server());
        files.write("ca.crt", &files.client_ca.pem());
        files.write("ca.crl", &files.client_ca.list(&[]));
        files
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Replaces a file at once.
    pub fn write(&self, name: &str, text: &str) {
        let beside = self.path("beside");
        fs::write(&beside, text).unwrap();
        fs::rename(beside, self.path(name)).unwrap();
    }

    pub fn write_server(&self, leaf: &Leaf) {
        self.write("tls.crt", &leaf.chain);
        self.write("tls.key", &leaf.key);
    }

    /// The settings of a listener that asks for no certificate.
    pub fn server(&self, section: &'static str) -> ServerTlsConfig {
        ServerTlsConfig {
            section,
            certificate: self.path("tls.crt"),
            key: self.path("tls.key"),
            client_ca: None,
            client_crl: None,
            min_version: MinVersion::Tls13,
        }
    }

    /// The settings of a listener that asks for certificates, and knows revoked ones.
    pub fn mutual(&self, section: &'static str) -> ServerTlsConfig {
        ServerTlsConfig {
            client_ca: Some(self.path("ca.crt")),
            client_crl: Some(self.path("ca.crl")),
            ..self.server(section)
        }
    }

    /// A service whose gRPC listener asks for certificates, and that reads its files again.
    pub async fn world(&self) -> World {
        let config = self.mutual("grpc.tls");
        let mut world = World::with(|all| all.tls.grpc = Some(config)).await;
        world.service.watch(Arc::new(Notify::new()));
        world
    }

    /// A client of the gRPC listener, with this certificate.
    pub fn client(&self, world: &World, leaf: Option<&Leaf>) -> AccessServiceClient<Channel> {
        let mut tls =
            ClientTlsConfig::new().ca_certificate(Certificate::from_pem(self.server_ca.pem()));
        if let Some(leaf) = leaf {
            tls = tls.identity(Identity::from_pem(&leaf.chain, &leaf.key));
        }
        let endpoint = Endpoint::from_shared(format!("https://{}", world.service.addresses.grpc));
        let endpoint = endpoint.unwrap().tls_config(tls).unwrap();
        AccessServiceClient::new(endpoint.connect_lazy())
    }
}

/// Asks for a verification of this name.
pub async fn ask(
    client: &AccessServiceClient<Channel>,
    verification: &str,
) -> Result<CheckAccessResponse, Status> {
    let request = check_request("front-door", verification);
    let answer = client.clone().check_access(request).await;
    answer.map(tonic::Response::into_inner)
}

/// Whether a connection could not be made.
fn is_refused(answer: &Result<CheckAccessResponse, Status>) -> bool {
    matches!(answer, Err(status) if matches!(status.code(), Code::Unavailable | Code::Unknown | Code::Internal))
}
