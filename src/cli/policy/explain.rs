//! `verigate policy explain`: the decision on a case, with each rule's verdict, the reasons, the remedies and a timeline.

mod flags;
mod json;
mod text;

use std::{borrow::Cow, path::PathBuf, sync::Arc};

use anyhow::{Context as _, bail};
use clap::{ArgGroup, Args};

use self::{flags::Flags, text::write_explanation};
use super::{
    Exit, cases,
    format::Format,
    page::Page,
    problems::{load, problems_of, render_all, renderer},
};
use crate::{
    cli::{
        environment::Colours,
        examples,
        output::{eprint_coloured, print_coloured, print_json},
        screen::Screen,
    },
    clock::{Clock as _, SystemClock},
    policy::{
        Explanation, PolicySet, SourceText,
        suite::{self, Case},
    },
};

/// Explain what a policy decides on a case, and how that changes with time.
///
/// The case is one of a case file, or given by flags: `--policy front-door --verified-ago 40d --scope NAME`. What no flag gives
/// is not known to the policy. Ends with 0 if it could be explained, 1 if a file has mistakes, 2 if it could not run.
#[derive(Debug, Args)]
#[command(after_help = examples::POLICY_EXPLAIN)]
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
    /// The policy to judge by, if the case is given by flags.
    #[arg(long, value_name = "NAME")]
    policy: Option<String>,
    /// The output format.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    #[command(flatten)]
    flags: Box<Flags>,
}

impl Explain {
    pub(super) fn run(self, colours: Colours, screen: Screen) -> anyhow::Result<Exit> {
        let renderer = renderer(&std::io::stderr(), colours);
        let policies = match load(&self.policies)? {
            Ok(policies) => policies,
            Err(invalid) => {
                eprint_coloured(problems_of(&invalid, &renderer).trim_end());
                return Ok(Exit::Invalid);
            }
        };
        let (texts, if_invalid) = self.texts()?;
        let cases = match suite::read_situations(&texts, &policies) {
            Ok(cases) => cases,
            Err(problems) => {
                eprint_coloured(render_all(&problems, &renderer).trim_end());
                return Ok(if_invalid);
            }
        };
        let explained = self.explained(&policies, &cases)?;
        match self.format {
            Format::Human => {
                let mut page = Page::of(screen);
                for (case, explanation) in &explained {
                    if !page.is_empty() {
                        page.blank();
                    }
                    write_explanation(&mut page, case, explanation);
                }
                print_coloured(&page.into_text())?;
            }
            Format::Json => {
                let objects = explained.iter().map(|(case, of)| json::object(case, of));
                print_json(&objects.collect::<Vec<_>>())?;
            }
        }
        Ok(Exit::Done)
    }

    /// The case files, and how the command ends if they have mistakes. Flags are a case file too.
    fn texts(&self) -> anyhow::Result<(Vec<Arc<SourceText>>, Exit)> {
        match (&self.cases, &self.policy) {
            (Some(_), _) if !self.flags.are_none() => {
                bail!("flags describe another case than the case file: give them with --policy")
            }
            (Some(cases), _) => Ok((cases::texts(std::slice::from_ref(cases))?, Exit::Invalid)),
            (None, Some(policy)) => {
                let document = self.flags.as_case_file(policy, SystemClock.now());
                Ok((vec![document], Exit::CannotRun))
            }
            (None, None) => bail!("neither a case file nor a policy is given"),
        }
    }

    /// The chosen cases, each with its explanation.
    fn explained<'c>(
        &self,
        policies: &PolicySet,
        cases: &'c [Case],
    ) -> anyhow::Result<Vec<(Cow<'c, Case>, Explanation)>> {
        let is_chosen = |case: &&Case| {
            let name = self.case.as_ref();
            name.is_none_or(|name| case.name.contains(name))
        };
        let mut explained = Vec::new();
        for case in cases.iter().filter(is_chosen) {
            let policy = policies
                .find(&case.request.policy)
                .context("the case is about no policy of these")?;
            let (case, _) = case.as_served(policy);
            let explanation = policy.explain(&case.facts());
            explained.push((case, explanation));
        }
        if explained.is_empty() {
            bail!("no case has such a name");
        }
        Ok(explained)
    }
}
