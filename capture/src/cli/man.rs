//! `deskreel man`: manual pages, from the definitions of the flags.

use std::path::PathBuf;

use clap::CommandFactory;

use super::Cli;
use super::common::{Failure, print};

/// Prints the manual page, or writes those of all commands into a folder
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  deskreel man | man -l -
  deskreel man --out ~/.local/share/man/man1")]
pub(crate) struct Args {
    /// Folder for a page of each command, such as deskreel-record.1
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

pub(super) fn run(args: Args) -> Result<u8, Failure> {
    let Some(folder) = args.out else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Cli::command()).render(&mut page).map_err(Failure::failed)?;
        print(&String::from_utf8_lossy(&page))?;
        return Ok(0);
    };
    let failed = |error: std::io::Error| {
        Failure::failed(format!("cannot write to '{}': {error}", folder.display()))
    };
    std::fs::create_dir_all(&folder).map_err(failed)?;
    clap_mangen::generate_to(Cli::command(), &folder).map_err(failed)?;
    Ok(0)
}
