//! Runs upkeep beside a server that is up anyway.

use std::sync::Arc;
use std::time::Duration;

use deskreel_store::ObjectStore;

use super::{Job, ROLL_GRACE_MS, Which, rollup};
use crate::clock::Clock;

/// Rolls the hours of dead agents every `every`, the first time after as long, for as long as the
/// future is polled; never, if `None`. What fails is logged and tried again the next time.
pub async fn scheduled(
    store: Arc<dyn ObjectStore>,
    clock: Arc<dyn Clock>,
    every: Option<Duration>,
) {
    let Some(every) = every else { return std::future::pending().await };
    let job = Job { which: Which::All, dry_run: false };
    loop {
        tokio::time::sleep(every).await;
        let now_ms = u64::try_from(clock.now_ms()).unwrap_or_default();
        match rollup(store.clone(), &job, now_ms, ROLL_GRACE_MS).await {
            Ok(report) if report.indexes == 0 => tracing::debug!(?report, "rollup"),
            Ok(report) => tracing::info!(?report, "indexes written for agents that died"),
            Err(error) => tracing::warn!(%error, "hours of dead agents could not be rolled"),
        }
    }
}
