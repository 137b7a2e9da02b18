//! The answer to a gateway, from every outcome of a check. This is the only place that makes one.

use std::time::Duration;

use http::{
    HeaderName, HeaderValue, StatusCode,
    header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, RETRY_AFTER,
        WWW_AUTHENTICATE,
    },
};

use super::{
    challenge::{acr_values, challenge},
    config::Config,
    headers::{DECISION, DECISION_ID, STEP_UP_URL, VALID_FOR, value},
    original_url::OriginalUrl,
    refusal::Refusal,
    remedy::RemedyKind,
    step_up_url::StepUpUrlError,
    url_template::Values,
};
use crate::{
    policy::{Effect, PolicyName, VerificationId},
    ruling::Ruling,
};

/// nginx reads it, and must read it before `cache-control`.
const X_ACCEL_EXPIRES: HeaderName = HeaderName::from_static("x-accel-expires");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
/// The page may load and run nothing.
const NOTHING: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
/// Shown to a browser while the vendor is asked. It asks again by itself.
const PENDING_PAGE: &str = concat!(
    "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" content=\"1\">",
    "<title>One moment</title></head><body><h1>One moment</h1><p>Your verification is being looked up. This page reloads by itself.</p></body></html>\n"
);

/// The outcome of a check.
#[derive(Debug, Clone, Copy)]
pub enum Outcome<'r> {
    /// A ruling of this policy.
    Ruled(&'r PolicyName, &'r Ruling),
    /// No decision.
    Refused(Refusal),
}

impl<'r> Outcome<'r> {
    /// The outcome of a ruling. While the vendor is still being asked, nothing is known of the person: that is no decision about them.
    pub fn of(policy: &'r PolicyName, ruling: &'r Ruling) -> Self {
        match ruling.decision.effect() {
            Effect::StepUp | Effect::Deny if ruling.is_pending => Self::Refused(Refusal::Pending),
            Effect::Allow | Effect::StepUp | Effect::Deny => Self::Ruled(policy, ruling),
        }
    }

    /// The outcome's name in metrics.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Ruled(_, ruling) => ruling.decision.effect().as_str(),
            Self::Refused(refusal) => refusal.as_str(),
        }
    }
}

/// How the person at the other side of the gateway is led on.
#[derive(Debug, Clone, Copy, Default)]
pub struct StepUpContext<'s> {
    /// Whether a browser follows redirects that the gateway passes on.
    pub is_browser: bool,
    /// Where the person returns to, if that is known and allowed.
    pub original_url: Option<&'s OriginalUrl>,
    /// The verification that was asked about, if the caller may begin step-ups about it.
    pub begins: Option<&'s VerificationId>,
    /// The person's e-mail address, if the session says it. It is given to the page alone.
    pub email: Option<&'s str>,
}

/// What a gateway is answered. No code outside of this file makes one.
#[derive(Debug, Clone)]
pub struct Answer {
    effect: Effect,
    status: StatusCode,
    own: Vec<(HeaderName, HeaderValue)>,
    others: Vec<(HeaderName, HeaderValue)>,
    body: String,
    step_up_url_error: Option<StepUpUrlError>,
}

impl Answer {
    /// What it means: ALLOW, or a person who may help themselves (401, or 302 for a browser), or no access (403 and 503).
    pub fn effect(&self) -> Effect {
        self.effect
    }

    /// The status: 200 for ALLOW, and below 300 for nothing else.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers of ours, which what is protected may be given too.
    pub fn own_headers(&self) -> &[(HeaderName, HeaderValue)] {
        &self.own
    }

    /// The headers for the client and for caches, in their order.
    pub fn other_headers(&self) -> &[(HeaderName, HeaderValue)] {
        &self.others
    }

    /// The body.
    pub fn body(&self) -> &str {
        &self.body
    }

    /// Why a STEP_UP offers no address.
    pub fn step_up_url_error(&self) -> Option<StepUpUrlError> {
        self.step_up_url_error
    }
}

/// Answers an outcome.
pub fn answer(outcome: Outcome<'_>, config: &Config, step: StepUpContext<'_>) -> Answer {
    match outcome {
        Outcome::Refused(refusal) => refused(refusal, step),
        Outcome::Ruled(policy, ruling) => match ruling.decision.effect() {
            Effect::Allow => allow(ruling),
            Effect::StepUp => step_up(policy, ruling, config, step),
            Effect::Deny => deny(ruling),
        },
    }
}

fn allow(ruling: &Ruling) -> Answer {
    let mut own = decided(ruling);
    let valid_for = ruling.decision.valid_for().map_or(0, |time| time.as_secs());
    let others = if valid_for == 0 {
        vec![(CONTENT_TYPE, TEXT), no_store()]
    } else {
        let private = value(&format!("private, max-age={valid_for}"));
        own.push((VALID_FOR, valid_for.into()));
        vec![
            (CONTENT_TYPE, TEXT),
            (X_ACCEL_EXPIRES, valid_for.into()),
            private.map_or_else(no_store, |private| (CACHE_CONTROL, private)),
        ]
    };
    Answer {
        effect: Effect::Allow,
        status: StatusCode::OK,
        own,
        others,
        body: body(Effect::Allow),
        step_up_url_error: None,
    }
}

