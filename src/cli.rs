//! The command line: one file per command. stdout is data, stderr is talk.

mod check;
mod demo;
mod policy;
mod remedies;
mod serve;
mod sim;

use std::{
    ffi::OsString,
    io::{self, IsTerminal, Write as _},
    process::ExitCode,
    sync::OnceLock,
};

use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

/// Whether the environment asks for no colours. Told once, by who reads the environment.
static NO_COLOUR: OnceLock<bool> = OnceLock::new();

/// The environment, as it was when the process began.
pub type Environment = Vec<(OsString, OsString)>;

/// Decides who may pass: a policy decision point for doors and logins.
#[derive(Debug, Parser)]
#[command(name = "verigate", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Serve),
    Demo(demo::Demo),
    Sim(sim::Sim),
    Check(check::Check),
    Policy(policy::Policy),
}

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It is done, or the answer is ALLOW.
    Done,
    /// A test failed, or a policy is invalid.
    Invalid,
    /// The command could not run.
    CannotRun,
    /// The answer is STEP_UP.
    StepUp,
    /// The answer is DENY.
    Deny,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Invalid => 1,
            Exit::CannotRun => 2,
            Exit::StepUp => 3,
            Exit::Deny => 4,
        })
    }
}

/// Runs the command that these arguments name.
pub fn run(arguments: impl IntoIterator<Item = OsString>, environment: Environment) -> Exit {
    // A second run in one process, as in tests, keeps the first one's wish.
    let _ = NO_COLOUR.set(asks_for_no_colours(&environment));
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Nothing can be told to somebody who has closed both outputs.
            let _ = error.print();
            return if error.use_stderr() {
                Exit::CannotRun
            } else {
                Exit::Done
            };
        }
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return told(&error.into()),
    };
    let ended = runtime.block_on(async {
        match cli.command {
            Command::Serve(serve) => serve.run(environment).await,
            Command::Demo(demo) => demo.run().await,
            Command::Sim(sim) => sim.run().await,
            Command::Check(check) => check.run().await,
            Command::Policy(policy) => policy.run(),
        }
    });
    // What still runs has been told to stop, and nobody waits for it.
    runtime.shutdown_background();
    ended.unwrap_or_else(|error| told(&error))
}

/// As no-color.org has it: the variable is there, and not empty.
fn asks_for_no_colours(environment: &Environment) -> bool {
    let mut variables = environment.iter();
    variables.any(|(name, value)| name == "NO_COLOR" && !value.is_empty())
}

/// Whether this output may have colours: only a terminal may, and only where nobody asks for none.
fn has_colours(output: &impl IsTerminal) -> bool {
    !NO_COLOUR.get().copied().unwrap_or(false) && output.is_terminal()
}

/// Tells why the command could not run.
fn told(error: &anyhow::Error) -> Exit {
    talk(&format!("verigate: {error:#}"));
    Exit::CannotRun
}

/// A line on stderr.
fn talk(line: &str) {
    // Nothing can be told to somebody who has closed it.
    let _ = writeln!(io::stderr(), "{line}");
}

/// Text on stdout. Who has read enough, as `head` has, is no failure.
fn tell(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout();
    let told = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
    told.or_else(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Ok(()),
        _ => Err(error),
    })
}

/// Waits for SIGTERM, SIGINT, or SIGHUP, which a terminal that closes sends.
fn told_to_stop() -> io::Result<impl Future<Output = ()>> {
    let mut hang_up = signal(SignalKind::hangup())?;
    let stop = told_to_end()?;
    Ok(async move {
        tokio::select! {
            _ = hang_up.recv() => {}
            () = stop => {}
        }
    })
}

/// Waits for SIGTERM or SIGINT.
fn told_to_end() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_refused_by_a_variable_that_is_not_empty() {
        let environment = |name: &str, value: &str| vec![(name.into(), value.into())];
        assert!(asks_for_no_colours(&environment("NO_COLOR", "1")));
        assert!(!asks_for_no_colours(&environment("NO_COLOR", "")));
        assert!(!asks_for_no_colours(&environment("NO_COLORS", "1")));
    }
}
