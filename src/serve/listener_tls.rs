//! TLS of the listeners.

use super::error::StartError;
use crate::{
    callers::Callers,
    config::Config,
    deps::Deps,
    tls::{
        Alpn, ClientCertificatePolicy, ClientCertificates, ServerTls, ServerTlsConfig, TlsFiles,
    },
};

/// TLS of each listener; `None`: plain text.
#[derive(Debug, Default)]
pub(super) struct ListenersTls {
    pub(super) grpc: Option<ServerTls>,
    pub(super) http: Option<ServerTls>,
    pub(super) public: Option<ServerTls>,
    pub(super) admin: Option<ServerTls>,
}

/// Reads the files of every listener.
pub(super) fn load(
    config: &Config,
    callers: &Callers,
    deps: &Deps,
) -> Result<(ListenersTls, TlsFiles), StartError> {
    let mut files = TlsFiles::new(&deps.registry)?;
    let callers = callers.clone();
    let policy = ClientCertificatePolicy::new(move || {
        if callers.need_certificates() {
            ClientCertificates::Required
        } else {
            ClientCertificates::Optional
        }
    });
    let mut load = |config: &Option<ServerTlsConfig>, alpn| {
        let config = config.as_ref();
        let tls = config.map(|c| ServerTls::load(c, alpn, policy.clone(), &mut files, deps));
        tls.transpose()
    };
    let tls = ListenersTls {
        grpc: load(&config.tls.grpc, Alpn::Http2)?,
        http: load(&config.tls.http, Alpn::AnyHttp)?,
        public: load(&config.tls.public, Alpn::AnyHttp)?,
        admin: load(&config.tls.admin, Alpn::Http1)?,
    };
    Ok((tls, files))
}
