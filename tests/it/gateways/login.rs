//! People who sign in at Apache: a browser, an OpenID provider, mod_auth_openidc and the service, with the recipe as it is shipped.

use std::{net::SocketAddr, path::Path};

use reqwest::{Client, redirect::Policy};
use serde_json::Value;

use super::{
    application::Application,
    matrix::{POLICIES, token},
    provider::{Provider, are_installed},
    proxy::{Kind, Login, Neighbours, Proxy, ROOT, free_address},
};
use crate::{
    browser::Browser,
    program::{Program, Start},
};

const SECRET: &str = "a-secret-of-the-client-that-is-long-enough";

struct World {
    provider: Provider,
    service: Program,
    application: Application,
    proxy: Proxy,
    browser: Browser,
    _folder: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        // An error means that another test has done it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let own = free_address();
        let provider = Provider::start(&format!("http://{own}/oidc/callback"), SECRET);
        let issuer = &provider.issuer;
        let folder = tempfile::tempdir().unwrap();
        let keys = folder.path().join("jwks.json");
        let set = reqwest::get(format!("{issuer}/jwks")).await.unwrap();
        std::fs::write(&keys, set.bytes().await.unwrap()).unwrap();
        let service = Program::start(Start::with(config(own, issuer, &keys), POLICIES)).await;
        let application = Application::start().await;
        let token = token();
        let between = Neighbours {
            service: service
                .http
                .strip_prefix("http://")
                .unwrap()
                .parse()
                .unwrap(),
            application: application.address,
            token: token.reveal(),
            keys: &keys,
            login: Some(Login {
                issuer,
                secret: SECRET,
                own,
            }),
            fault: None,
        };
        let proxy = Proxy::start(Kind::Apache, between).await;
        Self {
            provider,
            service,
            application,
            proxy,
            browser: Browser::start(),
            _folder: folder,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.proxy.address)
    }

    /// Fills in the form of the provider, with a code if there is a field for one.
    fn sign_in(&mut self, account: &str, code: Option<&str>, seconds_ago: u32) {
        let has_code = code.is_some();
        self.browser.until(&format!(
            "document.forms.login && document.readyState === 'complete' && Boolean(document.forms.login.code) === {has_code}"
        ));
        let code = code.map_or_else(String::new, |code| format!("f.code.value = '{code}';"));
        self.browser.evaluated(&format!(
            "{{ const f = document.forms.login; f.account.value = '{account}'; f.ago.value = '{seconds_ago}'; {code} f.submit(); 1 }}"
        ));
        self.browser.until(
            "document.forms.login === undefined || document.forms.login.account.value === ''",
        );
    }

    /// The status of a request of the page, with these headers, and its body.
    fn fetched(&mut self, path: &str, headers: &str) -> (u64, String) {
        let result = self.browser.evaluated(&format!(
            "{{ const x = new XMLHttpRequest(); x.open('GET', '{path}', false); for (const [n, v] of {headers}) x.setRequestHeader(n, v); x.send(); [x.status, x.responseText] }}"
        ));
        (
            result[0].as_u64().unwrap(),
            result[1].as_str().unwrap().to_owned(),
        )
    }
}

