//! Rolls hours into indexes beside the uploads: once an hour is over and all of it has arrived.

use std::collections::BTreeSet;
use std::sync::PoisonError;
use std::time::Duration;

use bytes::Bytes;
use deskreel_format::SegmentId;
use deskreel_format::segment::MAX_SPAN_MS;
use deskreel_format::time::{HOUR_MS, hour_start};
use deskreel_store::StoreError;

use super::Shared;
use crate::core::outbox::{Parcel, backoff};
use deskreel_upkeep::plan::rollup::{due, hours_touched};
use deskreel_upkeep::rollup::{Heads, roll};
use deskreel_upkeep::survey::StreamObjects;

/// How far back an agent looks for hours that were missed while it was down.
const CATCH_UP_MS: u64 = 25 * HOUR_MS;
/// An hour may end without a screenshot after it; then it is rolled so much later.
const QUIET_MS: u64 = 120_000;
/// Between two looks at the clock.
const LOOK: Duration = Duration::from_secs(20);

/// What is to be rolled.
#[derive(Debug, Default)]
pub(super) struct Rolling {
    /// Hours in which something arrived.
    dirty: BTreeSet<u64>,
    /// The manifests that arrived, as long as a roll may need them.
    heads: Heads,
    newest_ms: u64,
    /// Nothing more will arrive.
    finishing: bool,
    /// Hours under way.
    busy: bool,
    /// Why the last roll failed.
    pub(super) trouble: Option<String>,
}

impl Rolling {
    /// A segment arrived.
    pub(super) fn arrived(&mut self, parcel: &Parcel, head: Option<Bytes>) {
        self.dirty.extend(hours_touched(parcel.id.first_ms, parcel.last_ms));
        self.newest_ms = self.newest_ms.max(parcel.last_ms);
        self.heads.extend(head.map(|head| (parcel.id, head)));
    }

    /// Takes out the hours that may be rolled.
    fn take_ready(&mut self, now_ms: u64, live: bool, waiting: &[Parcel]) -> BTreeSet<u64> {
        let is_ready = |hour: &u64| {
            let end = hour.saturating_add(HOUR_MS);
            let is_complete = self.finishing
                || self.newest_ms >= end
                || (live && now_ms >= end.saturating_add(QUIET_MS));
            let is_waited_for = waiting.iter().any(|p| p.id.first_ms < end && p.last_ms >= *hour);
            end <= now_ms && is_complete && !is_waited_for
        };
        let ready: BTreeSet<u64> = self.dirty.iter().copied().filter(is_ready).collect();
        self.dirty.retain(|hour| !ready.contains(hour));
        self.busy = !ready.is_empty();
        ready
    }

    /// Forgets manifests that no hour to come needs.
    fn prune(&mut self) {
        let newest = hour_start(self.newest_ms);
        let oldest = self.dirty.first().copied().unwrap_or(newest).min(newest);
        let first = SegmentId { first_ms: oldest.saturating_sub(MAX_SPAN_MS), writer: 0 };
        self.heads = self.heads.split_off(&first);
    }

    /// Whether an hour that is over is still to be rolled.
    pub(super) fn is_behind(&self, now_ms: u64) -> bool {
        self.busy || self.dirty.iter().any(|hour| hour.saturating_add(HOUR_MS) <= now_ms)
    }

    /// Whatever is over may be rolled now.
    pub(super) fn finish(&mut self) {
        self.finishing = true;
    }
}

/// Rolls for ever. With `live` it begins with the hours that were missed, and the clock alone ends an
/// hour.
pub(super) async fn run(shared: &Shared, objects: StreamObjects, live: bool) {
    if live {
        catch_up(shared, &objects).await;
    }
    let mut changes = shared.changes.subscribe();
    let mut failures = 0;
    loop {
        let waiting: Vec<Parcel> = shared.lock().queue.waiting().cloned().collect();
        let (ready, heads) = {
            let mut rolling = shared.rolling();
            let ready = rolling.take_ready((shared.clock)(), live, &waiting);
            let heads = if ready.is_empty() { Heads::new() } else { rolling.heads.clone() };
            (ready, heads)
        };
        if !ready.is_empty() {
            let outcome = roll(&objects, &ready, &heads, (shared.clock)(), |_, _| ()).await;
            let mut rolling = shared.rolling();
            rolling.busy = false;
            match outcome {
                Ok(rolled) => {
                    tracing::debug!(?rolled, "hours rolled");
                    failures = 0;
                    rolling.trouble = None;
                    rolling.prune();
                }
                Err(error) => {
                    tracing::warn!(%error, "the index of an hour cannot be written yet");
                    failures += 1;
                    rolling.dirty.extend(ready);
                    rolling.trouble = Some(error.to_string());
                }
            }
            drop(rolling);
            shared.changed();
        }
        if failures > 0 {
            let pause = backoff(failures, rand::random());
            tokio::time::sleep(Duration::from_millis(pause)).await;
        } else {
            // The sender lives as long as `shared`.
            let _ = tokio::time::timeout(LOOK, changes.changed()).await;
        }
    }
}

/// Notes the hours of the last day that are over and have no index, or a stale one.
async fn catch_up(shared: &Shared, objects: &StreamObjects) {
    let listed =
        async { Ok::<_, StoreError>((objects.segments_from(0).await?, objects.indexes().await?)) };
    match listed.await {
        Ok((segments, indexes)) => {
            let now_ms = (shared.clock)();
            let from_ms = now_ms.saturating_sub(CATCH_UP_MS);
            let due = due(&segments, &indexes, from_ms, now_ms);
            shared.rolling().dirty.extend(due);
        }
        // The next start looks again, and `deskreel admin reindex` at any time.
        Err(error) => tracing::warn!(%error, "hours without an index cannot be looked for"),
    }
}

impl Shared {
    pub(super) fn rolling(&self) -> std::sync::MutexGuard<'_, Rolling> {
        self.rolling.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
