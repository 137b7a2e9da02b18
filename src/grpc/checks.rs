//! One check, from the message of its request to that of its answer: by itself, in a batch and in a stream.

use std::sync::Arc;

use tonic::Status;

use super::{check_request::check_request, check_response::check_response, status};
use crate::{
    call::Call,
    gate::{Gate, Snapshot},
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
    let request =
        check_request(request).map_err(|violations| status::invalid_argument(&violations))?;
    let request = Arc::new(request);
    let deadline = call.deadline.after(snapshot.elapsed());
    let ruling = deadline
        .enforce(gate.check_at(snapshot, &request, call))
        .await
        .ok_or_else(status::deadline_exceeded)?
        .map_err(|error| status::check_error(&error))?;
    Ok(Checked { request, ruling })
}
