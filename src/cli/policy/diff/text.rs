//! A comparison for a person: a summary, then the edits that several policies share, then those of each policy. Each edit has the
//! kinds of checks that it decides differently.

use super::{
    super::page::Page,
    findings::{Finding, Findings, Knowledge, Line, names},
};
use crate::{
    cli::screen::{Screen, Style, Text},
    policy::{
        Effect, PolicyName,
        diff::{ChangedCell, CompareSetsError, Comparison, Directions},
    },
};

/// How many lines of one edit are shown.
const LINES_SHOWN_MAX: usize = 8;
/// How many policies are named.
const NAMED_MAX: usize = 24;

/// The page; with examples, a case for each cell.
pub(super) fn page(comparison: &Comparison, examples: bool, screen: Screen) -> String {
    let findings = Findings::of(comparison);
    let mut writer = Writer {
        page: Page::of(screen),
        examples,
    };
    writer.summary(comparison, &findings);
    writer.names(comparison);
    if !findings.shared.is_empty() {
        writer.page.blank();
        writer
            .page
            .wrapped(0, 2, Style::Heading.of("in several policies"));
        for finding in &findings.shared {
            writer.finding(finding);
            let policies = names(&finding.policies, NAMED_MAX);
            let count = finding.policies.len();
            let policies = format_args!("in {count} policies: {policies}");
            writer.page.wrapped(4, 6, Style::Dim.of(policies));
        }
    }
    for (name, of_policy) in &findings.of_policies {
        let was = comparison
            .renamed
            .iter()
            .find(|renamed| renamed.new == **name);
        writer.page.blank();
        let heading = Style::Heading.of(name);
        let heading = match was {
            Some(renamed) => heading.and(format_args!(" (was {})", renamed.old)),
            None => heading,
        };
        writer.page.wrapped(0, 2, heading);
        for finding in of_policy {
            writer.finding(finding);
        }
    }
    writer.page.into_text()
}

struct Writer {
    page: Page,
    examples: bool,
}

impl Writer {
    /// The summary, in a few lines.
    fn summary(&mut self, comparison: &Comparison, findings: &Findings<'_>) {
        let ignored = match comparison.ignored_settings {
            0 => None,
            count => Some(format!("{} left out", counted(count, "setting"))),
        };
        if comparison.is_empty() {
            let nothing = match ignored {
                None => Style::Good.of("nothing differs: every check is decided as before"),
                Some(ignored) => Text::from(format_args!("no rule differs: {ignored}")),
            };
            return self.page.wrapped(0, 0, nothing);
        }
        let (settings, edits) = findings.counts();
        let counts = [
            (comparison.renamed.len(), "renamed"),
            (comparison.removed.len(), "removed"),
            (comparison.added.len(), "added"),
            (comparison.failed.len(), "not compared"),
        ];
        let counts = counts.iter().filter(|(count, _)| *count > 0);
        let mut counts: Vec<String> = counts.map(|(n, what)| format!("{n} {what}")).collect();
        let changed = match comparison.changed.len() {
            0 => None,
            1 => Some("1 policy".to_owned()),
            count => Some(format!("{count} policies")),
        };
        if let Some(changed) = changed {
            let (edits, settings) = (counted(edits, "edit"), counted(settings, "setting"));
            counts.insert(0, format!("{edits} and {settings} in {changed}"));
        }
        counts.extend(ignored);
        let directions = comparison.directions();
        let word = match directions.is_some() {
            true => direction(directions),
            false if comparison.failed.is_empty() => {
                Text::from("checks of policies that both have are decided as before")
            }
            false => Text::from("the comparison is incomplete"),
        };
        self.page
            .wrapped(0, 2, word.and(format_args!(": {}", counts.join(", "))));
        for (word, loosens) in [("loosens", true), ("tightens", false)] {
            let changed = comparison.changed.iter().filter(|(_, changes)| {
                let directions = changes.directions();
                if loosens {
                    directions.loosens
                } else {
                    directions.tightens
                }
            });
            let policies: Vec<&PolicyName> = changed.map(|(name, _)| name).collect();
            if !policies.is_empty() {
                let style = if loosens {
                    Style::Loosens
                } else {
                    Style::Tightens
                };
                let label = style.of(word).padded(9).and(names(&policies, NAMED_MAX));
                self.page.wrapped(2, 11, label);
            }
        }
    }

    /// The policies that only one of the sets has, under this name.
    fn names(&mut self, comparison: &Comparison) {
        let all = |names: &[PolicyName]| self::names(&names.iter().collect::<Vec<_>>(), NAMED_MAX);
        if !comparison.removed.is_empty() {
            let removed = Style::Tightens
                .of("removed")
                .padded(9)
                .and(all(&comparison.removed));
            self.page
                .wrapped(2, 11, removed.and(": checks get NOT_FOUND"));
        }
        if !comparison.added.is_empty() {
            let added = Style::Warning
                .of("added")
                .padded(9)
                .and(all(&comparison.added));
            self.page
                .wrapped(2, 11, added.and(": new policies, review each as a whole"));
        }
        let renamed = comparison.renamed.iter().map(|renamed| {
            let has_failed = |error: &CompareSetsError| error.policy == renamed.new;
            let same = match comparison.changed.get(&renamed.new) {
                _ if comparison.failed.iter().any(has_failed) => " (not compared)",
                None if comparison.ignored_settings > 0 => " (the same rules)",
                None => " (same decisions)",
                Some(_) => "",
            };
            format!("{} -> {}{same}", renamed.old, renamed.new)
        });
        let renamed: Vec<String> = renamed.collect();
        if !renamed.is_empty() {
            let line = Text::from("renamed").padded(9).and(renamed.join(", "));
            self.page.wrapped(2, 11, line);
        }
        if comparison.cells().next().is_some() {
            let legend =
                "below each edit: the checks that it changes, if the other rules permit them";
            self.page.wrapped(2, 2, Style::Dim.of(legend));
        }
        for error in &comparison.failed {
            let line = Style::Bad.of("failed").padded(9).and(&error.policy);
            self.page.wrapped(2, 11, line.and(": ").and(&error.source));
        }
    }

