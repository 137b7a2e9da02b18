//! For which hosts the HTTP listeners answer, and to whose web pages: a page that somebody opens must not reach a service on the same
//! machine, whatever name the page's address has and wherever that name resolves to.

use std::{net::SocketAddr, time::Duration};

use reqwest::Client;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use verigate::http::HostName;

use crate::{
    webhook::{HEADER, SECRET, event, terms},
    world::World,
};

/// Sends bytes on a connection of their own; the status of the answer, and all of its text.
pub async fn raw(to: SocketAddr, bytes: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(to).await.unwrap();
    // The peer may answer and close before it has read everything.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let read = timeout(Duration::from_secs(8), stream.read_to_end(&mut answer)).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(read.is_ok(), "not closed: {answer:?}");
    let status = answer.split(' ').nth(1).and_then(|s| s.parse().ok());
    (status.expect("a status"), answer)
}

/// A request without a body.
async fn get(to: SocketAddr, target: &str, version: &str, headers: &[&str]) -> u16 {
    let headers: String = headers.iter().map(|line| [line, "\r\n"].concat()).collect();
    let request = format!("GET {target} {version}\r\n{headers}connection: close\r\n\r\n");
    raw(to, request.as_bytes()).await.0
}

fn name(text: &str) -> HostName {
    HostName::parse(text).unwrap()
}

async fn world() -> World {
    World::with(|config| {
        config.webhook = Some(terms());
        config.filters.http.hosts = [name("pdp.example.org")].into();
        config.filters.admin.hosts = [name("ops.example.org")].into();
    })
    .await
}

async fn counted(world: &World, listener: &str, reason: &str) -> u64 {
    let name = format!(
        "verigate_http_requests_rejected_total{{listener=\"{listener}\",reason=\"{reason}\"}} "
    );
    let metrics = world.metrics().await;
    let line = metrics.lines().find_map(|line| line.strip_prefix(&name));
    line.expect("the metric").parse().unwrap()
}

/// Requests for a host that is none of the service's: target, version and headers. `own` is a name of the service.
fn foreign(own: &str) -> Vec<(&'static str, &'static str, Vec<String>)> {
    let (to_evil, to_ip) = ("http://evil.example/livez", "http://127.0.0.1/livez");
    let hosts = [
        "evil.example",
        "evil.example:9090",
        "localhost.evil.example",
        "x.localhost",
        "example.org",
        "127.0.0.1.evil.example",
        "2130706433",
    ];
    let mut requests = Vec::from(hosts.map(|host| ("/livez", "HTTP/1.1", vec![host])));
    requests.extend([
        ("/livez", "HTTP/1.0", vec!["evil.example"]),
        (to_evil, "HTTP/1.1", vec![own]),
        (to_ip, "HTTP/1.1", vec!["evil.example"]),
        // What a proxy says about the host is not asked for.
        (
            "/livez",
            "HTTP/1.1",
            vec!["evil.example\r\nx-forwarded-host: localhost"],
        ),
    ]);
    let with_headers = requests.into_iter().map(|(target, version, hosts)| {
        let headers = hosts.iter().map(|host| format!("host: {host}"));
        (target, version, headers.collect())
    });
    with_headers.collect()
}

/// Requests that do not name one host, and name it once.
const MALFORMED: [(&str, &[&str]); 11] = [
    ("/livez", &[]),
    ("/livez", &["host:"]),
    ("/livez", &["host: localhost", "host: localhost"]),
    ("/livez", &["host: localhost", "host: evil.example"]),
    ("/livez", &["host: localhost, evil.example"]),
    ("/livez", &["host: user@localhost"]),
    ("/livez", &["host: localhost:http"]),
    ("/livez", &["host: ::1"]),
    ("/livez", &["host: [::1"]),
    ("http://x@127.0.0.1/livez", &["host: 127.0.0.1"]),
    ("http://127.0.0.1/livez", &[]),
];

