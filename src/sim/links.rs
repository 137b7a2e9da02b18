//! The vendor's links: a person opens one, verifies again, and the vendor tells by webhooks how it went.
//!
//! `GET /sim/links/{trace}` is the person who opens the link. `?outcome=failed` lets the person not pass; `?deliver=twice`,
//! `reversed` or `forged` lets the webhooks come twice, in the wrong order, or with a secret that is not the one agreed on.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use axum::{
    Json,
    extract::{Path, RawQuery, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use serde_json::Value;
use tokio::time::sleep;
use url::{Url, form_urlencoded};
use uuid::Uuid;

use super::{
    Call, Part, World,
    vendor::{header, refusal, spoilt},
    wire::{self, LinkRequest},
};

/// No more links than this work at once; the oldest ends first.
const LINKS_MAX: usize = 1024;
/// How long a webhook may take.
const WEBHOOK_TIME_MAX: Duration = Duration::from_secs(5);
/// A secret that nobody has agreed on.
const FORGED: HeaderValue = HeaderValue::from_static("a-secret-that-nobody-agreed-on");

/// Where webhooks go, and what they carry.
#[derive(Debug, Clone)]
pub struct Webhook {
    http: reqwest::Client,
    url: Url,
    header: HeaderName,
    secret: HeaderValue,
}

impl Webhook {
    /// Sends webhooks to this address, with this secret in this header.
    pub fn new(url: &str, header: &str, secret: &str) -> anyhow::Result<Self> {
        // Once a process; an error says that it has been done.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(WEBHOOK_TIME_MAX)
            .build()?;
        let mut secret = HeaderValue::from_str(secret).context("no header can carry the secret")?;
        secret.set_sensitive(true);
        Ok(Self {
            http,
            url: Url::parse(url).with_context(|| format!("`{url}` is not a URL"))?,
            header: header
                .parse()
                .with_context(|| format!("`{header}` is not the name of a header"))?,
            secret,
        })
    }

    /// Sends one; how it was answered, in a word.
    async fn send(&self, event: &Value, forged: bool) -> String {
        let secret = if forged { &FORGED } else { &self.secret };
        let request = self.http.post(self.url.clone()).json(event);
        let sent = request.header(&self.header, secret).send().await;
        match sent {
            Ok(answer) => answer.status().as_u16().to_string(),
            Err(_) => "no answer".to_owned(),
        }
    }
}

/// A link that was made.
#[derive(Debug)]
pub(super) struct Made {
    trace: String,
    correlation_id: Option<String>,
    redirect_url: String,
    /// Who it is for, as the part before the `@` of the login hint.
    login: String,
    /// The verification that came of it.
    part: Option<Part>,
}

impl World {
    /// What is known of this verification: from the cast, or since a link was opened.
    pub(super) fn part(&self, id: &str) -> Option<Part> {
        let cast = self.cast.verifications.iter();
        let mut cast = cast.filter(|(name, _)| name.as_str() == id);
        let made = || {
            let links = self.links();
            let made = links.iter().find(|made| made.trace == id)?;
            made.part.clone()
        };
        cast.next().map(|(_, part)| part.clone()).or_else(made)
    }

    /// Makes a link; its trace.
    fn link(&self, wanted: &LinkRequest) -> String {
        let trace = Uuid::new_v4().to_string();
        let login = wanted.login_hint.split('@').next().unwrap_or_default();
        let mut links = self.links();
        if links.len() >= LINKS_MAX {
            links.remove(0);
        }
        links.push(Made {
            trace: trace.clone(),
            correlation_id: wanted.correlation_id.clone(),
            redirect_url: wanted.redirect_url.clone(),
            login: login.to_owned(),
            part: None,
        });
        trace
    }

    /// The person of this link verifies now; the link's correlation id, and where the browser goes then.
    fn open(&self, trace: &str, outcome: Outcome) -> Option<(Option<String>, String)> {
        let mut links = self.links();
        let made = links.iter_mut().find(|made| made.trace == trace)?;
        let person = self.cast.people.get(&made.login);
        let person = person.or_else(|| self.cast.people.values().next());
        let all = ["NAME", "DATE_OF_BIRTH", "PHONE"];
        made.part = Some(Part {
            about: None,
            status: outcome.status().to_owned(),
            verified_at: (outcome == Outcome::Succeeded).then(|| self.clock.now()),
            scopes: all.map(str::to_owned).into(),
            trace_id: trace.to_owned(),
            project_id: "project-demo".to_owned(),
            person: person.cloned().unwrap_or_default(),
        });
        Some((made.correlation_id.clone(), made.redirect_url.clone()))
    }
}

/// `POST /v1/verification/generate-verification-link`
pub(super) async fn make(
    State(world): State<Arc<World>>,
    uri: Uri,
    headers: HeaderMap,
    body: String,
) -> Response {
    {
        let mut calls = world.calls();
        calls.link = calls.link.saturating_add(1);
    }
    let (late, fault) = world.faults.strike(Call::Link, None);
    sleep(late).await;
    if !world.admits(header(&headers, "x-auth-token").unwrap_or_default()) {
        return refusal(&world, StatusCode::UNAUTHORIZED, &uri);
    }
    let Ok(wanted) = serde_json::from_str::<LinkRequest>(&body) else {
        return refusal(&world, StatusCode::BAD_REQUEST, &uri);
    };
    if wanted.integration_id != world.credentials.integration_id {
        return refusal(&world, StatusCode::FORBIDDEN, &uri);
    }
    if !wanted.login_hint.contains('@') || Url::parse(&wanted.redirect_url).is_err() {
        return refusal(&world, StatusCode::BAD_REQUEST, &uri);
    }
    let trace = world.link(&wanted);
    let url = format!("http://{}/sim/links/{trace}", world.address);
    let right = wire::link(&url, &trace);
    match fault {
        None => Json(right).into_response(),
        Some(fault) => spoilt(&world, fault, &right, &uri).await,
    }
}

/// Whether the person passes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Outcome {
    #[default]
    Succeeded,
    Failed,
}

