//! `BatchCheckAccess`: many checks by one reading of the clock and one snapshot of the policies. Each has a result of its own, in the
//! order of the requests.
//!
//! Why the checks are made at the same time, and each is a call in flight: those of one verification then wait for one fetch, and a batch
//! takes no longer than its slowest check, and no more of the service than as many calls would.

use std::sync::Arc;

use futures_util::future::join_all;
use tokio::task::coop::consume_budget;
use tonic::Status;
use tracing::{Instrument as _, Span};

use super::{
    calls::{Calls, ObservedItem},
    checks::check,
    in_flight::InFlight,
    status,
};
use crate::{
    call::Call,
    gate::{Gate, Snapshot},
    proto::v1::{
        BatchCheckAccessRequest, BatchCheckAccessResponse, BatchCheckAccessResult,
        CheckAccessRequest, CheckAccessResponse, batch_check_access_result,
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
    let checks = checks.into_iter().enumerate();
    let results = checks.map(|(index, request)| batch.result(index, request));
    Ok(BatchCheckAccessResponse {
        results: join_all(results).await,
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

impl Batch<'_> {
    /// The result of one check.
    async fn result(&self, index: usize, request: CheckAccessRequest) -> BatchCheckAccessResult {
        // A batch whose evidence is all cached would not let other calls run before its end.
        consume_budget().await;
        let item = ObservedItem::begin(self.calls, METHOD, &self.call.caller, &request.policy);
        let span = span::check_of(&self.span, self.call.caller.id.as_str());
        let checked = self.check(index, request).instrument(span.clone()).await;
        item.end(&span, checked.as_ref().err());
        let result = match checked {
            Ok(response) => batch_check_access_result::Result::Response(response),
            Err(status) => batch_check_access_result::Result::Error(status::item_error(&status)),
        };
        BatchCheckAccessResult {
            result: Some(result),
        }
    }

    async fn check(
        &self,
        index: usize,
        request: CheckAccessRequest,
    ) -> Result<CheckAccessResponse, Status> {
        let in_flight = match index {
            0 => None,
            _ => {
                let entered = self.in_flight.enter(self.call.caller.id.priority());
                Some(entered.ok_or_else(status::too_many_calls)?)
            }
        };
        let checked = check(self.gate, &self.snapshot, request, self.call).await?;
        drop(in_flight);
        Ok(checked.response())
    }
}
