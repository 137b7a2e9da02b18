//! What each port answers to whom: on the gRPC port nothing but a call of gRPC gets a 2xx, whatever asks and however.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use reqwest::{
    Client, Method,
    header::{CONTENT_TYPE, HeaderMap},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tonic::{Code, Request, metadata::MetadataValue};
use verigate::proto::v1::access_service_client::AccessServiceClient;

use crate::world::{World, check_request};

const METHODS: [&str; 9] = [
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW",
];

const CONTENT_TYPES: [&[&str]; 13] = [
    &[],
    &["text/html"],
    &["text/plain"],
    &["application/json"],
    &["application/x-www-form-urlencoded"],
    &["application/grpc"],
    &["application/grpc+proto"],
    &["APPLICATION/GRPC; a=b"],
    &["application/grpc-web"],
    &["application/grpc-web-text+proto"],
    &["application/grpc+json"],
    &["application/grpcfoo"],
    &["application/grpc", "application/grpc"],
];

/// Those that begin a call.
const CALLS: [&str; 3] = [
    "application/grpc",
    "application/grpc+proto",
    "APPLICATION/GRPC; a=b",
];

const PATHS: [&str; 9] = [
    "/",
    "/anything",
    "/anything?auth=1",
    "//%2e%2e/",
    "/livez",
    "/metrics",
    "/webhooks/incode",
    "/verigate.v1.AccessService/CheckAccess",
    "/grpc.health.v1.Health/Check",
];

/// The pages of the admin listener that answer 200 to GET and HEAD.
const PAGES: [&str; 2] = ["/livez", "/metrics"];

/// What came back: the version of HTTP, the status and the headers.
type Answer = (u16, BTreeMap<String, String>);

/// Sends bytes on a connection of their own, and reads until the peer closes it.
async fn send(to: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(to).await.unwrap();
    // The peer may close before it has read everything.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let read = timeout(Duration::from_secs(4), stream.read_to_end(&mut answer)).await;
    let what = String::from_utf8_lossy(&bytes[..bytes.len().min(80)]).into_owned();
    assert!(read.is_ok(), "not closed after {what:?}");
    String::from_utf8_lossy(&answer).into_owned()
}

/// A request over HTTP/1.
async fn http1(to: SocketAddr, version: &str, method: &str, path: &str, types: &[&str]) -> Answer {
    let types = types.iter().map(|name| format!("content-type: {name}\r\n"));
    let types = types.collect::<Vec<_>>().concat();
    let request = format!(
        "{method} {path} {version}\r\nhost: {to}\r\nconnection: close\r\n{types}content-length: 0\r\n\r\n"
    );
    let answer = send(to, request.as_bytes()).await;
    let head = answer.split("\r\n\r\n").next().unwrap_or("");
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    let status = status.expect("the answer has a status line");
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
    (status.parse().unwrap(), headers.collect())
}

fn http2_client() -> Client {
    let client = Client::builder().http2_prior_knowledge().no_proxy();
    client.build().unwrap()
}

