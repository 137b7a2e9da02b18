//! Ratios of rounds whose figures are known.

use super::*;

fn round(checks_per_second: f64, cpu: Option<f64>, p99: f64) -> Round {
    let latency = Percentiles {
        p50: p99 / 2.0,
        p90: p99,
        p99,
        p99_9: p99,
        p99_99: p99,
        max: p99,
        mean: p99,
    };
    Round {
        checks_per_second,
        cpu_us_per_check: cpu,
        latency_us: Some(latency),
        duration_s: 1.0,
    }
}

/// A round in which nothing was answered as expected.
fn failed() -> Round {
    Round {
        checks_per_second: 0.0,
        cpu_us_per_check: None,
        latency_us: None,
        duration_s: 1.0,
    }
}

const fn spread(median: f64, min: f64, max: f64) -> Spread {
    Spread { median, min, max }
}

/// The ratio is that of the rounds in pairs: a machine that is slower in one round is so for both.
#[test]
fn ratios_are_those_of_the_same_round() {
    let first = [
        round(100.0, Some(10.0), 8.0),
        round(50.0, Some(10.0), 16.0),
        round(80.0, Some(8.0), 10.0),
    ];
    let own = [
        round(50.0, Some(20.0), 16.0),
        round(25.0, Some(30.0), 16.0),
        round(60.0, Some(8.0), 5.0),
    ];
    let ratios = Ratios::of(&own, &first);
    assert_eq!(ratios.checks_per_second, Some(spread(0.5, 0.5, 0.75)));
    assert_eq!(ratios.cpu_us_per_check, Some(spread(2.0, 1.0, 3.0)));
    assert_eq!(ratios.p99, Some(spread(1.0, 0.5, 2.0)));
    let unknown = [round(50.0, None, 1.0)];
    assert_eq!(Ratios::of(&unknown, &first).cpu_us_per_check, None);
}

/// Otherwise a target that fails would be the fastest.
#[test]
fn what_has_no_figure_has_no_ratio() {
    let good = [round(100.0, Some(10.0), 8.0), round(100.0, Some(10.0), 8.0)];
    let all_failed = [failed(), failed()];
    for (own, first) in [(&all_failed, &good), (&good, &all_failed)] {
        let ratios = Ratios::of(own, first);
        assert_eq!(ratios.checks_per_second, None);
        assert_eq!((ratios.p50, ratios.p99), (None, None));
    }
    let once = [failed(), round(50.0, Some(10.0), 8.0)];
    let ratios = Ratios::of(&once, &good);
    assert_eq!(ratios.checks_per_second, Some(spread(0.5, 0.5, 0.5)));
    assert_eq!(Percentiles::median(&once).map(|of| of.p99), Some(8.0));
    assert!(Percentiles::median(&all_failed).is_none());
}
