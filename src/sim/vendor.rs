//! The state of the simulated vendor, which all requests share.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use parking_lot::{Mutex, MutexGuard};
use tokio::time::sleep;

use super::{
    access::{Credentials, Tokens},
    fault::{ApiCall, Fault, Faults},
    links::{IssuedLink, Links, VerificationResult},
    network::Control,
    people::{Cast, VerificationRecord},
    webhook::WebhookTarget,
};
use crate::{clock::Clock, policy::Timestamp};

/// Maximum number of verifications in [`Calls::details_of`].
const COUNTED_IDS_MAX: usize = 100_000;

/// Everything that the simulated vendor knows.
#[derive(Debug)]
pub(super) struct Vendor {
    /// The address of the API. Links lead here.
    pub url: String,
    pub network: Arc<Control>,
    pub cast: Cast,
    pub credentials: Credentials,
    pub tokens: Tokens,
    pub faults: Faults,
    pub links: Links,
    calls: Mutex<Calls>,
    webhook: Mutex<Option<WebhookTarget>>,
    clock: Arc<dyn Clock>,
}

/// How often each call was made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Calls {
    /// Calls for a token.
    pub authorize: u64,
    /// Calls for details, of any verification.
    pub details: u64,
    /// Calls for details by verification.
    pub details_of: BTreeMap<String, u64>,
    /// Calls for a link.
    pub link: u64,
}

impl Calls {
    fn count(&mut self, call: ApiCall, id: Option<&str>) {
        let all = match call {
            ApiCall::Authorize => &mut self.authorize,
            ApiCall::Details => &mut self.details,
            ApiCall::Link => &mut self.link,
        };
        *all = all.saturating_add(1);
        if let Some(id) = id
            && (self.details_of.len() < COUNTED_IDS_MAX || self.details_of.contains_key(id))
        {
            let of_id = self.details_of.entry(id.to_owned()).or_default();
            *of_id = of_id.saturating_add(1);
        }
    }
}

impl Vendor {
    pub(super) fn new(
        url: String,
        network: Arc<Control>,
        cast: Cast,
        credentials: Credentials,
        token_life: Duration,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            url,
            network,
            cast,
            credentials,
            tokens: Tokens::new(token_life),
            faults: Faults::default(),
            links: Links::default(),
            calls: Mutex::default(),
            webhook: Mutex::default(),
            clock,
        }
    }

    /// Begins a call: counts it, waits for its planned latency, and returns its other planned fault. `id` is the verification
    /// that the call is about, if it is about one.
    pub(super) async fn begin(&self, call: ApiCall, id: Option<&str>) -> Option<Fault> {
        self.lock_calls().count(call, id);
        let (latency, fault) = self.faults.inject(call, id);
        sleep(latency).await;
        fault
    }

    /// How often each call was made.
    pub(super) fn calls(&self) -> Calls {
        self.lock_calls().clone()
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The verification with this id: one of the cast, or one made by a link.
    pub(super) fn verification(&self, id: &str) -> Option<VerificationRecord> {
        let mut cast = self.cast.verifications.iter();
        match cast.find(|(name, _)| name.as_str() == id) {
            Some((_, verification)) => Some(verification.clone()),
            None => self.links.find(id)?.verification,
        }
    }

    /// The person for whom this link was issued opens it and verifies; a person of the cast, if the login hint names none.
    pub(super) fn open(&self, trace_id: &str, result: VerificationResult) -> Option<IssuedLink> {
        let link = self.links.find(trace_id)?;
        let people = &self.cast.people;
        let person = people.get(&link.login).or_else(|| people.values().next());
        let person = person.cloned().unwrap_or_default();
        self.links.verify(trace_id, person, result, self.now());
        Some(link)
    }

    pub(super) fn webhook(&self) -> Option<WebhookTarget> {
        self.lock_webhook().clone()
    }

    pub(super) fn set_webhook(&self, target: WebhookTarget) {
        *self.lock_webhook() = Some(target);
    }

    fn lock_calls(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock()
    }

    fn lock_webhook(&self) -> MutexGuard<'_, Option<WebhookTarget>> {
        self.webhook.lock()
    }
}
