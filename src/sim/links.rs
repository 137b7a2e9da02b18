//! The verification links that were issued, and the verifications that people made by them.

use parking_lot::{Mutex, MutexGuard};

use uuid::Uuid;

use super::{
    people::{Person, VerificationRecord},
    wire::LinkRequest,
};
use crate::policy::Timestamp;

/// Maximum number of links that can be opened; the oldest is dropped first.
const LINKS_MAX: usize = 1024;
/// The scopes that a verification by a link grants.
const SCOPES: [&str; 3] = ["NAME", "DATE_OF_BIRTH", "PHONE"];

/// A link that was issued.
#[derive(Debug, Clone)]
pub(super) struct IssuedLink {
    pub trace_id: String,
    pub correlation_id: Option<String>,
    pub redirect_url: String,
    /// The part of the login hint before the `@`: the name of a person in the cast.
    pub login: String,
    /// The verification that the person made, once the link was opened.
    pub verification: Option<VerificationRecord>,
}

/// Whether the person passes the verification.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum VerificationResult {
    #[default]
    Succeeded,
    Failed,
}

impl VerificationResult {
    /// The status in the details.
    pub(super) fn status(self) -> &'static str {
        match self {
            Self::Succeeded => "VERIFIED",
            Self::Failed => "FAILED",
        }
    }

    /// The event of the webhook.
    pub(super) fn event(self) -> &'static str {
        match self {
            Self::Succeeded => "verification.succeeded",
            Self::Failed => "verification.failed",
        }
    }
}

/// All links that can be opened.
#[derive(Debug, Default)]
pub(super) struct Links(Mutex<Vec<IssuedLink>>);

impl Links {
    /// Issues a link, and returns its trace id.
    pub(super) fn issue(&self, request: LinkRequest) -> String {
        let trace_id = Uuid::new_v4().to_string();
        let login = request.login_hint.split('@').next().unwrap_or_default();
        let mut links = self.lock();
        if links.len() >= LINKS_MAX {
            links.remove(0);
        }
        links.push(IssuedLink {
            trace_id: trace_id.clone(),
            correlation_id: request.correlation_id,
            redirect_url: request.redirect_url,
            login: login.to_owned(),
            verification: None,
        });
        trace_id
    }

    /// The link with this trace id.
    pub(super) fn find(&self, trace_id: &str) -> Option<IssuedLink> {
        let links = self.lock();
        links.iter().find(|link| link.trace_id == trace_id).cloned()
    }

    /// Records that this person verified by the link with this trace id.
    pub(super) fn verify(
        &self,
        trace_id: &str,
        person: Person,
        result: VerificationResult,
        now: Timestamp,
    ) {
        let mut links = self.lock();
        if let Some(link) = links.iter_mut().find(|link| link.trace_id == trace_id) {
            link.verification = Some(VerificationRecord {
                about: None,
                status: result.status().to_owned(),
                verified_at: (result == VerificationResult::Succeeded).then_some(now),
                scopes: SCOPES.map(str::to_owned).into(),
                trace_id: trace_id.to_owned(),
                project_id: "project-demo".to_owned(),
                person,
            });
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<IssuedLink>> {
        self.0.lock()
    }
}
