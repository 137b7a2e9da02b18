//! A comparison as a picture (SVG): a bar for the throughput of each target, and a curve of latency by percentile.

use std::fmt::Write as _;

use super::{
    origin::Origin,
    summary::{Compared, Point, TargetSummary},
    table::{load, marked, whole},
};

const WIDTH: f64 = 860.0;
const LEFT: f64 = 230.0;
const RIGHT: f64 = 220.0;
const BAR: f64 = 26.0;
const PLOT_LEFT: f64 = 90.0;
const PLOT_RIGHT: f64 = 40.0;
const PLOT_HEIGHT: f64 = 300.0;
/// The curves end where only this share of the calls is left.
const SHARE_LEAST: f64 = 1e-4;
/// Colours that people with a colour vision deficiency can distinguish, too (Okabe and Ito), of those that both a light and a dark page show.
const COLOURS: [&str; 7] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f",
];
/// The lines of the targets after the first seven, whose colours are used again.
const DASHES: [&str; 4] = ["", "7 4", "2 3", "9 3 2 3"];
/// Where the bars begin.
const BARS_TOP: f64 = 76.0;
/// A longer name is cut, so that it fits on the left.
const NAME_CHARS_MAX: usize = 30;
const STYLE: &str = "text{font:13px system-ui,sans-serif;fill:#222}.title{font-weight:600}.note{fill:#666}.grid{stroke:#999;stroke-opacity:.35}\
    @media(prefers-color-scheme:dark){text{fill:#ddd}.note{fill:#aaa}}";

/// The picture.
pub fn chart(compared: &Compared, origin: &Origin) -> String {
    let targets = &compared.targets;
    let bars_end = BARS_TOP + 8.0 + BAR * f64::from(u32::try_from(targets.len()).unwrap_or(0));
    let plot_top = bars_end + 70.0;
    let height = plot_top + PLOT_HEIGHT + 60.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n\
         <title>Checks a second, and latency by percentile</title>\n<style>{STYLE}</style>\n"
    );
    let mut start = |y: f64, class: &str, of: &str| text(&mut svg, 10.0, y, class, "start", of);
    let title = "Checks a second, and the ratio to the first: median (least to greatest)";
    start(24.0, "title", title);
    start(44.0, "note", &load(&compared.load));
    start(62.0, "note", &origin.shown());
    let title = if compared.load.rate.is_some() {
        "Latency by percentile, from the instant at which a call was due"
    } else {
        "Latency by percentile, of a closed loop"
    };
    start(plot_top - 34.0, "title", title);
    let note = "all rounds together; the table has the medians of the rounds";
    start(plot_top - 16.0, "note", note);
    if targets.iter().any(|target| !target.holds) {
        let note = "! not every call was sent and ended as expected, in time";
        start(bars_end + 14.0, "note", note);
    }
    bars(&mut svg, targets);
    curves(&mut svg, targets, plot_top);
    svg.push_str("</svg>\n");
    svg
}

fn bars(svg: &mut String, targets: &[TargetSummary]) {
    let rate = |target: &TargetSummary| target.checks_per_second.map(|rate| rate.median);
    let most = targets.iter().filter_map(rate).fold(1.0, f64::max);
    for (row, (target, colour)) in (0_u32..).zip(targets.iter().zip(COLOURS.iter().cycle())) {
        let top = BARS_TOP + BAR * f64::from(row);
        let length = (WIDTH - LEFT - RIGHT) * rate(target).unwrap_or(0.0) / most;
        text(svg, LEFT - 8.0, top + 15.0, "", "end", &short(target));
        // Writing to a `String` cannot fail.
        let _ = writeln!(
            svg,
            "<rect x=\"{LEFT}\" y=\"{top:.1}\" width=\"{length:.1}\" height=\"18\" rx=\"2\" fill=\"{colour}\"/>"
        );
        let rate = rate(target).map_or_else(|| "-".to_owned(), whole);
        let ratio = target.ratios.checks_per_second;
        let label = ratio.map_or_else(
            || rate.clone(),
            |of| {
                format!(
                    "{rate} ({:.2} x, {:.2} to {:.2})",
                    of.median, of.min, of.max
                )
            },
        );
        text(svg, LEFT + length + 6.0, top + 14.0, "", "start", &label);
    }
}

