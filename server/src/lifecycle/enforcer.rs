//! Carries lifecycle plans out, now and then.

use std::sync::Arc;
use std::time::Duration;

use super::plan::{Aged, plan};
use crate::backend::{Disk, StoreError};
use crate::clock::Clock;

/// Enforces every `every`, for as long as the future is polled.
pub(crate) async fn run(disk: Arc<Disk>, clock: Arc<dyn Clock>, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        let (disk, now_ms) = (disk.clone(), clock.now_ms());
        match tokio::task::spawn_blocking(move || enforce(&disk, now_ms)).await {
            Ok(Ok(0)) => {}
            Ok(Ok(deleted)) => tracing::info!(deleted, "lifecycle rules deleted objects"),
            Ok(Err(error)) => tracing::error!(%error, "lifecycle rules could not be enforced"),
            Err(error) => tracing::error!(%error, "lifecycle run was cut short"),
        }
    }
}

/// Deletes what the rules of all buckets condemn at `now_ms`; says how many objects that were.
///
/// # Errors
/// As the store says; the next run goes on where this one stopped.
pub(crate) fn enforce(disk: &Disk, now_ms: i64) -> Result<usize, StoreError> {
    let mut deleted = 0;
    for (bucket, settings) in disk.buckets() {
        for rule in &settings.lifecycle {
            let mut objects = Vec::new();
            disk.for_each(&bucket, &rule.prefix, |info| {
                objects.push(Aged { key: info.key, modified_ms: info.modified_ms });
            })?;
            for doomed in plan(std::slice::from_ref(rule), objects, now_ms) {
                // Not if it was stored anew since the plan was made.
                if disk.delete(&bucket, &doomed.key, Some(doomed.modified_ms))? {
                    deleted += 1;
                }
            }
        }
    }
    Ok(deleted)
}
