//! Bounds on what comes in, and where it may come in: sizes by method, names of requests, labels, content types, proxies, and the listener
//! for the Internet.

use std::collections::BTreeSet;

use prost::Message as _;
use reqwest::Client;
use serde_json::{Value, json};
use tonic::Code;
use tracing::Level;
use verigate::proto::v1::{BatchCheckAccessRequest, CheckAccessRequest};

use crate::{
    hosts::raw,
    log::{Log, is_line},
    messages::{call, frame, gzip},
    webhook::{HEADER, SECRET, event, terms},
    world::{World, check_request, loopback},
};

const CHECK: &str = "/verigate.v1.AccessService/CheckAccess";
const BATCH: &str = "/verigate.v1.AccessService/BatchCheckAccess";
const STREAM: &str = "/verigate.v1.AccessService/StreamCheckAccess";
const STEP_UP: &str = "/verigate.v1.AccessService/BeginStepUp";

/// A message of this size, with a field that no message of ours has.
fn sized(bytes: usize) -> Vec<u8> {
    // Its tag takes three bytes, and its length as many as its digits in base 128.
    let varint = |mut number: usize| {
        let mut bytes = Vec::new();
        while number >= 128 {
            bytes.push(u8::try_from(number % 128).unwrap() | 0x80);
            number /= 128;
        }
        bytes.push(u8::try_from(number).unwrap());
        bytes
    };
    let tag = varint((9_999 << 3) | 2);
    let head = (1..=4).find_map(|digits| {
        let length = bytes.checked_sub(tag.len() + digits)?;
        let head = varint(length);
        (head.len() == digits).then_some((head, length))
    });
    let (head, length) = head.unwrap();
    [tag, head, vec![b'x'; length]].concat()
}

#[tokio::test]
async fn each_method_has_a_largest_message_as_sent_and_decompressed() {
    let world = World::new().await;
    let (small, large) = (16 * 1024, 1024 * 1024);
    for (path, bytes_max, at_the_bound) in [
        (CHECK, small, Code::InvalidArgument),
        (STEP_UP, small, Code::InvalidArgument),
        (STREAM, small, Code::Ok),
        (BATCH, large, Code::Ok),
    ] {
        for (bytes, expected) in [
            (bytes_max, at_the_bound),
            (bytes_max + 1, Code::OutOfRange),
            (4 * large, Code::OutOfRange),
        ] {
            let message = sized(bytes);
            assert_eq!(message.len(), bytes);
            let zipped = call(&world, path, &["gzip"], frame(1, &gzip(&message))).await;
            assert_eq!(zipped.code, expected, "{bytes} zipped at {path}");
            if bytes <= bytes_max + 1 {
                let plain = call(&world, path, &[], frame(0, &message)).await;
                assert_eq!(plain.code, expected, "{bytes} at {path}");
            }
        }
    }
    let full = BatchCheckAccessRequest {
        checks: vec![check_request("front-door", &"v".repeat(120)); 256],
    };
    assert!(full.encoded_len() < large);
    assert_eq!(world.calls().details, 0);
}

#[tokio::test]
async fn a_request_id_is_echoed_and_recorded_as_visible_ascii() {
    let world = World::new().await;
    let given = [
        ("r-1", "r-1"),
        ("a\r\nset-cookie: x", "a__set-cookie:_x"),
        ("\u{1b}]0;title\u{7}", "_]0;title_"),
        ("T\u{fc}r \u{202e}7", "T_r__7"),
    ];
    for (id, echoed) in given {
        let request = CheckAccessRequest {
            request_id: id.to_owned(),
            ..check_request("front-door", "fresh")
        };
        assert_eq!(world.ask(request).await.unwrap().request_id, echoed);
    }
    let too_long = CheckAccessRequest {
        request_id: "\u{fc}".repeat(65),
        ..check_request("front-door", "fresh")
    };
    assert_eq!(world.refused(too_long).await, Code::InvalidArgument);
    let (_, journal) = world.stop().await;
    let recorded = journal.lines().map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["request_id"].as_str().unwrap().to_owned()
    });
    assert!(recorded.eq(given.map(|(_, echoed)| echoed.to_owned())));
}

/// The names and labels of all series, but those of the process.
async fn series(world: &World) -> BTreeSet<String> {
    let metrics = world.metrics().await;
    let lines = metrics.lines().filter(|line| !line.starts_with('#'));
    let names = lines.filter_map(|line| Some(line.rsplit_once(' ')?.0.to_owned()));
    names.collect()
}

#[tokio::test]
async fn nothing_that_a_stranger_sends_becomes_a_label() {
    let world = World::with(|config| config.webhook = Some(terms())).await;
    let strange = async |n: usize| {
        let name = format!("strange-{n}");
        let unknown = world.ask(check_request(&name, "fresh")).await;
        assert_eq!(unknown.unwrap_err().code(), Code::NotFound);
        let malformed = world.ask(check_request("front-door", "../x")).await;
        assert_eq!(malformed.unwrap_err().code(), Code::InvalidArgument);
        let path = format!("/{name}.Service/{name}");
        assert_eq!(
            call(&world, &path, &[], vec![]).await.code,
            Code::Unimplemented
        );
        let addresses = world.addresses();
        for to in [addresses.http, addresses.admin, addresses.grpc] {
            for (method, host) in [("GET", "localhost"), ("BREW", "localhost"), ("GET", &*name)] {
                let head = format!("{method} /{name}?{name} HTTP/1.1\r\nhost: {host}\r\n");
                raw(to, format!("{head}connection: close\r\n\r\n").as_bytes()).await;
            }
        }
        let body = json!({ "event": name, "id": name }).to_string();
        let url = format!("http://{}/webhooks/incode", addresses.http);
        let sent = Client::new().post(&url).header(HEADER, SECRET).body(body);
        assert_eq!(sent.send().await.unwrap().status(), 204);
    };
    strange(0).await;
    let before = series(&world).await;
    for n in 1..6 {
        strange(n).await;
    }
    let after = series(&world).await;
    assert_eq!(before, after);
    assert!(!after.iter().any(|series| series.contains("strange")));
}

