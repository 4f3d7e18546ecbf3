//! Runs upkeep beside a server that is up anyway.

use std::sync::Arc;
use std::time::Duration;

use deskreel_store::ObjectStore;
use deskreel_upkeep::share::Sharing;

use super::{Job, ROLL_GRACE_MS, Which, rollup, shared};
use crate::clock::Clock;

/// What is done, and how often.
#[derive(Debug, Clone, Default)]
pub struct Schedule {
    /// Between two rollups; never, if `None`.
    pub rollup_every: Option<Duration>,
    /// Between two rounds of sharing, and how; never, if `None`.
    pub share: Option<(Duration, Sharing)>,
}

/// Rolls the hours of dead agents and shares tiles, the first time after as long as between two times,
/// for as long as the future is polled. What fails is logged and tried again the next time.
pub async fn scheduled(store: Arc<dyn ObjectStore>, clock: Arc<dyn Clock>, schedule: Schedule) {
    let rollups = rollups(store.clone(), clock.clone(), schedule.rollup_every);
    let rounds = rounds(store, clock, schedule.share);
    tokio::join!(rollups, rounds);
}

fn now_ms(clock: &Arc<dyn Clock>) -> u64 {
    u64::try_from(clock.now_ms()).unwrap_or_default()
}

async fn rollups(store: Arc<dyn ObjectStore>, clock: Arc<dyn Clock>, every: Option<Duration>) {
    let Some(every) = every else { return std::future::pending().await };
    let job = Job { which: Which::All, dry_run: false };
    loop {
        tokio::time::sleep(every).await;
        match rollup(store.clone(), &job, now_ms(&clock), ROLL_GRACE_MS).await {
            Ok(report) if report.indexes == 0 => tracing::debug!(?report, "rollup"),
            Ok(report) => tracing::info!(?report, "indexes written for agents that died"),
            Err(error) => tracing::warn!(%error, "hours of dead agents could not be rolled"),
        }
    }
}

async fn rounds(
    store: Arc<dyn ObjectStore>,
    clock: Arc<dyn Clock>,
    share: Option<(Duration, Sharing)>,
) {
    let Some((every, sharing)) = share else { return std::future::pending().await };
    loop {
        tokio::time::sleep(every).await;
        match shared(store.clone(), &sharing, now_ms(&clock), false).await {
            Ok(report) if report.shared.bytes == 0 => {
                tracing::debug!(?report, "nothing new to share");
            }
            Ok(report) => tracing::info!(?report, "tiles shared between desktops"),
            Err(error) => tracing::warn!(%error, "tiles could not be shared"),
        }
    }
}
