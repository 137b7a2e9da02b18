//! Helpers for the rooms that register their metrics. Each room declares its own metrics, with their labels' values, and
//! registers them on the registry that it is given; labels have few values, never an identifier.

use std::fmt;

use parking_lot::Mutex;
use prometheus::{
    Gauge, IntCounter, IntCounterVec, IntGauge, Opts, Registry, TextEncoder,
    core::{Collector, Desc},
    proto::{LabelPair, MetricFamily},
};

/// A counter with one label. Every value of the label is initialised, so that `rate()` sees the first increment.
pub fn counter_by(
    registry: &Registry,
    name: &str,
    help: &str,
    label: &str,
    values: impl IntoIterator<Item = &'static str>,
) -> Result<IntCounterVec, prometheus::Error> {
    let counter = IntCounterVec::new(Opts::new(name, help), &[label])?;
    for value in values {
        counter.with_label_values(&[value]);
    }
    registry.register(Box::new(counter.clone()))?;
    Ok(counter)
}

/// A gauge whose value is read when the metrics are collected.
pub fn gauge_of(
    registry: &Registry,
    name: &str,
    help: &str,
    read: impl Fn() -> f64 + Send + Sync + 'static,
) -> Result<(), prometheus::Error> {
    let gauge = Gauge::new(name, help)?;
    registry.register(Box::new(ReadGauge {
        gauge,
        read: Box::new(read),
    }))
}

/// A counter whose value is read when the metrics are collected. It must never fall.
pub fn counter_of(
    registry: &Registry,
    name: &str,
    help: &str,
    read: fn() -> u64,
) -> Result<(), prometheus::Error> {
    let counter = IntCounter::new(name, help)?;
    registry.register(Box::new(ReadCounter {
        counter,
        counted: Mutex::new(0),
        read,
    }))
}

/// Registers a counter with these labels. When it is collected, the series are dropped whose value of the last label is not kept: names
/// change, and their series would stay for as long as the process runs.
pub fn register_pruned<const N: usize>(
    registry: &Registry,
    counter: IntCounterVec,
    labels: [&'static str; N],
    is_kept: impl Fn(&str) -> bool + Send + Sync + 'static,
) -> Result<(), prometheus::Error> {
    registry.register(Box::new(PrunedCounter {
        counter,
        labels: labels.into(),
        is_kept: Box::new(is_kept),
    }))
}

/// Sets a gauge to a count.
pub fn set_count(gauge: &IntGauge, count: usize) {
    gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
}

/// All registered metrics in the Prometheus text format.
pub fn render(registry: &Registry) -> Result<String, prometheus::Error> {
    TextEncoder::new().encode_to_string(&registry.gather())
}

struct ReadCounter {
    counter: IntCounter,
    /// What the counter has counted, so that two collections at once do not count twice.
    counted: Mutex<u64>,
    read: fn() -> u64,
}

impl Collector for ReadCounter {
    fn desc(&self) -> Vec<&Desc> {
        self.counter.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut counted = self.counted.lock();
        let now = (self.read)().max(*counted);
        self.counter.inc_by(now.saturating_sub(*counted));
        *counted = now;
        self.counter.collect()
    }
}

struct ReadGauge {
    gauge: Gauge,
    read: Box<dyn Fn() -> f64 + Send + Sync>,
}

impl Collector for ReadGauge {
    fn desc(&self) -> Vec<&Desc> {
        self.gauge.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.gauge.set((self.read)());
        self.gauge.collect()
    }
}

impl fmt::Debug for ReadGauge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.gauge.fmt(f)
    }
}

struct PrunedCounter {
    counter: IntCounterVec,
    labels: Box<[&'static str]>,
    is_kept: Box<dyn Fn(&str) -> bool + Send + Sync>,
}

impl PrunedCounter {
    fn drop_others(&self) {
        for family in self.counter.collect() {
            for metric in family.get_metric() {
                let value = |name| {
                    let mut labels = metric.get_label().iter();
                    labels
                        .find(|label| label.name() == name)
                        .map(LabelPair::value)
                };
                let values: Option<Vec<&str>> = self.labels.iter().copied().map(value).collect();
                if let Some(values) = values
                    && values.last().is_some_and(|name| !(self.is_kept)(name))
                {
                    // An error means that it was dropped before.
                    let _ = self.counter.remove_label_values(&values);
                }
            }
        }
    }
}

impl Collector for PrunedCounter {
    fn desc(&self) -> Vec<&Desc> {
        self.counter.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.drop_others();
        self.counter.collect()
    }
}