fn step_up(
    policy: &PolicyName,
    ruling: &Ruling,
    config: &Config,
    step: StepUpContext<'_>,
) -> Answer {
    let way = RemedyKind::of(&ruling.decision);
    let url = step_up_url(way, policy, ruling, config, step);
    let mut own = decided(ruling);
    own.extend(url.clone().ok().map(|url| (STEP_UP_URL, url)));
    let mut others = vec![(CONTENT_TYPE, TEXT), no_store()];
    let step_up_url_error = url.as_ref().err().copied();
    let status = match url {
        Ok(url) if step.is_browser => {
            others.push((LOCATION, url));
            StatusCode::FOUND
        }
        Ok(_) | Err(_) => {
            others.push((WWW_AUTHENTICATE, challenge(way, &config.challenge)));
            StatusCode::UNAUTHORIZED
        }
    };
    Answer {
        effect: Effect::StepUp,
        status,
        own,
        others,
        body: body(Effect::StepUp),
        step_up_url_error,
    }
}

fn deny(ruling: &Ruling) -> Answer {
    Answer {
        effect: Effect::Deny,
        status: StatusCode::FORBIDDEN,
        own: decided(ruling),
        others: vec![(CONTENT_TYPE, TEXT), no_store()],
        body: body(Effect::Deny),
        step_up_url_error: None,
    }
}

/// In the form of a denial, so that nothing shows what exists. What may pass says when to ask again.
fn refused(refusal: Refusal, step: StepUpContext<'_>) -> Answer {
    let mut others = vec![no_store()];
    if let Some(after) = refusal.retry_after() {
        others.push((RETRY_AFTER, whole_seconds(after).into()));
    }
    let body = if refusal == Refusal::Pending && step.is_browser {
        others.extend([(CONTENT_TYPE, HTML), (CONTENT_SECURITY_POLICY, NOTHING)]);
        PENDING_PAGE.to_owned()
    } else {
        others.push((CONTENT_TYPE, TEXT));
        body(Effect::Deny)
    };
    Answer {
        effect: Effect::Deny,
        status: refusal.status(),
        own: vec![(DECISION, decision(Effect::Deny))],
        others,
        body,
        step_up_url_error: None,
    }
}

/// Where the person can do what leads to ALLOW.
fn step_up_url(
    way: RemedyKind<'_>,
    policy: &PolicyName,
    ruling: &Ruling,
    config: &Config,
    step: StepUpContext<'_>,
) -> Result<HeaderValue, StepUpUrlError> {
    let (template, classes, max_age) = match way {
        RemedyKind::Authenticate(session) => {
            let max_age = session.max_age.as_secs().to_string();
            let template = config.step_up_url.as_ref();
            (
                template.ok_or(StepUpUrlError::NoLogin)?,
                acr_values(session).ok_or(StepUpUrlError::Unprintable)?,
                max_age,
            )
        }
        RemedyKind::Verify => match &config.verify_url {
            Some(template) => (template, String::new(), String::new()),
            None => return page_url(policy, ruling, config, step),
        },
        RemedyKind::Other => return Err(StepUpUrlError::NoRemedy),
    };
    let url = template.fill(&Values {
        original_url: step.original_url,
        classes: &classes,
        max_age: &max_age,
        policy: policy.as_str(),
        decision_id: &ruling.id.to_string(),
    });
    let url = url.ok_or(StepUpUrlError::NoOriginalUrl)?;
    value(&url).ok_or(StepUpUrlError::Unprintable)
}

/// Our own page, with a state about this decision. It needs to know where the person returns to.
fn page_url(
    policy: &PolicyName,
    ruling: &Ruling,
    config: &Config,
    step: StepUpContext<'_>,
) -> Result<HeaderValue, StepUpUrlError> {
    let page = config.page.as_ref();
    let page = page.ok_or(StepUpUrlError::NoVerification)?;
    let verification = step.begins.ok_or(StepUpUrlError::NotPermitted)?;
    let original = step.original_url.ok_or(StepUpUrlError::NoOriginalUrl)?;
    let original = original.as_str();
    let decision = (ruling.id, ruling.decision.decided_at());
    let about = (verification, policy);
    let url = page.with_state(decision, about, original, step.email);
    value(&url).ok_or(StepUpUrlError::Unprintable)
}

/// The headers of every decision.
fn decided(ruling: &Ruling) -> Vec<(HeaderName, HeaderValue)> {
    let mut own = vec![(DECISION, decision(ruling.decision.effect()))];
    own.extend(value(&ruling.id.to_string()).map(|id| (DECISION_ID, id)));
    own
}

fn decision(effect: Effect) -> HeaderValue {
    HeaderValue::from_static(match effect {
        Effect::Allow => "ALLOW",
        Effect::StepUp => "STEP_UP",
        Effect::Deny => "DENY",
    })
}

fn no_store() -> (HeaderName, HeaderValue) {
    (CACHE_CONTROL, HeaderValue::from_static("no-store"))
}

fn body(effect: Effect) -> String {
    let text = match effect {
        Effect::Allow => "allow",
        Effect::StepUp => "step up",
        Effect::Deny => "denied",
    };
    format!("{text}\n")
}

/// Rounded up, and at least one: a client that asks again at once would be refused again.
pub fn whole_seconds(duration: Duration) -> u64 {
    let rounded = duration
        .as_secs()
        .saturating_add(u64::from(duration.subsec_nanos() > 0));
    rounded.max(1)
}
