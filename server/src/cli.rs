//! The command line of `deskreel-server`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

const EXAMPLES: &str = "\
Examples:
  deskreel-server serve --data ~/.local/share/deskreel
  deskreel-server serve --listen 127.0.0.1:0 --player dist/player
  eval \"$(deskreel-server credentials --data ~/.local/share/deskreel)\"
  deskreel-server gateway --store s3://screens --endpoint http://127.0.0.1:9000 --token-keys keys.json
  deskreel-server token new-key --keys keys.json
  deskreel-server token create --keys keys.json --role view --stream desk --ttl 30d
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
    /// Grant keys to somebody else's S3 store (MinIO, AWS) by STS, and serve the player
    Gateway(Gateway),
    /// Make, rotate and revoke tokens for people and devices
    Token {
        #[command(subcommand)]
        command: Token,
    },
    /// Put the player's files into a bucket, with their types and cache headers
    PublishPlayer(PublishPlayer),
    /// Delete what nothing that can be shown needs, in all streams of a bucket
    Sweep(Work),
    /// Write the indexes of hours whose agents died before they did, in all streams of a bucket
    Rollup(Rollup),
    /// Hold what manifests promise against what is there, in all streams of a bucket
    Audit(Work),
    /// Copy tiles that several desktops show to where all of them find them
    Share(Share),
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
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
    /// Longest time that keys hold, such as 12h
    #[arg(long, value_name = "TIME", env = "DESKREEL_MAX_GRANT", default_value = "7d")]
    pub(crate) max_grant: String,
    /// How often the hours of agents that died get their index, such as 1h; 0 for never
    #[arg(long, value_name = "TIME", env = "DESKREEL_ROLLUP_EVERY", default_value = "1h")]
    pub(crate) rollup_every: String,
    #[command(flatten)]
    pub(crate) share: ShareArgs,
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

