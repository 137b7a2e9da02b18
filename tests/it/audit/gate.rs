//! The real gate over evidence that a test says, with a journal that is read back.

use std::{
    fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use http::{Extensions, HeaderMap};
use parking_lot::Mutex;
use tempfile::TempDir;
use verigate::{
    call::{Call, Deadline, Deadlines},
    callers::{Caller, OverQuotaError},
    clock::{Clock as _, ManualClock},
    deps::Deps,
    gate::Gate,
    journal::{self, AuditorKey, Keys, QueueLimits, SegmentTerms},
    live::Live,
    peer::PeerAddress,
    policy::{Evidence, PolicySet, Request, Timestamp, VerificationId, after},
    provenance::{Origin, Timings},
    refusals::Refusals,
    ruling::Ruling,
    source::{Known, LookupRequest, Source, Succession},
};

use super::schema::check_lines;

/// How long every caller waits.
pub const DEADLINE: Duration = Duration::from_millis(4321);

/// A source that says what it was given last.
#[derive(Debug, Default)]
struct Script(Mutex<Option<(Arc<Evidence>, Timings)>>);

#[async_trait]
impl Source for Script {
    async fn look_up(
        &self,
        _: &VerificationId,
        request: LookupRequest,
    ) -> Result<Known, OverQuotaError> {
        let (evidence, timings) = self.0.lock().clone().unwrap();
        Ok(Known {
            evidence,
            origin: Origin::Upstream,
            outage: None,
            timings,
            not_before: request.at.now,
            succession: Succession::None,
        })
    }
}

/// A gate with its journal.
pub struct Judge {
    pub deps: Deps,
    clock: Arc<ManualClock>,
    source: Arc<Script>,
    gate: Gate,
    writer: journal::Writer,
    path: PathBuf,
    pub folder: TempDir,
}

/// A check that was made.
pub struct Checked {
    pub request: Request,
    pub ruling: Ruling,
}

impl Judge {
    /// By these policies and a shadow, from this instant on, recording these attributes and, for this auditor, the facts.
    pub fn new(
        in_force: PolicySet,
        shadow: PolicySet,
        at: Timestamp,
        attributes: &[String],
        auditor: &AuditorKey,
    ) -> Self {
        let keys = |_: &Path| Keys {
            auditor: Some(auditor.recipient()),
            ..Keys::default()
        };
        Self::with_keys(in_force, shadow, at, attributes, keys)
    }

    /// The same, with the keys that are made for the path of the journal.
    pub fn with_keys(
        in_force: PolicySet,
        shadow: PolicySet,
        at: Timestamp,
        attributes: &[String],
        keys: impl FnOnce(&Path) -> Keys,
    ) -> Self {
        let clock = Arc::new(ManualClock::at(at));
        let deps = Deps::new(Arc::clone(&clock) as _);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("decisions.jsonl");
        let output = journal::open(&path, SegmentTerms::default(), at).unwrap();
        let keys = keys(&path);
        let limits = QueueLimits::default();
        let started = journal::start_with(output, limits, keys, Vec::new(), &deps).unwrap();
        let names = attributes.iter().map(|name| name.as_str().into());
        let journal = started.journal.with_attributes(names.collect());
        let refusals = Refusals::new(journal.clone(), &deps).unwrap();
        let live = Live::new(in_force).with_shadow(Arc::new(Live::new(shadow)));
        let source = Arc::new(Script::default());
        let gate = Gate::new(
            Arc::new(live),
            Arc::clone(&source) as _,
            journal,
            refusals,
            &deps,
        );
        Self {
            gate: gate.unwrap(),
            writer: started.writer,
            deps,
            clock,
            source,
            path,
            folder,
        }
    }

    /// Moves the clock forward to this instant.
    pub fn at(&self, instant: Timestamp) {
        let ahead = instant.as_millisecond() - self.clock.now().as_millisecond();
        self.clock
            .advance(Duration::from_millis(ahead.try_into().unwrap()));
        assert_eq!(after(instant, Duration::ZERO), self.clock.now());
    }

    /// Checks a request by this evidence.
    pub async fn check(&self, request: Request, evidence: Evidence, timings: Timings) -> Checked {
        *self.source.0.lock() = Some((Arc::new(evidence), timings));
        let mut extensions = Extensions::new();
        extensions.insert(Caller::internal());
        extensions.insert(Deadline::within(DEADLINE));
        let deadlines = Deadlines {
            default: DEADLINE,
            longest: DEADLINE,
        };
        let call = Call {
            peer: Some(PeerAddress::Ip((Ipv4Addr::LOCALHOST, 4711).into())),
            ..Call::of(&HeaderMap::new(), &extensions, deadlines)
        };
        let shared = Arc::new(request.clone());
        let ruling = self.gate.check(&shared, &call).await.unwrap();
        Checked { request, ruling }
    }

    /// Stops it: the lines of the decisions, the file and its folder.
    pub async fn stop(self) -> (Vec<String>, PathBuf, TempDir) {
        self.writer.flush().await;
        let text = fs::read_to_string(&self.path).unwrap();
        check_lines(&text);
        let lines = text.lines().filter(|line| line.contains("\"decision_id\""));
        (lines.map(str::to_owned).collect(), self.path, self.folder)
    }
}
