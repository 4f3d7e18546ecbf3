//! The command line of `deskreel`.

mod admin;
pub mod common;
mod frame;
mod import;
mod operator;
mod record;
mod stats;
mod tune;
mod verify;

use clap::{CommandFactory, Parser, Subcommand};

pub use common::Failure;

const AFTER: &str = "\
Examples:
  deskreel record --stream desk --interval 10s
  deskreel import screenshots/ --stream desk --start 2026-11-23T09:00:00Z
  deskreel frame --stream desk --at 2026-11-23T09:30:00Z -o out.png
  deskreel frame --stream desk --list
  deskreel stats --stream desk --json
  deskreel verify --stream desk --deep
  deskreel tune --live 10m --plot tune.svg
  deskreel admin sweep --all --dry-run

The store is the Deskreel server on this machine unless --store, DESKREEL_STORE or the config file
names another: s3://bucket/prefix (with --endpoint for MinIO and others), or a server's http:// address.

Exit codes: 0 done; 1 failed; 2 wrong usage; 3 done, but some input was skipped.";

/// Records a desktop into a bucket and reads it back, pixel for pixel.
#[derive(Debug, Parser)]
#[command(name = "deskreel", version, after_help = AFTER, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Record(record::Args),
    Import(import::Args),
    Frame(frame::Args),
    Stats(stats::Args),
    Tune(tune::Args),
    Verify(verify::Args),
    Admin(admin::Args),
    /// Prints a completion script for a shell
    ///
    /// Example: deskreel completions bash > ~/.local/share/bash-completion/completions/deskreel
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

/// Runs the command line; the exit code says how it went.
///
/// # Errors
/// [`Failure`] with the text for the person and the exit code.
pub async fn run(cli: Cli) -> Result<u8, Failure> {
    match cli.command {
        Command::Record(args) => record::run(args).await,
        Command::Import(args) => import::run(args).await,
        Command::Frame(args) => frame::run(args).await,
        Command::Stats(args) => stats::run(args).await,
        Command::Tune(args) => tune::run(args).await,
        Command::Verify(args) => verify::run(args).await,
        Command::Admin(args) => admin::run(args).await,
        Command::Completions { shell } => {
            let mut out = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "deskreel", &mut out);
            common::print(&String::from_utf8_lossy(&out))?;
            Ok(0)
        }
    }
}
