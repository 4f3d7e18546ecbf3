//! The command line of `deskreel`.

mod admin;
mod capturing;
pub mod common;
mod config;
mod control;
mod export;
mod frame;
mod import;
mod logs;
mod man;
mod operator;
mod record;
mod service;
mod settings;
mod stats;
mod status;
mod tune;
mod verify;

use clap::{CommandFactory, Parser, Subcommand};

pub use common::Failure;
pub use settings::{Parsed, parse};

const AFTER: &str = "\
Examples:
  deskreel record --stream desk --interval 10s
  deskreel status
  deskreel pause 30m
  deskreel service install
  deskreel import screenshots/ --stream desk --start 2026-11-23T09:00:00Z
  deskreel frame --stream desk --at 2026-11-23T09:30:00Z -o out.png
  deskreel frame --stream desk --list
  deskreel export --stream desk --from 2026-11-23T09:00:00Z -o morning.mp4
  deskreel stats --stream desk --json
  deskreel verify --stream desk --deep
  deskreel tune --live 10m --plot tune.svg
  deskreel admin sweep --all --dry-run

The store is the Deskreel server on this machine unless --store, DESKREEL_STORE or the config file
names another: s3://bucket/prefix (with --endpoint for MinIO and others), or a server's http:// address.

Exit codes: 0 done; 1 failed; 2 wrong usage; 3 done, but some input was skipped, or no agent runs.";

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
    Status(control::StatusArgs),
    Pause(control::PauseArgs),
    Resume(control::ResumeArgs),
    Toggle(control::ToggleArgs),
    Stop(control::StopArgs),
    Config(config::Args),
    Service(service::Args),
    Import(import::Args),
    Frame(frame::Args),
    Export(export::Args),
    Stats(stats::Args),
    Tune(tune::Args),
    Verify(verify::Args),
    Admin(admin::Args),
    Man(man::Args),
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
pub async fn run(parsed: Parsed) -> Result<u8, Failure> {
    if let Command::Config(args) = &parsed.cli.command {
        return config::run(args, &parsed);
    }
    let (level, file) = match &parsed.cli.command {
        Command::Record(args) => args.log(),
        _ => (None, None),
    };
    logs::start(level, file)?;
    match parsed.cli.command {
        Command::Record(args) => record::run(args).await,
        Command::Status(args) => control::status(args).await,
        Command::Pause(args) => control::pause(args).await,
        Command::Resume(args) => control::resume(args).await,
        Command::Toggle(args) => control::toggle(args).await,
        Command::Stop(args) => control::stop(args).await,
        Command::Service(args) => service::run(args),
        Command::Man(args) => man::run(args),
        // Done above.
        Command::Config(_) => Ok(0),
        Command::Import(args) => import::run(args).await,
        Command::Frame(args) => frame::run(args).await,
        Command::Export(args) => export::run(args).await,
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
