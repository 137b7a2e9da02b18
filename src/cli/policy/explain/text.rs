//! An explanation for a person.

use super::super::page::Page;
use crate::{
    cli::{
        remedies,
        screen::{Style, Text, effect},
    },
    policy::{Effect, Explanation, Shown, Timestamp, Verdict, between, suite::Case},
    proto::remedies::step_up,
};

/// Adds the explanation of a case: the verdicts or the guard that failed, the remedies, and the timeline.
pub(super) fn write_explanation(page: &mut Page, case: &Case, explanation: &Explanation) {
    let decision = &explanation.decision;
    let (policy, now) = (case.request.policy.as_str(), case.now);
    page.wrapped(0, 2, Style::Heading.of(&case.name));
    let by = format_args!(" by `{policy}` at {now}");
    page.wrapped(0, 2, effect(decision.effect()).and(by));
    page.blank();
    if explanation.verdicts.is_empty() {
        for reason in decision.reasons() {
            let (code, words) = (reason.code.as_str(), reason.code.in_words());
            page.labelled("guard", format_args!("{code}: {words}"));
        }
    }
    for verdict in &explanation.verdicts {
        write_verdict(page, verdict);
    }
    for (label, needed) in step_up(decision).iter().flat_map(remedies::needed) {
        page.labelled(label, needed);
    }
    if decision.effect() != Effect::Allow && decision.remedies().is_empty() {
        page.labelled("needed", "nothing helps");
    }
    if let (Some(until), Some(span)) = (decision.valid_until(), decision.valid_for()) {
        page.labelled("reusable", format_args!("until {until} ({})", Shown(span)));
    }
    page.blank();
    write_timeline(page, now, explanation);
}

fn write_verdict(page: &mut Page, verdict: &Verdict) {
    let rule = &verdict.rule;
    let until = verdict.until;
    let until = until.map_or_else(String::new, |until| format!(", until {until}"));
    match verdict.unmet {
        None => page.labelled("met", format_args!("{rule}{until}")),
        Some(code) => page.labelled(
            effect(verdict.otherwise),
            format_args!("{rule} ({}){until}", code.as_str()),
        ),
    }
}

/// Each decision with how long it holds, and whether that is all.
fn write_timeline(page: &mut Page, now: Timestamp, explanation: &Explanation) {
    let at = |to: Effect, at: Text| Text::from("●  ").and(effect(to).padded(9)).and(" ").and(at);
    page.wrapped(2, 5, at(explanation.decision.effect(), "now".into()));
    let mut since = now;
    for change in &explanation.timeline {
        let span = Shown(between(since, change.at));
        let span = Style::Dim.of(format_args!("for {span}"));
        page.wrapped(2, 15, Text::from("│            ").and(span));
        page.wrapped(2, 5, at(change.to, change.at.into()));
        since = change.at;
    }
    page.line(if explanation.goes_on {
        "  ▼            and so on"
    } else {
        "  ▼            no further change within ten years"
    });
}
