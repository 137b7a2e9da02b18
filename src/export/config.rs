//! Who receives the lines of the journal.

use url::Url;

use super::syslog::Sender;
use crate::tls::ClientFiles;

/// Who receives the lines of the journal.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// The address of a collector, to which `/v1/logs` is appended.
    pub otlp: Option<Url>,
    /// A receiver of syslog.
    pub syslog: Option<SyslogConfig>,
}

/// A receiver of syslog, and who we are to it.
#[derive(Debug, Clone)]
pub struct SyslogConfig {
    /// Where it is.
    pub target: SyslogTarget,
    /// What messages say of who sends them.
    pub sender: Sender,
    /// Whose certificates are accepted.
    pub files: ClientFiles,
}

/// Where a receiver of syslog is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyslogTarget {
    /// How messages get there.
    pub transport: Transport,
    /// A name, or an IP address without brackets.
    pub host: Box<str>,
    /// The port.
    pub port: u16,
}

/// How messages of syslog are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// One datagram each (RFC 5426).
    Udp,
    /// With their length before them (RFC 6587).
    Tcp,
    /// The same within TLS (RFC 5425).
    Tls,
}

impl SyslogTarget {
    /// Reads an address such as `tls://logs.example.com:6514`.
    pub fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let transport = match url.scheme() {
            "udp" => Transport::Udp,
            "tcp" => Transport::Tcp,
            "tls" => Transport::Tls,
            _ => return None,
        };
        let has_more = !matches!(url.path(), "" | "/")
            || url.query().is_some()
            || url.fragment().is_some()
            || !url.username().is_empty()
            || url.password().is_some();
        let host = url
            .host_str()
            .filter(|host| !host.is_empty() && !has_more)?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Some(Self {
            transport,
            host: host.into(),
            port: url.port().filter(|port| *port > 0)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_transport_a_host_and_a_port_and_nothing_else() {
        let read = |text| SyslogTarget::parse(text).map(|t| (t.transport, t.host, t.port));
        let host = Box::from;
        for (text, expected) in [
            (
                "udp://localhost:514",
                Some((Transport::Udp, host("localhost"), 514)),
            ),
            (
                "tcp://192.0.2.1:601/",
                Some((Transport::Tcp, host("192.0.2.1"), 601)),
            ),
            (
                "tls://[2001:db8::1]:6514",
                Some((Transport::Tls, host("2001:db8::1"), 6514)),
            ),
            ("tls://logs.example.com", None),
            ("tls://logs.example.com:0", None),
            ("tls://:6514", None),
            ("tcp://user@host:1", None),
            ("tcp://host:1/path", None),
            ("tcp://host:1?q", None),
            ("http://host:1", None),
            ("host:514", None),
            ("", None),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }
}
