//! Patterns, and the certificates that fit them.

use super::*;

fn pattern(text: &str) -> CertificatePattern {
    CertificatePattern::parse(text).unwrap()
}

fn certificate(uris: &[&str], dns_names: &[&str]) -> PeerCertificate {
    let boxed = |texts: &[&str]| texts.iter().map(|text| (*text).into()).collect();
    PeerCertificate {
        uris: boxed(uris),
        dns_names: boxed(dns_names),
    }
}

fn fits(text: &str, certificate: &PeerCertificate) -> bool {
    let Ok(names) = CertificateNames::of(certificate) else {
        return false;
    };
    let pattern = pattern(text);
    names.uri.is_some_and(|uri| pattern.matches_uri(uri))
        || names.dns.iter().any(|name| pattern.matches_dns_name(name))
}

#[test]
fn a_star_stands_for_one_whole_segment_and_everything_else_for_itself() {
    let door = "spiffe://example.org/door/*";
    let cases = [
        (door, "spiffe://example.org/door/1", true),
        (door, "spiffe://example.org/door/1.a_b-C", true),
        (door, "spiffe://example.org/door", false),
        (door, "spiffe://example.org/door/", false),
        (door, "spiffe://example.org/door/1/2", false),
        (door, "spiffe://example.org/doors/1", false),
        (door, "spiffe://example.org/Door/1", false),
        (door, "spiffe://example.org.evil/door/1", false),
        (door, "spiffe://evil/example.org/door/1", false),
        (door, "spiffe://example.org/door/..", false),
        (door, "spiffe://example.org/door/%31", false),
        (door, "spiffe://example.org/door/*", false),
        (door, "SPIFFE://example.org/door/1", false),
        (door, "spiffe://EXAMPLE.org/door/1", false),
        (door, "spiffe://user@example.org/door/1", false),
        (door, "spiffe://example.org:443/door/1", false),
        (door, "spiffe://example.org/door/1?a=b", false),
        (door, "spiffe://example.org/door/1#a", false),
        (
            "spiffe://example.org/*/door",
            "spiffe://example.org/a/door",
            true,
        ),
        ("https://a/d/*", "https://a/d/1.a_b-C~@:", true),
        ("https://a/d/*", "https://a/d/1?z", false),
        ("https://a/d/*", "https://a/d/?z", false),
        ("https://a/d/*", "https://a/d/1#z", false),
        ("https://a/d/*", "https://a/d/%62", false),
        ("https://a/d/*", "https://a/d/..", false),
        ("https://a/d/*", "https://a/d/.", false),
        ("https://a/d/*", "https://a/d/a\\b", false),
        ("https://a/d/*", "https://a/d/a b", false),
        ("https://a/d/*", "https://a/d/é", false),
        ("https://a/*/1", "https://a/x?y/1", false),
        (
            "spiffe://example.org/*/door",
            "spiffe://example.org/a/b/door",
            false,
        ),
        (
            "https://example.org/door/1",
            "https://example.org/door/1",
            true,
        ),
        (
            "https://example.org/door/1",
            "https://example.org/door/1/",
            false,
        ),
        ("urn:example:door:1", "urn:example:door:1", true),
        ("urn:example:door:1", "urn:example:door:2", false),
    ];
    for (pattern, uri, expected) in cases {
        assert_eq!(
            fits(pattern, &certificate(&[uri], &[])),
            expected,
            "{pattern} {uri}"
        );
    }
}

#[test]
fn a_certificate_with_two_uris_fits_nothing() {
    let one = "spiffe://example.org/door/1";
    for uris in [
        [one, one],
        [one, "https://example.org/"],
        [one, "spiffe://example.org/door/2"],
    ] {
        let certificate = certificate(&uris, &["door-1.example.org"]);
        assert_eq!(
            CertificateNames::of(&certificate),
            Err(MalformedCertificate)
        );
    }
}

#[test]
fn a_dns_name_is_compared_whole_and_without_case() {
    let cases = [
        ("dns:door-1.example.org", "door-1.example.org", true),
        ("dns:Door-1.Example.org", "DOOR-1.example.ORG", true),
        ("dns:door-1.example.org", "door-1.example.org.", false),
        ("dns:door-1.example.org", "*.example.org", false),
        ("dns:door-1.example.org", "door-1.example.org.evil", false),
        ("dns:door-1.example.org", "x.door-1.example.org", false),
    ];
    for (pattern, dns, expected) in cases {
        assert_eq!(
            fits(pattern, &certificate(&[], &["other.example", dns])),
            expected,
            "{dns}"
        );
    }
    // A name of the one kind is none of the other.
    assert!(!fits(
        "dns:door-1.example.org",
        &certificate(&["door-1.example.org"], &[])
    ));
    assert!(!fits(
        "https://example.org/",
        &certificate(&[], &["https://example.org/"])
    ));
}

