//! `/step-up/`: the page to which a browser is sent whose person must verify again. It asks for the work email, makes the link, shows it,
//! waits for the vendor's webhook, and leads back to what was asked for. With and without script.
//!
//! Nobody who comes here has a credential. The signed state in the address authorises the page, and grants nothing: a check decides whether
//! the new verification suffices. Links cost, so each state has a few, and each network and all together have their quotas.

mod attempts;
mod form;
mod headers;
mod no_link;
mod onward;
mod outcome;
mod purge;
mod qr;
mod view;
mod waiting;

use std::{net::IpAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Request, State},
    http::{
        HeaderMap, HeaderValue, StatusCode, Uri,
        header::{LOCATION, RETRY_AFTER},
    },
    response::{IntoResponse as _, Response},
    routing::{any, get},
};
use tokio::time::timeout;

pub use self::onward::HandingOn;
use self::{
    attempts::{Attempts, LinkKey},
    form::{Form, FormError, Nonce},
    headers::PageHeaders,
    no_link::NoLink,
    onward::Onward,
    outcome::{Metrics, PageOutcome},
    view::{Problem, View},
    waiting::Waiting,
};
use super::query::single_parameter;
use crate::{
    callers::Caller,
    clock::Clock,
    deps::Deps,
    gateway::{OriginalUrl, ReturnHosts},
    listener::ServedConnection,
    log_throttle::{LogThrottle, throttled},
    peer,
    policy::{Timestamp, VerificationId},
    step_up::{
        Begun, LoginHint, PageAddress, PageState, PageStateError, StepUpRequest, StepUpState,
        StepUps, WaitingLimits, digest_of,
    },
};

/// How long a browser waits for a link. Making it continues after that, and asking again finds it.
const LINK_TIMEOUT: Duration = Duration::from_secs(8);

/// The page.
#[derive(Debug)]
pub struct StepUpPage {
    address: Arc<PageAddress>,
    return_url: Box<str>,
    hosts: ReturnHosts,
    step_ups: StepUps,
    attempts: Attempts,
    waiting: Waiting,
    /// How the new id is handed on, if it is.
    handing_on: Option<HandingOn>,
    headers: PageHeaders,
    clock: Arc<dyn Clock>,
    log: LogThrottle,
    metrics: Metrics,
}

/// What a request brings: the text of its state, and the state that this is.
#[derive(Debug)]
struct Brought {
    text: String,
    state: PageState,
    original: OriginalUrl,
    is_expired: bool,
}

/// What a request is answered: a page, with the outcome that is counted.
struct Shown(PageOutcome, View);

/// The routes of the page.
pub(super) fn routes(page: Arc<StepUpPage>) -> Router {
    Router::new()
        .route("/step-up", get(without_slash))
        .route("/step-up/", get(show).post(begin))
        .route("/step-up/events", get(events))
        .route("/step-up/onward", get(onward))
        .route("/step-up/return", get(returned))
        .route("/step-up/{*elsewhere}", any(elsewhere))
        .method_not_allowed_fallback(other_method)
        .with_state(page)
}

impl StepUpPage {
    /// The page at this address. The vendor sends browsers to `return_url` afterwards; people return to `hosts` alone.
    pub fn new(
        address: Arc<PageAddress>,
        return_url: &str,
        hosts: ReturnHosts,
        step_ups: StepUps,
        limits: WaitingLimits,
        handing_on: Option<HandingOn>,
        deps: &Deps,
    ) -> Result<Self, prometheus::Error> {
        let metrics = Metrics::register(&deps.registry)?;
        Ok(Self {
            headers: PageHeaders::new(return_url.starts_with("https:")),
            waiting: Waiting::new(limits, &deps.registry)?,
            handing_on,
            address,
            return_url: return_url.into(),
            hosts,
            step_ups,
            attempts: Attempts::new(deps.spawn.clone()),
            clock: Arc::clone(&deps.clock),
            log: LogThrottle::default(),
            metrics,
        })
    }

