//! The gRPC services: decisions, health and reflection.

mod calls;
mod service;
mod authentication;
mod in_flight;
mod incoming_call;
mod access;
mod batch;
mod check_stream;
mod checks;
pub mod ext_authz;
mod check_request;
mod check_response;
mod step_up_request;
mod unary;
mod server_timing;
mod status;
mod protocol;
mod rejection;
mod framing;
mod signature;

use std::sync::Arc;

use axum::Router;
use prost::{DecodeError, Message as _};
use prost_types::FileDescriptorSet;
use tonic::service::Routes;
use tonic_health::{
    pb::health_server::{Health, HealthServer},
    server::HealthReporter,
};

use self::{access::Access, ext_authz::ExtAuthz, service::Parts, signature::MESSAGE_BYTES_MAX};
pub use self::{
    authentication::Authentication, calls::Calls, in_flight::InFlight, rejection::Rejections,
    service::GrpcService,
};
use crate::{
    call::Deadlines,
    deps::Deps,
    gate::Gate,
    gateway::StepUpUrlLog,
    live::Live,
    proto::{DESCRIPTORS, EXT_AUTHZ_DESCRIPTORS},
    session::Sessions,
    step_up::StepUps,
};

/// The services that health checks name; the empty name is the whole server.
const SERVICES: [&str; 2] = ["", "verigate.v1.AccessService"];

/// Who may make calls, how many at once, and how long each may take.
#[derive(Debug)]
pub struct Terms {
    /// How long calls may take.
    pub deadlines: Deadlines,
    /// How many may be in flight.
    pub in_flight: InFlight,
    /// Counts and logs them.
    pub calls: Arc<Calls>,
    /// Who may make them.
    pub authentication: Authentication,
}

/// What gateways are answered by.
#[derive(Debug)]
pub struct Gateways {
    /// How they ask, and how they are answered.
    pub config: ext_authz::Config,
    /// The policies in force.
    pub live: Arc<Live>,
    /// The tokens of sessions.
    pub sessions: Sessions,
}

/// The services and their health.
#[derive(Debug)]
pub struct Grpc {
    /// Every service.
    pub service: GrpcService,
    /// Sets what health checks report.
    pub health: HealthReporter,
    /// Records what is not taken for a call.
    pub rejections: Arc<Rejections>,
}

/// The services cannot be built: an internal error.
#[derive(Debug, thiserror::Error)]
pub enum ServicesError {
    /// The descriptors of the contract cannot be served.
    #[error("the contract's descriptors cannot be served")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// The types of the details of errors cannot be decoded.
    #[error("cannot decode the types of the details of errors")]
    Details(#[from] DecodeError),
    /// A metric cannot be registered.
    #[error(transparent)]
    Metrics(#[from] prometheus::Error),
}

/// Builds the services. Every answer is given within its deadline, and what is not a call of gRPC is rejected.
pub fn services(
    gate: Arc<Gate>,
    step_ups: StepUps,
    gateways: Gateways,
    terms: Terms,
    deps: &Deps,
) -> Result<Grpc, ServicesError> {
    let Terms {
        deadlines,
        in_flight,
        calls,
        authentication,
    } = terms;
    let rejections = Arc::new(Rejections::new(deps)?);
    let gateway = Arc::new(gateways.config);
    let ext_authz = ExtAuthz {
        gate: Arc::clone(&gate),
        live: gateways.live,
        sessions: gateways.sessions,
        config: Arc::clone(&gateway),
        clock: Arc::clone(&deps.clock),
        step_up_url_log: StepUpUrlLog::default(),
    };
    let access = Arc::new(Access {
        gate,
        step_ups,
        deadlines,
        in_flight: in_flight.clone(),
        calls: Arc::clone(&calls),
        authentication: authentication.clone(),
        clock: Arc::clone(&deps.clock),
    });
    let (health, health_service) = tonic_health::server::health_reporter();
    let health_service = health_service.max_decoding_message_size(MESSAGE_BYTES_MAX);
    let others = others(health_service)?;
    let service = GrpcService::new(Parts {
        access,
        ext_authz,
        gateway,
        others,
        rejections: Arc::clone(&rejections),
        calls,
        in_flight,
        watches: in_flight::watches(),
        check_streams: in_flight::check_streams(),
        authentication,
        deadlines,
    });
    Ok(Grpc {
        service,
        health,
        rejections,
    })
}

/// Health and reflection.
fn others(health: HealthServer<impl Health>) -> Result<Router, ServicesError> {
    let details = error_details()?;
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(DESCRIPTORS)
            .register_encoded_file_descriptor_set(EXT_AUTHZ_DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            // The details of errors, so that clients without generated code can decode them.
            .register_file_descriptor_set(details.clone())
    };
    Ok(Routes::new(health)
        .add_service(
            reflection()
                .build_v1()?
                .max_decoding_message_size(MESSAGE_BYTES_MAX),
        )
        .add_service(
            reflection()
                .build_v1alpha()?
                .max_decoding_message_size(MESSAGE_BYTES_MAX),
        )
        .prepare()
        .into_axum_router())
}

/// Sets what health checks report.
pub async fn serving(health: &HealthReporter, serving: bool) {
    let status = if serving {
        tonic_health::ServingStatus::Serving
    } else {
        tonic_health::ServingStatus::NotServing
    };
    for service in SERVICES {
        health.set_service_status(service, status).await;
    }
}

/// Ends the streams of `Health/Watch`, which would keep their connections open.
pub async fn end_watches(health: &mut HealthReporter) {
    for service in SERVICES {
        health.clear_service_status(service).await;
    }
}

/// The types of the details of errors, as files of the names that every client knows them by.
fn error_details() -> Result<FileDescriptorSet, DecodeError> {
    let named = |name: &str| match name {
        "error_details.proto" | "status.proto" => format!("google/rpc/{name}"),
        _ => name.to_owned(),
    };
    let mut files = FileDescriptorSet::decode(tonic_types::pb::FILE_DESCRIPTOR_SET)?;
    for file in &mut files.file {
        file.name = file.name.as_deref().map(named);
        for dependency in &mut file.dependency {
            *dependency = named(dependency);
        }
    }
    Ok(files)
}
