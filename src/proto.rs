//! The public contract as Rust, generated from `proto/verigate/v1/access.proto` when the crate is built; and the part of Envoy's interface that
//! is served.

pub mod time;
pub mod remedies;
pub mod json;
pub mod codec;
mod code;

pub use self::code::code_name;

/// Package `verigate.v1`.
pub mod v1 {
    #![allow(
        missing_docs,
        missing_debug_implementations,
        clippy::allow_attributes,
        clippy::pedantic,
        clippy::large_enum_variant,
        reason = "generated"
    )]
    include!(concat!(env!("OUT_DIR"), "/verigate.v1.rs"));
}

/// Envoy's external authorization, and the packages that it uses.
pub mod ext_authz {
    #![allow(
        missing_docs,
        missing_debug_implementations,
        clippy::allow_attributes,
        clippy::pedantic,
        clippy::large_enum_variant,
        reason = "generated"
    )]
    include!(concat!(env!("OUT_DIR"), "/ext_authz.rs"));
}

/// Envoy's external authorization as a descriptor set, for reflection.
pub const EXT_AUTHZ_DESCRIPTORS: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/ext_authz.binpb"));

/// The contract as a descriptor set, for reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/access.binpb"));
