//! `cargo xtask demo`: from nothing to a desktop one can look back at, in one command.

use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::repo::Repo;
use crate::{process, setup, wasm};

/// Arguments of `demo`.
#[derive(clap::Args)]
#[command(after_help = "\
Installs what is missing, builds everything, starts a server with the embedded store on this
machine and records a stream into it: your own screen if there is a display, else a real
desktop in Xvfb with real programs, else the small recording that ships with the project.
Then it prints the player's URL and goes on until Ctrl-C. Nothing leaves this machine.

Examples:
  cargo xtask demo              record, and print the player's URL
  cargo xtask demo --sample     play the recording that ships with the project
  cargo xtask demo --check      the same headless: seeks in Chromium and proves the pixels")]
pub(crate) struct Args {
    /// Opens the player in Chromium, seeks to three moments, proves the pixels, and ends
    #[arg(long)]
    check: bool,
    /// Plays the recording that ships with the project, whatever displays there are
    #[arg(long)]
    sample: bool,
    /// Where the server listens; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:8420")]
    listen: String,
    /// Install what is missing without asking
    #[arg(long, short)]
    yes: bool,
}

/// Runs the command.
///
/// # Errors
/// If something cannot be built. What the demo itself could not do is its exit code.
pub(crate) fn run(repo: &Repo, args: &Args) -> Result<ExitCode> {
    for problem in setup::provide(args.yes || args.check)? {
        eprintln!("note: {problem}");
    }
    wasm::run(repo, &wasm::Args::default())?;
    process::run(&mut repo.cargo([
        "build",
        "-p",
        "deskreel-capture",
        "-p",
        "deskreel-server",
        "-p",
        "deskreel-tests",
        "--bins",
    ]))?;
    let folder = repo.target.join("debug");
    let mut demo = std::process::Command::new(folder.join("demo"));
    demo.args(args.check.then_some("--check"))
        .args(args.sample.then_some("--sample"))
        .args(["--listen", &args.listen])
        .env("DESKREEL_BIN_DIR", &folder)
        .env("DESKREEL_PLAYER_DIST", repo.player_dist());
    let status = demo.status().context("cannot start the demo")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
