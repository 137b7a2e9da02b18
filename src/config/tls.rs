//! The settings of TLS of the listeners.

use std::path::PathBuf;

use super::{
    reader::Reader,
    section::{Reported, Section},
};
use crate::tls::{MinVersion, ServerTlsConfig};

/// TLS of each listener; `None`: plain text.
#[derive(Debug, Clone, Default)]
pub struct ListenerTls {
    /// The gRPC listener.
    pub grpc: Option<ServerTlsConfig>,
    /// The HTTP listener.
    pub http: Option<ServerTlsConfig>,
    /// The HTTP listener for the Internet.
    pub public: Option<ServerTlsConfig>,
    /// The listener for operators.
    pub admin: Option<ServerTlsConfig>,
}

impl ListenerTls {
    /// Those that are set.
    pub fn iter(&self) -> impl Iterator<Item = &ServerTlsConfig> {
        let all = [&self.grpc, &self.http, &self.public, &self.admin];
        all.into_iter().flatten()
    }
}

/// Reads every section before the first problem is returned, so that all problems are reported.
pub(super) fn read(reader: &mut Reader) -> Result<ListenerTls, Reported> {
    let grpc = section(&mut reader.section("grpc.tls"));
    let http = section(&mut reader.section("http.tls"));
    let public = public(reader);
    let admin = section(&mut reader.section("admin.tls"));
    Ok(ListenerTls {
        grpc: grpc?,
        http: http?,
        public: public?,
        admin: admin?,
    })
}

/// TLS of the listener for the Internet, which must be there for it.
fn public(reader: &mut Reader) -> Result<Option<ServerTlsConfig>, Reported> {
    let listens = !reader.section("public").text("listen").is_empty();
    let mut section_of = reader.section("public.tls");
    let tls = section(&mut section_of)?;
    if tls.is_some() && !listens {
        let message = "public.tls.certificate is set, but public.listen is not";
        let hint = "set public.listen, or move it to http.tls";
        return Err(section_of.problem("certificate", message, Some(hint)));
    }
    Ok(tls)
}

fn section(section: &mut Section<'_>) -> Result<Option<ServerTlsConfig>, Reported> {
    let versions = [("1.2", MinVersion::Tls12), ("1.3", MinVersion::Tls13)];
    let min_version = section.one_of("min_version", &versions);
    // What is of no use without the other.
    for (key, needed) in [
        ("certificate", "key"),
        ("key", "certificate"),
        ("client_ca", "certificate"),
        ("client_crl", "client_ca"),
    ] {
        if !section.text(key).is_empty() && section.text(needed).is_empty() {
            let name = section.name();
            let message = format!("{name}.{key} is set, but {name}.{needed} is not");
            return Err(section.problem(key, message, None));
        }
    }
    let path = |key| Some(section.text(key)).filter(|path| !path.is_empty());
    let path = |key| path(key).map(PathBuf::from);
    let (certificate, client_ca, client_crl) =
        (path("certificate"), path("client_ca"), path("client_crl"));
    let (Some(certificate), Some(key)) = (certificate, section.secret_file("key")?) else {
        return Ok(None);
    };
    Ok(Some(ServerTlsConfig {
        section: section.name(),
        certificate,
        key,
        client_ca,
        client_crl,
        min_version: min_version?,
    }))
}
