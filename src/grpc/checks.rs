//! One check, from the message of its request to that of its answer: by itself, in a batch and in a stream.

use std::{future::ready, sync::Arc};

use futures_util::{FutureExt as _, future::Either};
use tonic::Status;

use super::{check_request::check_request, check_response::check_response, status};
use crate::{
    call::Call,
    gate::{FirstStep, Gate, Snapshot},
    policy::Request,
    proto::v1,
    ruling::Ruling,
};

/// A check that was decided.
#[derive(Debug)]
pub(super) struct Checked {
    request: Arc<Request>,
    pub(super) ruling: Ruling,
}

impl Checked {
    /// The answer.
    pub(super) fn into_response(self) -> v1::CheckAccessResponse {
        // Once it is recorded, nobody else has the request.
        let id = match Arc::try_unwrap(self.request) {
            Ok(request) => request.id,
            Err(shared) => shared.id.clone(),
        };
        check_response(id, &self.ruling)
    }
}

/// A check that has begun: it is decided, or waits for what is not in memory.
#[derive(Debug)]
pub(super) struct BegunCheck {
    request: Arc<Request>,
    step: FirstStep,
}

/// Begins to decide a request by this snapshot, within the deadline of the call, which counts from the snapshot. Waits for nothing.
pub(super) fn begin(
    gate: &Gate,
    snapshot: &Snapshot,
    request: v1::CheckAccessRequest,
    call: &Call,
) -> Result<BegunCheck, Status> {
    let request = check_request(request);
    let request = request.map_err(|violations| status::invalid_argument(&violations))?;
    let request = Arc::new(request);
    let step = gate.begin(snapshot, &request, call);
    let step = step.map_err(|error| status::check_error(&error))?;
    Ok(BegunCheck { request, step })
}

impl BegunCheck {
    /// Whether it waits for what is not in memory.
    pub(super) fn is_absent(&self) -> bool {
        matches!(self.step, FirstStep::Absent(_))
    }

    /// Whether it is decided, and its record is waited for.
    pub(super) fn awaits_record(&self, gate: &Gate) -> bool {
        matches!(&self.step, FirstStep::Recording(recording) if !gate.is_recorded(recording))
    }

    /// Ends the check, with the snapshot and the call with which it began: once it is decided and recorded.
    pub(super) async fn end(
        self,
        gate: &Gate,
        snapshot: &Snapshot,
        call: &Call,
    ) -> Result<Checked, Status> {
        let Self { request, step } = self;
        let recording = match step {
            FirstStep::Recording(recording) => Ok(recording),
            // Apart, as in `Gate::check_at`, whose future would be nearly twice as large if it called a function that does both.
            FirstStep::Absent(admitted) => {
                Box::pin(gate.look_up_and_decide(snapshot, admitted, call)).await
            }
        };
        let recording = recording.map_err(|error| status::check_error(&error))?;
        let ruling = gate.recorded(recording, snapshot.stopwatch()).await;
        let ruling = ruling.map_err(|error| status::check_error(&error))?;
        Ok(Checked { request, ruling })
    }
}

/// Decides a request with policies that are in force now. What can be decided from memory is decided before this returns.
///
/// Not an `async fn`: what is decided from memory does not hold its snapshot and its call while it is recorded.
pub(super) fn check_now(
    gate: &Gate,
    request: v1::CheckAccessRequest,
    call: Call,
) -> impl Future<Output = Result<Checked, Status>> + Send + use<'_> {
    let snapshot = gate.snapshot();
    let BegunCheck { request, step } = match begin(gate, &snapshot, request, &call) {
        Ok(begun) => begun,
        Err(status) => return Either::Left(ready(Err(status))),
    };
    let stopwatch = snapshot.stopwatch();
    let ruling = match step {
        FirstStep::Recording(recording) => Either::Left(gate.recorded(recording, stopwatch)),
        FirstStep::Absent(admitted) => Either::Right(Box::pin(async move {
            let decided = gate.look_up_and_decide(&snapshot, admitted, &call);
            gate.recorded(decided.await?, stopwatch).await
        })),
    };
    Either::Right(ruling.map(|ruling| match ruling {
        Ok(ruling) => Ok(Checked { request, ruling }),
        Err(error) => Err(status::check_error(&error)),
    }))
}
