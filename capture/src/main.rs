//! `deskreel`: the capture agent and its tools.

use std::process::ExitCode;

use deskreel_capture::cli;

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match cli::parse(std::env::args_os().collect()) {
        Ok(parsed) => cli::run(parsed).await,
        Err(failure) => Err(failure),
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            eprintln!("deskreel: {failure}");
            ExitCode::from(failure.code)
        }
    }
}