#[test]
fn what_is_not_a_pattern_is_refused() {
    use InvalidPatternError::{Dns, Form, Spiffe, Star};
    let long = format!("spiffe://example.org/{}", "a".repeat(2048));
    for (text, error) in [
        ("", Form),
        ("door-1.example.org", Form),
        ("CN=door-1", Form),
        ("*", Form),
        ("https:// example.org/", Form),
        ("spiffe://", Spiffe),
        ("spiffe:/example.org/door", Spiffe),
        ("spiffe://example.org", Spiffe),
        ("spiffe://example.org/", Spiffe),
        ("spiffe://Example.org/door", Spiffe),
        ("spiffe://example.org/door/", Spiffe),
        ("spiffe://example.org//door", Spiffe),
        ("spiffe://example.org/a/../door", Spiffe),
        ("spiffe://example.org/./door", Spiffe),
        ("spiffe://example.org/a%2fb", Spiffe),
        ("spiffe://example.org:1/door", Spiffe),
        ("spiffe://user@example.org/door", Spiffe),
        ("spiffe://example.org/door?x", Spiffe),
        (&long, Spiffe),
        ("spiffe://*/door", Star),
        ("spiffe://*.org/door", Star),
        ("spiffe://example.org/door-*", Star),
        ("spiffe://example.org/**", Star),
        ("dns:", Dns),
        ("dns:*.example.org", Dns),
        ("dns:a..b", Dns),
        ("dns:-a.example", Dns),
        ("dns:a b", Dns),
        ("dns:a/b", Dns),
    ] {
        assert_eq!(CertificatePattern::parse(text), Err(error), "{text}");
    }
}

#[test]
fn patterns_overlap_where_one_certificate_fits_both() {
    let cases = [
        ("spiffe://a/x/*", "spiffe://a/x/1", true),
        ("spiffe://a/*/1", "spiffe://a/x/*", true),
        ("spiffe://a/x/*", "spiffe://a/x/*", true),
        ("spiffe://a/x/*", "spiffe://a/y/*", false),
        ("spiffe://a/x/*", "spiffe://a/x/1/2", false),
        ("spiffe://a/x/*", "spiffe://b/x/*", false),
        ("dns:a.example", "dns:A.example", true),
        ("dns:a.example", "dns:b.example", false),
        ("dns:a.example", "https://a.example", false),
    ];
    for (one, other, expected) in cases {
        assert_eq!(
            pattern(one).overlaps(&pattern(other)),
            expected,
            "{one} {other}"
        );
        assert_eq!(
            pattern(other).overlaps(&pattern(one)),
            expected,
            "{other} {one}"
        );
    }
}

/// What the index of all patterns finds, for one of them and without care for speed.
impl CertificatePattern {
    pub(in super::super) fn matches_uri(&self, uri: &str) -> bool {
        let Self::Uri(pattern) = self else {
            return false;
        };
        // Byte by byte, segment by segment.
        let mut parts = uri.split('/');
        let fits = pattern.0.iter().all(|wanted| match parts.next() {
            Some(part) if &**wanted == ANY => is_plain_segment(part),
            part => part == Some(&**wanted),
        });
        fits && parts.next().is_none()
    }

    pub(in super::super) fn matches_dns_name(&self, dns: &str) -> bool {
        matches!(self, Self::Dns(name) if dns.eq_ignore_ascii_case(name))
    }

    /// Whether there is a certificate that fits both.
    pub(in super::super) fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Uri(UriPattern(one)), Self::Uri(UriPattern(other))) => {
                let mut both = one.iter().zip(other);
                let fits = |one: &str, other: &str| one == other || one == ANY || other == ANY;
                one.len() == other.len() && both.all(|(one, other)| fits(one, other))
            }
            (Self::Dns(one), Self::Dns(other)) => one == other,
            (Self::Uri(_), Self::Dns(_)) | (Self::Dns(_), Self::Uri(_)) => false,
        }
    }
}
