//! Callers by TLS: who is recognised by a certificate, and who needs one.

use rcgen::SanType;
use tonic::{Code, Request, Status, metadata::MetadataValue};
use verigate::callers::{CallerConfig, CallerName, CertificatePattern, Glob, Token};

use super::{
    Files, ask, is_refused,
    pki::{Leaf, self_signed, uri_name},
};
use crate::world::{World, check_request};

const DOOR: &str = "spiffe://example.org/door/north";

pub(super) fn caller(name: &str) -> CallerConfig {
    let mut config = CallerConfig::new(CallerName::parse(name).unwrap());
    config.permissions.policies = vec![Glob::parse("*").unwrap()];
    config
}

/// Every door by its certificate.
pub(super) fn doors() -> CallerConfig {
    let mut doors = caller("doors");
    let patterns = ["spiffe://example.org/door/*", "dns:door-1.example.org"];
    doors.certificates = patterns
        .map(|p| CertificatePattern::parse(p).unwrap())
        .into();
    doors
}

pub(super) fn token() -> Token {
    Token::from_random([1; 8], [1; 32])
}

pub(super) async fn world(files: &Files, callers: Vec<CallerConfig>) -> World {
    let tls = files.mutual("grpc.tls");
    World::with(|config| {
        config.tls.grpc = Some(tls);
        config.callers = callers;
    })
    .await
}

/// The outcome of a call with a token.
async fn with_token(files: &Files, world: &World, leaf: Option<&Leaf>) -> Result<(), Status> {
    let mut request = Request::new(check_request("front-door", "fresh"));
    let text = format!("Bearer {}", token().reveal());
    let value = MetadataValue::try_from(text).unwrap();
    request.metadata_mut().insert("authorization", value);
    let mut client = files.client(world, leaf);
    client.check_access(request).await.map(drop)
}

#[tokio::test]
async fn a_certificate_recognises_a_caller_by_its_alternative_names_alone() {
    let files = Files::new();
    let world = world(&files, vec![doors()]).await;
    let ca = &files.client_ca;
    let named = |names: Vec<SanType>| ca.issue(|params| params.subject_alt_names = names);
    let dns = |name: &str| SanType::DnsName(name.try_into().unwrap());
    for (what, leaf) in [
        ("no name", named(vec![])),
        ("two URIs", named(vec![uri_name(DOOR), uri_name(DOOR)])),
        (
            "two URIs, one of nobody",
            named(vec![uri_name(DOOR), uri_name("spiffe://example.org/cat/1")]),
        ),
        (
            "a URI of nobody",
            named(vec![uri_name("spiffe://example.org/cat/1")]),
        ),
        (
            "a URI below a door's",
            named(vec![uri_name("spiffe://example.org/door/north/1")]),
        ),
        (
            "a trust domain in upper case",
            named(vec![uri_name("spiffe://EXAMPLE.org/door/north")]),
        ),
        (
            "a DNS name of nobody",
            named(vec![dns("door-2.example.org")]),
        ),
        (
            "an address",
            named(vec![SanType::IpAddress([127, 0, 0, 1].into())]),
        ),
        (
            "a common name of a door",
            ca.issue(|params| {
                let name = "spiffe://example.org/door/north";
                params
                    .distinguished_name
                    .push(rcgen::DnType::CommonName, name);
            }),
        ),
        (
            "a key that must not sign",
            ca.issue(|params| {
                params.subject_alt_names = vec![uri_name(DOOR)];
                params.key_usages = vec![rcgen::KeyUsagePurpose::KeyEncipherment];
            }),
        ),
    ] {
        let answer = ask(&files.client(&world, Some(&leaf)), "fresh").await;
        let code = answer.as_ref().map_err(Status::code).err();
        assert_eq!(code, Some(Code::Unauthenticated), "{what}: {answer:?}");
    }
    assert_eq!(world.calls().details, 0, "the vendor is not asked");
    assert_eq!(world.calls().authorize, 0, "not even for a token");
    for leaf in [
        named(vec![uri_name(DOOR)]),
        named(vec![dns("door-1.example.org")]),
    ] {
        ask(&files.client(&world, Some(&leaf)), "fresh")
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_certificate_is_required_unless_somebody_has_a_token() {
    let files = Files::new();
    let mut badge = caller("badge");
    badge.tokens.push(token().entry());
    let door = files.client_ca.client(DOOR);

    let only_doors = world(&files, vec![doors()]).await;
    let answer = ask(&files.client(&only_doors, None), "fresh").await;
    assert!(is_refused(&answer), "{answer:?}");
    ask(&files.client(&only_doors, Some(&door)), "fresh")
        .await
        .unwrap();

    let both = world(&files, vec![doors(), badge]).await;
    let nobody = ask(&files.client(&both, None), "fresh").await;
    assert_eq!(nobody.unwrap_err().code(), Code::Unauthenticated);
    // A certificate that is not accepted is refused, whatever comes with it.
    with_token(&files, &both, Some(&self_signed()))
        .await
        .unwrap_err();
    // One that names another caller than the token.
    let two = with_token(&files, &both, Some(&door)).await.unwrap_err();
    assert_eq!(two.code(), Code::Unauthenticated);
    assert_eq!(both.calls().details, 0, "the vendor is not asked");
    with_token(&files, &both, None).await.unwrap();
    ask(&files.client(&both, Some(&door)), "fresh")
        .await
        .unwrap();
}
