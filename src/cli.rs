//! The command line: one file per command. stdout is data, stderr is messages.

mod serve;
mod demo;
mod sim;
mod check;
mod healthcheck;
mod token;
mod purge;
mod policy;
mod audit;
mod bench;
mod completions;
mod man;
mod examples;
mod admin;
mod connection;
mod caller_token;
mod remedies;
mod page;
mod environment;
mod exit;
mod output;
mod screen;
mod signals;

use std::ffi::OsString;

use clap::{CommandFactory as _, Parser, Subcommand};

use self::{
    environment::Colours,
    output::{eprint_in_time, eprint_line},
    screen::Screen,
};
pub use self::{environment::Environment, exit::Exit};
use crate::{build_info::VERSION_AND_COMMIT, listener::Inherited};

/// Decides who may pass: a policy decision point for doors and logins.
#[derive(Debug, Parser)]
#[command(name = "verigate", version = VERSION_AND_COMMIT, max_term_width = 100)]
#[command(after_help = examples::VERIGATE)]
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
    Healthcheck(healthcheck::Healthcheck),
    Token(token::Token),
    Purge(purge::Purge),
    Policy(policy::Policy),
    Audit(audit::Audit),
    Bench(Box<bench::Bench>),
    Completions(completions::Completions),
    Man(man::Man),
}

/// Runs the command that these arguments name.
pub fn run(arguments: impl IntoIterator<Item = OsString>, environment: Environment) -> Exit {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // If the output is closed, there is nowhere to report that.
            let _ = error.print();
            return if error.use_stderr() {
                Exit::CannotRun
            } else {
                Exit::Done
            };
        }
    };
    let is_service = matches!(cli.command, Command::Serve(_));
    // Before there are threads.
    let inherited = if is_service {
        Inherited::take_from(&environment)
    } else {
        Ok(Inherited::default())
    };
    let inherited = match inherited {
        Ok(inherited) => inherited,
        Err(error) => return report(&error.into()),
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return report(&error.into()),
    };
    let ended = runtime.block_on(cli.command.run(environment, inherited));
    // Tasks that still run were asked to stop, and are not waited for.
    runtime.shutdown_background();
    ended.unwrap_or_else(|error| {
        if is_service {
            eprint_in_time(shown(&error));
            return Exit::CannotRun;
        }
        report(&error)
    })
}

impl Command {
    async fn run(self, environment: Environment, inherited: Inherited) -> anyhow::Result<Exit> {
        let colours = Colours::of(&environment);
        let screen = Screen::of(&std::io::stdout(), colours, &environment);
        match self {
            Self::Serve(serve) => serve.run(environment, colours, inherited).await,
            Self::Demo(demo) => demo.run(environment, colours, screen).await,
            Self::Sim(sim) => sim.run().await,
            Self::Check(check) => check.run(screen).await,
            Self::Healthcheck(healthcheck) => healthcheck.run(environment).await,
            Self::Token(token) => token.run(),
            Self::Purge(purge) => purge.run().await,
            Self::Policy(policy) => policy.run(colours, screen),
            Self::Audit(audit) => audit.run(screen).await,
            Self::Bench(bench) => bench.run(&environment).await,
            Self::Completions(completions) => completions.run(&mut Cli::command()),
            Self::Man(man) => man.run(Cli::command()),
        }
    }
}

/// Reports why a command could not run.
fn report(error: &anyhow::Error) -> Exit {
    eprint_line(&shown(error));
    Exit::CannotRun
}

fn shown(error: &anyhow::Error) -> String {
    format!("verigate: {error:#}")
}
