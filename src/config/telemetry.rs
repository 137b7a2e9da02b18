//! The settings of logs and traces.

use url::Url;

use super::section::{Reported, Section};
use crate::telemetry::{LogConfig, TraceConfig};

pub(super) fn trace(section: &mut Section<'_>) -> Result<TraceConfig, Reported> {
    let sample = section.number("sample");
    if !(0.0..=1.0).contains(&sample) {
        let message = format!("trace.sample: {sample} is not from 0.0 to 1.0");
        return Err(section.problem("sample", message, None));
    }
    let text = section.text("otlp_endpoint");
    let otlp_endpoint = if text.is_empty() {
        None
    } else {
        Some(otlp_endpoint(section)?)
    };
    Ok(TraceConfig {
        otlp_endpoint,
        sample,
    })
}

fn otlp_endpoint(section: &mut Section<'_>) -> Result<Url, Reported> {
    let hint = "such as http://127.0.0.1:4318";
    let url = section.web_url("otlp_endpoint", hint)?;
    if url.query().is_some() {
        let message = "trace.otlp_endpoint must not contain a query";
        return Err(section.problem("otlp_endpoint", message, Some(hint)));
    }
    Ok(url)
}

pub(super) fn log(section: &mut Section<'_>) -> Result<LogConfig, Reported> {
    let levels = [
        ("error", tracing::Level::ERROR),
        ("warn", tracing::Level::WARN),
        ("info", tracing::Level::INFO),
        ("debug", tracing::Level::DEBUG),
        ("trace", tracing::Level::TRACE),
    ];
    let level = section.one_of("level", &levels);
    let json = section.one_of("format", &[("text", false), ("json", true)]);
    Ok(LogConfig {
        level: level?,
        json: json?,
    })
}
