//! The `deskreel-server` program: command line in, [`deskreel_server::start`], until a signal.

mod cli;
mod commands;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use anyhow::Context;
use clap::{CommandFactory, Parser};
use cli::{Cli, Command};
use commands::Kind;
use deskreel_server::access::RootCredentials;
use deskreel_server::{AuthToken, ConfigError, ServeConfig, StartError, start};
use tracing_subscriber::EnvFilter;

/// Exit code for a configuration the server will not start with, as clap has it.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Serve(args) => serve(args),
        Command::Gateway(args) => gateway(args),
        Command::PublishPlayer(args) => publish_player(args),
        Command::Sweep(args) => work(args, Kind::Sweep),
        Command::Rollup(args) => rollup(args),
        Command::Audit(args) => work(args, Kind::Audit),
        Command::Share(args) => share(args),
        Command::Token { command } => commands::token(command),
        Command::Credentials(args) => credentials(&args),
        Command::Completions { shell } => {
            clap_complete::generate(
                shell,
                &mut Cli::command(),
                "deskreel-server",
                &mut io::stdout(),
            );
            Ok(())
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            let usage = error.is::<ConfigError>()
                || matches!(error.downcast_ref(), Some(StartError::Config(_)));
            if usage { ExitCode::from(USAGE) } else { ExitCode::FAILURE }
        }
    }
}

fn log() {
    // The protocol crate reports every 404 as an error of its own.
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| "info,s3s=off".into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .init();
}

#[tokio::main]
async fn gateway(args: cli::Gateway) -> anyhow::Result<()> {
    log();
    let signal = stop_signal()?;
    let gateway = commands::gateway(args).await?;
    writeln!(io::stdout(), "player: {}", gateway.player_url()).context("cannot write to stdout")?;
    signal.await;
    gateway.shutdown().await;
    Ok(())
}

#[tokio::main]
async fn publish_player(args: cli::PublishPlayer) -> anyhow::Result<()> {
    commands::publish_player(args).await
}

#[tokio::main]
async fn work(args: cli::Work, kind: Kind) -> anyhow::Result<()> {
    if commands::work(args, kind).await? {
        return Ok(());
    }
    anyhow::bail!("something is wrong; the report says what")
}

#[tokio::main]
async fn share(args: cli::Share) -> anyhow::Result<()> {
    commands::share(args).await
}

fn rollup(args: cli::Rollup) -> anyhow::Result<()> {
    let grace = commands::every(&args.grace)?.unwrap_or_default();
    work(args.work, Kind::Rollup { grace })
}

#[tokio::main]
async fn serve(args: cli::Serve) -> anyhow::Result<()> {
    log();
    let auth_token = args.auth_token_file.as_deref().map(AuthToken::from_file).transpose()?;
    let config = ServeConfig {
        listen: args.listen,
        bucket: args.bucket,
        player: args.player,
        auth_token,
        tokens: commands::trust(&args.trust)?,
        longest_grant_s: commands::seconds(&args.max_grant)?,
        schedule: commands::schedule(&args.rollup_every, &args.share)?,
        keep_days: (args.keep_days > 0).then_some(args.keep_days),
        ..ServeConfig::new(args.data)
    };
    // Before anyone is told the address, so that no signal is missed.
    let signal = stop_signal()?;
    let running = start(config).await?;
    writeln!(io::stdout(), "player: {}", running.player_url()).context("cannot write to stdout")?;
    signal.await;
    running.shutdown().await;
    Ok(())
}

/// Ends at Ctrl-C or, on Unix, SIGTERM.
#[cfg(unix)]
fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Ends at Ctrl-C.
#[cfg(not(unix))]
fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    Ok(async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::error!(%error, "cannot wait for Ctrl-C");
            std::future::pending::<()>().await;
        }
    })
}

fn credentials(args: &cli::Credentials) -> anyhow::Result<()> {
    let RootCredentials { access_key_id, secret_access_key } = RootCredentials::load(&args.data)?;
    let mut out = io::stdout().lock();
    if args.json {
        let json = serde_json::json!({
            "access_key_id": access_key_id,
            "secret_access_key": secret_access_key,
        });
        writeln!(out, "{json}")?;
    } else {
        // Both are made of letters, digits, `-` and `_`: nothing a shell would take amiss.
        writeln!(out, "export AWS_ACCESS_KEY_ID={access_key_id}")?;
        writeln!(out, "export AWS_SECRET_ACCESS_KEY={secret_access_key}")?;
    }
    Ok(())
}
