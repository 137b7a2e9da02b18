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
    pub(super) fn response(&self) -> v1::CheckAccessResponse {
        check_response(&self.request, &self.ruling)
    }
}

/// Decides a request by this snapshot, within the deadline of the call, which counts from the snapshot.
pub(super) async fn check(
    gate: &Gate,
    snapshot: &Snapshot,
    request: v1::CheckAccessRequest,
    call: &Call,
) -> Result<Checked, Status> {
    let request = parsed(request)?;
    let ruling = gate.check_at(snapshot, &request, call).await;
    let ruling = ruling.map_err(|error| status::check_error(&error))?;
    Ok(Checked { request, ruling })
}

/// The same with policies that are in force now. What can be decided from memory is decided before this returns.
///
/// Not an `async fn`: what is decided from memory does not hold its snapshot and its call while it is recorded.
pub(super) fn check_now(
    gate: &Gate,
    request: v1::CheckAccessRequest,
    call: Call,
) -> impl Future<Output = Result<Checked, Status>> + Send + use<'_> {
    let snapshot = gate.snapshot();
    let stopwatch = snapshot.stopwatch();
    let begun = parsed(request).and_then(|request| {
        let begun = gate.begin(&snapshot, &request, &call);
        let begun = begun.map_err(|error| status::check_error(&error))?;
        Ok((request, begun))
    });
    let (request, begun) = match begun {
        Ok(begun) => begun,
        Err(status) => return Either::Left(ready(Err(status))),
    };
    let ruling = match begun {
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

fn parsed(request: v1::CheckAccessRequest) -> Result<Arc<Request>, Status> {
    let request = check_request(request);
    let request = request.map_err(|violations| status::invalid_argument(&violations))?;
    Ok(Arc::new(request))
}
