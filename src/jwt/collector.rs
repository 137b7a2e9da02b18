//! Metrics of the key sets that are in use: how old each is, and how many keys it has.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use prometheus::{
    GaugeVec, Opts,
    core::{Collector, Desc},
    proto::MetricFamily,
};

use super::key_source::KeySource;

/// The key sets in use, whose age is a metric. They change when the configuration is read again.
pub(super) type Sources = Mutex<Vec<Weak<KeySource>>>;

/// Reads the state of the key sets in use when the metrics are collected.
#[derive(Debug)]
pub(super) struct SourceCollector {
    age: GaugeVec,
    keys: GaugeVec,
    sources: Arc<Sources>,
    /// One collection at a time: the gauges are emptied before they are filled.
    collecting: Mutex<()>,
}

impl SourceCollector {
    pub(super) fn new(sources: Arc<Sources>) -> Result<Self, prometheus::Error> {
        let gauge = |name: &str, help: &str| GaugeVec::new(Opts::new(name, help), &["source"]);
        Ok(Self {
            age: gauge(
                "verigate_jwks_age_seconds",
                "Time since the key set of an issuer was last read without an error; since the start if it never was.",
            )?,
            keys: gauge(
                "verigate_jwks_keys",
                "Usable keys of an issuer; 0 if its key set could never be read.",
            )?,
            sources,
            collecting: Mutex::default(),
        })
    }
}

impl Collector for SourceCollector {
    fn desc(&self) -> Vec<&Desc> {
        [self.age.desc(), self.keys.desc()].concat()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let _one = self.collecting.lock();
        self.age.reset();
        self.keys.reset();
        let in_use: Vec<_> = self
            .sources
            .lock()
            .iter()
            .filter_map(Weak::upgrade)
            .collect();
        for source in in_use {
            let labels = [source.shown()];
            self.age
                .with_label_values(&labels)
                .set(source.age().as_secs_f64());
            let keys = u32::try_from(source.keys()).unwrap_or(u32::MAX);
            self.keys.with_label_values(&labels).set(f64::from(keys));
        }
        [self.age.collect(), self.keys.collect()].concat()
    }
}
