//! Webhooks: hints that make the service invalidate evidence and fetch it again, from any sender, any number of times, in any
//! order; and that never grant anything.

mod effects;
mod flood;
mod throttled;

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use reqwest::Client;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::Semaphore,
};
use verigate::{
    callers::{CallerId, OverQuotaError},
    clock::{Clock as _, ManualClock},
    deps::Deps,
    http::{
        Webhooks,
        webhook::{Config as WebhookConfig, routes},
    },
    journal,
    live::Live,
    policy::{PolicySet, VerificationId, from_millis},
    proto::v1::EvidenceSource,
    provenance::{Outage, Timings},
    refusals::Refusals,
    sim::{ApiCall, Fault, WebhookTarget},
    source::{Invalidation, Known, LookupRequest, Source},
    step_up::{self, Link, Links, StepUpRequest, StepUps},
    webhook_queue::{self, WebhookQueue, Worker},
};

use crate::world::{PLENTY, World, gist, instant, loopback, until};

pub const HEADER: &str = "x-webhook-secret";
pub const SECRET: &str = "the-secret-of-the-tests";
const PREVIOUS: &str = "the-secret-before-that";

pub fn terms() -> WebhookConfig {
    WebhookConfig {
        header: HEADER.parse().unwrap(),
        secret: SECRET.into(),
        previous_secret: None,
    }
}

/// Lets the world's simulator send the service webhooks about the outcome of links.
pub fn call_back(world: &World) {
    let url = format!("http://{}/webhooks/incode", world.http_address());
    world
        .simulator
        .send_webhooks(WebhookTarget::new(&url, HEADER, SECRET).unwrap());
}

async fn world() -> World {
    World::with(|config| config.webhook = Some(terms())).await
}

async fn post_to(
    http: &Client,
    at: SocketAddr,
    secret: Option<&str>,
    body: String,
) -> reqwest::Response {
    let url = format!("http://{at}/webhooks/incode");
    let request = http.post(url).body(body);
    let request = secret.into_iter().fold(request, |r, s| r.header(HEADER, s));
    request.send().await.unwrap()
}

/// A client, also where nothing of the service has chosen who encrypts.
fn client() -> Client {
    // Once a process; an error says that it has been done.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::new()
}

/// Posts a body with the right secret; the status.
async fn post(world: &World, body: &str) -> u16 {
    let http = client();
    let answer = post_to(&http, world.http_address(), Some(SECRET), body.to_owned());
    answer.await.status().as_u16()
}

pub fn event(event: &str, verification: &str) -> String {
    json!({ "event": event, "verificationId": verification }).to_string()
}

async fn send_event(world: &World, name: &str, verification: &str) {
    assert_eq!(post(world, &event(name, verification)).await, 204);
}

/// Waits until a check of this verification asks the upstream once more than it had been.
async fn until_invalidated(world: &World, verification: &str) {
    let before = world.calls().details;
    until("it is invalidated", async || {
        world.check("front-door", verification).await;
        world.calls().details > before
    })
    .await;
}

#[tokio::test]
async fn without_a_secret_in_the_configuration_webhooks_are_off_and_say_so() {
    let world = World::new().await;
    let body = event("verification.succeeded", "fresh");
    for secret in [None, Some(""), Some(SECRET)] {
        let answer = post_to(&client(), world.http_address(), secret, body.clone()).await;
        assert_eq!(answer.status().as_u16(), 404);
        let text = answer.text().await.unwrap();
        assert!(text.contains("webhook.secret_file"), "{text}");
    }
    assert_eq!(counted(&world, "off").await, 3);
    assert_eq!(world.calls().details, 0);
}

