//! TLS of the listeners.

use crate::{
    config::Config,
    deps::Deps,
    tls::{Alpn, ClientCertificates, FilesError, ServerTls, ServerTlsConfig, TlsFiles, TlsMetrics},
};

/// TLS of each listener; `None`: plain text.
#[derive(Debug, Default)]
pub(super) struct ListenersTls {
    pub(super) grpc: Option<ServerTls>,
    pub(super) http: Option<ServerTls>,
    pub(super) public: Option<ServerTls>,
    pub(super) admin: Option<ServerTls>,
}

/// Reads the files of every listener. `certificates`: whether callers must present one.
pub(super) fn load(
    config: &Config,
    certificates: ClientCertificates,
    files: &mut TlsFiles,
    metrics: &TlsMetrics,
    deps: &Deps,
) -> Result<ListenersTls, FilesError> {
    let mut load = |config: &Option<ServerTlsConfig>, alpn| {
        let config = config.as_ref();
        let tls = config.map(|c| ServerTls::load(c, alpn, certificates, files, metrics, deps));
        tls.transpose()
    };
    let grpc = load(&config.tls.grpc, Alpn::Http2);
    let http = load(&config.tls.http, Alpn::AnyHttp);
    let public = load(&config.tls.public, Alpn::AnyHttp);
    let admin = load(&config.tls.admin, Alpn::Http1);
    Ok(ListenersTls {
        grpc: grpc?,
        http: http?,
        public: public?,
        admin: admin?,
    })
}
