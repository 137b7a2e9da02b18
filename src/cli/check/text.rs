//! Shows an answer to a person.

use std::fmt::Write as _;

use crate::{
    cli::{
        page::Page,
        remedies,
        screen::{Screen, Style, Text},
    },
    policy::Shown,
    proto::{
        time,
        v1::{CheckAccessResponse, Decision, EvidenceInfo, EvidenceSource, ReasonCode},
    },
};

/// The answer as text.
pub(super) fn as_text(answer: &CheckAccessResponse, screen: Screen) -> String {
    let mut page = Page::of(screen);
    page.wrapped(0, 2, decision(answer.decision()));
    for reason in &answer.reasons {
        let code = style(reason.effect()).of(code(reason.code()));
        let why = format_args!(": {} ({})", reason.message, reason.rule).to_string();
        page.labelled("because", code.and(why));
    }
    if answer.degraded {
        page.labelled("degraded", degraded(answer.evidence.as_ref()));
    }
    if let (Some(until), Some(span)) = (&answer.valid_until, &answer.valid_for) {
        let (until, span) = (instant(until), Shown(time::elapsed(span)));
        page.labelled("reusable", format_args!("until {until} ({span} from now)"));
    }
    if let Some(change) = &answer.next_change {
        let at = change.at.as_ref().map_or_else(String::new, instant);
        page.labelled(
            "then",
            decision(change.to()).and(format_args!(" from {at}").to_string()),
        );
    }
    for (label, needed) in answer.step_up.iter().flat_map(remedies::needed) {
        page.labelled(label, needed);
    }
    if let Some(evidence) = &answer.evidence {
        page.labelled("evidence", self::evidence(evidence));
    }
    let (id, revision) = (&answer.decision_id, &answer.policy_revision);
    page.labelled(
        "decision",
        Style::Dim.of(format_args!("{id} (policies {revision})")),
    );
    page.into_text()
}

/// Why an answer is degraded. Where its evidence is neither stale nor missing, the clocks are the reason.
fn degraded(evidence: Option<&EvidenceInfo>) -> &'static str {
    match evidence.map(EvidenceInfo::source) {
        Some(EvidenceSource::Cache | EvidenceSource::SharedCache | EvidenceSource::Upstream) => {
            "the clocks of the service and of the vendor are apart"
        }
        Some(EvidenceSource::Stale | EvidenceSource::None | EvidenceSource::Unspecified) | None => {
            "the vendor could not be asked"
        }
    }
}

fn evidence(evidence: &EvidenceInfo) -> String {
    let mut text = match evidence.source() {
        EvidenceSource::Cache => "from the cache".to_owned(),
        EvidenceSource::SharedCache => "from the shared cache".to_owned(),
        EvidenceSource::Upstream => "from the vendor".to_owned(),
        EvidenceSource::Stale => "from the cache, stale".to_owned(),
        EvidenceSource::None | EvidenceSource::Unspecified => "none".to_owned(),
    };
    let mut add = |label: &str, value: &str| {
        if !value.is_empty() {
            let _ = write!(text, ", {label} {value}");
        }
    };
    add("status", &evidence.status);
    let at = evidence.verified_at.as_ref().map(instant);
    add("verified at", &at.unwrap_or_default());
    add("scopes", &evidence.scopes.join(" "));
    text
}

/// A decision by its name in the contract.
fn decision(decision: Decision) -> Text {
    let name = decision.as_str_name();
    style(decision).of(name.strip_prefix("DECISION_").unwrap_or(name))
}

fn style(decision: Decision) -> Style {
    match decision {
        Decision::Allow => Style::Allow,
        Decision::StepUp => Style::StepUp,
        Decision::Deny | Decision::Unspecified => Style::Deny,
    }
}

fn code(code: ReasonCode) -> &'static str {
    let name = code.as_str_name();
    name.strip_prefix("REASON_CODE_").unwrap_or(name)
}

fn instant(wire: &prost_types::Timestamp) -> String {
    let instant = time::instant(*wire);
    instant.map_or_else(|| "an invalid time".to_owned(), |at| at.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_degraded_answer_says_why() {
        for (source, why) in [
            (EvidenceSource::Stale, "the vendor could not be asked"),
            (EvidenceSource::None, "the vendor could not be asked"),
            (EvidenceSource::Cache, "of the vendor are apart"),
            (EvidenceSource::Upstream, "of the vendor are apart"),
        ] {
            let mut evidence = EvidenceInfo::default();
            evidence.set_source(source);
            let answer = CheckAccessResponse {
                degraded: true,
                evidence: Some(evidence),
                ..CheckAccessResponse::default()
            };
            let text = as_text(&answer, Screen::RAW);
            assert!(text.contains(why), "{text}");
        }
    }
}
