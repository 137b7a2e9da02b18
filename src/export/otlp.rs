//! Sends lines as log records to a collector: OTLP over HTTP.

use std::{pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use opentelemetry_proto::tonic::{
    collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse},
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value as Any},
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs},
    resource::v1::Resource,
};
use prost::Message as _;
use tokio::time::sleep;
use url::Url;

use super::{backoff::Backoff, members::members, severity::Severity, tally::Tally};
use crate::{
    audit::Brief,
    clock::Clock,
    journal::{LineStart, WrittenLine, WrittenLines},
    policy::Timestamp,
    telemetry::{OtlpClient, OtlpError, SERVICE, Signal},
    tls::ClientError,
};

/// How many lines are sent in one request.
const BATCH_MAX: usize = 512;
/// How many bytes of lines are sent in one request, unless the last one is longer.
const BATCH_BYTES_MAX: usize = 1024 * 1024;
/// How long lines are collected before they are sent.
const SEND_INTERVAL: Duration = Duration::from_millis(500);
/// What the collector asks to wait at most.
const RETRY_AFTER_MAX: Duration = Duration::from_mins(1);
/// The members of a decision that are attributes, too.
const ATTRIBUTES: [&str; 4] = ["decision", "decision_id", "policy", "caller"];

/// Sends lines to a collector.
#[derive(Debug)]
pub(super) struct Otlp {
    client: OtlpClient,
    lines: WrittenLines,
    tally: Tally,
    clock: Arc<dyn Clock>,
    backoff: Backoff,
    /// Lines that are known not to have fitted into the queue.
    dropped: u64,
}

impl Otlp {
    pub(super) fn new(
        address: &Url,
        lines: WrittenLines,
        tally: Tally,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ClientError> {
        Ok(Self {
            client: OtlpClient::new(address, Signal::Logs)?,
            lines,
            tally,
            clock,
            backoff: Backoff::default(),
            dropped: 0,
        })
    }

    /// Sends lines until the journal has ended and all are sent.
    pub(super) async fn run(mut self) {
        while let Some(first) = self.lines.next().await {
            let batch = self.batch(first).await;
            self.deliver(&batch).await;
            self.tally.look_at_dropped(&mut self.dropped);
        }
    }

    /// This line, and those that follow it soon.
    async fn batch(&mut self, first: WrittenLine) -> Vec<WrittenLine> {
        let mut bytes = first.bytes.len();
        let mut batch = vec![first];
        let mut due = pin!(sleep(SEND_INTERVAL));
        while batch.len() < BATCH_MAX && bytes < BATCH_BYTES_MAX {
            let line = tokio::select! {
                biased;
                line = self.lines.next() => line,
                () = &mut due => None,
            };
            let Some(line) = line else { break };
            bytes = bytes.saturating_add(line.bytes.len());
            batch.push(line);
        }
        batch
    }

    /// Sends these until the collector has taken or refused them.
    async fn deliver(&mut self, batch: &[WrittenLine]) {
        let body = Bytes::from(request(batch, self.clock.now()).encode_to_vec());
        loop {
            let at_least = match self.client.send(body.clone()).await {
                Ok(response) => {
                    self.taken(batch.len(), response);
                    self.backoff.reset();
                    return;
                }
                Err(error @ OtlpError::Refused(_)) => {
                    return self.tally.refused(batch.len(), &error.to_string());
                }
                Err(error) => {
                    self.tally.failed(&error.to_string());
                    pause_after(&error)
                }
            };
            self.tally.look_at_dropped(&mut self.dropped);
            self.backoff.pause(at_least).await;
        }
    }

    /// The collector has taken this number of lines, but for those that it names.
    fn taken(&self, count: usize, response: Bytes) {
        let response = ExportLogsServiceResponse::decode(response).unwrap_or_default();
        let partial = response.partial_success.unwrap_or_default();
        let refused = usize::try_from(partial.rejected_log_records).unwrap_or(0);
        let refused = refused.min(count);
        if refused > 0 {
            // Not in its words: they may quote what it has refused, and the log names nobody.
            let error = format!("the collector refused {refused} of {count} records");
            self.tally.refused(refused, &error);
        }
        self.tally.exported(count.saturating_sub(refused));
    }
}

/// How long the collector has asked to wait, within reason.
fn pause_after(error: &OtlpError) -> Duration {
    match error {
        OtlpError::Later(_, Some(after)) => RETRY_AFTER_MAX.min(*after),
        _ => Duration::ZERO,
    }
}

fn request(batch: &[WrittenLine], now: Timestamp) -> ExportLogsServiceRequest {
    let logs = ScopeLogs {
        scope: Some(InstrumentationScope {
            name: "verigate.journal".to_owned(),
            ..InstrumentationScope::default()
        }),
        log_records: batch.iter().map(|line| record(&line.bytes, now)).collect(),
        ..ScopeLogs::default()
    };
    let resource = Resource {
        attributes: SERVICE
            .map(|(key, value)| attribute(key, text(value)))
            .into(),
        ..Resource::default()
    };
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            resource: Some(resource),
            scope_logs: vec![logs],
            ..ResourceLogs::default()
        }],
    }
}

