//! A receiver of syslog with TLS.

use std::fs;

use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};
use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio_rustls::TlsAcceptor;

use super::*;

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    /// A server that this one certifies for `localhost`.
    fn acceptor(&self) -> TlsAcceptor {
        crate::tls::install_crypto_provider();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder().with_no_client_auth();
        let config = config
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        Arc::new(config).into()
    }
}

#[tokio::test]
async fn only_a_receiver_whose_certificate_is_accepted_gets_lines() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    let (ours, other) = (Authority::new(), Authority::new());
    fs::write(&ca, ours.0.pem()).unwrap();
    let (listener, address) = listen().await;
    let config = syslog_config(Transport::Tls, "localhost", address.port(), Some(ca));
    let running = Running::start(&Config {
        otlp: None,
        syslog: Some(config),
    });
    running.write(0..3);
    let (stream, _) = listener.accept().await.unwrap();
    assert!(other.acceptor().accept(stream).await.is_err());
    running
        .until("export_failures_total{target=\"syslog\"}", 1)
        .await;
    assert_eq!(running.count("exported_total{target=\"syslog\"}"), 0);
    let (stream, _) = listener.accept().await.unwrap();
    let stream = ours.acceptor().accept(stream).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), None);
    let mut reader = BufReader::new(stream);
    for index in 0..3 {
        assert_eq!(read_frame(&mut reader).await, message(index));
    }
    let Running {
        outlet, exports, ..
    } = running;
    drop(outlet);
    // An end that is not said would be an error here.
    let mut after = [0];
    let (end, ()) = tokio::join!(
        reader.read(&mut after),
        exports.finish(Duration::from_mins(1))
    );
    assert_eq!(end.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_does_not_finish_the_handshake_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    fs::write(&ca, Authority::new().0.pem()).unwrap();
    let (listener, address) = listen().await;
    let config = syslog_config(Transport::Tls, "localhost", address.port(), Some(ca));
    let running = Running::start(&Config {
        otlp: None,
        syslog: Some(config),
    });
    running.write(0..1);
    let silent = accept(&listener).await;
    running
        .until("export_failures_total{target=\"syslog\"}", 1)
        .await;
    let next = accept(&listener).await;
    assert_eq!(running.count("exported_total{target=\"syslog\"}"), 0);
    drop((silent, next));
}
