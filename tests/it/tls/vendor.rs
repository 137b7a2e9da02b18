//! TLS to the vendor: our own certificate, and a proxy on the way.

use std::{
    fs,
    net::SocketAddr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;
use rcgen::date_time_ymd;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, copy_bidirectional},
    net::{TcpListener, TcpStream},
    sync::Notify,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        RootCertStore, ServerConfig,
        crypto::ring::default_provider,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
        server::WebPkiClientVerifier,
    },
};

use super::{
    Files,
    pki::{Authority, Leaf},
};
use crate::world::{World, at, check_request, gist, loopback, until};

/// Something in front of the simulator that speaks TLS and asks for certificates.
pub struct Front {
    pub address: SocketAddr,
    pub simulator: Arc<OnceLock<SocketAddr>>,
    /// The certificates that were presented.
    pub presented: Arc<Mutex<Vec<CertificateDer<'static>>>>,
}

impl Front {
    pub async fn start(files: &Files, asks: bool) -> Self {
        let provider = Arc::new(default_provider());
        let mut roots = RootCertStore::empty();
        let ca = files.client_ca.pem();
        roots
            .add(CertificateDer::from_pem_slice(ca.as_bytes()).unwrap())
            .unwrap();
        let leaf = files.server_ca.server();
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = if asks {
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        } else {
            builder.with_no_client_auth()
        };
        let mut config = builder
            .with_single_cert(
                vec![leaf.der.clone()],
                PrivateKeyDer::from_pem_slice(leaf.key.as_bytes()).unwrap(),
            )
            .unwrap();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind(loopback()).await.unwrap();
        let front = Self {
            address: listener.local_addr().unwrap(),
            simulator: Arc::default(),
            presented: Arc::default(),
        };
        let (simulator, presented) = (Arc::clone(&front.simulator), Arc::clone(&front.presented));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, simulator) = (acceptor.clone(), Arc::clone(&simulator));
                let presented = Arc::clone(&presented);
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    let leaf = stream
                        .get_ref()
                        .1
                        .peer_certificates()
                        .map(|all| all[0].clone());
                    presented.lock().extend(leaf);
                    let address = *simulator.get().unwrap();
                    let mut behind = TcpStream::connect(address).await.unwrap();
                    let _ = copy_bidirectional(&mut stream, &mut behind).await;
                });
            }
        });
        front
    }

    /// A service whose vendor is behind this.
    async fn world(
        &self,
        files: &Files,
        adjust: impl FnOnce(&mut verigate::incode::Config),
    ) -> World {
        self.watched(files, Arc::default(), adjust).await
    }

    /// The same. It reads its files again when `requested`.
    async fn watched(
        &self,
        files: &Files,
        requested: Arc<Notify>,
        adjust: impl FnOnce(&mut verigate::incode::Config),
    ) -> World {
        files.write("vendor-ca.crt", &files.server_ca.pem());
        let mut world = World::with(|config| {
            config.incode.url = format!("https://{}", self.address).parse().unwrap();
            config.incode.files.ca = Some(files.path("vendor-ca.crt"));
            adjust(&mut config.incode);
        })
        .await;
        self.simulator.set(world.simulator.address).unwrap();
        world.service.watch(requested);
        world
    }

    fn last_presented(&self) -> Option<CertificateDer<'static>> {
        self.presented.lock().last().cloned()
    }
}

fn write_own(files: &Files, leaf: &Leaf) {
    files.write("own.crt", &leaf.chain);
    files.write("own.key", &leaf.key);
}

/// Whether a verification that was not asked for yet is decided on what the vendor says. The clock goes on, so that no
/// failure is cached any more.
async fn is_answered(world: &World, verification: &str) -> bool {
    world.clock.advance(std::time::Duration::from_secs(5));
    let answer = world.ask(check_request("tolerant", verification)).await;
    answer.is_ok_and(|answer| !answer.degraded)
}

#[tokio::test]
async fn our_certificate_is_presented_to_the_vendor_and_replaced_without_a_restart() {
    let files = Files::new();
    let front = Front::start(&files, true).await;
    let first = files.client_ca.client("spiffe://example.org/verigate");
    write_own(&files, &first);
    let own = Some((files.path("own.crt"), files.path("own.key")));
    let world = front
        .world(&files, |incode| incode.files.certificate = own)
        .await;
    let answer = world.check("front-door", "fresh").await;
    assert_eq!(gist(&answer), "ALLOW");
    assert_eq!(front.last_presented(), Some(first.der));
    let second = files.client_ca.client("spiffe://example.org/verigate");
    write_own(&files, &second);
    let reloaded = async || {
        let metrics = world.metrics().await;
        metrics.contains("verigate_tls_reloads_total{outcome=\"ok\"} 1\n")
    };
    until("the files are read again", reloaded).await;
    let answer = world.check("front-door", "month-old").await;
    assert!(!answer.degraded);
    assert_eq!(front.last_presented(), Some(second.der));
}

