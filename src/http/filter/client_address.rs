//! The address that a request comes from, behind proxies that are trusted to say it.
//!
//! It is used for quotas and log lines, never to authenticate anybody: anyone who can reach a proxy can write these headers, and only what
//! the proxy itself has added at the end is its word.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName, header::FORWARDED};
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// How many proxies are followed from the last one back.
const HOPS_MAX: usize = 32;

/// The last address on the way of a request that is not a trusted proxy's. `peer` is where the connection comes from. Where the headers
/// cannot be read, or the two of them differ, it is the last address that is known for certain.
pub(super) fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let peer = peer.to_canonical();
    if !is_trusted(peer, trusted) {
        return peer;
    }
    let by_for = lines(headers, &X_FORWARDED_FOR).map(|hops| follow(peer, hops, trusted, address));
    let by_forwarded = lines(headers, &FORWARDED).map(|hops| follow(peer, hops, trusted, for_of));
    match (by_for, by_forwarded) {
        (Some(one), Some(other)) if one != other => peer,
        (Some(address), _) | (None, Some(address)) => address,
        (None, None) => peer,
    }
}

fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|network| network.contains(&address))
}

/// All lines of a header, the last one first; `None` if it is not there. An empty text stands for a line that is no text.
fn lines<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
) -> Option<impl Iterator<Item = &'h str> + use<'h>> {
    let lines = headers.get_all(name).into_iter().rev();
    headers
        .contains_key(name)
        .then(|| lines.map(|line| line.to_str().unwrap_or_default()))
}

/// Follows the hops back from the peer, as long as they are trusted and can be read.
fn follow<'h>(
    peer: IpAddr,
    lines: impl Iterator<Item = &'h str>,
    trusted: &[IpNet],
    address_of: impl Fn(&str) -> Option<IpAddr>,
) -> IpAddr {
    let mut known = peer;
    for hop in lines.flat_map(|line| line.rsplit(',')).take(HOPS_MAX) {
        let Some(address) = address_of(hop) else {
            return known;
        };
        known = address;
        if !is_trusted(known, trusted) {
            return known;
        }
    }
    known
}

/// An address with or without a port, in brackets or not.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text);
    let address = bare.parse::<IpAddr>().ok();
    let address = address.or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()));
    address.map(|address| address.to_canonical())
}

/// The address of `for` in an element of `Forwarded` (RFC 7239, section 4). `None` if it is not there exactly once, or is no address.
fn for_of(element: &str) -> Option<IpAddr> {
    let mut given = element.split(';').filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then_some(value)
    });
    let (value, None) = (given.next()?.trim(), given.next()) else {
        return None;
    };
    let quoted = value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'));
    address(quoted.unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROXY: &str = "10.0.0.1";
    const TRUSTED: [&str; 3] = ["10.0.0.0/8", "2001:db8:ff::/48", "127.0.0.1/32"];

    fn client(peer: &str, given: &[(&str, &str)]) -> String {
        let mut headers = HeaderMap::new();
        for (name, value) in given {
            let name = HeaderName::try_from(*name).unwrap();
            headers.append(name, value.parse().unwrap());
        }
        let trusted = TRUSTED.map(|network| network.parse().unwrap());
        client_address(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn the_last_address_that_is_not_a_trusted_proxy_is_the_clients() {
        for (given, expected) in [
            ("192.0.2.7", "192.0.2.7"),
            ("192.0.2.7, 10.0.0.2", "192.0.2.7"),
            ("192.0.2.7,10.0.0.2,10.9.9.9", "192.0.2.7"),
            // What the client has written itself stands in front of what the proxies have added.
            ("127.0.0.1, 192.0.2.7", "192.0.2.7"),
            ("10.0.0.9, 192.0.2.7", "192.0.2.7"),
            ("1.1.1.1, 192.0.2.7, 10.0.0.2", "192.0.2.7"),
            ("unknown, <script>, 192.0.2.7", "192.0.2.7"),
            ("192.0.2.7:4711", "192.0.2.7"),
            ("2001:db8::7", "2001:db8::7"),
            ("[2001:db8::7]", "2001:db8::7"),
            ("[2001:db8::7]:443", "2001:db8::7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("192.0.2.7, ::ffff:10.0.0.2", "192.0.2.7"),
            ("192.0.2.7, 2001:db8:ff::1", "192.0.2.7"),
            // Only proxies: the first of them has made the request.
            ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
            // What cannot be read hides what is before it: the last address that is certain.
            ("192.0.2.7, unknown", PROXY),
            ("192.0.2.7, unknown, 10.0.0.2", "10.0.0.2"),
            ("192.0.2.7, , 10.0.0.2", "10.0.0.2"),
            ("", PROXY),
            ("not an address", PROXY),
            ("192.0.2.7:", PROXY),
            ("192.0.2.777", PROXY),
        ] {
            let by_for = client(PROXY, &[("x-forwarded-for", given)]);
            assert_eq!(by_for, expected, "{given}");
            // A peer that is not trusted says nothing about anybody else.
            let untrusted = client("192.0.2.200", &[("x-forwarded-for", given)]);
            assert_eq!(untrusted, "192.0.2.200", "{given}");
        }
    }

    #[test]
    fn several_lines_of_a_header_are_one_list() {
        let lines = [
            ("x-forwarded-for", "203.0.113.9"),
            ("x-forwarded-for", "192.0.2.7"),
            ("x-forwarded-for", "10.0.0.2"),
        ];
        assert_eq!(client(PROXY, &lines), "192.0.2.7");
        let chain = vec!["10.0.0.2"; 1_000].join(",");
        let long = [("x-forwarded-for", format!("192.0.2.7,{chain}"))];
        assert_eq!(client(PROXY, &[(long[0].0, &long[0].1)]), "10.0.0.2");
    }

    #[test]
    fn the_standard_header_is_read_alike() {
        for (given, expected) in [
            ("for=192.0.2.7", "192.0.2.7"),
            ("For=\"192.0.2.7:80\";proto=https;by=10.0.0.1", "192.0.2.7"),
            ("proto=http; for=\"[2001:db8::7]:80\"", "2001:db8::7"),
            ("for=1.1.1.1, for=192.0.2.7, for=10.0.0.2", "192.0.2.7"),
            ("for=192.0.2.7, proto=https", PROXY),
            ("for=192.0.2.7, for=_hidden", PROXY),
            ("for=192.0.2.7;for=192.0.2.8", PROXY),
            ("by=192.0.2.7", PROXY),
            // A comma inside quotes ends the element here too; what remains is no address.
            ("for=192.0.2.7, for=\"a,b\"", PROXY),
        ] {
            assert_eq!(client(PROXY, &[("forwarded", given)]), expected, "{given}");
        }
    }

    #[test]
    fn of_two_headers_that_differ_neither_is_believed() {
        let (by_for, forwarded) = ("x-forwarded-for", "forwarded");
        let alike = [(by_for, "192.0.2.7"), (forwarded, "for=192.0.2.7")];
        assert_eq!(client(PROXY, &alike), "192.0.2.7");
        let apart = [(by_for, "192.0.2.7"), (forwarded, "for=127.0.0.1")];
        assert_eq!(client(PROXY, &apart), PROXY);
        let other = [(by_for, "127.0.0.1"), (forwarded, "for=192.0.2.7")];
        assert_eq!(client(PROXY, &other), PROXY);
        assert_eq!(client("127.0.0.1", &[]), "127.0.0.1");
    }
}