/// A request over HTTP/2.
async fn http2(
    client: &Client,
    to: SocketAddr,
    method: &str,
    path: &str,
    types: &[&str],
) -> Answer {
    let mut headers = HeaderMap::new();
    for name in types {
        headers.append(CONTENT_TYPE, name.parse().unwrap());
    }
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let request = client.request(method, format!("http://{to}{path}"));
    let answer = request.headers(headers).send().await.unwrap();
    let headers = answer.headers().iter();
    let headers = headers.map(|(name, value)| {
        let value = value.to_str().unwrap_or("");
        (name.as_str().to_owned(), value.to_owned())
    });
    (answer.status().as_u16(), headers.collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_port_answers_2xx_but_to_a_call_of_grpc_and_on_its_pages() {
    let world = World::new().await;
    let client = http2_client();
    let (mut calls, mut pages, mut rejected) = (0, 0, 0);
    for (port, to) in [
        ("grpc", world.grpc_address()),
        ("http", world.http_address()),
        ("admin", world.admin_address()),
    ] {
        for version in ["HTTP/1.0", "HTTP/1.1", "HTTP/2"] {
            // It does not speak it.
            if (port, version) == ("admin", "HTTP/2") {
                continue;
            }
            for method in METHODS {
                for types in CONTENT_TYPES {
                    for path in PATHS {
                        let (status, headers) = match version {
                            "HTTP/2" => http2(&client, to, method, path, types).await,
                            _ => http1(to, version, method, path, types).await,
                        };
                        let what = format!("{version} {method} {path} {types:?} at {port}");
                        let is_call = types.len() == 1 && CALLS.contains(&types[0]);
                        let expected = match (port, version, method) {
                            ("grpc", "HTTP/2", "POST") if is_call => {
                                calls += 1;
                                // The body has no message, or no service has the path.
                                let code = &headers["grpc-status"];
                                assert!(["3", "12"].contains(&code.as_str()), "{code}: {what}");
                                assert_eq!(headers["content-type"], "application/grpc", "{what}");
                                200
                            }
                            ("grpc", "HTTP/2", _) => {
                                rejected += 1;
                                assert!(!headers.contains_key("grpc-status"), "{what}");
                                if is_call { 405 } else { 415 }
                            }
                            ("grpc", ..) => {
                                rejected += 1;
                                426
                            }
                            ("admin", _, "GET" | "HEAD") if PAGES.contains(&path) => {
                                pages += 1;
                                200
                            }
                            _ => {
                                assert!(status >= 400, "{status}: {what}");
                                status
                            }
                        };
                        assert_eq!(status, expected, "{what}");
                    }
                }
            }
        }
    }
    assert_eq!(calls, CALLS.len() * PATHS.len());
    assert_eq!(pages, 2 * 2 * CONTENT_TYPES.len() * PAGES.len());
    let metrics = world.metrics().await;
    let counted = |reason: &str| -> usize {
        let name = format!("verigate_grpc_requests_rejected_total{{reason=\"{reason}\"}} ");
        let line = metrics.lines().find_map(|line| line.strip_prefix(&name));
        line.unwrap_or_else(|| panic!("{name}")).parse().unwrap()
    };
    let counts = ["not_http2", "content_type", "method"].map(counted);
    assert_eq!(counts.iter().sum::<usize>(), rejected);
}

#[tokio::test]
async fn whatever_is_not_http2_is_answered_426_on_the_grpc_port_and_disconnected() {
    let world = World::new().await;
    let grpc = world.grpc_address();
    let upgrade = "GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade, http2-settings\r\n\
                   upgrade: h2c\r\nhttp2-settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n";
    let tls = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    let large = [
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 400000\r\n\r\n".as_slice(),
        &vec![b'x'; 400_000],
    ]
    .concat();
    let noise: [&[u8]; 14] = [
        b"GET /\r\n",
        b"GET / HTTP/1.1\r\n",
        b"GET",
        b"A",
        b"\0\0\0\0",
        b"\r\n\r\n",
        b"pri * http/2.0\r\n\r\nsm\r\n\r\n",
        b"PRI * HTTP/1.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r?",
        b"CONNECT x:1 HTTP/1.1\r\n\r\n",
        b"SSH-2.0-x\r\n",
        tls,
        upgrade.as_bytes(),
        &large,
    ];
    for bytes in noise {
        let answer = send(grpc, bytes).await;
        let what = String::from_utf8_lossy(&bytes[..bytes.len().min(80)]);
        assert!(answer.starts_with("HTTP/1.1 426 "), "{what:?}: {answer:?}");
        assert!(answer.contains("gRPC over HTTP/2 only"), "{answer}");
    }
    // What asked in vain is counted; calls are answered as before.
    let metrics = world.metrics().await;
    let counted = r#"verigate_grpc_requests_rejected_total{reason="not_http2"} 14"#;
    assert!(metrics.contains(counted), "{metrics}");
    world.check("front-door", "fresh").await;
}

#[tokio::test]
async fn the_other_ports_disconnect_what_is_not_http() {
    let world = World::new().await;
    for to in [world.http_address(), world.admin_address()] {
        for bytes in [
            b"GET /\r\n\r\n".as_slice(),
            b"GET /livez HTTP/0.9\r\n\r\n",
            b"\0\0\0\0",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        ] {
            let answer = send(to, bytes).await;
            let refused = answer.is_empty() || answer.starts_with("HTTP/1.1 4");
            assert!(refused, "{answer:?}");
        }
    }
}

#[tokio::test]
async fn metadata_that_is_too_large_is_a_status_that_says_so_and_is_counted() {
    let world = World::new().await;
    let url = format!("http://{}", world.grpc_address());
    let client = AccessServiceClient::connect(url).await.unwrap();
    let with = async |bytes: usize| {
        let mut request = Request::new(check_request("front-door", "fresh"));
        let value = MetadataValue::try_from("x".repeat(bytes)).unwrap();
        request.metadata_mut().insert("x-padding", value);
        client.clone().check_access(request).await
    };
    with(15 * 1024).await.unwrap();
    for bytes in [16 * 1024, 17 * 1024, 40 * 1024, 60 * 1024] {
        let status = with(bytes).await.unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted, "{bytes}");
        assert!(status.message().contains("the limit is 16384"), "{status}");
    }
    let metrics = world.metrics().await;
    let counted = r#"verigate_grpc_requests_rejected_total{reason="metadata_too_large"} 4"#;
    assert!(metrics.contains(counted), "{metrics}");
}