    /// Reads the files with the keys again, for all that is signed with them. Blocks.
    pub fn reload_keys(&self) {
        let keys = self.address.keys().signing();
        keys.reload(self.clock.moment().uptime);
    }

    /// The state that a request brings, given once. One that has expired is still good for what was begun by it.
    fn brought(&self, uri: &Uri) -> Result<Brought, Shown> {
        let forged = || Shown(PageOutcome::Forged, View::Invalid);
        let text = single_parameter(uri, "state").ok_or_else(forged)?;
        let (state, is_expired) = match self.address.keys().verify(&text, self.clock.now()) {
            Ok(state) => (state, false),
            Err(PageStateError::Expired(state)) => (*state, true),
            Err(PageStateError::Forged) => return Err(forged()),
        };
        // The hosts may be others than when it was signed.
        let original = self.hosts.readmit(&state.original_url);
        Ok(Brought {
            original: original.ok_or_else(forged)?,
            text,
            state,
            is_expired,
        })
    }

    /// What the browser is shown by a state, as it is now.
    async fn stage(&self, brought: &Brought, asks_again: bool) -> Shown {
        let now = self.clock.now();
        let attempt = self.attempts.current(&digest_of(&brought.text)).await;
        let expired = || {
            let original = brought.original.clone();
            Shown(PageOutcome::Expired, View::Expired { original })
        };
        let Some(begun) = attempt.filter(|_| !asks_again) else {
            return if brought.is_expired {
                expired()
            } else {
                self.form(brought, None, asks_again).await
            };
        };
        let known = self.step_ups.find(begun.id).await;
        match known.map(|step_up| step_up.state) {
            Some(StepUpState::Succeeded { .. }) => {
                let state = self.handing_on.as_ref().map(|_| brought.text.clone());
                let original = brought.original.clone();
                Shown(PageOutcome::Done, View::Done { original, state })
            }
            Some(state) if now < begun.expires_at => {
                let is_failed = state == StepUpState::Failed;
                Shown(
                    PageOutcome::Link,
                    link_view(brought, &begun, is_failed, now),
                )
            }
            _ if brought.is_expired => expired(),
            _ => self.form(brought, Some(Problem::LinkExpired), false).await,
        }
    }

    /// The verification to which the link of a state has led, as the upstream named it when it made the link.
    async fn successor(&self, brought: &Brought) -> Option<VerificationId> {
        let begun = self.attempts.current(&digest_of(&brought.text)).await?;
        let step_up = self.step_ups.find(begun.id).await?;
        match step_up.state {
            StepUpState::Succeeded { .. } => step_up.trace,
            StepUpState::Pending | StepUpState::Failed => None,
        }
    }

    /// The person, where the gateway knows who it is.
    fn known(&self, brought: &Brought) -> Option<Arc<LoginHint>> {
        let now = self.clock.now();
        self.address.login_hint(brought.state.decision, now)
    }

    /// The form; with a field for the address if it is not known, or is to be another one.
    async fn form(&self, brought: &Brought, problem: Option<Problem>, asks: bool) -> Shown {
        let verification = &brought.state.verification;
        let was_in_vain = self.step_ups.has_succeeded(verification).await;
        let view = View::Form {
            state: brought.text.clone(),
            problem,
            is_known: !asks && self.known(brought).is_some(),
            was_in_vain,
        };
        Shown(PageOutcome::Form, view)
    }

