//! The methods of calls, as metrics and logs name them: few, whatever callers ask for.

/// The paths of the methods that are served, and their names.
const METHODS: [(&str, &str); 8] = [
    ("/verigate.v1.AccessService/CheckAccess", "CheckAccess"),
    (
        "/verigate.v1.AccessService/BatchCheckAccess",
        "BatchCheckAccess",
    ),
    (
        "/verigate.v1.AccessService/StreamCheckAccess",
        "StreamCheckAccess",
    ),
    ("/verigate.v1.AccessService/BeginStepUp", "BeginStepUp"),
    ("/grpc.health.v1.Health/Check", "Health/Check"),
    ("/grpc.health.v1.Health/Watch", "Health/Watch"),
    (
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "ServerReflection",
    ),
    (
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        "ServerReflection",
    ),
];

/// The methods that answer callers.
pub(super) const DECIDING: [&str; 4] = [
    "CheckAccess",
    "BatchCheckAccess",
    "StreamCheckAccess",
    "BeginStepUp",
];

/// A path that no service has.
const OTHER: &str = "other";

/// The name of the method at this path.
pub(super) fn method_of(path: &str) -> &'static str {
    let known = METHODS.iter().find(|(known, _)| *known == path);
    known.map_or(OTHER, |(_, name)| name)
}