#[tokio::test]
async fn a_request_for_a_host_of_the_service_reaches_its_route() {
    let world = world().await;
    let addresses = world.addresses();
    for (on_http, on_admin) in [
        ("host: 127.0.0.1", "host: 127.0.0.1"),
        ("host: 192.0.2.7:80", "host: [2001:db8::1]:443"),
        ("HOST: LocalHost:1", "host: localhost."),
        ("host: pdp.example.org", "host: ops.example.org"),
        ("host: PDP.example.org.:8443", "host: Ops.Example.ORG:1"),
    ] {
        // A request that is let in gets the 404 of a path that no route has.
        let of_http = get(addresses.http, "/none", "HTTP/1.1", &[on_http]).await;
        let of_admin = get(addresses.admin, "/livez", "HTTP/1.1", &[on_admin]).await;
        assert_eq!((of_http, of_admin), (404, 200), "{on_http} {on_admin}");
    }
    // HTTP/1.0 need not name a host: health probes do not, and no browser speaks it.
    assert_eq!(get(addresses.http, "/none", "HTTP/1.0", &[]).await, 404);
    assert_eq!(get(addresses.admin, "/livez", "HTTP/1.0", &[]).await, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_for_a_foreign_host_reaches_no_route() {
    let world = world().await;
    let addresses = world.addresses();
    for (listener, to, own) in [
        ("http", addresses.http, "pdp.example.org"),
        ("admin", addresses.admin, "ops.example.org"),
    ] {
        let foreign = foreign(own);
        for (target, version, headers) in &foreign {
            let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
            let status = get(to, target, version, &headers).await;
            assert_eq!(status, 421, "{target} {version} {headers:?}");
        }
        for (target, headers) in MALFORMED {
            let status = get(to, target, "HTTP/1.1", headers).await;
            assert_eq!(status, 400, "{target} {headers:?}");
        }
        let count = |many: usize| u64::try_from(many).unwrap();
        let counted = async |reason| counted(&world, listener, reason).await;
        assert_eq!(counted("foreign_host").await, count(foreign.len()));
        assert_eq!(counted("malformed_host").await, count(MALFORMED.len()));
    }
}

#[tokio::test]
async fn the_authority_of_http2_is_its_host() {
    let world = world().await;
    let to = world.addresses().http;
    let status = async |host: &str, header: Option<&str>| {
        let client = Client::builder().http2_prior_knowledge().no_proxy();
        let client = client.resolve(host, to).build().unwrap();
        let mut request = client.get(format!("http://{host}:{}/none", to.port()));
        if let Some(header) = header {
            request = request.header("host", header);
        }
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(status("pdp.example.org", None).await, 404);
    assert_eq!(status("localhost", None).await, 404);
    assert_eq!(status("127.0.0.1", None).await, 404);
    assert_eq!(status("evil.example", None).await, 421);
}

#[tokio::test]
async fn a_request_for_a_foreign_host_is_refused_before_its_secret_and_its_body_are_looked_at() {
    let world = world().await;
    let body = event("verification.succeeded", "fresh");
    let post = |host: &str, length: usize| {
        format!(
            "POST /webhooks/incode HTTP/1.1\r\nhost: {host}\r\n{HEADER}: {SECRET}\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\nconnection: close\r\n\r\n{body}"
        )
    };
    let to = world.addresses().http;
    let (status, answer) = raw(to, post("evil.example", 10_000_000).as_bytes()).await;
    assert_eq!(status, 421, "{answer}");
    assert!(answer.contains("not in `http.hosts`"), "{answer}");
    assert!(!answer.contains("evil.example"), "{answer}");
    let metrics = world.metrics().await;
    assert!(metrics.contains("verigate_webhooks_total{outcome=\"accepted\"} 0"));
    let (status, answer) = raw(to, post("pdp.example.org", body.len()).as_bytes()).await;
    assert_eq!(status, 204, "{answer}");
}

#[tokio::test]
async fn no_web_page_of_another_site_reaches_a_route_on_this_machine() {
    let world = world().await;
    let addresses = world.addresses();
    let own = format!("host: {}", addresses.http);
    let body = event("verification.succeeded", "fresh");
    let length = body.len();
    let post = async |lines: &[&str]| {
        let lines: String = lines.iter().map(|line| [line, "\r\n"].concat()).collect();
        let request = format!(
            "POST /webhooks/incode HTTP/1.1\r\n{own}\r\n{lines}{HEADER}: {SECRET}\r\n\
             content-length: {length}\r\nconnection: close\r\n\r\n{body}"
        );
        raw(addresses.http, request.as_bytes()).await.0
    };
    let same = format!("origin: http://{}", addresses.http);
    for page in [
        "origin: https://evil.example",
        "origin: http://localhost:3000",
        "origin: null",
        "sec-fetch-site: cross-site",
        "sec-fetch-site: same-site",
    ] {
        assert_eq!(
            post(&[page, "content-type: text/plain"]).await,
            403,
            "{page}"
        );
        assert_eq!(
            post(&[page, "content-type: application/json"]).await,
            403,
            "{page}"
        );
    }
    assert_eq!(post(&[&same, "content-type: application/json"]).await, 204);
    assert_eq!(counted(&world, "http", "cross_site").await, 10);
    // Pages for operators: a link may be followed, but nothing is loaded into another page.
    let admin = format!("host: {}", addresses.admin);
    for (lines, expected) in [
        (vec![admin.as_str()], 200),
        (
            vec![
                &admin,
                "sec-fetch-site: cross-site",
                "sec-fetch-mode: no-cors",
                "sec-fetch-dest: script",
            ],
            403,
        ),
        (vec![&admin, "origin: https://evil.example"], 403),
        (
            vec![
                &admin,
                "sec-fetch-site: cross-site",
                "sec-fetch-mode: navigate",
                "sec-fetch-dest: document",
            ],
            200,
        ),
    ] {
        for page in ["/metrics", "/policies", "/readyz"] {
            let status = get(addresses.admin, page, "HTTP/1.1", &lines).await;
            assert_eq!(status, expected, "{page} {lines:?}");
        }
    }
}

#[tokio::test]
async fn headers_over_their_bound_are_refused_and_counted() {
    let world = world().await;
    let to = world.addresses().http;
    let over_http2 = Client::builder().http2_prior_knowledge().no_proxy();
    let over_http2 = over_http2.build().unwrap();
    for (bytes, expected) in [(20_000, 404), (31_000, 404), (33_000, 431), (60_000, 431)] {
        let padding = "x".repeat(bytes);
        let header = format!("x-padding: {padding}");
        let status = get(to, "/none", "HTTP/1.1", &["host: localhost", &header]).await;
        assert_eq!(status, expected, "{bytes} over HTTP/1.1");
        let status = get(to, &format!("/{padding}"), "HTTP/1.1", &["host: localhost"]).await;
        assert_eq!(status, expected, "{bytes} in the path");
        let request = over_http2.get(format!("http://{to}/none"));
        let answer = request.header("x-padding", &padding).send().await.unwrap();
        assert_eq!(answer.status(), expected, "{bytes} over HTTP/2");
    }
    assert_eq!(counted(&world, "http", "headers_too_large").await, 6);
}
