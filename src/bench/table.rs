//! A comparison as a table to read, with what a reader has to know before believing it.

use std::fmt::Write as _;

use super::{
    origin::Origin,
    spread::Spread,
    summary::{Compared, Percentiles, Shape, TargetSummary},
};

/// From here on the load generator may be the limit, and not the server.
const BUSY_MAX: f64 = 0.9;
/// A generator that is later than this is a part of what it measures.
const LATE_MAX_US: f64 = 1_000.0;
const MIB: f64 = 1_024.0 * 1_024.0;
/// What the mark behind a name means.
const UNSOUND: &str = "!: not every call was sent and ended as expected, in time: the figures are not those of the whole load.\n";
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
pub fn table(compared: &Compared, origin: &Origin) -> String {
    let mut text = format!("{}\n{}\n\n", load(&compared.load), origin.shown());
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
    let mut notes: String = compared.targets.iter().flat_map(remarks).collect();
    if compared.targets.iter().any(|target| !target.holds) {
        notes.push_str(UNSOUND);
    }
    if origin.debug_build {
        notes.push_str("This is a debug build, whose figures say little: build with --release.\n");
    }
    if !notes.is_empty() {
        let _ = write!(text, "\n{notes}");
    }
    text
}

/// The load, in a line.
pub(super) fn load(shape: &Shape) -> String {
    let kind = match (shape.rate, shape.arrivals) {
        (Some(rate), Some(arrivals)) => {
            format!(
                "open loop, {} calls/s, {arrivals} arrivals",
                per_second(rate)
            )
        }
        _ => "closed loop".to_owned(),
    };
    let rounds = match shape.rounds {
        1 => "1 round".to_owned(),
        rounds => format!("{rounds} rounds"),
    };
    let length = match shape.calls {
        Some(1) => format!("at most 1 call and {} s", shape.duration_s),
        Some(calls) => {
            format!("at most {} calls and {} s", number(calls), shape.duration_s)
        }
        None => format!("{} s after {} s", shape.duration_s, shape.warmup_s),
    };
    format!(
        "{} connections x {} calls in flight, {kind}, {rounds} of {length}, timeout {} s",
        shape.connections, shape.streams, shape.timeout_s
    )
}

/// A name, with a mark if not all calls were sent and ended as expected.
pub(super) fn marked(target: &TargetSummary) -> String {
    if target.holds {
        target.name.clone()
    } else {
        format!("{} !", target.name)
    }
}

fn row(target: &TargetSummary) -> [String; 10] {
    let latency = |of: fn(&Percentiles) -> f64| {
        let latency = target.latency_us.as_ref();
        or_dash(latency.map(|latency| whole(of(latency))))
    };
    [
        marked(target),
        or_dash(target.checks_per_second.map(|rate| whole(rate.median))),
        or_dash(target.ratios.checks_per_second.map(ratio)),
        or_dash(
            target
                .cpu_us_per_check
                .map(|cpu| format!("{:.1}", cpu.median)),
        ),
        latency(|latency| latency.p50),
        latency(|latency| latency.p90),
        latency(|latency| latency.p99),
        latency(|latency| latency.p99_9),
        latency(|latency| latency.max),
        or_dash(target.resident_bytes.map(mebibytes)),
    ]
}

fn or_dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| "-".to_owned())
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
    let all = [
        lost(target),
        unexpected(target),
        late(target),
        unanswered(target),
        queued(target),
        reconnected(target),
        generator_busy(target),
        generator_late(target),
    ];
    let remarks = all.into_iter().flatten();
    remarks
        .map(|remark| format!("{}: {remark}\n", target.name))
        .collect()
}

fn lost(target: &TargetSummary) -> Option<String> {
    let why = target.lost.as_ref()?;
    Some(format!(
        "there was no connection any more in a round: {why}; its calls count as due until the end of the round"
    ))
}

fn unexpected(target: &TargetSummary) -> Option<String> {
    let calls = &target.calls;
    if calls.unexpected == 0 {
        return None;
    }
    let expected = target.expected.as_deref().unwrap_or("a decision");
    let first = target.first_unexpected.as_deref().unwrap_or("no answer");
    let counted = |name: &str, count: u64| format!("{name} {}", number(count));
    let statuses = target.statuses.iter();
    let statuses = statuses.map(|(name, count)| counted(name, *count));
    let decisions = target.decisions.iter();
    let decisions = decisions.map(|(name, count)| counted(name, *count));
    let all: Vec<String> = statuses.chain(decisions).collect();
    Some(format!(
        "{} of {} calls did not end with {expected} in time; the first: {first} (in all: {})",
        number(calls.unexpected),
        number(calls.due),
        all.join(", ")
    ))
}

fn late(target: &TargetSummary) -> Option<String> {
    let late = target.calls.late;
    (late > 0).then(|| {
        format!(
            "{} calls were answered after --timeout; their latency counts",
            number(late)
        )
    })
}

fn unanswered(target: &TargetSummary) -> Option<String> {
    let unanswered = target.calls.never_answered;
    (unanswered > 0).then(|| {
        format!(
            "{} calls had no answer when the wait for answers ended; their latency counts as how long they waited",
            number(unanswered)
        )
    })
}

fn queued(target: &TargetSummary) -> Option<String> {
    let queue = &target.queue;
    let wait = queue.wait_us.filter(|_| queue.waited > 0)?;
    Some(format!(
        "{} of {} calls found no stream when they were due and waited, p99 {} us, at most {} us; {} of them were never sent",
        number(queue.waited),
        number(target.calls.due),
        whole(wait.p99),
        whole(wait.max),
        number(queue.never_sent)
    ))
}

fn reconnected(target: &TargetSummary) -> Option<String> {
    let reconnects = target.calls.reconnects;
    (reconnects > 0).then(|| {
        format!(
            "the server ended {} connections while it was measured",
            number(reconnects)
        )
    })
}

fn generator_busy(target: &TargetSummary) -> Option<String> {
    let busy = target.generator_busy.filter(|busy| *busy > BUSY_MAX)?;
    Some(format!(
        "the load generator used {:.0} % of a core, and may be the limit: give it more cores, and a thread on each by --threads",
        busy * 100.0
    ))
}

fn generator_late(target: &TargetSummary) -> Option<String> {
    let late = target.lateness_us.filter(|late| late.p99 > LATE_MAX_US)?;
    Some(format!(
        "the load generator itself was late, p99 {} us, which is part of the latency: give it a core of its own",
        whole(late.p99)
    ))
}

/// A rate, which may be less than one.
fn per_second(rate: f64) -> String {
    if rate < 10.0 {
        format!("{}", (rate * 1e3).round() / 1e3)
    } else {
        whole(rate)
    }
}

/// A whole number, with commas between groups of three digits.
pub(super) fn whole(value: f64) -> String {
    grouped(&format!("{:.0}", value.max(0.0)))
}

fn number(value: u64) -> String {
    grouped(&value.to_string())
}

fn grouped(digits: &str) -> String {
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
