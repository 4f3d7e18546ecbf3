//! `deskreel admin`: what operators of a bucket do.

mod forget;
mod init_bucket;
mod reindex;
mod sweep;

use clap::Subcommand;

use super::common::Failure;

/// Looks after a bucket: sets it up, deletes what nobody needs, forgets a range of time
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  deskreel admin init-bucket --days 2 --store s3://bucket --endpoint http://127.0.0.1:9000
  deskreel admin sweep --all --dry-run --store s3://bucket
  deskreel admin reindex --stream desk
  deskreel admin forget --stream desk --from 2026-11-23T09:00:00Z --to 2026-11-23T09:05:00Z --dry-run

These take an operator's credentials: AWS's own environment, files and roles are asked.")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Sweep(sweep::Args),
    Forget(forget::Args),
    InitBucket(init_bucket::Args),
    Reindex(reindex::Args),
}

pub(super) async fn run(args: Args) -> Result<u8, Failure> {
    match args.command {
        Command::Sweep(args) => sweep::run(args).await,
        Command::Forget(args) => forget::run(args).await,
        Command::InitBucket(args) => init_bucket::run(args).await,
        Command::Reindex(args) => reindex::run(args).await,
    }
}
