//! The way of spans to a collector: OTLP over HTTP. Nothing waits for it: what cannot be sent in time is dropped.

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use http::header::CONTENT_TYPE;
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
use reqwest::{Client, redirect};
use tokio::runtime::Handle;
use tracing::warn;
use url::Url;

use super::config::TraceConfig;
use crate::{
    clock::{Clock as _, SystemClock},
    log_throttle::LogThrottle,
};

/// No more spans than this wait to be sent; those beyond are dropped.
const QUEUE_MAX: usize = 4096;
/// No more are sent at once.
const BATCH_MAX: usize = 512;
/// How long spans are gathered.
const SEND_EVERY: Duration = Duration::from_secs(2);
/// How long sending them may take.
const SEND_MAX: Duration = Duration::from_secs(3);

/// Sends spans from a thread of its own.
pub(super) fn start(config: &TraceConfig, collector: &Url) -> anyhow::Result<SdkTracerProvider> {
    let batch = BatchConfigBuilder::default()
        .with_max_queue_size(QUEUE_MAX)
        .with_max_export_batch_size(BATCH_MAX)
        .with_scheduled_delay(SEND_EVERY)
        .build();
    let processor = BatchSpanProcessor::builder(Collector::new(collector)?)
        .with_batch_config(batch)
        .build();
    let resource = Resource::builder_empty()
        .with_service_name("verigate")
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    // A caller that is in a trace has decided whether it is collected.
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(config.sample)));
    Ok(SdkTracerProvider::builder()
        .with_span_processor(processor)
        .with_sampler(sampler)
        .with_resource(resource)
        .build())
}

/// Where spans are sent.
#[derive(Debug)]
struct Collector {
    http: Client,
    url: Url,
    resource: ResourceAttributesWithSchema,
    /// The thread that exports cannot send, which takes a reactor: the runtime sends, and the thread waits for it.
    runtime: Handle,
    clock: SystemClock,
    log: LogThrottle,
}

impl Collector {
    fn new(collector: &Url) -> anyhow::Result<Self> {
        let mut url = collector.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["v1", "traces"]);
        }
        // Once a process; an error says that it has been done.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .timeout(SEND_MAX)
            .build()
            .context("the client for the collector of traces cannot be built")?;
        Ok(Self {
            http,
            url,
            resource: ResourceAttributesWithSchema::default(),
            runtime: Handle::current(),
            clock: SystemClock,
            log: LogThrottle::default(),
        })
    }

    async fn send(&self, body: Vec<u8>) -> anyhow::Result<()> {
        let request = self.http.post(self.url.clone()).body(body);
        let request = request.header(CONTENT_TYPE, "application/x-protobuf");
        let response = self.runtime.spawn(async { request.send().await }).await??;
        let status = response.status();
        if status.is_success() {
            Ok(())
        } else {
            Err(anyhow!("it answers {status}"))
        }
    }
}

impl SpanExporter for Collector {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let request = ExportTraceServiceRequest {
            resource_spans: group_spans_by_resource_and_scope(batch, &self.resource),
        };
        self.send(request.encode_to_vec()).await.map_err(|error| {
            let uptime = self.clock.moment().uptime;
            if let Some(left_out) = self.log.allow("not sent", uptime) {
                let cause = format!("{error:#}");
                warn!(
                    cause,
                    left_out,
                    "spans could not be sent and are dropped, which harms no check: see whether a collector takes OTLP over HTTP at trace.otlp_endpoint"
                );
            }
            OTelSdkError::InternalFailure("not sent".to_owned())
        })
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.resource = resource.into();
    }
}
