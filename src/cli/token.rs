//! `verigate token`: tokens of callers.

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use ring::rand::{SecureRandom as _, SystemRandom};

use super::{
    examples,
    exit::Exit,
    output::{eprint_line, print},
};
use crate::callers::{CallerName, Token as CallerToken};

/// Make tokens of callers.
#[derive(Debug, Args)]
pub(super) struct Token {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    New(New),
}

/// Make a token for a caller.
///
/// Prints the token, which is for the caller alone, and on the second line what the configuration holds of it.
#[derive(Debug, Args)]
#[command(after_help = examples::TOKEN_NEW)]
struct New {
    /// Name of the caller.
    name: String,
}

impl Token {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let Command::New(New { name }) = self.command;
        if let Err(error) = CallerName::parse(&name) {
            bail!("`{name}` {error}");
        }
        let (mut id, mut secret) = ([0; 8], [0; 32]);
        let random = SystemRandom::new();
        let filled = random.fill(&mut id).and_then(|()| random.fill(&mut secret));
        filled.ok().context("the system gives no random bytes")?;
        let token = CallerToken::from_random(id, secret);
        print(&format!("{}\n{}\n", token.reveal(), token.entry()))?;
        eprint_line(&format!(
            "the first line is the token: give it to the caller and to nobody else; the second belongs into token_sha256 of [callers.{name}]"
        ));
        Ok(Exit::Done)
    }
}
