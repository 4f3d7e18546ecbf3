//! `deskreel`: the capture agent and its tools.

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use deskreel_capture::cli::{self, Cli};
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    match cli::run(Cli::parse()).await {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            eprintln!("deskreel: {failure}");
            ExitCode::from(failure.code)
        }
    }
}
