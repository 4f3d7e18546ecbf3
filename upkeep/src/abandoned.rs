//! Rolls the hours of agents that died: what [`crate::plan::rollup::abandoned`] says, beside whoever
//! else writes at the same time.

use std::collections::BTreeSet;

use deskreel_format::segment::MAX_SPAN_MS;
use deskreel_format::time::{HOUR_MS, hour_start};
use deskreel_store::StoreError;

use crate::plan::facts::Entry;
use crate::plan::rollup::{Watch, abandoned, grown};
use crate::rollup::{Guest, Heads, Rolled, roll_as};
use crate::survey::StreamObjects;

/// How often hours are rolled again because segments came meanwhile. Those that still come have an
/// agent, which rolls them itself.
const ROUNDS: usize = 3;

/// The window in which hours are looked after: what can still be shown, and the hour that it begins in.
pub const WINDOW_MS: u64 = 25 * HOUR_MS;

/// The hours that [`roll`] would roll now.
///
/// # Errors
/// [`StoreError`].
pub async fn hours(objects: &StreamObjects, watch: Watch) -> Result<BTreeSet<u64>, StoreError> {
    let indexes = objects.indexes().await?;
    Ok(abandoned(&segments(objects, watch).await?, &indexes, watch))
}

/// Writes the indexes that a stream's agent would have written and did not.
///
/// One that is missing is only ever created, so that an agent that comes back keeps its own; one that
/// is older than a segment is replaced. Whoever stored a segment while this read the others has rolled
/// the hour too, maybe just before this wrote: so the hours are listed once more afterwards, and those
/// that grew are rolled again. Listing twice costs a request each 1,000 segments; no store needs to
/// keep `If-None-Match` for it.
///
/// # Errors
/// [`StoreError`]; run again, it goes on.
pub async fn roll(objects: &StreamObjects, watch: Watch) -> Result<Rolled, StoreError> {
    let mut rolled = Rolled::default();
    let mut seen = segments(objects, watch).await?;
    let mut due = abandoned(&seen, &objects.indexes().await?, watch);
    for _ in 0..ROUNDS {
        if due.is_empty() {
            break;
        }
        let round =
            roll_as(Guest(true), objects, &due, &Heads::new(), watch.now_ms, |_, _| ()).await?;
        rolled.add(round);
        let now = segments(objects, watch).await?;
        due = grown(&seen, &now).intersection(&due).copied().collect();
        seen = now;
    }
    Ok(rolled)
}

/// The segments that an hour from the watch's first on may be told of by.
async fn segments(objects: &StreamObjects, watch: Watch) -> Result<Vec<Entry>, StoreError> {
    let first = hour_start(watch.from_ms);
    objects.segments_from(first.saturating_sub(MAX_SPAN_MS)).await
}
