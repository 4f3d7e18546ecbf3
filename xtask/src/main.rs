//! `cargo xtask <command>`: the one command people type to build, check and run Deskreel.

mod bench;
mod demo;
mod dist;
mod infra;
mod lambda;
mod minio;
mod page_tools;
mod process;
mod repo;
mod setup;
mod targets;
mod test;
mod tidy;
mod wasm;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use repo::Repo;

/// Builds, checks and runs Deskreel.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install what building and testing need and this machine lacks
    Setup(setup::Args),
    /// Record a desktop and play it: the whole product in one command
    Demo(demo::Args),
    /// Build the player for the browser into dist/player
    Wasm(wasm::Args),
    /// Build everything for release into dist
    Dist(dist::Args),
    /// Check what the compiler does not: boundaries, links, the format's spec
    Tidy(tidy::Args),
    /// Run everything: setup, checks, builds, tests
    Test(test::Args),
    /// The same as `test`, under the name people look for
    Ci(test::Args),
    /// Compare storing a recording with PNG, WebP and x264, and write the table
    Bench(bench::Args),
    /// Run a throw-away MinIO until Ctrl-C, building it first where it is missing
    Minio(minio::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match dispatch(cli.command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Hands the command to its module. Only `test` has an exit code of its own: its last
/// line is the tally, so nothing may be printed after it.
fn dispatch(command: Command) -> anyhow::Result<ExitCode> {
    let repo = Repo::find()?;
    match command {
        Command::Setup(args) => setup::run(&args)?,
        Command::Demo(args) => return demo::run(&repo, &args),
        Command::Wasm(args) => wasm::run(&repo, &args)?,
        Command::Dist(args) => dist::run(&repo, &args)?,
        Command::Tidy(args) => tidy::run(&repo, &args)?,
        Command::Test(args) | Command::Ci(args) => return test::run(&repo, &args),
        Command::Bench(args) => bench::run(&repo, &args)?,
        Command::Minio(args) => minio::run(&repo, &args)?,
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_help_with_examples() {
        for command in Cli::command().get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("cargo xtask"), "`{}` shows no example", command.get_name());
        }
    }
}
