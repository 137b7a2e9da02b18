//! Envoy in front of an upstream that echoes its headers.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use axum::{Router, http::HeaderMap as Headers};
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::{
    callers::{
        bearer,
        issuer::{AUDIENCE, ISSUER},
    },
    components::skip,
    world::{Killed, loopback, until},
};

/// How long Envoy waits for an answer.
const TIMEOUT: &str = "0.5s";

pub fn installed() -> Option<PathBuf> {
    let envoy = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/proxies/envoy");
    if envoy.exists() {
        return Some(envoy);
    }
    skip("Envoy is not installed: run tests/proxies/install");
    None
}

/// Envoy in front of an upstream that says which headers it got.
pub struct Proxy {
    url: String,
    /// Requests that have reached the upstream.
    passed: Arc<AtomicUsize>,
    _process: Killed,
    _folder: TempDir,
}

/// How Envoy is configured.
pub struct Setup<'s> {
    pub failure_mode_allow: bool,
    pub encode_raw_headers: bool,
    pub token: Option<u8>,
    pub jwks: Option<&'s str>,
}

impl Default for Setup<'_> {
    fn default() -> Self {
        Self {
            failure_mode_allow: true,
            encode_raw_headers: false,
            token: None,
            jwks: None,
        }
    }
}

async fn upstream() -> (u16, Arc<AtomicUsize>) {
    let passed = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&passed);
    let echo = move |headers: Headers| {
        counted.fetch_add(1, SeqCst);
        let shown = headers.iter().map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes());
            format!("{name}: {value}\n")
        });
        std::future::ready(shown.collect::<String>())
    };
    let listener = tokio::net::TcpListener::bind(loopback()).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(echo)).await });
    (port, passed)
}

fn cluster(name: &str, port: u16, is_http2: bool) -> Json {
    let address = json!({ "socket_address": { "address": "127.0.0.1", "port_value": port } });
    let endpoint = json!({ "endpoint": { "address": address } });
    let mut cluster = json!({
        "name": name,
        "connect_timeout": "0.2s",
        "load_assignment": { "cluster_name": name, "endpoints": [{ "lb_endpoints": [endpoint] }] },
    });
    if is_http2 {
        let options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
        cluster["typed_extension_protocol_options"] = json!({ options: {
            "@type": format!("type.googleapis.com/{options}"),
            "explicit_http_config": { "http2_protocol_options": {} },
        }});
    }
    cluster
}

/// A route whose policy is this one; without a policy, one that is not asked about.
fn route(prefix: &str, policy: Option<&str>, profile: Option<&str>) -> Json {
    let settings = match policy {
        Some(policy) => {
            let mut extensions = json!({ "policy": policy });
            if let Some(profile) = profile {
                extensions["profile"] = profile.into();
            }
            json!({ "check_settings": { "context_extensions": extensions } })
        }
        None => json!({ "disabled": true }),
    };
    let mut settings = settings;
    settings["@type"] =
        "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute".into();
    json!({
        "match": { "prefix": prefix },
        "route": { "cluster": "upstream" },
        "typed_per_filter_config": { "envoy.filters.http.ext_authz": settings },
    })
}

fn filters(setup: &Setup<'_>) -> Vec<Json> {
    let kind = |name: &str| format!("type.googleapis.com/envoy.extensions.filters.http.{name}");
    let mut metadata = Vec::new();
    metadata.extend(
        setup
            .token
            .map(|n| json!({ "key": "authorization", "value": bearer(n) })),
    );
    let mut filters = Vec::new();
    if let Some(jwks) = setup.jwks {
        filters.push(json!({
            "name": "envoy.filters.http.jwt_authn",
            "typed_config": {
                "@type": kind("jwt_authn.v3.JwtAuthentication"),
                "providers": { "corp": {
                    "issuer": ISSUER,
                    "audiences": [AUDIENCE],
                    "local_jwks": { "inline_string": jwks },
                    "payload_in_metadata": "corp",
                }},
                "rules": [{
                    "match": { "prefix": "/" },
                    "requires": { "requires_any": { "requirements": [
                        { "provider_name": "corp" }, { "allow_missing": {} },
                    ]}},
                }],
            },
        }));
    }
    filters.push(json!({
        "name": "envoy.filters.http.ext_authz",
        "typed_config": {
            "@type": kind("ext_authz.v3.ExtAuthz"),
            "transport_api_version": "V3",
            "grpc_service": {
                "envoy_grpc": { "cluster_name": "verigate" },
                "timeout": TIMEOUT,
                "initial_metadata": metadata,
            },
            "failure_mode_allow": setup.failure_mode_allow,
            "status_on_error": { "code": "ServiceUnavailable" },
            "validate_mutations": true,
            "encode_raw_headers": setup.encode_raw_headers,
            "metadata_context_namespaces": ["envoy.filters.http.jwt_authn"],
        },
    }));
    filters.push(json!({
        "name": "envoy.filters.http.router",
        "typed_config": { "@type": kind("router.v3.Router") },
    }));
    filters
}