#[tokio::test]
async fn a_webhook_is_json_that_is_not_compressed() {
    let world = World::with(|config| config.webhook = Some(terms())).await;
    let url = format!("http://{}/webhooks/incode", world.addresses().http);
    let post = async |headers: &[(&str, &str)]| {
        let mut request = Client::new().post(&url).header(HEADER, SECRET);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = event("verification.failed", "fresh");
        request.body(body).send().await.unwrap().status().as_u16()
    };
    for accepted in [
        &[][..],
        &[("content-type", "application/json")],
        &[("content-type", "Application/JSON ; charset=utf-8")],
        &[("content-type", "application/vnd.incode+json")],
        &[("content-encoding", "identity")],
    ] {
        assert_eq!(post(accepted).await, 204, "{accepted:?}");
    }
    for refused in [
        &[("content-type", "text/plain")][..],
        &[("content-type", "application/x-www-form-urlencoded")],
        &[("content-type", "multipart/form-data; boundary=x")],
        &[("content-type", "text/json")],
        &[("content-type", "")],
        &[("content-type", "text/plain; application/json")],
        &[
            ("content-type", "application/json"),
            ("content-type", "text/plain"),
        ],
        &[("content-encoding", "gzip")],
        &[("content-encoding", "identity, br")],
    ] {
        assert_eq!(post(refused).await, 415, "{refused:?}");
    }
    let metrics = world.metrics().await;
    assert!(metrics.contains("verigate_webhooks_total{outcome=\"unsupported\"} 9"));
}

#[tokio::test]
async fn each_route_is_on_exactly_one_listener() {
    let paths = [
        ("/access/v1/evaluation", false),
        ("/access/v1/evaluations", false),
        ("/check/front-door", false),
        ("/.well-known/authzen-configuration", true),
        ("/webhooks/incode", true),
        ("/webhooks/incode/", true),
    ];
    let status = async |to, path: &str| {
        let request = Client::new().post(format!("http://{to}{path}"));
        request.send().await.unwrap().status().as_u16()
    };
    let apart = World::with(|config| config.public = Some(loopback().into())).await;
    let addresses = apart.addresses();
    let public = addresses.public.unwrap();
    for (path, for_the_internet) in paths {
        let (here, there) = if for_the_internet {
            (public, addresses.http)
        } else {
            (addresses.http, public)
        };
        let served = status(here, path).await;
        // No evaluation, a check without an id, and metadata are not asked for so.
        let is_served = matches!(served, 400 | 403 | 405) || path.contains("webhooks");
        assert!(is_served, "{served}: {path}");
        let body = Client::new().post(format!("http://{there}{path}")).send();
        let body = body.await.unwrap().text().await.unwrap();
        assert_eq!((status(there, path).await, &*body), (404, ""), "{path}");
    }
    for path in ["/livez", "/metrics", "/policies"] {
        assert_eq!(status(public, path).await, 404, "{path}");
    }
    // The rules of hosts are those of the listener.
    let foreign = b"GET / HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n";
    let (refused, answer) = raw(public, foreign).await;
    assert_eq!(refused, 421);
    assert!(answer.contains("not in `public.hosts`"), "{answer}");
    let together = World::new().await;
    assert!(together.addresses().public.is_none());
    for (path, _) in paths {
        let served = status(together.addresses().http, path).await;
        // No evaluation, a check without an id, and metadata are not asked for so.
        let is_served = matches!(served, 400 | 403 | 405) || path.contains("webhooks");
        assert!(is_served, "{served}: {path}");
    }
}

#[tokio::test]
async fn only_a_trusted_proxy_says_where_a_request_comes_from() {
    let forged = "x-forwarded-for: 192.0.2.1, 198.51.100.7\r\nforwarded: for=198.51.100.7\r\n";
    for (trusted, expected) in [
        (vec!["127.0.0.0/8"], "198.51.100.7"),
        (vec![], "127.0.0.1"),
        (vec!["10.0.0.0/8"], "127.0.0.1"),
    ] {
        let (log, _logging) = Log::begin(Level::WARN);
        let world = World::with(|config| {
            config.webhook = Some(terms());
            let trusted = trusted.iter().map(|network| network.parse().unwrap());
            config.filters.http.trusted_proxies = trusted.collect();
        })
        .await;
        let to = world.addresses().http;
        let head = "POST /webhooks/incode HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n";
        let request = format!("{head}{forged}connection: close\r\n\r\n");
        assert_eq!(raw(to, request.as_bytes()).await.0, 401);
        let foreign = request.replace("host: localhost", "host: evil.example");
        assert_eq!(raw(to, foreign.as_bytes()).await.0, 421);
        for fields in [
            json!({ "event": "webhook_rejected", "from": expected }),
            json!({
                "event": "http_request_rejected",
                "listener": "http",
                "host": "evil.example",
                "setting": "http.hosts",
                "from": expected,
            }),
        ] {
            let lines = log.lines();
            let found = lines.iter().any(|line| is_line(line, "WARN", &fields));
            assert!(found, "{fields}: {lines:#?}");
        }
    }
}
