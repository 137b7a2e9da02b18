//! The host that a request is for, as its `Host` header and its target name it (RFC 9110, section 7.2).

use std::{
    fmt::{self, Display},
    net::{Ipv4Addr, Ipv6Addr},
};

use http::{HeaderMap, Uri, Version, header::HOST};

/// The longest name of a host and the longest part between two dots, in bytes (RFC 1035, section 2.3.4).
const NAME_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;

/// The name of a host: lower case, without a dot at the end. Not an IP address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostName(Box<str>);

/// A text is not the name of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not the name of a host")]
pub struct HostNameError;

impl HostName {
    /// Parses a name, without a port.
    pub fn parse(text: &str) -> Result<Self, HostNameError> {
        let name = text.strip_suffix('.').unwrap_or(text);
        let is_valid = name.len() <= NAME_BYTES_MAX && name.split('.').all(is_label);
        if !is_valid || name.parse::<Ipv4Addr>().is_ok() {
            return Err(HostNameError);
        }
        Ok(Self(name.to_ascii_lowercase().into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What stands between two dots of a name. An underscore is none of RFC 1123, but names of containers have it.
fn is_label(label: &str) -> bool {
    let is_letter = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
    (1..=LABEL_BYTES_MAX).contains(&label.len()) && label.bytes().all(is_letter)
}

/// The host that a request names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Host {
    /// An IP address. No name was looked up to reach it.
    Ip,
    Name(HostName),
}

/// A request that names its host not at all, more than once, or in a form that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MalformedHost;

/// Every host that a request names: in its target (an absolute URI, or `:authority` of HTTP/2) and in its header. A well-formed request
/// names one; where it names two, both count, because a proxy in front may have looked at either. None only in HTTP/1.0, whose requests
/// need not name a host, and which no browser speaks.
pub(super) fn hosts(
    version: Version,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<Vec<Host>, MalformedHost> {
    let mut hosts = Vec::new();
    if let Some(authority) = uri.authority() {
        hosts.push(parse(authority.as_str())?);
    }
    let mut given = headers.get_all(HOST).iter();
    if let Some(host) = given.next() {
        hosts.push(parse(host.to_str().map_err(|_| MalformedHost)?)?);
    }
    let named_twice = given.next().is_some();
    // HTTP/1.1 demands the header even beside an absolute URI (RFC 9112, section 3.2).
    let is_missing = match version {
        Version::HTTP_09 | Version::HTTP_10 => false,
        Version::HTTP_11 => !headers.contains_key(HOST),
        _ => hosts.is_empty(),
    };
    if named_twice || is_missing {
        return Err(MalformedHost);
    }
    Ok(hosts)
}

/// Parses a host with or without a port.
fn parse(text: &str) -> Result<Host, MalformedHost> {
    if let Some(rest) = text.strip_prefix('[') {
        let (address, port) = rest.split_once(']').ok_or(MalformedHost)?;
        let is_valid = address.parse::<Ipv6Addr>().is_ok() && is_port(port);
        return is_valid.then_some(Host::Ip).ok_or(MalformedHost);
    }
    let end = text.find(':').unwrap_or(text.len());
    let (host, port) = text.split_at(end);
    if !is_port(port) {
        return Err(MalformedHost);
    }
    if host.parse::<Ipv4Addr>().is_ok() {
        return Ok(Host::Ip);
    }
    HostName::parse(host)
        .map(Host::Name)
        .map_err(|_| MalformedHost)
}

/// Whether this is nothing, or a colon with a port or with nothing (RFC 3986, section 3.2.3).
fn is_port(text: &str) -> bool {
    let Some(port) = text.strip_prefix(':') else {
        return text.is_empty();
    };
    port.bytes().all(|c| c.is_ascii_digit()) && (port.is_empty() || port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Host {
        Host::Name(HostName::parse(text).unwrap())
    }

    #[test]
    fn a_host_is_an_ip_address_or_a_name_whatever_its_case_port_and_final_dot() {
        for ip in [
            "127.0.0.1",
            "127.0.0.1:8080",
            "127.0.0.1:",
            "192.0.2.7:65535",
            "[::1]",
            "[::1]:8080",
            "[2001:db8::1]:443",
            "[::ffff:127.0.0.1]",
            "[::1]:",
        ] {
            assert_eq!(parse(ip), Ok(Host::Ip), "{ip}");
        }
        for (text, expected) in [
            ("localhost", "localhost"),
            ("LocalHost:8080", "localhost"),
            ("localhost.", "localhost"),
            ("localhost.:8080", "localhost"),
            ("PDP.Example.ORG", "pdp.example.org"),
            ("pdp_1-a.example", "pdp_1-a.example"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
            // What some programs read as an address is a name here: only the four numbers are an address.
            ("127.1", "127.1"),
            ("2130706433", "2130706433"),
            ("0x7f.0.0.1", "0x7f.0.0.1"),
            ("0177.0.0.1", "0177.0.0.1"),
            ("127.0.0.1.example", "127.0.0.1.example"),
        ] {
            assert_eq!(parse(text), Ok(name(expected)), "{text}");
        }
        let longest = ["a".repeat(63).as_str(); 4].join(".");
        let most = longest.get(..253).unwrap();
        assert_eq!(parse(most), Ok(name(most)));
    }

    #[test]
    fn what_is_not_a_host_is_malformed() {
        let long_label = "a".repeat(64);
        let long_name = ["a".repeat(63).as_str(); 4].join(".");
        for text in [
            "",
            ".",
            "..",
            "localhost..",
            ".localhost",
            "a..b",
            ":8080",
            "localhost:80a",
            "localhost:65536",
            "localhost:-1",
            "localhost:80:80",
            "localhost, evil.example",
            "local host",
            " localhost",
            "user@localhost",
            "user:secret@127.0.0.1",
            "localhost/path",
            "localhost?query",
            "localhost#fragment",
            "http://localhost",
            "local%68ost",
            "büro.example",
            "*",
            "*.example.org",
            "::1",
            "[::1",
            "[::1]8080",
            "[::1]:x",
            "[]",
            "[127.0.0.1]",
            "[localhost]",
            "[fe80::1%25eth0]",
            "[fe80::1%eth0]",
            "127.0.0.1.",
            "localhost\0",
            &long_label,
            &long_name,
        ] {
            assert_eq!(parse(text), Err(MalformedHost), "{text}");
        }
    }

    #[test]
    fn a_request_names_its_host_once_and_where_it_names_two_both_count() {
        let named = |version, uri: &str, given: &[&str]| {
            let mut headers = HeaderMap::new();
            for host in given {
                headers.append(HOST, host.parse().unwrap());
            }
            hosts(version, &uri.parse().unwrap(), &headers)
        };
        let (one, two) = (Version::HTTP_11, Version::HTTP_2);
        let (a, b) = (name("a.example"), name("b.example"));
        assert_eq!(named(one, "/", &["a.example"]), Ok(vec![a.clone()]));
        assert_eq!(named(one, "/", &[]), Err(MalformedHost));
        assert_eq!(named(one, "http://a.example/", &[]), Err(MalformedHost));
        assert_eq!(named(one, "/", &["127.0.0.1"; 2]), Err(MalformedHost));
        let absolute = named(one, "http://a.example/", &["b.example"]);
        assert_eq!(absolute, Ok(vec![a.clone(), b.clone()]));
        let with_user = named(one, "http://x@127.0.0.1/", &["127.0.0.1"]);
        assert_eq!(with_user, Err(MalformedHost));
        assert_eq!(named(two, "http://a.example/", &[]), Ok(vec![a.clone()]));
        assert_eq!(named(two, "/", &["b.example"]), Ok(vec![b.clone()]));
        assert_eq!(named(two, "/", &[]), Err(MalformedHost));
        let both = named(two, "http://a.example/", &["b.example"]);
        assert_eq!(both, Ok(vec![a.clone(), b]));
        assert_eq!(named(Version::HTTP_10, "/", &[]), Ok(vec![]));
        assert_eq!(named(Version::HTTP_10, "/", &["a.example"]), Ok(vec![a]));
    }
}
