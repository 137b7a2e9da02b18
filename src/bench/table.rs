//! A comparison as a table to read, with what a reader has to know before believing it.

use std::fmt::Write as _;

use super::summary::{Compared, Shape, Spread, TargetSummary};

/// From here on the load generator may be the limit, and not the server.
const BUSY_MAX: f64 = 0.9;
/// A generator that is later than this is a part of what it measures.
const LATE_MAX_US: f64 = 1_000.0;
const MIB: f64 = 1_024.0 * 1_024.0;
const HEADINGS: [&str; 10] = [
    "",
    "checks/s",
    "x first (min..max)",
    "CPU us",
    "p50 us",
    "p90 us",
    "p99 us",
    "p99.9 us",
    "max us",
    "RSS MiB",
];

/// The table, and remarks below it.
pub fn table(compared: &Compared) -> String {
    let mut text = format!("{}\n\n", load(&compared.load));
    let rows: Vec<[String; 10]> = compared.targets.iter().map(row).collect();
    let headings = HEADINGS.map(str::to_owned);
    let widths: Vec<usize> = (0..HEADINGS.len())
        .map(|column| {
            let cells = rows
                .iter()
                .chain([&headings])
                .filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    for row in [&headings].into_iter().chain(&rows) {
        let cells = row.iter().zip(&widths).enumerate();
        let cells = cells.map(|(column, (cell, width))| match column {
            0 => format!("{cell:width$}"),
            _ => format!("{cell:>width$}"),
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "{}", line.trim_end());
    }
    let remarks: String = compared.targets.iter().flat_map(remarks).collect();
    if !remarks.is_empty() {
        let _ = write!(text, "\n{remarks}");
    }
    text
}

fn load(shape: &Shape) -> String {
    let kind = match (shape.rate, shape.arrivals) {
        (Some(rate), Some(arrivals)) => {
            format!("open loop, {} calls/s, {arrivals} arrivals", whole(rate))
        }
        _ => "closed loop".to_owned(),
    };
    let rounds = match shape.rounds {
        1 => "1 round".to_owned(),
        rounds => format!("{rounds} rounds"),
    };
    format!(
        "{} connections x {} calls in flight, {kind}, {rounds} of {} s after {} s",
        shape.connections, shape.streams, shape.duration_s, shape.warmup_s
    )
}

fn row(target: &TargetSummary) -> [String; 10] {
    let latency = &target.latency_us;
    let cpu = target.cpu_us_per_check;
    [
        target.name.clone(),
        whole(target.checks_per_second.median),
        ratio(target.ratios.checks_per_second),
        cpu.map_or_else(|| "-".to_owned(), |cpu| format!("{:.1}", cpu.median)),
        whole(latency.p50),
        whole(latency.p90),
        whole(latency.p99),
        whole(latency.p99_9),
        whole(latency.max),
        target
            .resident_bytes
            .map_or_else(|| "-".to_owned(), mebibytes),
    ]
}

fn ratio(of: Spread) -> String {
    format!("{:.2} ({:.2}..{:.2})", of.median, of.min, of.max)
}

#[expect(clippy::cast_precision_loss, reason = "no memory has 2^53 bytes")]
fn mebibytes(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / MIB)
}

/// What makes a row more, or less, than it seems.
fn remarks(target: &TargetSummary) -> Vec<String> {
    let mut remarks = Vec::new();
    let calls = &target.calls;
    let mut remark = |text: String| remarks.push(format!("{}: {text}\n", target.name));
    if !target.holds {
        let expected = target.expected.as_deref().unwrap_or("a decision");
        let first = target.first_unexpected.as_deref().unwrap_or("no answer");
        let counts = target
            .statuses
            .iter()
            .map(|(status, count)| format!("{status} {count}"));
        let decisions = target
            .decisions
            .iter()
            .map(|(name, count)| format!("{name} {count}"));
        let all: Vec<String> = counts.chain(decisions).collect();
        remark(format!(
            "{} of {} calls did not end with {expected}; the first: {first} (in all: {})",
            calls.unexpected,
            calls.due,
            all.join(", ")
        ));
    }
    if calls.never_answered > 0 {
        remark(format!(
            "{} calls had no answer in time; their latency counts as how long they waited",
            calls.never_answered
        ));
    }
    let queue = &target.queue;
    if queue.waited > 0 {
        remark(format!(
            "{} of {} calls found no stream when they were due and waited, p99 {} us, at most {} us; {} of them never went",
            queue.waited,
            calls.due,
            whole(queue.wait_us.p99),
            whole(queue.wait_us.max),
            queue.never_sent
        ));
    }
    if calls.reconnects > 0 {
        remark(format!("the server ended {} connections", calls.reconnects));
    }
    if let Some(busy) = target.generator_busy.filter(|busy| *busy > BUSY_MAX) {
        remark(format!(
            "a thread of the load generator used {:.0} % of its core, and may be the limit: give more --threads",
            busy * 100.0
        ));
    }
    if target.lateness_us.p99 > LATE_MAX_US {
        remark(format!(
            "the load generator itself was late, p99 {} us, which is part of the latency: give it a core of its own",
            whole(target.lateness_us.p99)
        ));
    }
    remarks
}

/// A whole number, with commas between groups of three digits.
pub(super) fn whole(value: f64) -> String {
    let digits = format!("{:.0}", value.max(0.0));
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
