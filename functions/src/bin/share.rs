//! The Lambda function `share`. The secret of the desktops that share lies in the bucket, where keys
//! of grants do not reach.

use anyhow::Context;
use deskreel_functions::{ColdStart, scheduled, variable};
use deskreel_server::work;
use deskreel_store::ObjectStore;
use deskreel_upkeep::share::Sharing;
use lambda_runtime::Error;

/// Where the secret lies.
const DOMAIN_KEY: &str = "access/domain.key";

#[tokio::main]
async fn main() -> Result<(), Error> {
    let start = ColdStart::begin().await?;
    let streams = variable("DESKREEL_SHARE_STREAMS").map(|text| text.parse());
    let streams = streams.transpose().context("DESKREEL_SHARE_STREAMS is no number")?.unwrap_or(2);
    scheduled::serve(|job, now_ms| {
        let store = start.store.clone();
        async move {
            // Read anew each time: it may have been rotated.
            let object = store.get(DOMAIN_KEY, None).await.context(DOMAIN_KEY)?;
            let key = work::domain_key(&String::from_utf8_lossy(&object.bytes));
            let key = key.map_err(anyhow::Error::msg).context(DOMAIN_KEY)?;
            let sharing = Sharing { streams, ..Sharing::new(key) };
            let report = work::shared(store, &sharing, now_ms, job.dry_run).await?;
            anyhow::Ok(report)
        }
    })
    .await
}