/// The name of a target with its mark, at most as long as there is room.
fn short(target: &TargetSummary) -> String {
    let name = marked(target);
    if name.chars().count() <= NAME_CHARS_MAX {
        return name;
    }
    let mark = if target.holds { "" } else { " !" };
    let start: String = target.name.chars().take(NAME_CHARS_MAX - 3).collect();
    format!("{start}\u{2026}{mark}")
}

/// A time in the unit that leaves the fewest digits before the point.
fn time(us: f64) -> String {
    let (value, unit) = match us {
        us if us >= 1e6 => (us / 1e6, "s"),
        us if us >= 1e3 => (us / 1e3, "ms"),
        us if us >= 1.0 => (us, "us"),
        us => (us * 1e3, "ns"),
    };
    format!("{} {unit}", whole(value))
}

/// How the line of this target is broken.
fn dashes(index: usize) -> &'static str {
    let group = (index / COLOURS.len()) % DASHES.len();
    DASHES.get(group).copied().unwrap_or_default()
}

fn curves(svg: &mut String, targets: &[TargetSummary], top: f64) {
    let all = || {
        targets
            .iter()
            .flat_map(|target| &target.curve)
            .filter(|point| point.us > 0.0)
    };
    let least = all().map(|point| point.us).fold(f64::INFINITY, f64::min);
    let most = all().map(|point| point.us).fold(0.0, f64::max);
    if most <= 0.0 {
        text(
            svg,
            PLOT_LEFT,
            top + 20.0,
            "note",
            "start",
            "no answer was as expected",
        );
        return;
    }
    let (low, high) = (
        least.log10().floor(),
        most.log10().ceil().max(least.log10().floor() + 1.0),
    );
    let x = |percentile: f64| {
        let share = (1.0 - percentile / 100.0).max(SHARE_LEAST);
        PLOT_LEFT + (WIDTH - PLOT_LEFT - PLOT_RIGHT) * share.log10() / SHARE_LEAST.log10()
    };
    let y = |us: f64| top + PLOT_HEIGHT * (high - us.max(1e-3).log10()) / (high - low);
    let below = top + PLOT_HEIGHT + 36.0;
    text(svg, WIDTH - PLOT_RIGHT, below, "note", "end", "percentile");
    for (percentile, label) in [
        (0.0, "0"),
        (50.0, "50"),
        (90.0, "90"),
        (99.0, "99"),
        (99.9, "99.9"),
        (99.99, "99.99 %"),
    ] {
        let at = x(percentile);
        line(svg, at, top, at, top + PLOT_HEIGHT);
        text(svg, at, top + PLOT_HEIGHT + 18.0, "note", "middle", label);
    }
    let mut power = low;
    while power <= high {
        let us = 10_f64.powf(power);
        line(svg, PLOT_LEFT, y(us), WIDTH - PLOT_RIGHT, y(us));
        text(svg, PLOT_LEFT - 8.0, y(us) + 4.0, "note", "end", &time(us));
        power += 1.0;
    }
    let is_shown = |point: &&Point| point.us > 0.0 && 1.0 - point.percentile / 100.0 >= SHARE_LEAST;
    for (index, (target, colour)) in targets.iter().zip(COLOURS.iter().cycle()).enumerate() {
        let points = target.curve.iter().filter(is_shown);
        let points: Vec<String> = points
            .map(|point| format!("{:.1},{:.1}", x(point.percentile), y(point.us)))
            .collect();
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" stroke-dasharray=\"{}\"/>",
            points.join(" "),
            dashes(index)
        );
    }
}

fn line(svg: &mut String, x1: f64, y1: f64, x2: f64, y2: f64) {
    let _ = writeln!(
        svg,
        "<line class=\"grid\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"
    );
}

fn text(svg: &mut String, x: f64, y: f64, class: &str, anchor: &str, text: &str) {
    let text = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let _ = writeln!(
        svg,
        "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>"
    );
}
