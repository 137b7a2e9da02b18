//! What the requests of each method on the gRPC port are. A test compares the table with the descriptors.

use prost::{DecodeError, Message};

use crate::proto::v1;

/// The largest message of a request, in bytes: as it is sent, and decompressed.
pub(super) const MESSAGE_BYTES_MAX: usize = 16 * 1024;
/// The same of a batch.
pub(super) const BATCH_BYTES_MAX: usize = 1024 * 1024;

/// What the requests of a method are.
#[derive(Debug)]
pub(super) struct Signature {
    path: &'static str,
    /// The method's name in metrics and logs.
    pub(super) name: &'static str,
    /// Whether a call has any number of messages, and not just one.
    pub(super) streams: bool,
    /// The largest message of a request, in bytes: as it is sent, and decompressed.
    pub(super) message_bytes_max: usize,
    /// Whether a message can be decoded.
    pub(super) decode: fn(&[u8]) -> Result<(), DecodeError>,
}

impl Signature {
    const fn one<M: Message + Default>(name: &'static str, path: &'static str) -> Self {
        Self {
            path,
            name,
            streams: false,
            message_bytes_max: MESSAGE_BYTES_MAX,
            decode: decode::<M>,
        }
    }

    const fn stream<M: Message + Default>(name: &'static str, path: &'static str) -> Self {
        Self {
            path,
            name,
            streams: true,
            message_bytes_max: MESSAGE_BYTES_MAX,
            decode: decode::<M>,
        }
    }
}

const SIGNATURES: [Signature; 8] = [
    Signature::one::<v1::CheckAccessRequest>(
        "CheckAccess",
        "/verigate.v1.AccessService/CheckAccess",
    ),
    Signature {
        message_bytes_max: BATCH_BYTES_MAX,
        ..Signature::one::<v1::BatchCheckAccessRequest>(
            "BatchCheckAccess",
            "/verigate.v1.AccessService/BatchCheckAccess",
        )
    },
    Signature::stream::<v1::CheckAccessRequest>(
        "StreamCheckAccess",
        "/verigate.v1.AccessService/StreamCheckAccess",
    ),
    Signature::one::<v1::BeginStepUpRequest>(
        "BeginStepUp",
        "/verigate.v1.AccessService/BeginStepUp",
    ),
    Signature::one::<tonic_health::pb::HealthCheckRequest>(
        "Health/Check",
        "/grpc.health.v1.Health/Check",
    ),
    Signature::one::<tonic_health::pb::HealthCheckRequest>(
        "Health/Watch",
        "/grpc.health.v1.Health/Watch",
    ),
    Signature::stream::<tonic_reflection::pb::v1::ServerReflectionRequest>(
        "ServerReflection",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    ),
    Signature::stream::<tonic_reflection::pb::v1alpha::ServerReflectionRequest>(
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
    use crate::proto::DESCRIPTORS;

    #[test]
    fn the_table_has_every_method_of_every_service() {
        let sets = [
            DESCRIPTORS,
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
        let table = SIGNATURES.iter().map(|m| (m.path.to_owned(), m.streams));
        assert_eq!(table.collect::<BTreeSet<_>>(), served);
    }
}