/// The record of a line that was seen now. Its body is the line as it is in the file, without the newline.
fn record(line: &[u8], now: Timestamp) -> LogRecord {
    let start = LineStart::parse(line);
    let members = members(line);
    let brief = Brief::of(&members);
    let name = format!("verigate.{}", brief.event().unwrap_or("decision"));
    let (severity_number, severity) = Severity::of(brief).otlp();
    let mut attributes = vec![attribute("event.name", text(&name))];
    if let Some(index) = start.and_then(|start| i64::try_from(start.index).ok()) {
        attributes.push(attribute("verigate.index", Any::IntValue(index)));
    }
    for member in ATTRIBUTES {
        let value = brief.text(member);
        if !value.is_empty() {
            attributes.push(attribute(&format!("verigate.{member}"), text(value)));
        }
    }
    let body = line.strip_suffix(b"\n").unwrap_or(line);
    let body = text(&String::from_utf8_lossy(body));
    LogRecord {
        time_unix_nano: start.map_or(0, |start| nanos(start.at)),
        observed_time_unix_nano: nanos(now),
        severity_number,
        severity_text: severity.to_owned(),
        body: Some(AnyValue { value: Some(body) }),
        attributes,
        event_name: name,
        ..LogRecord::default()
    }
}

fn attribute(key: &str, value: Any) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

fn text(value: &str) -> Any {
    Any::StringValue(value.to_owned())
}

fn nanos(at: Timestamp) -> u64 {
    u64::try_from(at.as_nanosecond()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;
    use crate::policy::from_millis;

    #[test]
    fn a_record_has_the_line_as_it_is_and_few_attributes() {
        let zeros = "0".repeat(64);
        let line = format!(
            "{{\"v\":2,\"index\":7,\"previous\":\"{zeros}\",\"at\":\"1970-01-01T00:00:01.500Z\",\"decision_id\":\"d\",\"decision\":\"deny\",\"policy\":\"p\",\"caller\":\"c\",\"verification_id\":\"v\"}}\n"
        );
        let record = record(line.as_bytes(), from_millis(2_000));
        assert_eq!(record.body.unwrap().value, Some(text(line.trim_end())));
        assert_eq!(record.event_name, "verigate.decision");
        assert_eq!(
            (record.time_unix_nano, record.observed_time_unix_nano),
            (1_500_000_000, 2_000_000_000)
        );
        assert_eq!(
            (record.severity_number, &*record.severity_text),
            (10, "NOTICE")
        );
        let keys: Vec<&str> = record.attributes.iter().map(|a| &*a.key).collect();
        assert_eq!(
            keys,
            [
                "event.name",
                "verigate.index",
                "verigate.decision",
                "verigate.decision_id",
                "verigate.policy",
                "verigate.caller"
            ]
        );
        assert_eq!(
            record.attributes[1],
            attribute("verigate.index", Any::IntValue(7))
        );
    }

    #[test]
    fn a_collector_is_waited_for_as_it_asks_and_at_most_a_minute() {
        let later = |seconds| {
            let after = Some(Duration::from_secs(seconds));
            pause_after(&OtlpError::Later(StatusCode::SERVICE_UNAVAILABLE, after))
        };
        assert_eq!(later(7), Duration::from_secs(7));
        assert_eq!(later(86_400), Duration::from_mins(1));
        let unreachable = OtlpError::Unreachable("gone".to_owned());
        assert_eq!(pause_after(&unreachable), Duration::ZERO);
    }

    #[test]
    fn an_event_is_named_by_itself() {
        let record = record(b"{\"event\":\"gap\"}\n", from_millis(0));
        assert_eq!(
            (&*record.event_name, record.severity_number),
            ("verigate.gap", 17)
        );
        assert_eq!(record.attributes.len(), 1);
    }
}
