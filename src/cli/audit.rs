//! `verigate audit`: what auditors do with a journal, one file per command. None of them needs a running service.

mod verify;
mod tail;
mod search;
mod show;
mod stats;
mod export;
mod prove;
mod check_proof;
mod replay;
mod shadow;
mod keygen;
mod decisions;
mod filter;
mod summary;
mod keys;
mod secret_keys;
mod progress;

use clap::{Args, Subcommand};

use super::{examples, exit::Exit, page, screen::Screen};

/// Verify, search, replay and export the journal, prove its lines, and make its keys.
#[derive(Debug, Args)]
#[command(after_help = examples::AUDIT)]
pub(super) struct Audit {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Verify(verify::Verify),
    Tail(tail::Tail),
    Search(search::Search),
    Show(show::Show),
    Stats(stats::Stats),
    Export(export::Export),
    Prove(prove::Prove),
    CheckProof(check_proof::CheckProof),
    Replay(replay::AuditReplay),
    Shadow(shadow::AuditShadow),
    Keygen(keygen::Keygen),
}

impl Audit {
    pub(super) async fn run(self, screen: Screen) -> anyhow::Result<Exit> {
        match self.command {
            Command::Verify(verify) => verify.run(screen),
            Command::Tail(tail) => tail.run(screen).await,
            Command::Search(search) => search.run(screen),
            Command::Show(show) => show.run(screen),
            Command::Stats(stats) => stats.run(screen),
            Command::Export(export) => export.run(),
            Command::Prove(prove) => prove.run(),
            Command::CheckProof(check) => check.run(screen),
            Command::Replay(replay) => replay.run(screen),
            Command::Shadow(shadow) => shadow.run(screen),
            Command::Keygen(keygen) => keygen.run(),
        }
    }
}