#[tokio::test]
async fn a_vendor_that_asks_for_a_certificate_is_not_reached_without_one() {
    let files = Files::new();
    let front = Front::start(&files, true).await;
    let world = front.world(&files, |_| {}).await;
    let answer = world.check("front-door", "fresh").await;
    assert_eq!(gist(&answer), "DENY EVIDENCE_UNAVAILABLE");
    assert_eq!(world.calls().details, 0);
    assert_eq!(world.calls().authorize, 0);
}

/// A proxy that makes tunnels for those who know its password, and counts them.
async fn proxy(password: &'static str) -> (SocketAddr, Arc<AtomicU64>) {
    let listener = TcpListener::bind(loopback()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let tunnels = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&tunnels);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let counted = Arc::clone(&counted);
            tokio::spawn(async move {
                let mut stream = BufReader::new(stream);
                let (mut target, mut authorized) = (String::new(), false);
                loop {
                    let mut line = String::new();
                    if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                        return;
                    }
                    let line = line.trim_end();
                    if line.is_empty() {
                        break;
                    }
                    if let Some(rest) = line.strip_prefix("CONNECT ") {
                        target = rest.split(' ').next().unwrap().to_owned();
                    }
                    let lower = line.to_ascii_lowercase();
                    if lower.starts_with("proxy-authorization:") {
                        authorized = line.ends_with(password);
                    }
                }
                if !authorized || target.is_empty() {
                    let refused =
                        "HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n";
                    let _ = stream.write_all(refused.as_bytes()).await;
                    return;
                }
                counted.fetch_add(1, Ordering::SeqCst);
                let mut behind = TcpStream::connect(&target).await.unwrap();
                stream
                    .write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    .await
                    .unwrap();
                let _ = copy_bidirectional(&mut stream, &mut behind).await;
            });
        }
    });
    (address, tunnels)
}

#[tokio::test]
async fn the_vendor_is_reached_through_the_proxy_with_the_password_of_a_file() {
    let files = Files::new();
    let front = Front::start(&files, false).await;
    // Of `made-up:pass word`, in Base64.
    let (address, tunnels) = proxy("Basic bWFkZS11cDpwYXNzIHdvcmQ=").await;
    files.write("proxy", "made-up:wrong\n");
    let world = front
        .world(&files, |incode| {
            incode.files.proxy = Some(format!("http://{address}").parse().unwrap());
            incode.files.proxy_credentials = Some(files.path("proxy"));
        })
        .await;
    let answer = world.check("front-door", "fresh").await;
    assert_eq!(gist(&answer), "DENY EVIDENCE_UNAVAILABLE");
    assert_eq!(tunnels.load(Ordering::SeqCst), 0);
    assert_eq!(
        world.calls().authorize,
        0,
        "there is no way around the proxy"
    );
    fs::write(files.path("proxy"), "made-up:pass word\n").unwrap();
    let answered = async || is_answered(&world, "fresh").await;
    until("the new password is used", answered).await;
    assert!(tunnels.load(Ordering::SeqCst) > 0);
    let (_, ready) = world.get_json("/readyz").await;
    assert!(!ready.to_string().contains("pass word"));
}

#[tokio::test]
async fn a_ca_of_the_vendor_is_trusted_until_it_expires_and_no_broken_file_brings_it_back() {
    for (until_year, expires) in [(2026, true), (2027, false)] {
        let mut files = Files::new();
        files.server_ca = Authority::with("Old CA", |params| {
            params.not_after = date_time_ymd(until_year, 2, 1);
        });
        let front = Front::start(&files, false).await;
        let requested = Arc::new(Notify::new());
        let world = front.watched(&files, Arc::clone(&requested), |_| {}).await;
        assert!(is_answered(&world, "fresh").await);
        let calls = world.calls().details;
        world.clock.set(at("2026-02-01T00:00:01Z"));
        requested.notify_one();
        let successful = format!(
            "verigate_tls_last_reload_successful{{section=\"incode\"}} {}\n",
            u8::from(!expires)
        );
        let reported = async || world.metrics().await.contains(&successful);
        until("the file was read again", reported).await;
        if expires {
            let (_, ready) = world.get_json("/readyz").await;
            let error = &ready["tls"]["incode"]["reload_failure"]["error"];
            let error = error.as_str().unwrap();
            let says = |what: &str| assert!(error.contains(what), "{error}");
            says("incode.ca: ");
            says("has expired at 2026-02-01T00:00:00Z");
        }
        // Neither does a file that cannot be used change anything.
        for broken in [None, Some("half")] {
            if let Some(text) = broken {
                files.write("vendor-ca.crt", text);
                requested.notify_one();
                let unusable = "verigate_tls_last_reload_successful{section=\"incode\"} 0\n";
                let reported = async || world.metrics().await.contains(unusable);
                until("the broken file is reported", reported).await;
            }
            is_answered(&world, "month-old").await;
            is_answered(&world, "nobody").await;
            let is_reached = world.calls().details > calls;
            assert_eq!(is_reached, !expires, "{until_year} {broken:?}");
        }
        let metrics = world.metrics().await;
        let shown = "verigate_tls_not_after_timestamp_seconds{file=\"ca\",section=\"incode\"} ";
        assert!(metrics.contains(shown), "{metrics}");
    }
}