/// How many webhooks are counted with this outcome.
async fn counted(world: &World, outcome: &str) -> u64 {
    let text = world.metrics().await;
    let name = format!(r#"verigate_webhooks_total{{outcome="{outcome}"}} "#);
    let mut counts = text.lines().filter_map(|line| line.strip_prefix(&name));
    counts.next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_webhook_without_the_secret_is_refused_and_does_nothing() {
    let world = world().await;
    world.check("front-door", "fresh").await;
    let body = event("verification.failed", "fresh");
    let (longer, upper) = (format!("{SECRET}x"), SECRET.to_uppercase());
    let wrong = ["", "x", &SECRET[1..], &longer, &upper, PREVIOUS];
    for secret in wrong.map(Some).into_iter().chain([None]) {
        let answer = post_to(&client(), world.http_address(), secret, body.clone()).await;
        assert_eq!(answer.status().as_u16(), 401, "{secret:?}");
    }
    let url = format!("http://{}/webhooks/incode", world.http_address());
    // Which of two would count is not for the sender to choose; nor is the header.
    for headers in [[(HEADER, SECRET), (HEADER, "x")], [("x-other", SECRET); 2]] {
        let mut request = client().post(&url).body(body.clone());
        for (name, value) in headers {
            request = request.header(name, value);
        }
        assert_eq!(request.send().await.unwrap().status().as_u16(), 401);
    }
    assert_eq!(counted(&world, "unauthorized").await, 9);
    assert_eq!(gist(&world.check("front-door", "fresh").await), "ALLOW");
    assert_eq!(world.calls().details, 1);
}

#[tokio::test]
async fn of_a_webhook_without_the_secret_the_body_is_not_read() {
    let world = world().await;
    let mut stream = tokio::net::TcpStream::connect(world.http_address())
        .await
        .unwrap();
    // The body that is announced never comes.
    let head = "POST /webhooks/incode HTTP/1.1\r\nhost: localhost\r\ncontent-length: 60000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let read = stream.read_to_string(&mut answer);
    let read = tokio::time::timeout(Duration::from_secs(4), read).await;
    assert!(read.is_ok(), "{answer}");
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
}

#[tokio::test]
async fn events_that_come_twice_and_in_any_order_do_no_harm() {
    let world = world().await;
    let events = [
        "verification.succeeded",
        "verification.started",
        "verification.failed",
        "verification.succeeded",
    ];
    for first in 0..events.len() {
        for n in 0..events.len() * 2 {
            let name = events[(first + n) % events.len()];
            send_event(&world, name, "fresh").await;
            assert_eq!(gist(&world.check("front-door", "fresh").await), "ALLOW");
        }
    }
}

#[tokio::test]
async fn an_invalidation_during_a_fetch_wins_over_it() {
    let world = world().await;
    world.inject(ApiCall::Details, Some(1), Fault::LatencyMs(1500));
    let asking = world.check("front-door", "fresh");
    let sending = async {
        world.until_asked(1).await;
        send_event(&world, "verification.failed", "fresh").await;
    };
    let (early, ()) = tokio::join!(asking, sending);
    assert_eq!(gist(&early), "ALLOW");
    world.check("front-door", "fresh").await;
    assert_eq!(world.calls().details, 2);
}

#[tokio::test]
async fn what_is_fetched_again_within_a_check_is_dated_by_the_second_fetch() {
    let world = world().await;
    world.inject(ApiCall::Details, Some(1), Fault::LatencyMs(1500));
    let asking = world.check("front-door", "fresh");
    let sending = async {
        world.until_asked(1).await;
        world.clock.advance(Duration::from_millis(500));
        send_event(&world, "verification.started", "fresh").await;
    };
    tokio::join!(asking, sending);
    let cached = world.check("front-door", "fresh").await;
    assert_eq!(world.calls().details, 2);
    let decided_at = instant(cached.decided_at.as_ref());
    assert_eq!(decided_at, Some(world.clock.now()));
}

#[tokio::test]
async fn both_secrets_are_taken_while_one_replaces_the_other() {
    let both = World::with(|config| {
        config.webhook = Some(WebhookConfig {
            previous_secret: Some(PREVIOUS.into()),
            ..terms()
        });
    })
    .await;
    let after = world().await;
    let body = event("verification.failed", "fresh");
    for (world, secret, expected) in [
        (&both, SECRET, 204),
        (&both, PREVIOUS, 204),
        (&both, "another-secret-altogether", 401),
        (&after, SECRET, 204),
        (&after, PREVIOUS, 401),
    ] {
        let at = world.http_address();
        let answer = post_to(&client(), at, Some(secret), body.clone()).await;
        assert_eq!(answer.status().as_u16(), expected, "{secret}");
    }
}

#[tokio::test]
async fn what_is_not_an_event_is_refused_and_what_names_nothing_is_ignored() {
    let world = world().await;
    let large = event("verification.failed", &"x".repeat(65_536));
    for (body, expected) in [
        ("", 400),
        ("null", 400),
        ("[]", 400),
        (r#"["verification.failed","fresh"]"#, 400),
        ("event=verification.failed&id=fresh", 400),
        (r#"{"event":"verification.failed","id":"fresh""#, 400),
        (r#"{"id":"fresh","id":"fresh"}"#, 400),
        (large.as_str(), 413),
        ("{}", 204),
        (r#"{"event":"tea.ready"}"#, 204),
        (r#"{"event":"verification.succeeded"}"#, 204),
        (r#"{"event":"verification.succeeded","id":"../../x"}"#, 204),
        (r#"{"event":7,"id":["fresh"]}"#, 204),
    ] {
        assert_eq!(post(&world, body).await, expected, "{body:.60}");
    }
    for (outcome, count) in [("malformed", 7), ("too_large", 1), ("ignored", 5)] {
        assert_eq!(counted(&world, outcome).await, count, "{outcome}");
    }
    assert_eq!(world.calls().details, 0);
}

/// A source whose invalidations wait until they may go on.
#[derive(Debug)]
struct Gated {
    may_go_on: Semaphore,
    invalidated: AtomicU64,
}

#[async_trait]
impl Source for Gated {
    async fn look_up(
        &self,
        _: &VerificationId,
        request: LookupRequest,
    ) -> Result<Known, OverQuotaError> {
        let timings = Timings::default();
        Ok(Known::nothing(Outage::Failed, request.at.now, timings))
    }

    async fn invalidate(&self, _: &VerificationId, _: Invalidation) {
        self.may_go_on.acquire().await.unwrap().forget();
        self.invalidated.fetch_add(1, Ordering::SeqCst);
    }
}

#[derive(Debug)]
struct NoLinks;

#[async_trait]
impl Links for NoLinks {
    async fn create(&self, _: uuid::Uuid, _: &StepUpRequest, _: CallerId) -> Result<Link, Outage> {
        Err(Outage::Failed)
    }
}

/// Step-ups of which none begins.
pub fn step_ups(deps: &Deps) -> StepUps {
    let terms_of_links = step_up::Config {
        redirects: [].into(),
        link_life: Duration::from_mins(15),
        links: PLENTY,
        follow_successors: false,
        page: None,
    };
    let journal = journal::start(
        Box::new(std::io::sink()),
        journal::QueueLimits::default(),
        deps,
    );
    let refusals = Refusals::new(journal.unwrap().journal, deps).unwrap();
    StepUps::new(
        Arc::new(NoLinks),
        Arc::new(Live::new(PolicySet::new([].into()))),
        terms_of_links,
        Duration::from_secs(1),
        refusals,
        deps,
    )
    .unwrap()
}

/// A webhook queue whose events are processed only when `source` lets them, and the address that receives them.
async fn desk(queue_max: usize) -> (Arc<Gated>, WebhookQueue, Worker, SocketAddr) {
    let clock = Arc::new(ManualClock::at(from_millis(0)));
    let deps = Deps::new(Arc::clone(&clock) as _);
    let source = Arc::new(Gated {
        may_go_on: Semaphore::new(0),
        invalidated: AtomicU64::new(0),
    });
    let step_ups = step_ups(&deps);
    let behind = Arc::clone(&source) as _;
    let (queue, worker) = webhook_queue::start(behind, step_ups, queue_max, PLENTY, &deps);
    let webhooks = Webhooks::new(Some(&terms()), queue.clone(), &deps).unwrap();
    let router = routes(Arc::new(webhooks));
    let router = router.into_make_service_with_connect_info::<SocketAddr>();
    let listener = tokio::net::TcpListener::bind(loopback()).await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (source, queue, worker, at)
}

#[tokio::test]
async fn a_full_queue_refuses_at_once_and_accepts_again_when_there_is_room() {
    let (source, _hints, _worker, at) = desk(4).await;
    let http = client();
    let body = event("verification.failed", "fresh");
    let post = async || post_to(&http, at, Some(SECRET), body.clone()).await;
    // One is being processed, and four wait.
    let mut taken = 0;
    let busy = loop {
        let answer = post().await;
        if answer.status().as_u16() != 204 {
            break answer;
        }
        taken += 1;
        tokio::task::yield_now().await;
    };
    assert!((4..=5).contains(&taken), "{taken}");
    assert_eq!(busy.status().as_u16(), 503);
    assert_eq!(busy.headers()["retry-after"], "1");
    source.may_go_on.add_permits(100);
    until("there is room", async || {
        post().await.status().as_u16() == 204
    })
    .await;
}

#[tokio::test]
async fn what_waits_is_followed_before_the_end_if_there_is_time() {
    let (source, _hints, worker, at) = desk(100).await;
    let http = client();
    for n in 0..50 {
        let body = event("verification.failed", &format!("v-{n}"));
        let answer = post_to(&http, at, Some(SECRET), body.clone()).await;
        assert_eq!(answer.status().as_u16(), 204);
    }
    source.may_go_on.add_permits(100);
    worker.drain(Duration::from_secs(10)).await;
    assert_eq!(source.invalidated.load(Ordering::SeqCst), 50);
    // Nothing is taken that would not be processed.
    let answer = post_to(&http, at, Some(SECRET), event("", "v")).await;
    assert_eq!(answer.status().as_u16(), 503);
}

#[tokio::test]
async fn the_end_does_not_wait_for_a_hint_that_cannot_be_followed() {
    let (source, hints, worker, _) = desk(100).await;
    hints
        .enqueue(webhook_queue::WebhookEvent {
            kind: webhook_queue::EventKind::Failed,
            ids: vec![VerificationId::parse("v-1").unwrap()],
            step_up: None,
        })
        .unwrap();
    worker.drain(Duration::from_millis(50)).await;
    assert_eq!(source.invalidated.load(Ordering::SeqCst), 0);
}
