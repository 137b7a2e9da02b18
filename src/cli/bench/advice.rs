//! What to do about a server that cannot be measured.

use std::io::ErrorKind;

use anyhow::anyhow;

use super::super::connection::cure;
use crate::bench::{BenchError, ConnectError};

const NO_TLS: &str = "if the port speaks TLS, write https:// in place of http://";
const NO_GRPC: &str = "the address has to be that of a gRPC service: of Verigate, grpc.listen";

/// The error, with what to do about it.
pub(super) fn advised(error: BenchError) -> anyhow::Error {
    let BenchError::Connect {
        is_tls,
        error: reason,
        ..
    } = &error
    else {
        return error.into();
    };
    match (reason, advice(reason, *is_tls)) {
        // It has its reason in it.
        (ConnectError::Tls(_), Some(advice)) => anyhow!("{error}: {advice}"),
        (_, Some(advice)) => anyhow!("{error}: {reason}; {advice}"),
        (_, None) => error.into(),
    }
}

fn advice(error: &ConnectError, is_tls: bool) -> Option<&'static str> {
    match error {
        ConnectError::Tls(error) => cure(error),
        ConnectError::Io(error) if error.kind() == ErrorKind::ConnectionRefused => {
            Some("start the service, or give its address by --server URL")
        }
        ConnectError::Io(_) => None,
        ConnectError::Timeout => Some(
            "nothing came in that time: another kind of service may listen there, or it is stuck",
        ),
        ConnectError::NoHttp2 | ConnectError::Invalid(_) | ConnectError::Closed(_) if !is_tls => {
            Some(NO_TLS)
        }
        ConnectError::NoHttp2
        | ConnectError::NoHttp2OverTls
        | ConnectError::Invalid(_)
        | ConnectError::Closed(_) => Some(NO_GRPC),
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use rustls::{CertificateError, InvalidMessage};

    use super::*;

    fn text(reason: ConnectError, is_tls: bool) -> String {
        let error = advised(BenchError::Connect {
            target: "a".to_owned(),
            address: "127.0.0.1:1".to_owned(),
            is_tls,
            error: reason,
        });
        format!("{error:#}")
    }

    #[test]
    fn an_error_says_what_to_do_and_names_no_types() {
        let refused = io::Error::from(ErrorKind::ConnectionRefused);
        let bad = |error| ConnectError::Tls(rustls::Error::InvalidCertificate(error));
        let no_tls = rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType);
        let cases = [
            (ConnectError::Io(refused), false, "start the service"),
            (ConnectError::Timeout, false, "does not answer within 5 s"),
            (ConnectError::NoHttp2, false, "write https://"),
            (ConnectError::Closed(None), false, "write https://"),
            (ConnectError::NoHttp2OverTls, true, "grpc.listen"),
            (ConnectError::Closed(None), true, "grpc.listen"),
            (ConnectError::Tls(no_tls), true, "begins with http://"),
            (bad(CertificateError::UnknownIssuer), true, "--ca FILE"),
            (bad(CertificateError::BadEncoding), true, "--ca FILE"),
        ];
        for (reason, is_tls, expected) in cases {
            let text = text(reason, is_tls);
            assert!(
                text.starts_with("cannot connect to 127.0.0.1:1 (a): "),
                "{text}"
            );
            assert!(text.contains(expected), "{text}");
            assert!(!text.contains("InvalidCertificate"), "{text}");
        }
        // TLS is agreed on in time, or not spoken at all: a timeout is no reason to write https://.
        assert!(!text(ConnectError::Timeout, false).contains("https://"));
    }
}
