//! `BatchCheckAccess`: many checks by one reading of the clock and one snapshot of the policies. Each has a result of its own, in the
//! order of the requests.
//!
//! Why the checks are made at the same time, and each is a call in flight: those of one verification then wait for one fetch, and a batch
//! takes no longer than its slowest check, and no more of the service than as many calls would. All are begun before the first is waited
//! for, so that what is in memory is decided, and recorded together, without a future for each check.

use std::sync::Arc;

use futures_util::future::{join, join_all};
use tokio::task::coop::consume_budget;
use tonic::Status;
use tracing::{Instrument as _, Span};

use super::{
    calls::{Calls, ObservedItem},
    checks::{BegunCheck, Checked, begin},
    in_flight::{InFlight, InFlightCall},
    status,
};
use crate::{
    call::Call,
    gate::{Gate, Snapshot},
    proto::v1::{
        BatchCheckAccessRequest, BatchCheckAccessResponse, BatchCheckAccessResult,
        CheckAccessRequest, batch_check_access_result,
    },
    span,
    violations::Violations,
};

/// The name of the method in metrics and logs.
const METHOD: &str = "BatchCheckAccess";
/// Checks that one batch may have.
const CHECKS_MAX: usize = 256;

/// Decides the checks of a batch. The batch itself is in flight already, which counts for its first check.
pub(super) async fn batch(
    gate: &Gate,
    in_flight: &InFlight,
    calls: &Arc<Calls>,
    request: BatchCheckAccessRequest,
    call: &Call,
) -> Result<BatchCheckAccessResponse, Status> {
    let checks = request.checks;
    let count = checks.len();
    let batch = span::batch(&call.trace, call.caller.id.as_str(), count);
    if count > CHECKS_MAX {
        let bound = format_args!("must be at most {CHECKS_MAX}; there are {count}");
        let status = status::invalid_argument(&Violations::one("checks", bound));
        span::refused(&batch, status.code());
        return Err(status);
    }
    let batch = Batch {
        gate,
        in_flight,
        calls,
        call,
        snapshot: gate.snapshot(),
        span: batch,
    };
    let mut begun = Vec::with_capacity(count);
    for (index, request) in checks.into_iter().enumerate() {
        // A batch whose evidence is all cached would not let other calls run before its end.
        consume_budget().await;
        begun.push(batch.begin(index, request));
    }
    Ok(BatchCheckAccessResponse {
        results: batch.results(begun).await,
    })
}

/// What the checks of a batch share.
struct Batch<'b> {
    gate: &'b Gate,
    in_flight: &'b InFlight,
    calls: &'b Arc<Calls>,
    call: &'b Call,
    snapshot: Snapshot,
    span: Span,
}

/// One check of a batch, which has begun or was refused.
struct Item {
    index: usize,
    observed: ObservedItem,
    span: Span,
    begun: Result<BegunCheck, Status>,
    /// While it is recorded, if that is waited for.
    in_flight: Option<InFlightCall>,
}

impl Item {
    fn is_absent(&self) -> bool {
        matches!(&self.begun, Ok(begun) if begun.is_absent())
    }
}

impl Batch<'_> {
    /// Another call in flight, unless this check is the one for which the batch itself counts.
    fn enter(&self, index: usize) -> Result<Option<InFlightCall>, Status> {
        if index == 0 {
            return Ok(None);
        }
        let entered = self.in_flight.enter(self.call.caller.id.priority());
        entered.map(Some).ok_or_else(status::too_many_calls)
    }

    fn begin(&self, index: usize, request: CheckAccessRequest) -> Item {
        let caller = &self.call.caller;
        let observed = ObservedItem::begin(self.calls, METHOD, caller, &request.policy);
        let span = span::check_of(&self.span, caller.id.as_str());
        let begun = self.enter(index).and_then(|in_flight| {
            let begun = span.in_scope(|| begin(self.gate, &self.snapshot, request, self.call));
            Ok((begun?, in_flight))
        });
        // What waits for nothing is over before the next one begins, and what is absent may be in memory all the same.
        let (begun, in_flight) = match begun {
            Ok((begun, in_flight)) => {
                let in_flight = in_flight.filter(|_| begun.awaits_record(self.gate));
                (Ok(begun), in_flight)
            }
            Err(status) => (Err(status), None),
        };
        Item {
            index,
            observed,
            span,
            begun,
            in_flight,
        }
    }

    /// The results of these checks, in their order. Those that are decided are waited for one after the other, because they are recorded
    /// together, and the others beside them, at the same time.
    async fn results(&self, begun: Vec<Item>) -> Vec<BatchCheckAccessResult> {
        let (absent, decided): (Vec<_>, Vec<_>) = begun.into_iter().partition(Item::is_absent);
        let decided = async {
            let mut results = Vec::with_capacity(decided.len());
            for item in decided {
                results.push((item.index, self.end(item).await));
            }
            results
        };
        let absent = absent
            .into_iter()
            .map(|item| async { (item.index, self.end(item).await) });
        let (mut results, absent) = join(decided, join_all(absent)).await;
        results.extend(absent);
        results.sort_unstable_by_key(|(index, _)| *index);
        results.into_iter().map(|(_, result)| result).collect()
    }

    /// The result of one check.
    async fn end(&self, item: Item) -> BatchCheckAccessResult {
        let checked = self.checked(item.index, item.begun);
        let checked = checked.instrument(item.span.clone()).await;
        drop(item.in_flight);
        item.observed.end(&item.span, checked.as_ref().err());
        let result = match checked {
            Ok(checked) => batch_check_access_result::Result::Response(checked.into_response()),
            Err(status) => batch_check_access_result::Result::Error(status::item_error(&status)),
        };
        BatchCheckAccessResult {
            result: Some(result),
        }
    }

    async fn checked(
        &self,
        index: usize,
        begun: Result<BegunCheck, Status>,
    ) -> Result<Checked, Status> {
        let begun = begun?;
        let in_flight = if begun.is_absent() {
            self.enter(index)?
        } else {
            None
        };
        let checked = begun.end(self.gate, &self.snapshot, self.call).await;
        drop(in_flight);
        checked
    }
}