/// How the webhooks come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Deliver {
    #[default]
    Once,
    Twice,
    Reversed,
    Forged,
}

/// How it goes when a link is opened; nothing if the query says what it cannot.
fn opening(query: &str) -> Option<(Outcome, Deliver)> {
    let (mut outcome, mut deliver) = (Outcome::default(), Deliver::default());
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        match (&*key, &*value) {
            ("outcome", "succeeded") => outcome = Outcome::Succeeded,
            ("outcome", "failed") => outcome = Outcome::Failed,
            ("deliver", "once") => deliver = Deliver::Once,
            ("deliver", "twice") => deliver = Deliver::Twice,
            ("deliver", "reversed") => deliver = Deliver::Reversed,
            ("deliver", "forged") => deliver = Deliver::Forged,
            _ => return None,
        }
    }
    Some((outcome, deliver))
}

impl Outcome {
    fn status(self) -> &'static str {
        match self {
            Self::Succeeded => "VERIFIED",
            Self::Failed => "FAILED",
        }
    }

    fn event(self) -> &'static str {
        match self {
            Self::Succeeded => "verification.succeeded",
            Self::Failed => "verification.failed",
        }
    }
}

/// `GET /sim/links/{trace}`
pub(super) async fn open(
    State(world): State<Arc<World>>,
    Path(trace): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let Some((outcome, deliver)) = opening(&query.unwrap_or_default()) else {
        return (StatusCode::BAD_REQUEST, "that cannot be played\n").into_response();
    };
    let Some((correlation_id, redirect_url)) = world.open(&trace, outcome) else {
        return (StatusCode::NOT_FOUND, "there is no such link\n").into_response();
    };
    let mut events = vec!["verification.started", outcome.event()];
    match deliver {
        Deliver::Once | Deliver::Forged => {}
        Deliver::Twice => events.extend(events.clone()),
        Deliver::Reversed => events.reverse(),
    }
    let status = outcome.status();
    let mut told = vec![format!("the verification {trace} is {status}")];
    let webhook = world.webhook();
    for event in events {
        let answered = match &webhook {
            None => "not sent: no webhook is configured".to_owned(),
            Some(webhook) => {
                let body = wire::webhook(event, &trace, correlation_id.as_deref());
                webhook.send(&body, deliver == Deliver::Forged).await
            }
        };
        told.push(format!("webhook {event}: {answered}"));
    }
    told.push(format!("the browser would go to {redirect_url} now\n"));
    told.join("\n").into_response()
}