/// What Envoy is started with.
fn bootstrap(setup: &Setup<'_>, grpc: u16, port: u16) -> Json {
    let free = json!({ "socket_address": { "address": "127.0.0.1", "port_value": 0 } });
    let manager =
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
    json!({
        "admin": { "address": free },
        "static_resources": {
            "listeners": [{ "name": "front", "address": free, "filter_chains": [{ "filters": [{
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": {
                    "@type": format!("type.googleapis.com/{manager}"),
                    "stat_prefix": "front",
                    "normalize_path": true,
                    "merge_slashes": true,
                    "path_with_escaped_slashes_action": "REJECT_REQUEST",
                    "http_filters": filters(setup),
                    "route_config": { "virtual_hosts": [{
                        "name": "all",
                        "domains": ["*"],
                        "routes": [
                            route("/open/", None, None),
                            route("/door", Some("front-door"), None),
                            route("/login", Some("login"), None),
                            route("/pages", Some("login"), Some("browser")),
                            route("/owner", Some("owner"), None),
                            route("/unknown", Some("none"), None),
                            route("/", Some("No Policy"), None),
                        ],
                    }]},
                },
            }]}]}],
            "clusters": [cluster("verigate", grpc, true), cluster("upstream", port, false)],
        },
    })
}

impl Proxy {
    pub async fn start(envoy: &Path, grpc: u16, setup: &Setup<'_>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (port, passed) = upstream().await;
        let config = bootstrap(setup, grpc, port);
        let (file, admin) = (
            folder.path().join("envoy.json"),
            folder.path().join("admin"),
        );
        std::fs::write(&file, config.to_string()).unwrap();
        let process = Command::new(envoy)
            .arg("-c")
            .arg(&file)
            .arg("--admin-address-path")
            .arg(&admin)
            .args([
                "--use-dynamic-base-id",
                "--concurrency",
                "1",
                "-l",
                "critical",
            ])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let process = Killed(process);
        let address = async || {
            let admin = std::fs::read_to_string(&admin).ok()?;
            let listeners = format!("http://{admin}/listeners?format=json");
            let listeners: Json = reqwest::get(listeners).await.ok()?.json().await.ok()?;
            let address = &listeners["listener_statuses"][0]["local_address"]["socket_address"];
            address["port_value"].as_u64()
        };
        until("Envoy listens", async || address().await.is_some()).await;
        let url = format!("http://127.0.0.1:{}", address().await.unwrap());
        Self {
            url,
            passed,
            _process: process,
            _folder: folder,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.url.trim_start_matches("http://").parse().unwrap()
    }

    /// The status, the headers and the body of a response, and whether the upstream was reached.
    pub async fn get(&self, path: &str, headers: &[(&str, &str)]) -> (u16, Headers, String, bool) {
        let before = self.passed.load(SeqCst);
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(Duration::from_secs(5));
        let mut request = client.build().unwrap().get(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.text().await.unwrap();
        (status, headers, body, self.passed.load(SeqCst) > before)
    }

    /// The status of a response. Only a 200 comes from the upstream.
    pub async fn status(&self, path: &str, headers: &[(&str, &str)]) -> u16 {
        let (status, _, _, has_passed) = self.get(path, headers).await;
        assert_eq!(status == 200, has_passed, "{path} {headers:?}: {status}");
        status
    }
}
