//! What the requests of each method on the gRPC port are. A test compares the table with the descriptors.

use prost::{DecodeError, Message};

use crate::proto::{ext_authz::envoy::service::auth::v3 as envoy, v1};

/// The largest message of a request, in bytes: as it is sent, and decompressed.
pub(super) const MESSAGE_BYTES_MAX: usize = 16 * 1024;
/// The same of a batch.
pub(super) const BATCH_BYTES_MAX: usize = 1024 * 1024;

/// The same of a request of Envoy, which has all headers of its client.
pub(super) const EXT_AUTHZ_BYTES_MAX: usize = 128 * 1024;

/// The method by which Envoy asks.
pub(super) const EXT_AUTHZ: &str = "/envoy.service.auth.v3.Authorization/Check";
/// The path of a check.
pub(super) const CHECK_ACCESS: &str = "/verigate.v1.AccessService/CheckAccess";

/// What the requests of a method are.
#[derive(Debug)]
pub(super) struct Signature {
    path: &'static str,
    /// The method's name in metrics and logs.
    pub(super) name: &'static str,
    /// How its calls are bounded.
    pub(super) kind: Kind,
    /// What answers them.
    pub(super) handler: Handler,
    /// The largest message of a request, in bytes: as it is sent, and decompressed.
    pub(super) message_bytes_max: usize,
    /// Whether a message can be decoded.
    pub(super) decode: fn(&[u8]) -> Result<(), DecodeError>,
}

impl Signature {
    const fn of<M: Message + Default>(
        kind: Kind,
        handler: Handler,
        name: &'static str,
        path: &'static str,
    ) -> Self {
        Self {
            path,
            name,
            kind,
            handler,
            message_bytes_max: MESSAGE_BYTES_MAX,
            decode: decode::<M>,
        }
    }

    /// Whether a call has any number of messages, and not just one.
    pub(super) fn streams(&self) -> bool {
        matches!(self.kind, Kind::Stream | Kind::CheckStream)
    }
}

/// What answers the calls of a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Handler {
    CheckAccess,
    BatchCheckAccess,
    StreamCheckAccess,
    BeginStepUp,
    ExtAuthz,
    /// Health and reflection.
    Others,
}

/// How the calls of a method are bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// One message, and work for its answer: within the calls that may be in flight.
    Deciding,
    /// One message, and next to no work: also answered when there are too many calls.
    Probe,
    /// One message, and answers until the caller leaves: within the watches that may be open.
    Watch,
    /// Any number of messages: within the streams of its connection.
    Stream,
    /// Any number of checks: within the streams of checks that may be open, and each check within the calls that may be in flight.
    CheckStream,
}

const SIGNATURES: [Signature; 9] = [
    Signature::of::<v1::CheckAccessRequest>(
        Kind::Deciding,
        Handler::CheckAccess,
        "CheckAccess",
        CHECK_ACCESS,
    ),
    Signature {
        message_bytes_max: BATCH_BYTES_MAX,
        ..Signature::of::<v1::BatchCheckAccessRequest>(
            Kind::Deciding,
            Handler::BatchCheckAccess,
            "BatchCheckAccess",
            "/verigate.v1.AccessService/BatchCheckAccess",
        )
    },
    Signature::of::<v1::CheckAccessRequest>(
        Kind::CheckStream,
        Handler::StreamCheckAccess,
        "StreamCheckAccess",
        "/verigate.v1.AccessService/StreamCheckAccess",
    ),
    Signature::of::<v1::BeginStepUpRequest>(
        Kind::Deciding,
        Handler::BeginStepUp,
        "BeginStepUp",
        "/verigate.v1.AccessService/BeginStepUp",
    ),
    Signature {
        message_bytes_max: EXT_AUTHZ_BYTES_MAX,
        ..Signature::of::<envoy::CheckRequest>(
            Kind::Deciding,
            Handler::ExtAuthz,
            "ext_authz",
            EXT_AUTHZ,
        )
    },
    Signature::of::<tonic_health::pb::HealthCheckRequest>(
        Kind::Probe,
        Handler::Others,
        "Health/Check",
        "/grpc.health.v1.Health/Check",
    ),
    Signature::of::<tonic_health::pb::HealthCheckRequest>(
        Kind::Watch,
        Handler::Others,
        "Health/Watch",
        "/grpc.health.v1.Health/Watch",
    ),
    Signature::of::<tonic_reflection::pb::v1::ServerReflectionRequest>(
        Kind::Stream,
        Handler::Others,
        "ServerReflection",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    ),
    Signature::of::<tonic_reflection::pb::v1alpha::ServerReflectionRequest>(
        Kind::Stream,
        Handler::Others,
        "ServerReflection",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    ),
];

/// The signature of the method at this path.
pub(super) fn at(path: &str) -> Option<&'static Signature> {
    SIGNATURES.iter().find(|known| known.path == path)
}

fn decode<M: Message + Default>(message: &[u8]) -> Result<(), DecodeError> {
    M::decode(message).map(drop)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use prost_types::FileDescriptorSet;

    use super::*;
    use crate::proto::{DESCRIPTORS, EXT_AUTHZ_DESCRIPTORS};

    #[test]
    fn the_table_has_every_method_of_every_service() {
        let sets = [
            DESCRIPTORS,
            EXT_AUTHZ_DESCRIPTORS,
            tonic_health::pb::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
        ];
        let mut served = BTreeSet::new();
        for set in sets {
            for file in FileDescriptorSet::decode(set).unwrap().file {
                for service in &file.service {
                    for method in &service.method {
                        let (package, service) = (file.package(), service.name());
                        let path = format!("/{package}.{service}/{}", method.name());
                        served.insert((path, method.client_streaming()));
                    }
                }
            }
        }
        let table = SIGNATURES.iter().map(|m| (m.path.to_owned(), m.streams()));
        assert_eq!(table.collect::<BTreeSet<_>>(), served);
    }
}