/// As the recipe says, with the addresses of the test.
fn config(own: SocketAddr, issuer: &str, keys: &Path) -> String {
    let encoded = issuer.replace(':', "%3A").replace('/', "%2F");
    let recipe = Path::new(ROOT).join("deploy/gateways/apache/apache2.conf");
    let recipe = std::fs::read_to_string(recipe).unwrap();
    let line = recipe
        .lines()
        .find_map(|line| line.strip_prefix("#   step_up_url = "));
    let template = line
        .unwrap()
        .replace("https%3A%2F%2Fid.example.com", &encoded);
    format!(
        "[callers.apache]\ntoken_sha256 = ['{}']\npolicies = ['front-door']\n\
         [authentication]\nissuer = '{issuer}'\naudience = 'app'\njwks_file = '{}'\nverification_claim = 'verification'\n\
         [forward_auth]\nstep_up_url = {template}\nreturn_hosts = ['{own}']\n",
        token().entry(),
        keys.display(),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_steps_up_at_apache_and_returns_to_where_they_were_refused() {
    if !Kind::Apache.is_installed() || !are_installed() {
        return;
    }
    let mut world = World::new().await;
    let door = world.url("/door?a=1&b=%C3%A4");
    // Signed in by password: known, and not well enough. No code, or a wrong one, is no step-up.
    world.browser.open(&door);
    world.sign_in("ada-fresh", None, 0);
    world.sign_in("ada-fresh", Some("654321"), 0);
    world
        .browser
        .until("document.forms.login && document.forms.login.code");
    assert_eq!(world.application.reached(), 0);
    // An old authentication of the right class is not enough either, and is asked for again.
    world.sign_in("ada-fresh", Some("123456"), 3600);
    world
        .browser
        .until("document.forms.login && document.forms.login.code");
    assert_eq!(world.application.reached(), 0);
    world.browser.trail();
    world.sign_in("ada-fresh", Some("123456"), 0);
    world.browser.until(&format!(
        "location.href === '{door}' && document.readyState === 'complete'"
    ));
    let seen: Value = serde_json::from_str(&world.browser.text()).unwrap();
    let headers = seen["headers"].to_string();
    assert!(
        headers.contains("[\"x-verigate-decision\",\"ALLOW\"]"),
        "{headers}"
    );
    for none in ["oidc", "mod_auth_openidc", "eyJ", "x-verification-id"] {
        assert!(!headers.contains(none), "{none}: {headers}");
    }
    // What a page sends in headers changes nothing, and the session is enough from now on.
    let (status, body) = world.fetched("/door", "[['x-verigate-decision', 'DENY'], ['x_verigate_decision', 'DENY'], ['oidc_claim_acr', 'x']]");
    assert_eq!(status, 200);
    assert!(!body.contains("DENY") && !body.contains("oidc"), "{body}");
    away(&mut world);
}

/// A person with a session is refused while the service does not answer.
fn away(world: &mut World) {
    let before = world.application.reached();
    world.service.process.signal("-STOP");
    assert_eq!(world.fetched("/door", "[]").0, 503);
    assert_eq!(world.application.reached(), before);
    world.service.process.signal("-CONT");
    // The page waits until the service answers again.
    let url = world.url("/door");
    world.browser.open(&url);
    let allowed = "document.body.innerText.includes('ALLOW') || (location.reload(), false)";
    world.browser.until(allowed);
    let _ = world.service.process.0.kill();
    let _ = world.service.process.0.wait();
    let before = world.application.reached();
    assert_eq!(world.fetched("/door", "[]").0, 503);
    assert_eq!(world.application.reached(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_of_a_weak_login_opens_nothing_at_apache_whatever_headers_say() {
    if !Kind::Apache.is_installed() || !are_installed() {
        return;
    }
    let mut world = World::new().await;
    // A person who is denied is not sent to step up.
    world.browser.open(&world.url("/door"));
    world.sign_in("ada-stale", None, 0);
    world
        .browser
        .until("document.readyState === 'complete' && location.pathname === '/door'");
    assert_eq!(world.browser.text().trim(), "denied");
    let trail = world.browser.trail().to_string();
    assert!(
        trail.contains("[403,") && !trail.contains("acr_values"),
        "{trail}"
    );
    // A weak session.
    world.browser.clear();
    world.browser.open(&world.url("/door"));
    world.sign_in("ada-fresh", None, 0);
    world
        .browser
        .until("document.forms.login && document.forms.login.code");
    world.browser.open(&world.url("/open/x"));
    let reached = world.application.reached();
    for headers in [
        "[]",
        "[['x-verigate-decision', 'ALLOW'], ['x-verification-id', 'ada-fresh']]",
        "[['oidc_claim_acr', 'urn:x:mfa'], ['OIDC-CLAIM-acr', 'urn:x:mfa'], ['OIDC_id_token', 'x.y.z']]",
        "[['authorization', 'Bearer x.y.z']]",
    ] {
        let (status, _) = world.fetched("/door", headers);
        assert_eq!(status, 401, "{headers}");
    }
    assert_eq!(world.application.reached(), reached);
    returns(&world).await;
}

/// Nobody is sent to another host after a login.
async fn returns(world: &World) {
    let client = Client::builder().redirect(Policy::none()).build().unwrap();
    let issuer = &world.provider.issuer;
    for (target, is_own) in [
        (world.url("/door").as_str(), true),
        ("https://evil.example/", false),
        ("//evil.example/", false),
        ("https://127.0.0.1.evil.example/", false),
        ("javascript:alert(1)", false),
    ] {
        let url = world.url("/oidc/callback");
        let query = [("iss", issuer.as_str()), ("target_link_uri", target)];
        let url = reqwest::Url::parse_with_params(&url, query).unwrap();
        let request = client.get(url).header("accept", "text/html");
        let response = request.send().await.unwrap();
        // Otherwise a page that says what is wrong, and no login that returns there.
        let begins = response.headers().contains_key("location");
        assert_eq!(begins, is_own, "{target}");
        let page = response.text().await.unwrap();
        assert!(is_own || page.contains("Error"), "{target}: {page}");
    }
}