/// Whose tokens count.
#[derive(Debug, Args)]
pub(crate) struct TrustArgs {
    /// The key file of `deskreel-server token`: tokens signed with its keys count
    #[arg(long, value_name = "FILE", env = "DESKREEL_TOKEN_KEYS")]
    pub(crate) token_keys: Option<PathBuf>,
    /// A file with the ids of revoked tokens, one a line; read at each request
    #[arg(long, value_name = "FILE", env = "DESKREEL_TOKENS_REVOKED")]
    pub(crate) tokens_revoked: Option<PathBuf>,
    /// An OIDC provider's `iss`: its tokens (RS256, ES256) with the claims `role`, `streams`, `jti` count
    #[arg(long, value_name = "ISSUER", env = "DESKREEL_OIDC_ISSUER", requires = "oidc_jwks")]
    pub(crate) oidc_issuer: Option<String>,
    /// The `aud` of the provider's tokens for this server
    #[arg(long, value_name = "AUD", env = "DESKREEL_OIDC_AUDIENCE", default_value = "deskreel")]
    pub(crate) oidc_audience: String,
    /// The provider's key set: an https:// address or a file
    #[arg(long, value_name = "URL|FILE", env = "DESKREEL_OIDC_JWKS", requires = "oidc_issuer")]
    pub(crate) oidc_jwks: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Gateway {
    /// The bucket, as s3://BUCKET or s3://BUCKET/PREFIX
    #[arg(long, value_name = "URL", env = "DESKREEL_STORE")]
    pub(crate) store: String,
    /// S3 and STS endpoint when it is not AWS, such as http://127.0.0.1:9000
    #[arg(long, value_name = "URL", env = "DESKREEL_ENDPOINT")]
    pub(crate) endpoint: Option<String>,
    /// The endpoint that clients are told, if they reach the store by another address
    #[arg(long, value_name = "URL", env = "DESKREEL_PUBLIC_ENDPOINT")]
    pub(crate) public_endpoint: Option<String>,
    /// Region
    #[arg(long, env = "DESKREEL_REGION")]
    pub(crate) region: Option<String>,
    /// On AWS the role whose permissions keys get a part of
    #[arg(long, value_name = "ARN", env = "DESKREEL_ROLE_ARN")]
    pub(crate) role_arn: Option<String>,
    /// Longest time that keys hold, such as 12h; no longer than the role allows
    #[arg(long, value_name = "TIME", env = "DESKREEL_MAX_GRANT", default_value = "12h")]
    pub(crate) max_grant: String,
    /// Address to listen on; port 0 picks a free one
    #[arg(long, value_name = "ADDR", env = "DESKREEL_LISTEN", default_value = "127.0.0.1:8420")]
    pub(crate) listen: SocketAddr,
    /// The player's files [default: `player` beside this program, else `dist/player`]
    #[arg(long, value_name = "DIR", env = "DESKREEL_PLAYER")]
    pub(crate) player: Option<PathBuf>,
    /// A file with the operator's token, which may do everything
    #[arg(long, value_name = "FILE", env = "DESKREEL_AUTH_TOKEN_FILE")]
    pub(crate) auth_token_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
    /// How often the hours of agents that died get their index, such as 1h; 0 for never
    #[arg(long, value_name = "TIME", env = "DESKREEL_ROLLUP_EVERY", default_value = "1h")]
    pub(crate) rollup_every: String,
    #[command(flatten)]
    pub(crate) share: ShareArgs,
}

/// How tiles are shared between desktops beside serving.
#[derive(Debug, Args)]
pub(crate) struct ShareArgs {
    /// A file with the domain key of the desktops that share tiles; without it nothing is shared
    #[arg(long, value_name = "FILE", env = "DESKREEL_DOMAIN_KEY_FILE")]
    pub(crate) domain_key_file: Option<PathBuf>,
    /// How often tiles are shared then, such as 1h; 0 for never
    #[arg(long, value_name = "TIME", env = "DESKREEL_SHARE_EVERY", default_value = "1h")]
    pub(crate) share_every: String,
    /// So many streams must show a tile before it is shared
    #[arg(long, value_name = "COUNT", env = "DESKREEL_SHARE_STREAMS", default_value_t = 2, value_parser = clap::value_parser!(u16).range(2..))]
    pub(crate) share_streams: u16,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Make a signing key; tokens of older keys go on holding until those are retired
    NewKey {
        /// The key file; made if missing, readable by its owner alone
        #[arg(long, value_name = "FILE", env = "DESKREEL_TOKEN_KEYS")]
        keys: PathBuf,
    },
    /// Take a signing key out of the file: every token that it signed is refused from then on
    RetireKey {
        /// The key file
        #[arg(long, value_name = "FILE", env = "DESKREEL_TOKEN_KEYS")]
        keys: PathBuf,
        /// The key's name, as `new-key` printed it
        #[arg(long)]
        kid: String,
    },
    /// Make a token and print it
    Create(CreateToken),
    /// Add a token's id to the list of revoked ones
    Revoke {
        /// The list; made if missing
        #[arg(long, value_name = "FILE", env = "DESKREEL_TOKENS_REVOKED")]
        revoked: PathBuf,
        /// The token's id (`jti`), or the token itself
        token: String,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  deskreel-server token create --keys keys.json --role upload --stream desk --ttl 365d
  deskreel-server token create --keys keys.json --role view --stream desk --stream lab --ttl 8h --json
  deskreel-server token create --keys keys.json --role admin --subject ann --ttl 1d")]
pub(crate) struct CreateToken {
    /// The key file; see `token new-key`
    #[arg(long, value_name = "FILE", env = "DESKREEL_TOKEN_KEYS")]
    pub(crate) keys: PathBuf,
    /// What its holder may do
    #[arg(long, value_enum)]
    pub(crate) role: TokenRole,
    /// A stream it is for, or '*' for all; may be given several times
    #[arg(long, value_name = "NAME")]
    pub(crate) stream: Vec<String>,
    /// How long it holds, such as 8h, 30d
    #[arg(long, value_name = "TIME")]
    pub(crate) ttl: String,
    /// Whose it is, for logs
    #[arg(long, value_name = "NAME")]
    pub(crate) subject: Option<String>,
    /// Print JSON with the token's id and end too
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum TokenRole {
    /// Look at its streams
    View,
    /// Record its streams
    Upload,
    /// Everything a grant can be asked for
    Admin,
}

/// A bucket, with the operator's keys from AWS's own environment, files and roles.
#[derive(Debug, Args)]
pub(crate) struct BucketArgs {
    /// The bucket, as s3://BUCKET or s3://BUCKET/PREFIX
    #[arg(long, value_name = "URL", env = "DESKREEL_STORE")]
    pub(crate) store: String,
    /// S3 endpoint when it is not AWS, such as http://127.0.0.1:9000
    #[arg(long, value_name = "URL", env = "DESKREEL_ENDPOINT")]
    pub(crate) endpoint: Option<String>,
    /// Region
    #[arg(long, env = "DESKREEL_REGION")]
    pub(crate) region: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  deskreel-server publish-player --player dist/player --store s3://screens")]
pub(crate) struct PublishPlayer {
    #[command(flatten)]
    pub(crate) bucket: BucketArgs,
    /// The player's files
    #[arg(long, value_name = "DIR", env = "DESKREEL_PLAYER", default_value = "dist/player")]
    pub(crate) player: PathBuf,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Prints a report as JSON. Exit code 1: something is wrong.

Examples:
  deskreel-server sweep --store s3://screens --endpoint http://127.0.0.1:9000 --dry-run
  deskreel-server audit --store s3://screens --stream desk")]
pub(crate) struct Work {
    #[command(flatten)]
    pub(crate) bucket: BucketArgs,
    /// Only this stream; may be given several times
    #[arg(long, value_name = "NAME")]
    pub(crate) stream: Vec<String>,
    /// Say what would be done and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Agents index their hours themselves; where one died, players list the segments of the hour instead,
which is right but slower. Prints a report as JSON.

Examples:
  deskreel-server rollup --store s3://screens --endpoint http://127.0.0.1:9000
  deskreel-server rollup --store s3://screens --stream desk --grace 0 --dry-run")]
pub(crate) struct Rollup {
    #[command(flatten)]
    pub(crate) work: Work,
    /// So long after its end, and after the last segment that came to it, an hour is left to its agent
    #[arg(long, value_name = "TIME", default_value = "15m")]
    pub(crate) grace: String,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Desktops that record with --share and one --domain-key list what stays on their screens. What several of
them show is stored once more, for all; they refer to it instead of storing it for themselves. Prints a
report as JSON.

Examples:
  deskreel-server share --store s3://screens --domain-key-file domain.key
  deskreel-server share --store s3://screens --domain-key-file domain.key --streams 5 --dry-run")]
pub(crate) struct Share {
    #[command(flatten)]
    pub(crate) bucket: BucketArgs,
    /// A file with the domain key of the desktops that share
    #[arg(long, value_name = "FILE", env = "DESKREEL_DOMAIN_KEY_FILE")]
    pub(crate) domain_key_file: PathBuf,
    /// So many streams must show a tile
    #[arg(long, value_name = "COUNT", env = "DESKREEL_SHARE_STREAMS", default_value_t = 2, value_parser = clap::value_parser!(u16).range(2..))]
    pub(crate) streams: u16,
    /// Say what would be done and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}
