//! `verigate policy explain`: the decision on a case, with each rule's verdict, the reasons, the remedies and a timeline.

mod flags;
mod text;

use std::{path::PathBuf, sync::Arc};

use anyhow::{Context as _, bail};
use clap::{ArgGroup, Args};

use self::{flags::Flags, text::write_explanation};
use super::{
    Exit, cases,
    page::Page,
    problems::{load, problems_of, render_all, renderer},
};
use crate::{
    cli::{
        environment::Colours,
        output::{eprint_coloured, print_coloured},
        screen::Screen,
    },
    clock::{Clock as _, SystemClock},
    policy::{
        PolicySet, SourceText,
        suite::{self, Case},
    },
};

/// Explain what a policy decides on a case, and how that changes with time.
///
/// The case is one of a case file, or given by flags: `--policy front-door --verified-ago 40d --scope NAME`. What no flag gives
/// is not known to the policy. Ends with 0 if it could be explained, 1 if a file has mistakes, 2 if it could not run.
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
    /// The policy to judge by, if the case is given by flags.
    #[arg(long, value_name = "NAME")]
    policy: Option<String>,
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
        print_coloured(&self.explanations(&policies, &cases, screen)?)?;
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

    /// The explanations of the chosen cases.
    fn explanations(
        &self,
        policies: &PolicySet,
        cases: &[Case],
        screen: Screen,
    ) -> anyhow::Result<String> {
        let is_chosen = |case: &&Case| {
            let name = self.case.as_ref();
            name.is_none_or(|name| case.name.contains(name))
        };
        let mut page = Page::of(screen);
        for case in cases.iter().filter(is_chosen) {
            let policy = policies
                .find(&case.request.policy)
                .context("the case is about no policy of these")?;
            if !page.is_empty() {
                page.blank();
            }
            let (case, _) = case.as_served(policy);
            write_explanation(&mut page, &case, &policy.explain(&case.facts()));
        }
        if page.is_empty() {
            bail!("no case has such a name");
        }
        Ok(page.into_text())
    }
}
