//! Looks now and again whether another agent records the same stream.

use std::collections::HashSet;
use std::time::Duration;

use super::Shared;
use crate::core::rival::Verdict;
use crate::rival::{Rival, look};
use deskreel_upkeep::survey::StreamObjects;

/// One look in so many intervals, between the bounds below.
const INTERVALS: u32 = 6;
const SHORTEST: Duration = Duration::from_secs(3);
const LONGEST: Duration = Duration::from_secs(60);

/// Watches until another agent that was there before is found; then uploads go on, and whoever
/// records is told.
pub(super) async fn run(shared: &Shared, objects: StreamObjects) {
    let interval = Duration::from_millis(shared.interval_ms.into());
    let every = (interval * INTERVALS).clamp(SHORTEST, LONGEST);
    let mut told = false;
    loop {
        tokio::time::sleep(every).await;
        let Some(since_ms) = shared.lock().status.last_arrived_ms else { continue };
        let run: HashSet<u32> = shared.lock().run.clone();
        match look(&objects, &shared.own, &run, since_ms).await {
            Ok(Verdict::Alone) => told = false,
            Ok(Verdict::First { rival }) => {
                if !told {
                    tracing::warn!(
                        segment = %rival,
                        "another agent has begun to record this stream; it will notice and stop"
                    );
                }
                told = true;
            }
            Ok(Verdict::Second { rival }) => {
                let rival = Rival { stream: shared.stream.clone(), rival };
                tracing::error!("{rival}");
                shared.rival.send_replace(Some(rival));
                return;
            }
            // The uploads tell of what is wrong with the store.
            Err(error) => tracing::debug!(%error, "no look for other agents"),
        }
    }
}
