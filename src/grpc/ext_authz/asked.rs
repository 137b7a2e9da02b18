//! What Envoy asks: the person by the headers that are configured, by the token of the session, or by claims that Envoy has verified, and never
//! by two of them where they differ.

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{ACCEPT, COOKIE},
};
use tonic::Status;

use super::{claims::Claims, config::Config, headers};
use crate::{
    call::TRACEPARENT,
    callers::{Assertion, Permissions},
    gateway::{self, OriginalUrl, Refusal, SessionContext, accepts_pages, asked},
    policy::{Policy, PolicyName, Timestamp},
    proto::ext_authz::envoy::{config::core::v3::Metadata, service::auth::v3::AttributeContext},
    request_id::{REQUEST_ID, of_header},
    session::{self, SessionToken},
};

const TRACE: HeaderName = HeaderName::from_static(TRACEPARENT);
/// The entry of `context_extensions` by which a route says that browsers come to it.
const PROFILE: &str = "profile";
const BROWSER: &str = "browser";

/// What Envoy says of a request, beside the policy.
#[derive(Debug)]
pub(super) struct RequestContext {
    /// The headers that are read, and no others.
    pub(super) headers: HeaderMap,
    /// Those of the client under names of ours.
    pub(super) own_headers: Vec<HeaderName>,
    /// Whether the client is a browser on a route for browsers.
    pub(super) is_browser: bool,
    /// What was asked for, if a person may return there.
    pub(super) original_url: Option<OriginalUrl>,
}

impl RequestContext {
    pub(super) fn of(
        attributes: &AttributeContext,
        config: &gateway::Config,
        session_header: Option<&HeaderName>,
    ) -> Result<Self, String> {
        let request = attributes.request.as_ref();
        let http = request.and_then(|request| request.http.as_ref());
        let http = http.ok_or("the attributes have no HTTP request")?;
        let own = [&config.verification_header, &config.identity_header];
        let names = own.into_iter().chain(session_header).cloned();
        let cookie = config.hand_ons.is_some().then_some(COOKIE);
        let names = names.chain([ACCEPT, REQUEST_ID, TRACE]).chain(cookie);
        let names: Vec<HeaderName> = names.collect();
        let headers = headers::named(http, &names)?;
        let profile = attributes.context_extensions.get(PROFILE);
        let is_for_browsers = profile.is_some_and(|profile| profile == BROWSER);
        let hosts = &config.return_hosts;
        Ok(Self {
            is_browser: is_for_browsers && accepts_pages(&headers),
            original_url: hosts.admit(&http.scheme, &http.host, &http.path),
            own_headers: headers::own(http)?,
            headers,
        })
    }

    /// The headers that say to which trace the call belongs: those of the call, or else those of the client's request.
    pub(super) fn headers_of_call<'h>(&'h self, call: &'h HeaderMap) -> &'h HeaderMap {
        if call.contains_key(&TRACE) {
            call
        } else {
            &self.headers
        }
    }
}

/// What a request is made of.
#[derive(Debug)]
pub(super) struct AuthzRequest<'a> {
    pub(super) policy: PolicyName,
    pub(super) in_force: Option<&'a Policy>,
    pub(super) situation: &'a RequestContext,
    pub(super) metadata: Option<&'a Metadata>,
    pub(super) config: &'a Config,
    pub(super) token: &'a SessionToken,
    pub(super) session: Option<&'a session::Config>,
    pub(super) permissions: &'a Permissions,
    pub(super) now: Timestamp,
}

impl AuthzRequest<'_> {
    /// The request.
    pub(super) fn request(self) -> Result<gateway::Asked, Status> {
        let names = &self.config.claims;
        let claims = Claims::of(self.metadata, names.payload.as_deref());
        let claims = claims.map_err(Status::invalid_argument)?;
        let gateway = &self.config.gateway;
        let mut headers = self.situation.headers.clone();
        let ids = [
            (&names.verification, &gateway.verification_header),
            (&names.identity, &gateway.identity_header),
        ];
        for (claim, header) in ids {
            if let Some(claim) = claim {
                by_claim(claims, claim, header, &mut headers)?;
            }
        }
        let attested = SessionContext {
            token: self.token,
            config: self.session,
        };
        let asked = asked(self.policy, &headers, gateway, attested, self.in_force);
        let mut asked = asked.map_err(refused)?;
        asked.request.id = of_header(&self.situation.headers);
        let may_assert = self
            .permissions
            .asserts
            .contains(&Assertion::Authentication);
        if let Some(claims) = claims.filter(|_| may_assert)
            && asked.request.authentication.is_none()
        {
            let authentication = claims.authentication(self.now).map_err(|error| {
                Status::invalid_argument(format!("in the metadata of Envoy: {error}"))
            })?;
            let is_given = !authentication.is_empty();
            asked.request.authentication =
                is_given.then(|| authentication.judged_by(self.in_force));
        }
        Ok(asked)
    }
}

/// Puts what a claim says in place of a header. Where a claim has it, no header can stand in for it, and none may say something else.
fn by_claim(
    claims: Option<Claims<'_>>,
    claim: &str,
    header: &HeaderName,
    headers: &mut HeaderMap,
) -> Result<(), Status> {
    let claimed = match claims {
        None => None,
        Some(claims) => claims.text(claim).map_err(Status::invalid_argument)?,
    };
    let differs = |given: &HeaderValue| Some(given.as_bytes()) != claimed.map(str::as_bytes);
    if headers.get_all(header).iter().any(differs) {
        return Err(refused(Refusal::ConflictingId));
    }
    headers.remove(header);
    if let Some(claimed) = claimed {
        let value = HeaderValue::from_str(claimed).map_err(|_| refused(Refusal::BadId))?;
        headers.insert(header, value);
    }
    Ok(())
}

/// The error of a request that does not say clearly whom it is about.
fn refused(refusal: Refusal) -> Status {
    Status::invalid_argument(match refusal.hint() {
        Some(hint) => format!("{}: {hint}", refusal.as_str()),
        None => refusal.as_str().to_owned(),
    })
}
