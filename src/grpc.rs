//! The gRPC server: the decision service, health and reflection on one listener.

mod access;
mod answer;
mod config;
mod deadline;
mod question;
mod receipt;
mod status;
mod wish;

use std::sync::Arc;

use axum::{Router, middleware::map_response};
use tonic::service::Routes;
use tonic_health::server::HealthReporter;

use self::access::Access;
pub use self::config::Deadlines;
use crate::{
    gate::Gate,
    proto::{DESCRIPTORS, v1::access_service_server::AccessServiceServer},
    step_up::StepUps,
};

/// A question is small; nothing larger is read.
const REQUEST_BYTES_MAX: usize = 16 * 1024;

/// What health checks ask about; the empty name stands for the whole server.
const SERVICES: [&str; 2] = ["", "verigate.v1.AccessService"];

/// The services, and the switch that says whether they serve.
#[derive(Debug)]
pub struct Grpc {
    /// Every service.
    pub router: Router,
    /// What health checks are told.
    pub health: HealthReporter,
}

/// Why the services cannot be put together.
#[derive(Debug, thiserror::Error)]
#[error("the contract's descriptors cannot be served")]
pub struct Broken(#[from] tonic_reflection::server::Error);

/// Puts the services together. Every answer comes within its deadline.
pub fn services(gate: Arc<Gate>, step_ups: StepUps, deadlines: Deadlines) -> Result<Grpc, Broken> {
    let access = AccessServiceServer::new(Access::new(gate, step_ups, deadlines))
        .max_decoding_message_size(REQUEST_BYTES_MAX);
    let (health, health_service) = tonic_health::server::health_reporter();
    let health_service = health_service.max_decoding_message_size(REQUEST_BYTES_MAX);
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let router = Routes::new(access)
        .add_service(health_service)
        .add_service(
            reflection()
                .build_v1()?
                .max_decoding_message_size(REQUEST_BYTES_MAX),
        )
        .add_service(
            reflection()
                .build_v1alpha()?
                .max_decoding_message_size(REQUEST_BYTES_MAX),
        )
        .prepare()
        .into_axum_router()
        .layer(map_response(receipt::attach));
    Ok(Grpc { router, health })
}

/// Tells health checks whether the decision service serves.
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

/// Ends the streams of those who watch the service's health: they would keep its connections open.
pub async fn end_watches(health: &mut HealthReporter) {
    for service in SERVICES {
        health.clear_service_status(service).await;
    }
}
