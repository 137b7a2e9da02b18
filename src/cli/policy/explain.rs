//! `verigate policy explain`: one case laid open: each rule's verdict, why, what time brings, and what would help.

mod flags;

use std::{fmt::Write as _, path::PathBuf};

use anyhow::{Context as _, bail};
use clap::{ArgGroup, Args};

use self::flags::Flags;
use super::{Exit, cases, load, mistakes, renderer, shown};
use crate::{
    cli::{
        environment::Colours,
        output::{eprint_line, print},
        remedies,
    },
    clock::{Clock as _, SystemClock},
    policy::{
        Effect, Explanation, Facts, Remedy, Scope, Shown, Timestamp, between,
        suite::{self, Case},
    },
};

/// Lay open what a policy says of a case, and what time will make of it.
///
/// The case is one of a case file, or told by flags: `--policy front-door --verified-ago 40d --scope NAME`. What no flag
/// tells is not known to the policy. Ends with 0 if it could be explained, 1 if a file has mistakes, 2 if it could not run.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("case or policy").required(true).args(["cases", "policy"])))]
pub(super) struct Explain {
    /// A policy file, or a folder of them.
    #[arg(long, value_name = "PATH")]
    policies: PathBuf,
    /// The case file.
    #[arg(value_name = "CASES")]
    cases: Option<PathBuf>,
    /// The name of the case, or a part of it; every case of the file if not given.
    #[arg(long, value_name = "NAME", conflicts_with = "policy")]
    case: Option<String>,
    /// The policy to judge by, where flags tell the case.
    #[arg(long, value_name = "NAME")]
    policy: Option<String>,
    #[command(flatten)]
    flags: Box<Flags>,
}

impl Explain {
    pub(super) fn run(self, colours: Colours) -> anyhow::Result<Exit> {
        let renderer = renderer(&std::io::stderr(), colours);
        let policies = match load(&self.policies)? {
            Ok(policies) => policies,
            Err(invalid) => {
                eprint_line(mistakes(&invalid, &renderer).trim_end());
                return Ok(Exit::Invalid);
            }
        };
        if self.cases.is_some() && !self.flags.are_none() {
            bail!("a case file tells the case: flags that tell another go with --policy");
        }
        let (texts, if_mistaken) = match (&self.cases, &self.policy) {
            (Some(cases), _) => (cases::texts(std::slice::from_ref(cases))?, Exit::Invalid),
            (None, Some(policy)) => {
                let document = self.flags.document(policy, SystemClock.now());
                (vec![document], Exit::CannotRun)
            }
            (None, None) => bail!("neither a case file nor a policy is given"),
        };
        let cases = match suite::read(&texts, &policies) {
            Ok(cases) => cases,
            Err(problems) => {
                eprint_line(shown(&problems, &renderer).trim_end());
                return Ok(if_mistaken);
            }
        };
        let wanted = |case: &&Case| {
            self.case
                .as_ref()
                .is_none_or(|name| case.name.contains(name))
        };
        let mut text = String::new();
        for case in cases.iter().filter(wanted) {
            let policy = policies
                .find(&case.request.policy)
                .context("the case is about no policy of these")?;
            let explanation = policy.explain(&Facts {
                request: &case.request,
                evidence: &case.evidence,
                now: case.now,
            });
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(&in_words(case, &explanation));
        }
        if text.is_empty() {
            bail!("no case has such a name");
        }
        print(&text)?;
        Ok(Exit::Done)
    }
}

fn in_words(case: &Case, explanation: &Explanation) -> String {
    let decision = &explanation.decision;
    let mut text = format!("{}\n", case.name);
    let mut line = |told: String| {
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "{told}");
    };
    let (policy, now) = (case.request.policy.as_str(), case.now);
    line(format!(
        "{} by `{policy}` at {now}\n",
        loud(decision.effect().as_str())
    ));
    if explanation.verdicts.is_empty() {
        for reason in decision.reasons() {
            line(format!(
                "  guard     {}: {}",
                reason.code.as_str(),
                reason.code.in_words()
            ));
        }
    } else {
        for verdict in &explanation.verdicts {
            let until = verdict
                .until
                .map_or_else(String::new, |until| format!(", until {until}"));
            line(match verdict.unmet {
                None => format!("  met       {}{until}", verdict.rule),
                Some(code) => format!(
                    "  {:<9} {} ({}){until}",
                    loud(verdict.otherwise.as_str()),
                    verdict.rule,
                    code.as_str()
                ),
            });
        }
    }
    for remedy in decision.remedies() {
        line(format!("  needed    {}", help(remedy)));
    }
    if decision.effect() != Effect::Allow && decision.remedies().is_empty() {
        line("  needed    nothing helps".to_owned());
    }
    if let (Some(until), Some(span)) = (decision.valid_until(), decision.valid_for()) {
        line(format!("  reusable  until {until} ({})", Shown(span)));
    }
    line(String::new());
    line(timeline(now, explanation));
    text
}

/// From the top down: each decision, how long it holds, and the one that follows; then whether that was all.
fn timeline(now: Timestamp, explanation: &Explanation) -> String {
    let mut text = format!(
        "  ●  {:<9} now",
        loud(explanation.decision.effect().as_str())
    );
    let mut before = now;
    for change in &explanation.timeline {
        let span = Shown(between(before, change.at));
        // Writing to a `String` cannot fail.
        let _ = write!(
            text,
            "\n  │            for {span}\n  ●  {:<9} {}",
            loud(change.to.as_str()),
            change.at
        );
        before = change.at;
    }
    text.push_str(if explanation.goes_on {
        "\n  ▼            and so on"
    } else {
        "\n  ▼            as far as ten years ahead"
    });
    text
}

fn loud(effect: &str) -> String {
    effect.to_ascii_uppercase()
}

fn help(remedy: &Remedy) -> String {
    match remedy {
        Remedy::Reverify { max_age } => remedies::reverify(*max_age),
        Remedy::Authenticate(wanted) => {
            let amr: Vec<&str> = wanted.amr_any.iter().map(AsRef::as_ref).collect();
            let acr: Vec<&str> = wanted.acr_any.iter().map(AsRef::as_ref).collect();
            remedies::authenticate(&amr, &acr, Some(wanted.within))
        }
        Remedy::GrantScopes(scopes) => {
            let names: Vec<&str> = scopes.iter().map(Scope::as_str).collect();
            remedies::grant(&names)
        }
        Remedy::Identify => remedies::identify(),
        Remedy::Wait(until) => remedies::wait(&until.to_string()),
    }
}
