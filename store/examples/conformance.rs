//! Runs the conformance suite against a real bucket: does this S3 keep Deskreel's contract?
//!
//! `cargo run -p deskreel-store --example conformance -- s3://bucket/prefix [http://host:port]`
//!
//! Credentials and region come from the usual AWS environment variables or profile. The bucket is
//! created if it is missing. Everything under `<prefix>/conformance-scratch/` is deleted.

use std::time::Instant;

use anyhow::Context;
use deskreel_store::{LifecycleRule, S3Config, S3Store, conformance};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().context("name a bucket, as s3://bucket/prefix")?;
    let mut config = S3Config::parse_url(&url)?;
    config.endpoint = arguments.next();
    let store = S3Store::connect(&config).await?;

    let created = store.ensure_bucket().await?;
    println!("bucket {}: {}", config.bucket, if created { "created" } else { "was there" });
    let started = Instant::now();
    conformance::check(&store, "conformance-scratch").await;
    println!("conformance: all checks pass, {:.1} s", started.elapsed().as_secs_f64());

    let rules = [("conformance-scratch/", 2), ("conformance-index/", 3)]
        .map(|(prefix, days)| LifecycleRule { prefix: prefix.to_owned(), days });
    store.put_lifecycle(&rules).await.context("setting lifecycle rules")?;
    let kept = store.get_lifecycle().await.context("reading lifecycle rules")?;
    anyhow::ensure!(rules.iter().all(|rule| kept.contains(rule)), "kept only {kept:?}");
    store.put_lifecycle(&[]).await.context("removing lifecycle rules")?;
    let left = store.get_lifecycle().await.context("reading lifecycle rules again")?;
    anyhow::ensure!(!rules.iter().any(|rule| left.contains(rule)), "removed rules are {left:?}");
    println!("lifecycle: set, read and removed");

    match store.put_cors(&["https://player.example".to_owned()]).await {
        Ok(()) => println!("cors: set for https://player.example"),
        Err(error) => println!("cors: {error}"),
    }
    Ok(())
}
