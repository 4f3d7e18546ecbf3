//! The command line of `deskreel-server`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

const EXAMPLES: &str = "\
Examples:
  deskreel-server serve --data ~/.local/share/deskreel
  deskreel-server serve --listen 127.0.0.1:0 --player dist/player
  eval \"$(deskreel-server credentials --data ~/.local/share/deskreel)\"
  curl -d '{\"stream\": \"desk\", \"role\": \"view\"}' http://127.0.0.1:8420/-/api/grant";

/// Deskreel's local server: an S3 store on this disk, temporary keys, and the player.
#[derive(Debug, Parser)]
#[command(version, about, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve until stopped
    Serve(Serve),
    /// Print the root access key, as shell exports
    Credentials(Credentials),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Serve {
    /// Where objects and credentials are kept; created if missing
    #[arg(long, value_name = "DIR", env = "DESKREEL_DATA", default_value = ".deskreel")]
    pub(crate) data: PathBuf,
    /// Address to listen on; port 0 picks a free one
    #[arg(long, value_name = "ADDR", env = "DESKREEL_LISTEN", default_value = "127.0.0.1:8420")]
    pub(crate) listen: SocketAddr,
    /// The bucket to make and to grant keys for
    #[arg(long, value_name = "NAME", env = "DESKREEL_BUCKET", default_value = "deskreel")]
    pub(crate) bucket: String,
    /// The player's files [default: `player` beside this program, else `dist/player`]
    #[arg(long, value_name = "DIR", env = "DESKREEL_PLAYER")]
    pub(crate) player: Option<PathBuf>,
    /// A file with the token that /-/api/* then asks for; needed beyond loopback
    #[arg(long, value_name = "FILE", env = "DESKREEL_AUTH_TOKEN_FILE")]
    pub(crate) auth_token_file: Option<PathBuf>,
    /// Age in days at which a newly made bucket's recordings are deleted; 0 keeps them
    #[arg(long, value_name = "DAYS", env = "DESKREEL_KEEP_DAYS", default_value_t = 2)]
    pub(crate) keep_days: u32,
}

#[derive(Debug, Args)]
pub(crate) struct Credentials {
    /// The data directory of the server
    #[arg(long, value_name = "DIR", env = "DESKREEL_DATA", default_value = ".deskreel")]
    pub(crate) data: PathBuf,
    /// Print JSON instead
    #[arg(long)]
    pub(crate) json: bool,
}
