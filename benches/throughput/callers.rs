//! Who asks in the bench: nobody in particular, or a caller by a token or by a certificate, with the settings of the service for each, and what
//! an answer waits for.

use std::{fs, path::Path, sync::Arc};

use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose as Usage, IsCa, Issuer, KeyPair,
    SanType,
};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring::default_provider,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use verigate::callers::Token;

const DOOR: &str = "spiffe://example.org/door/bench";

/// A way to ask.
pub(crate) struct Way {
    pub(crate) name: &'static str,
    /// What the configuration has for it.
    pub(crate) settings: String,
    /// What an answer waits for, as `journal.durability` has it.
    pub(crate) durability: &'static str,
    pub(crate) token: Option<String>,
    pub(crate) tls: Option<Arc<ClientConfig>>,
}

/// Every way, with the files that they need in this folder.
pub(crate) fn ways(folder: &Path) -> Vec<Way> {
    let token = Token::from_random([1; 8], [2; 32]);
    let by_token = format!(
        "[callers.gateway]\ntoken_sha256 = ['{}']\npolicies = ['*']\n\
         fetches_per_second = 100000\nfetches_burst = 100000\n",
        token.entry()
    );
    let by_certificate = format!(
        "[callers.door]\ncertificate = ['{DOOR}']\npolicies = ['*']\n\
         fetches_per_second = 100000\nfetches_burst = 100000\n"
    );
    let (tls, client, door) = certificates(folder);
    let asked = format!("client_ca = '{}'\n", folder.join("ca.crt").display());
    let text = || Some(token.reveal().to_owned());
    vec![
        Way {
            name: "verigate, queued",
            settings: String::new(),
            durability: "queued",
            token: None,
            tls: None,
        },
        Way {
            name: "verigate, synced",
            settings: String::new(),
            durability: "synced",
            token: None,
            tls: None,
        },
        Way {
            name: "verigate, written",
            settings: String::new(),
            durability: "written",
            token: None,
            tls: None,
        },
        Way {
            name: "token",
            settings: by_token.clone(),
            durability: "written",
            token: text(),
            tls: None,
        },
        Way {
            name: "token, TLS",
            settings: format!("{by_token}{tls}"),
            durability: "written",
            token: text(),
            tls: Some(client),
        },
        Way {
            name: "certificate, TLS",
            settings: format!("{by_certificate}{tls}{asked}"),
            durability: "written",
            token: None,
            tls: Some(door),
        },
    ]
}

/// The settings of TLS, and clients without and with a certificate.
fn certificates(folder: &Path) -> (String, Arc<ClientConfig>, Arc<ClientConfig>) {
    let params = |usage, name| {
        let mut params = CertificateParams::new([]).expect("no names yet");
        params.extended_key_usages = vec![usage];
        params.subject_alt_names = vec![name];
        params
    };
    let mut ca = CertificateParams::new([]).expect("no names");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let root = ca.self_signed(&key).expect("a certificate");
    let issuer = Issuer::new(ca, key);
    let issue = |usage, name| {
        let key = KeyPair::generate().expect("a key");
        let certificate = params(usage, name).signed_by(&key, &issuer);
        (certificate.expect("a certificate"), key)
    };
    let (server, server_key) = issue(Usage::ServerAuth, SanType::IpAddress([127, 0, 0, 1].into()));
    let (door, door_key) = issue(
        Usage::ClientAuth,
        SanType::URI(DOOR.try_into().expect("ASCII")),
    );
    for (name, text) in [
        ("ca.crt", root.pem()),
        ("tls.crt", server.pem()),
        ("tls.key", server_key.serialize_pem()),
    ] {
        fs::write(folder.join(name), text).expect("a folder");
    }
    let settings = format!(
        "[grpc.tls]\ncertificate = '{}'\nkey = '{}'\n",
        folder.join("tls.crt").display(),
        folder.join("tls.key").display()
    );
    let builder = || {
        let mut roots = RootCertStore::empty();
        roots.add(root.der().clone()).expect("a CA");
        ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("TLS")
            .with_root_certificates(roots)
    };
    let mut plain = builder().with_no_client_auth();
    let own = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(door_key.serialize_der()));
    let mut known = builder()
        .with_client_auth_cert(vec![door.der().clone()], own)
        .expect("a certificate and its key");
    plain.alpn_protocols = vec![b"h2".to_vec()];
    known.alpn_protocols = vec![b"h2".to_vec()];
    (settings, Arc::new(plain), Arc::new(known))
}
