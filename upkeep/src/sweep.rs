//! Carries sweeps out.

use deskreel_store::StoreError;

use super::survey::StreamObjects;
use crate::plan::sweep::SweepPlan;

/// Objects deleted by one request.
const BATCH: usize = 500;

/// Deletes what `plan` says, indexes first: they tell of segments, never the other way round. `done`
/// is called with the number of objects after each batch.
///
/// # Errors
/// [`StoreError`]; run again, a sweep goes on where this one stopped.
pub async fn execute(
    objects: &StreamObjects,
    plan: &SweepPlan,
    done: impl Fn(u64),
) -> Result<(), StoreError> {
    let indexes = plan.indexes.iter().map(|d| objects.stream.index_key(d.entry.id.first_ms));
    // The newest first: what refers goes before what is referred to.
    let segments = plan.segments.iter().rev().map(|d| objects.stream.segment_key(d.entry.id));
    let storyboards = plan.storyboards.iter().map(|d| objects.stream.storyboard_key(d.entry.id));
    let keys: Vec<String> = indexes.chain(segments).chain(storyboards).collect();
    for batch in keys.chunks(BATCH) {
        objects.store.delete(batch).await?;
        done(batch.len() as u64);
    }
    Ok(())
}