    /// Makes a link for the person of a form, or finds the one that was made. It is made also if the browser does not wait for it.
    async fn begin(&self, brought: &Brought, form: &Form, from: IpAddr) -> Result<(), NoLink> {
        let known = self.known(brought);
        let email = match (form.email.trim(), &known) {
            ("", Some(known)) => known.reveal(),
            (typed, _) => typed,
        };
        let hint = LoginHint::parse(email)
            .map_err(|_| NoLink(PageOutcome::BadAddress, Problem::BadAddress, None))?;
        let caller = Caller::anonymous(from);
        let state = &brought.state;
        let unavailable = || NoLink(PageOutcome::Unavailable, Problem::Unavailable, None);
        let redirect = self
            .step_ups
            .redirect(&caller, Some(&state.policy), &self.return_url);
        let key = LinkKey {
            state: digest_of(&brought.text),
            person: self.address.keys().link_key(&brought.text, email),
            verification: state.verification.clone(),
        };
        let request = StepUpRequest {
            verification: state.verification.clone(),
            policy: state.policy.clone(),
            login_hint: hint,
            redirect: redirect.map_err(|_| unavailable())?,
            // What was asked for before is found by the state, from whichever network it was.
            request_id: Box::default(),
        };
        let step_ups = self.step_ups.clone();
        let make = async move { step_ups.begin(request, &caller).await };
        let at = self.clock.moment();
        let link = Box::pin(self.attempts.link(key, at, make)).await?;
        match timeout(LINK_TIMEOUT, link.result()).await {
            Ok(Some(Ok(_))) => Ok(()),
            Ok(Some(Err(error))) => Err(NoLink::from(&*error)),
            // It goes on, and asking again finds it; or the service stops.
            Err(_) | Ok(None) => Err(unavailable()),
        }
    }

    fn answer(&self, nonce: Option<&Nonce>, shown: Shown) -> Response {
        let Shown(outcome, view) = shown;
        self.record(outcome);
        let token = match (&view, nonce) {
            (View::Form { state, .. }, Some(nonce)) => {
                self.address.keys().form_token(state, nonce.as_str())
            }
            _ => String::new(),
        };
        let mut response = (outcome.status(), view.html(&token)).into_response();
        self.headers.set(response.headers_mut(), nonce);
        response
    }

    /// A page that says no more than that there is none, for people who open it.
    fn refused(&self, status: StatusCode) -> Response {
        let mut response = (status, View::Invalid.html("")).into_response();
        self.headers.set(response.headers_mut(), None);
        response
    }

    fn record(&self, outcome: PageOutcome) {
        self.metrics.count(outcome);
        let Some(hint) = outcome.hint() else { return };
        let reason = outcome.as_str();
        throttled!(
            self.log,
            self.clock.moment().uptime,
            warn,
            "step_up_page_refused" / reason,
            reason,
            hint,
            "a browser on the page for step-ups gets no link"
        );
    }
}

fn link_view(brought: &Brought, begun: &Begun, is_failed: bool, now: Timestamp) -> View {
    let left = crate::policy::between(now, begun.expires_at);
    View::Link {
        state: brought.text.clone(),
        url: begun.link.url.clone(),
        minutes_left: left.as_secs().div_ceil(60),
        is_failed,
    }
}

async fn show(State(page): State<Arc<StepUpPage>>, uri: Uri, headers: HeaderMap) -> Response {
    let nonce = page.headers.nonce(&headers).or_else(Nonce::new);
    let asks_again = single_parameter(&uri, "again").is_some();
    let shown = match page.brought(&uri) {
        Ok(brought) => page.stage(&brought, asks_again).await,
        Err(shown) => shown,
    };
    page.answer(nonce.as_ref(), shown)
}

