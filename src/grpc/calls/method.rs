//! The methods of calls, as metrics and logs name them: few, whatever callers ask for.

use crate::grpc::signature;

/// The methods that answer callers.
pub(super) const DECIDING: [&str; 5] = [
    "CheckAccess",
    "BatchCheckAccess",
    "StreamCheckAccess",
    "BeginStepUp",
    "ext_authz",
];

/// Those whose calls have several checks each.
pub(super) const WITH_ITEMS: [&str; 2] = ["BatchCheckAccess", "StreamCheckAccess"];

/// A path that no service has.
const OTHER: &str = "other";

/// The name of the method at this path.
pub(super) fn method_of(path: &str) -> &'static str {
    signature::at(path).map_or(OTHER, |signature| signature.name)
}
