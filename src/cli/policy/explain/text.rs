//! An explanation for a person.

use super::super::page::Page;
use crate::{
    cli::{
        remedies,
        screen::{Style, Text, effect},
    },
    policy::{
        Alternation, Cause, Effect, Explanation, Shown, Timeline, TimelineChange, Timestamp, Turn,
        Verdict, Zone, between, suite::Case,
    },
    proto::remedies::step_up,
};

/// The column of the text of a change, after its mark and its effect.
const BEHIND_EFFECT: usize = 15;

/// Adds the explanation of a case: the verdicts or the guard that failed, the remedies, and the timeline.
pub(super) fn write_explanation(page: &mut Page, case: &Case, explanation: &Explanation) {
    let decision = &explanation.decision;
    let zones = &explanation.zones;
    let (policy, now) = (case.request.policy.as_str(), case.now);
    page.wrapped(0, 2, Style::Heading.of(&case.name));
    let by = format_args!(" by `{policy}` at {}", time(now, zones)).to_string();
    page.wrapped(0, 2, effect(decision.effect()).and(by));
    page.blank();
    if explanation.verdicts.is_empty() {
        for reason in decision.reasons() {
            let (code, words) = (reason.code.as_str(), reason.code.in_words());
            page.labelled("guard", format_args!("{code}: {words}"));
        }
    }
    for verdict in &explanation.verdicts {
        write_verdict(page, verdict, zones);
    }
    for (label, needed) in step_up(decision).iter().flat_map(remedies::needed) {
        page.labelled(label, needed);
    }
    if decision.effect() != Effect::Allow && decision.remedies().is_empty() {
        page.labelled("needed", "nothing helps");
    }
    if let (Some(until), Some(span)) = (decision.valid_until(), decision.valid_for()) {
        let until = time(until, zones);
        page.labelled("reusable", format_args!("until {until} ({})", Shown(span)));
    }
    page.blank();
    write_timeline(page, now, explanation);
}

/// An instant, with the local times in these zones.
pub(super) fn time(instant: Timestamp, zones: &[Zone]) -> String {
    let local = |zone: &Zone| format!("{:#} {}", zone.local(instant), zone.name());
    match zones {
        [] => instant.to_string(),
        zones => {
            let local: Vec<String> = zones.iter().map(local).collect();
            format!("{instant} ({})", local.join(", "))
        }
    }
}

fn write_verdict(page: &mut Page, verdict: &Verdict, zones: &[Zone]) {
    let until = verdict.until.map(|until| time(until, zones));
    let until = until.map(|until| Text::from("until ").and(until));
    let (label, why) = match verdict.unmet {
        None => (Style::Good.of("met"), None),
        Some(code) => {
            let otherwise = verdict.otherwise;
            let why = Style::from(otherwise).of(code.as_str());
            (effect(otherwise), Some(Text::from("(").and(why).and(")")))
        }
    };
    let rule = Text::from(&verdict.rule);
    match (verdict.lines.as_slice(), why) {
        // Parts that do not fit into one line get a line each, as in a policy.
        ([(_, key), parts @ ..], why) if !parts.is_empty() && !page.fits(&rule) => {
            let key = Text::from(key);
            let key = why.map_or_else(|| key.clone(), |why| key.clone().and(" ").and(why));
            page.labelled_with(label, key, until);
            for (depth, part) in parts {
                page.below_label(*depth, part);
            }
        }
        (_, Some(why)) => page.labelled_with(label, rule.and(" ").and(why), until),
        (_, None) => page.labelled_with(label, rule, until),
    }
}

/// The decision now, its changes, and then the weekly changes by schedules.
fn write_timeline(page: &mut Page, now: Timestamp, explanation: &Explanation) {
    let (timeline, zones) = (&explanation.timeline, &explanation.zones);
    write_change(page, explanation.decision.effect(), "now");
    for change in &timeline.changes {
        let span = Shown(between(now, change.at));
        let at = format!("{}, in {span}", time(change.at, zones));
        write_change(page, change.to, &at);
        for cause in &change.causes {
            let cause = Text::from("│")
                .padded(BEHIND_EFFECT.saturating_sub(2))
                .and(in_cause(cause, zones));
            page.wrapped(2, BEHIND_EFFECT, cause);
        }
    }
    let end = Text::from("▼").padded(BEHIND_EFFECT.saturating_sub(2));
    page.wrapped(
        2,
        BEHIND_EFFECT,
        end.and(Style::Dim.of(ending(timeline, zones))),
    );
    if let Some(alternation) = &timeline.schedules {
        page.blank();
        write_alternation(page, alternation, timeline, zones);
    }
}

fn write_change(page: &mut Page, to: Effect, at: &str) {
    let line = Text::from("●  ").and(effect(to).padded(9)).and(" ").and(at);
    page.wrapped(2, BEHIND_EFFECT, line);
}

/// A cause in words, with its local time in these zones.
pub(super) fn in_cause(cause: &Cause, zones: &[Zone]) -> String {
    match cause.since {
        Some(since) => format!("{cause} from {} on", time(since, zones)),
        None => cause.to_string(),
    }
}

fn ending(timeline: &Timeline, zones: &[Zone]) -> String {
    let ended: Vec<String> = timeline
        .ended
        .iter()
        .map(|cause| in_cause(cause, zones))
        .collect();
    if !ended.is_empty() {
        return format!("it stays so: {}", ended.join("; "));
    }
    match (timeline.more, &timeline.schedules) {
        (_, Some(_)) => "and every week by schedule:".to_owned(),
        (true, None) => "and so on".to_owned(),
        (false, None) => "no further change within ten years".to_owned(),
    }
}

/// The schedules in short, their effect, and the next changes that they cause.
fn write_alternation(
    page: &mut Page,
    alternation: &Alternation,
    timeline: &Timeline,
    zones: &[Zone],
) {
    let Alternation {
        schedules,
        inside,
        outside,
    } = alternation;
    for schedule in schedules {
        page.labelled("schedule", schedule);
    }
    let (all, none) = match schedules.len() {
        1 => (" inside, ", " outside"),
        _ => (" inside all of them, ", " outside all of them"),
    };
    let does = Text::from("now ")
        .and(effect(*inside))
        .and(all)
        .and(effect(*outside))
        .and(none);
    page.labelled("", does);
    for change in &timeline.weekly {
        let at = time(change.at, zones);
        let causes = weekly_causes(change, schedules.len(), zones);
        page.labelled(effect(change.to), format_args!("{at} {causes}"));
    }
    if timeline.more {
        page.labelled("", Style::Dim.of("and so on"));
    }
}

/// Why a schedule changes a decision; without its name if there is only one schedule, which is named above.
fn weekly_causes(change: &TimelineChange, schedules: usize, zones: &[Zone]) -> String {
    let cause = |cause: &Cause| match cause.turn {
        Turn::Opens if schedules == 1 => "opens".to_owned(),
        Turn::Closes if schedules == 1 => "closes".to_owned(),
        _ => in_cause(cause, zones),
    };
    let causes: Vec<String> = change.causes.iter().map(cause).collect();
    causes.join("; ")
}