async fn begin(State(page): State<Arc<StepUpPage>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let brought = match page.brought(&head.uri) {
        Ok(brought) => brought,
        Err(shown) => return page.answer(None, shown),
    };
    if brought.is_expired {
        let shown = page.stage(&brought, false).await;
        return page.answer(None, shown);
    }
    let nonce = page.headers.nonce(&head.headers);
    let keys = page.address.keys();
    let bad_form = NoLink(PageOutcome::BadForm, Problem::NoCookie, None);
    let no_link = match form::read(&head.headers, body).await {
        Ok(form) => match &nonce {
            Some(nonce) if keys.is_form_token(&brought.text, nonce.as_str(), &form.token) => {
                let from = peer::ip_of(&head.extensions);
                match Box::pin(page.begin(&brought, &form, from)).await {
                    Ok(()) => return page.see_link(&brought),
                    Err(no_link) => no_link,
                }
            }
            _ => bad_form,
        },
        Err(FormError) => bad_form,
    };
    let NoLink(outcome, problem, wait) = no_link;
    let asks = problem == Problem::BadAddress;
    let Shown(_, view) = page.form(&brought, Some(problem), asks).await;
    let nonce = nonce.or_else(Nonce::new);
    let mut response = page.answer(nonce.as_ref(), Shown(outcome, view));
    if let Some(wait) = wait {
        let seconds = wait.as_secs().saturating_add(1);
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}

impl StepUpPage {
    /// To the page that shows the link: one that can be loaded again without asking for another link.
    fn see_link(&self, brought: &Brought) -> Response {
        self.record(PageOutcome::Begun);
        let mut response = StatusCode::SEE_OTHER.into_response();
        PageHeaders::see(response.headers_mut(), &brought.text);
        response
    }
}

async fn events(State(page): State<Arc<StepUpPage>>, request: Request) -> Response {
    let Ok(brought) = page.brought(request.uri()) else {
        page.record(PageOutcome::Forged);
        return nothing(StatusCode::FORBIDDEN);
    };
    let state = digest_of(&brought.text);
    let Some(begun) = page.attempts.current(&state).await else {
        return nothing(StatusCode::NO_CONTENT);
    };
    let Some(permits) = page.waiting.enter(peer::ip_of(request.extensions()), state) else {
        page.record(PageOutcome::TooManyWaiting);
        return nothing(StatusCode::SERVICE_UNAVAILABLE);
    };
    let connection = request.extensions().get::<ServedConnection>().cloned();
    let saw_failure = single_parameter(request.uri(), "seen").is_some_and(|seen| seen == "failed");
    let step_ups = page.step_ups.clone();
    waiting::events(permits, step_ups, &begun, saw_failure, connection)
}

/// Where a person who has verified goes on to.
async fn onward(State(page): State<Arc<StepUpPage>>, request: Request) -> Response {
    let brought = match page.brought(request.uri()) {
        Ok(brought) => brought,
        Err(shown) => return page.answer(None, shown),
    };
    let (Some(handing_on), Some(new)) = (&page.handing_on, page.successor(&brought).await) else {
        // The page says how far they are.
        let mut response = nothing(StatusCode::SEE_OTHER);
        PageHeaders::see(response.headers_mut(), &brought.text);
        return response;
    };
    let caller = Caller::anonymous(peer::ip_of(request.extensions())).id;
    let both = (&brought.state.verification, &new);
    let onward = handing_on.onward(both, &brought.original, &caller);
    let (outcome, url) = match Box::pin(onward).await {
        Onward::HandedOn(url) => (PageOutcome::HandedOn, url),
        Onward::NotHandedOn => {
            let url = brought.original.as_str().to_owned();
            (PageOutcome::NotHandedOn, url)
        }
        Onward::Asking => {
            let mut response = page.answer(None, Shown(PageOutcome::Asking, View::Asking));
            response.headers_mut().insert(RETRY_AFTER, 2.into());
            return response;
        }
    };
    page.record(outcome);
    let mut response = nothing(outcome.status());
    // Of visible ASCII.
    if let Ok(location) = HeaderValue::try_from(url) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

/// A status without a page.
fn nothing(status: StatusCode) -> Response {
    let mut response = status.into_response();
    PageHeaders::common(response.headers_mut());
    response
}

/// The address without the slash at its end.
async fn without_slash(uri: Uri) -> Response {
    let query = uri
        .query()
        .map_or_else(String::new, |query| format!("?{query}"));
    let mut response = nothing(StatusCode::PERMANENT_REDIRECT);
    if let Ok(location) = HeaderValue::try_from(format!("step-up/{query}")) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

/// Where there is no page.
async fn elsewhere(State(page): State<Arc<StepUpPage>>) -> Response {
    page.refused(StatusCode::NOT_FOUND)
}

/// A page that takes no such request.
async fn other_method(State(page): State<Arc<StepUpPage>>) -> Response {
    page.refused(StatusCode::METHOD_NOT_ALLOWED)
}

async fn returned(State(page): State<Arc<StepUpPage>>) -> Response {
    page.answer(None, Shown(PageOutcome::Returned, View::Returned))
}
