//! `verigate policy check`: mistakes and warnings of policies, for a person, a program or a code host.

mod finding;
mod github;
mod json;
mod sarif;

use std::{io, path::PathBuf};

use clap::{Args, ValueEnum, builder::PossibleValuesParser};

use self::finding::{CheckedSet, FILE_NOT_READ, FilePosition, Finding};
use super::{
    Exit,
    page::Page,
    problems::{counted, fitted, load_all, problems_of, renderer},
};
use crate::{
    cli::{
        environment::Colours,
        output::{print, print_coloured, print_json},
        screen::{Screen, Style, Text},
    },
    live::{LoadError, Loaded},
    policy::{Lint, WarningCode, lint},
};

const EXAMPLES: &str = "\
Examples:
  verigate policy check policies
  verigate policy check --deny warnings policies               in CI: a warning fails the check
  verigate policy check --deny warnings --allow no_age_limit policies
  verigate policy check --format github policies               annotations of a pull request
  verigate policy check --format sarif policies > check.sarif  for code scanning

docs/lint.md lists every code, with an example and the cure.";

/// Show everything that is wrong with policies, and what is valid but surely a mistake.
///
/// Ends with 0 if nothing is wrong, 1 if something is (or if a warning is denied), and 2 if a path cannot be read.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Check {
    /// A policy file, or a folder of them; each is a set of its own.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The output format.
    #[arg(long, value_enum, default_value_t = CheckFormat::Human)]
    format: CheckFormat,
    /// End with 1 if there is a warning: any (`warnings`), or one of this code. Repeatable.
    #[arg(long, value_name = "warnings|CODE", value_parser = denied_values(), hide_possible_values = true)]
    deny: Vec<String>,
    /// Show warnings of this code, and do not deny them. Repeatable.
    #[arg(long, value_name = "CODE", value_parser = PossibleValuesParser::new(warning_codes()), hide_possible_values = true)]
    allow: Vec<String>,
}

/// The output format of this command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum CheckFormat {
    /// For a person.
    Human,
    /// For a program.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// Annotations of GitHub Actions.
    Github,
}

/// All kinds of warnings at once.
const ALL_WARNINGS: &str = "warnings";

/// The codes of all kinds of warnings.
fn warning_codes() -> Vec<&'static str> {
    let codes = WarningCode::ALL.map(WarningCode::as_str);
    codes.into_iter().chain([FILE_NOT_READ]).collect()
}

fn denied_values() -> PossibleValuesParser {
    PossibleValuesParser::new([vec![ALL_WARNINGS], warning_codes()].concat())
}

impl Check {
    pub(super) fn run(self, colours: Colours, screen: Screen) -> anyhow::Result<Exit> {
        let (mut page, mut sets) = (Page::of(screen), Vec::new());
        for path in &self.paths {
            let shown = path.display().to_string();
            let prefix = match self.paths.len() {
                1 => String::new(),
                _ => format!("{shown}: "),
            };
            sets.push(match load_all(path)? {
                Ok(loaded) => check_valid(shown, &prefix, &loaded, &mut page, colours, screen),
                Err(invalid) => {
                    let renderer = renderer(&io::stdout(), colours).term_width(screen.width());
                    page.lines(&fitted(&problems_of(&invalid, &renderer), screen));
                    CheckedSet::invalid(shown, &invalid)
                }
            });
        }
        let denied = sets.iter().flat_map(|set| &set.warnings);
        let denied = denied.filter(|warning| self.denies(warning.code)).count();
        let unlisted = sets.iter().flat_map(|set| &set.more_warnings);
        let unlisted = unlisted.filter(|(code, _)| self.denies(code));
        let denied = unlisted.fold(denied, |sum, (_, count)| sum.saturating_add(*count));
        if denied > 0 {
            let warnings = match denied {
                1 => "1 warning".to_owned(),
                _ => format!("{denied} warnings"),
            };
            let text = Style::Bad
                .of("failed")
                .and(format_args!(": {warnings}, which `--deny` does not permit"));
            page.wrapped(0, 2, text);
        }
        match self.format {
            CheckFormat::Human => print_coloured(&page.into_text())?,
            CheckFormat::Json => print_json(&json::report(&sets))?,
            CheckFormat::Sarif => print_json(&sarif::report(&sets))?,
            CheckFormat::Github => print(&github::report(&sets))?,
        }
        let wrong = sets.iter().any(|set| !set.problems.is_empty());
        Ok(if wrong || denied > 0 {
            Exit::Invalid
        } else {
            Exit::Done
        })
    }

