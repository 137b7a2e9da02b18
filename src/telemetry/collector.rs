//! Sends spans to a collector: OTLP over HTTP. Spans are sent in batches from a thread of their own, and nothing waits for it: what does
//! not fit into its queue, or cannot be sent in time, is dropped.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use opentelemetry::KeyValue;
use opentelemetry_proto::{
    tonic::collector::trace::v1::ExportTraceServiceRequest,
    transform::{
        common::tonic::ResourceAttributesWithSchema,
        trace::tonic::group_spans_by_resource_and_scope,
    },
};
use opentelemetry_sdk::{
    Resource,
    error::{OTelSdkError, OTelSdkResult},
    trace::{
        BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider, SpanData, SpanExporter,
    },
};
use prost::Message as _;
use tokio::runtime::Handle;
use url::Url;

use super::{
    config::TraceConfig,
    otlp::{OtlpClient, SERVICE, Signal},
};
use crate::{
    clock::Clock,
    log_throttle::{LogThrottle, throttled},
};

/// How many spans wait to be sent; further spans are dropped.
const QUEUE_MAX: usize = 4096;
/// How many spans are sent in one request.
const BATCH_MAX: usize = 512;
/// How long spans are collected before they are sent.
const SEND_INTERVAL: Duration = Duration::from_secs(2);

/// Starts the thread that sends spans to the collector at this address. `runtime` drives its requests.
pub(super) fn start(
    config: &TraceConfig,
    address: &Url,
    runtime: Handle,
    clock: Arc<dyn Clock>,
) -> anyhow::Result<SdkTracerProvider> {
    let batch = BatchConfigBuilder::default()
        .with_max_queue_size(QUEUE_MAX)
        .with_max_export_batch_size(BATCH_MAX)
        .with_scheduled_delay(SEND_INTERVAL)
        .build();
    let processor = BatchSpanProcessor::builder(Collector::new(address, runtime, clock)?)
        .with_batch_config(batch)
        .build();
    let resource = Resource::builder_empty()
        .with_attributes(SERVICE.map(|(key, value)| KeyValue::new(key, value)))
        .build();
    // The caller of a check decides whether its trace is sampled; `trace.sample` applies to the other checks.
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(config.sample)));
    Ok(SdkTracerProvider::builder()
        .with_span_processor(processor)
        .with_sampler(sampler)
        .with_resource(resource)
        .build())
}

/// The collector of spans.
#[derive(Debug)]
struct Collector {
    client: OtlpClient,
    resource: ResourceAttributesWithSchema,
    /// The thread that exports has no I/O driver: the runtime sends, and the thread waits for it.
    runtime: Handle,
    clock: Arc<dyn Clock>,
    log: LogThrottle,
}

impl Collector {
    fn new(address: &Url, runtime: Handle, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let client = OtlpClient::new(address, Signal::Traces);
        Ok(Self {
            client: client.context("cannot build the HTTP client of the collector of traces")?,
            resource: ResourceAttributesWithSchema::default(),
            runtime,
            clock,
            log: LogThrottle::default(),
        })
    }

    /// Sends the body of one request.
    async fn send(&self, body: Vec<u8>) -> anyhow::Result<()> {
        let client = self.client.clone();
        let sending = self
            .runtime
            .spawn(async move { client.send(body.into()).await });
        sending.await??;
        Ok(())
    }
}

impl SpanExporter for Collector {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let request = ExportTraceServiceRequest {
            resource_spans: group_spans_by_resource_and_scope(batch, &self.resource),
        };
        self.send(request.encode_to_vec()).await.map_err(|error| {
            throttled!(
                self.log,
                self.clock.moment().uptime,
                warn,
                "spans_dropped",
                error = format!("{error:#}"),
                "failed to send spans; they are dropped, checks are not affected: verify that a collector accepts OTLP over HTTP at trace.otlp_endpoint"
            );
            OTelSdkError::InternalFailure("spans were not sent".to_owned())
        })
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.resource = resource.into();
    }
}
