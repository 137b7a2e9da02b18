//! `verigate audit stats`: how many decisions of each kind, by policy and by caller.

use std::collections::BTreeMap;

use clap::Args;
use serde_json::{Value, json};

use super::{Exit, examples, filter::Filter, page::Page, summary::Summary};
use crate::{
    cli::{
        output::{print_coloured, print_json},
        screen::{Screen, Style, Text, effect},
    },
    policy::Effect,
};

/// Names that are counted one by one; what comes later is counted together.
const NAMES_MAX: usize = 1000;
/// The name under which those are.
const OTHERS: &str = "(others)";
/// How wide the bar of the largest count is.
const BAR_WIDTH: u64 = 40;

/// Count the decisions of a journal by policy and by caller.
#[derive(Debug, Args)]
#[command(after_help = examples::AUDIT_STATS)]
pub(super) struct Stats {
    #[command(flatten)]
    filter: Filter,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// How many of each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    allow: u64,
    step_up: u64,
    deny: u64,
    degraded: u64,
}

#[derive(Debug, Default)]
struct Table(BTreeMap<String, Counts>);

impl Stats {
    pub(super) fn run(self, screen: Screen) -> anyhow::Result<Exit> {
        let journal = self.filter.journal()?;
        let (mut policies, mut callers) = (Table::default(), Table::default());
        let mut all = Counts::default();
        self.filter.each(&journal, |record| {
            let summary = Summary::of(&record.value);
            let is_degraded = record.value.get("degraded") == Some(&Value::Bool(true));
            all.add(summary.effect(), is_degraded);
            policies.add(summary.text("policy"), summary.effect(), is_degraded);
            callers.add(summary.text("caller"), summary.effect(), is_degraded);
            Ok(true)
        })?;
        if self.json {
            print_json(&json!({
                "all": all.as_json(),
                "policies": policies.as_json(),
                "callers": callers.as_json(),
            }))?;
        } else {
            let mut page = Page::of(screen);
            policies.write(&mut page, "by policy");
            page.blank();
            callers.write(&mut page, "by caller");
            page.blank();
            let total = all.total();
            page.wrapped(
                0,
                2,
                format!("{total} decisions, {} of them degraded", all.degraded),
            );
            print_coloured(&page.into_text())?;
        }
        Ok(Exit::Done)
    }
}

impl Counts {
    fn add(&mut self, effect: Option<Effect>, is_degraded: bool) {
        let count = match effect {
            Some(Effect::Allow) => &mut self.allow,
            Some(Effect::StepUp) => &mut self.step_up,
            // A decision of no known kind let nobody in.
            Some(Effect::Deny) | None => &mut self.deny,
        };
        *count = count.saturating_add(1);
        self.degraded = self.degraded.saturating_add(u64::from(is_degraded));
    }

    fn total(self) -> u64 {
        self.allow
            .saturating_add(self.step_up)
            .saturating_add(self.deny)
    }

    fn as_json(self) -> Value {
        json!({ "allow": self.allow, "step_up": self.step_up, "deny": self.deny, "degraded": self.degraded })
    }
}

impl Table {
    fn add(&mut self, name: &str, effect: Option<Effect>, is_degraded: bool) {
        let is_known = self.0.contains_key(name) || self.0.len() < NAMES_MAX;
        let name = if is_known { name } else { OTHERS };
        self.0
            .entry(name.to_owned())
            .or_default()
            .add(effect, is_degraded);
    }

    fn as_json(&self) -> Value {
        let counts = self.0.iter();
        counts
            .map(|(name, counts)| (name.clone(), counts.as_json()))
            .collect()
    }

    /// A bar for each kind of decision of each name, to the scale of the largest.
    fn write(&self, page: &mut Page, heading: &str) {
        page.wrapped(0, 2, Style::Heading.of(heading));
        let counts = self.0.values();
        let largest = counts
            .map(|c| c.allow.max(c.step_up).max(c.deny))
            .max()
            .unwrap_or(0);
        for (name, counts) in &self.0 {
            page.wrapped(2, 4, Text::from(name));
            let kinds = [
                (Effect::Allow, counts.allow),
                (Effect::StepUp, counts.step_up),
                (Effect::Deny, counts.deny),
            ];
            for (kind, count) in kinds {
                let style = Style::from(kind);
                let line = effect(kind).padded(8).and(format!("{count:>9} "));
                page.wrapped(4, 4, line.and(style.of(bar(count, largest))));
            }
        }
    }
}

/// Something that is there has at least a mark.
fn bar(count: u64, largest: u64) -> String {
    let length = count
        .saturating_mul(BAR_WIDTH)
        .checked_div(largest)
        .unwrap_or(0);
    let length = length.max(u64::from(count > 0));
    "█".repeat(usize::try_from(length).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_to_scale_and_never_invisible() {
        let length = |count, largest| bar(count, largest).chars().count();
        assert_eq!(length(100, 100), 40);
        assert_eq!(length(50, 100), 20);
        assert_eq!(length(1, 1_000_000), 1);
        assert_eq!((length(0, 100), length(0, 0)), (0, 0));
    }

    #[test]
    fn names_beyond_the_bound_are_counted_together() {
        let mut table = Table::default();
        for number in 0..NAMES_MAX + 5 {
            table.add(&number.to_string(), Some(Effect::Deny), false);
        }
        assert_eq!(table.0.len(), NAMES_MAX + 1);
        assert_eq!(table.0[OTHERS].deny, 5);
    }
}