    fn denies(&self, warning: &str) -> bool {
        let named = |codes: &[String]| codes.iter().any(|code| code == warning);
        let all = self.deny.iter().any(|code| code == ALL_WARNINGS);
        (all || named(&self.deny)) && !named(&self.allow)
    }
}

/// Lints a set without mistakes, and writes the warnings.
fn check_valid(
    path: String,
    prefix: &str,
    loaded: &Loaded,
    page: &mut Page,
    colours: Colours,
    screen: Screen,
) -> CheckedSet {
    let warning = || Style::Warning.of("warning");
    for file in &loaded.ignored {
        page.wrapped(0, 9, warning().and(format_args!(": {file}")));
    }
    let lint = lint(&loaded.set);
    let renderer = renderer(&io::stdout(), colours).term_width(screen.width());
    for warning in &lint.warnings {
        page.rendered(&fitted(&warning.render(&renderer), screen));
        page.blank();
    }
    let Lint {
        more, unfinished, ..
    } = &lint;
    let more: usize = more.values().sum();
    if more > 0 {
        page.wrapped(
            0,
            2,
            warning().and(format_args!(": {more} more of this set are not shown")),
        );
    }
    for policy in unfinished {
        let text = format_args!(
            ": policy `{policy}` is too large to prove what each of its parts changes: some warnings may be missing"
        );
        page.wrapped(0, 2, Style::Dim.of("note").and(text));
    }
    let (policies, revision) = (counted(loaded.set.len()), loaded.set.revision());
    let found = format_args!(": {policies}, revision {revision}");
    page.wrapped(
        0,
        2,
        Text::from(prefix).and(Style::Good.of("ok")).and(found),
    );
    CheckedSet::valid(path, loaded, &lint)
}

impl CheckedSet {
    fn valid(path: String, loaded: &Loaded, lint: &Lint) -> Self {
        let files = loaded.ignored.iter().map(Finding::of_file);
        let warnings = lint.warnings.iter().map(Finding::of_warning);
        Self {
            path,
            policies: Some(loaded.set.len()),
            revision: Some(loaded.set.revision().to_string()),
            problems: Vec::new(),
            warnings: files.chain(warnings).collect(),
            more: lint.more.values().sum(),
            more_warnings: lint
                .more
                .iter()
                .map(|(code, count)| (code.as_str(), *count))
                .collect(),
            unfinished: lint.unfinished.iter().map(ToString::to_string).collect(),
        }
    }

    fn invalid(path: String, invalid: &LoadError) -> Self {
        let problems = match invalid {
            LoadError::Invalid(problems) => problems.iter().map(Finding::of_problem).collect(),
            LoadError::Misnamed(files) => files.iter().map(Finding::of_file).collect(),
            other => vec![Finding {
                code: other.code(),
                policy: None,
                place: Some(FilePosition::of_file(path.clone())),
                message: other.to_string(),
                hint: None,
                related: Vec::new(),
            }],
        };
        let more = match invalid {
            LoadError::Invalid(all) => all.count().saturating_sub(problems.len()),
            _ => 0,
        };
        Self {
            path,
            policies: None,
            revision: None,
            problems,
            warnings: Vec::new(),
            more,
            more_warnings: Vec::new(),
            unfinished: Vec::new(),
        }
    }
}
