//! What the bench compares: who asks (nobody in particular, or a caller by a token or by a certificate), what an answer waits for, and what else
//! is done with each decision.

use std::{fs, path::Path, process::Command, sync::Arc};

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

use crate::receivers;

const DOOR: &str = "spiffe://example.org/door/bench";

/// A way to ask.
pub(crate) struct Way {
    pub(crate) name: &'static str,
    /// Sections of the configuration.
    pub(crate) settings: String,
    /// The settings of the journal: above all what an answer waits for.
    pub(crate) journal: String,
    /// Whether the same policies are evaluated once more, as a shadow.
    pub(crate) shadow: bool,
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
    let anonymous = [
        ("verigate, queued", "queued"),
        ("verigate, synced", "synced"),
        ("verigate, written", "written"),
    ];
    let anonymous = anonymous.map(|(name, kind)| Way {
        name,
        settings: String::new(),
        journal: durability(kind),
        shadow: false,
        token: None,
        tls: None,
    });
    let mut ways = Vec::from(anonymous);
    ways.extend([
        Way {
            name: "token",
            settings: by_token.clone(),
            journal: durability("written"),
            shadow: false,
            token: text(),
            tls: None,
        },
        Way {
            name: "token, TLS",
            settings: format!("{by_token}{tls}"),
            journal: durability("written"),
            shadow: false,
            token: text(),
            tls: Some(client),
        },
        Way {
            name: "certificate, TLS",
            settings: format!("{by_certificate}{tls}{asked}"),
            journal: durability("written"),
            shadow: false,
            token: None,
            tls: Some(door),
        },
    ]);
    ways.extend(options(folder).map(|(name, journal, shadow)| Way {
        name,
        settings: by_token.clone(),
        journal: durability("written") + &journal,
        shadow,
        token: text(),
        tls: None,
    }));
    ways
}

fn durability(kind: &str) -> String {
    format!("durability = '{kind}'\n")
}

/// What else is done with each decision: by name the settings of the journal, and whether there is a shadow.
fn options(folder: &Path) -> [(&'static str, String, bool); 4] {
    let recipient = auditor(&folder.join("auditor.key"));
    [
        ("token, shadow", String::new(), true),
        (
            "token, sealed",
            format!("facts = 'sealed'\nage_recipient = '{recipient}'\n"),
            false,
        ),
        (
            "token, syslog UDP",
            format!("syslog = 'udp://{}'\n", receivers::datagrams()),
            false,
        ),
        (
            "token, OTLP",
            format!("otlp_endpoint = 'http://{}'\n", receivers::collector()),
            false,
        ),
    ]
}

/// Makes the key of an auditor; its public key, to which facts are sealed.
fn auditor(key: &Path) -> String {
    let made = Command::new(env!("CARGO_BIN_EXE_verigate"))
        .args(["audit", "keygen", "--auditor"])
        .arg(key)
        .output()
        .expect("verigate starts");
    let printed = String::from_utf8(made.stdout).expect("text");
    let recipient = printed
        .split_whitespace()
        .find(|word| word.starts_with("age1"));
    recipient.expect("a recipient").to_owned()
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
