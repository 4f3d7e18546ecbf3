//! The store's promises and the main job on any S3 endpoint: the same for MinIO and for one that the
//! environment names.

use anyhow::{Result, ensure};
use deskreel_capture::location::StoreOptions;
use deskreel_store::{ObjectStore, conformance};
use deskreel_upkeep::probe::{Finding, Wishes, init};

use crate::agent::{Agent, read_all};
use crate::product::{pictures, sample_recording};

/// Runs the conformance suite, then import, `frame` at every moment, `stats` and `verify`, in the
/// bucket and below the prefix that `options` name; then finds out what the endpoint honours. What
/// was written is deleted again.
///
/// # Errors
/// With what did not work, where.
pub async fn check(options: &StoreOptions) -> Result<Vec<Finding>> {
    let store = options.open_bucket().await?;
    let run = format!("{:08x}", rand::random::<u32>());
    let findings = init(&store, &Wishes { days: 2, origins: vec!["*".to_owned()], run }).await?;
    conformance::check(&store, "conformance").await;
    let stream = "endpoint-check";
    let agent = Agent::new(options.clone(), stream)?;
    let imported = agent.import(&sample_recording())?.output()?;
    ensure!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
    agent.prove(&read_all(&pictures(&sample_recording())?)?).await?;
    let verified = agent.run_ok(&["verify", "--deep", "--json"])?;
    ensure!(verified.contains("\"clean\": true"), "{verified}");
    for kind in ["segments", "index", "storyboards"] {
        let prefix = format!("{kind}/{stream}/");
        let keys: Vec<String> =
            store.list_all(&prefix).await?.into_iter().map(|object| object.key).collect();
        ensure!(prefix.starts_with("index/") || !keys.is_empty(), "nothing lies below '{prefix}'");
        store.delete(&keys).await?;
    }
    Ok(findings)
}