    /// An edit with its direction, then the checks that it decides differently.
    fn finding(&mut self, finding: &Finding<'_>) {
        let Finding {
            summary,
            place,
            directions,
            ..
        } = finding;
        let all_kinds = finding.kinds();
        let place = place.map_or_else(String::new, |place| format!(" ({place})"));
        let line = Text::from(summary).and(place).and(", ");
        let lines_have_kinds = finding.lines.iter().any(|line| line.kinds() != all_kinds);
        let line = match (directions.is_some(), all_kinds.is_empty()) {
            _ if finding.knowledge == Knowledge::NotCompared => {
                line.and("in an unknown direction, because it was not compared")
            }
            _ if finding.knowledge == Knowledge::NotTriedAlone => line.and(
                "changes no decision together with the other edits, and was not tried by itself",
            ),
            (false, _) => line.and("changes no decision"),
            (true, true) if finding.is_setting => line.and(direction(*directions)),
            (true, true) => line
                .and(direction(*directions))
                .and(" by itself, but not with the other edits"),
            (true, false) if lines_have_kinds => line.and(direction(*directions)),
            (true, false) => line
                .and(direction(*directions))
                .and(" ")
                .and(kinds(&all_kinds)),
        };
        self.page.wrapped(2, 6, line);
        for line in finding.lines.iter().take(LINES_SHOWN_MAX) {
            self.line(line, finding, lines_have_kinds);
        }
        let more = finding.lines.len().saturating_sub(LINES_SHOWN_MAX);
        if more > 0 {
            let line = format_args!(
                "and {} more; `--format json` has all",
                counted(more, "kind")
            );
            self.page.wrapped(4, 6, Style::Dim.of(line));
        }
    }

    fn line(&mut self, line: &Line<'_>, finding: &Finding<'_>, with_kinds: bool) {
        let mut text = Text::default();
        if with_kinds {
            text = kinds(&line.kinds()).and(": ");
        }
        text = text.and(&line.words);
        let others = finding
            .policies
            .iter()
            .filter(|name| !line.policies.contains(name));
        let others: Vec<&PolicyName> = others.copied().collect();
        if others.is_empty() {
        } else if others.len() < line.policies.len() {
            let others = names(&others, NAMED_MAX);
            text = text.and(Style::Dim.of(format_args!(" (not in {others})")));
        } else {
            let policies = names(&line.policies, NAMED_MAX);
            text = text.and(Style::Dim.of(format_args!(" (in {policies})")));
        }
        self.page.wrapped(4, 6, text);
        if self.examples {
            for cell in &line.cells {
                self.example(cell);
            }
        }
    }

    fn example(&mut self, cell: &ChangedCell) {
        for line in cell.as_case().lines() {
            self.page.line(format_args!("      {line}"));
        }
    }
}

/// A direction in words, in its style.
fn direction(directions: Directions) -> Text {
    match (directions.loosens, directions.tightens) {
        (true, true) => Style::Loosens
            .of("loosens")
            .and(" and ")
            .and(Style::Tightens.of("tightens")),
        (true, false) => Style::Loosens.of("loosens"),
        (false, true) => Style::Tightens.of("tightens"),
        (false, false) => Text::from("neither loosens nor tightens"),
    }
}

/// Changes of the decision: `deny -> allow`. Changes that differ on one side only are joined: `deny -> allow or step_up`.
fn kinds(kinds: &[(Effect, Effect)]) -> Text {
    let mut groups: Vec<(Vec<Effect>, Vec<Effect>)> = Vec::new();
    for (old, new) in kinds {
        match groups.last_mut() {
            Some((olds, news)) if *olds == [*old] => news.push(*new),
            Some((olds, news)) if *news == [*new] => olds.push(*old),
            _ => groups.push((vec![*old], vec![*new])),
        }
    }
    let effects = |effects: &[Effect]| {
        let effects = effects.iter().map(|effect| Style::from(*effect).of(effect));
        effects
            .reduce(|some, effect| some.and(" or ").and(effect))
            .unwrap_or_default()
    };
    let groups = groups.iter();
    let groups = groups.map(|(olds, news)| effects(olds).and(" -> ").and(effects(news)));
    groups
        .reduce(|some, group| some.and(", ").and(group))
        .unwrap_or_default()
}

fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::diff::{EditWords, PolicyChanges, RuleEdit};

    #[test]
    fn an_edit_that_was_not_tried_by_itself_is_not_said_to_change_nothing() {
        let edit = RuleEdit {
            words: EditWords {
                rule: "age_at_least".to_owned(),
                old: None,
                new: None,
                summary: "age_at_least: 21 -> 18".to_owned(),
                place: None,
                list: None,
            },
            directions: None,
        };
        let changes = PolicyChanges {
            edits: vec![edit],
            ..PolicyChanges::default()
        };
        let mut comparison = Comparison::default();
        let name = PolicyName::parse("p").unwrap();
        comparison.changed.insert(name, changes);
        let page = page(&comparison, false, Screen::of_width(200));
        assert!(page.contains("was not tried by itself"), "{page}");
    }
}
