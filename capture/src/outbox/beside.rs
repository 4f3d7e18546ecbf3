//! Uploads what lies beside the segments, storyboards and lists of candidates: a convenience, so in
//! memory alone, and the oldest go when there are too many.

use std::collections::VecDeque;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use deskreel_store::{ObjectStore, Put, StoreError};

use super::Shared;
use crate::core::outbox::backoff;

/// So many wait at most: a day's, a few megabytes.
const WAITING: usize = 150;

/// Objects that wait, each written once.
#[derive(Debug, Default)]
pub(super) struct Beside {
    waiting: VecDeque<(String, Bytes)>,
}

impl Beside {
    /// One more, for this key; the oldest goes when there are too many.
    pub(super) fn add(&mut self, key: String, bytes: Vec<u8>) {
        if self.waiting.len() == WAITING {
            self.waiting.pop_front();
        }
        self.waiting.push_back((key, bytes.into()));
    }

    /// Whether none waits.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    fn done(&mut self, key: &str) {
        self.waiting.retain(|(waiting, _)| waiting != key);
    }
}

/// Uploads for ever.
pub(super) async fn run(shared: &Shared, store: Arc<dyn ObjectStore>) {
    let mut changes = shared.changes.subscribe();
    let mut failures = 0;
    loop {
        let next = shared.beside().waiting.front().cloned();
        let Some((key, bytes)) = next else {
            // The sender lives as long as `shared`.
            let _ = changes.changed().await;
            continue;
        };
        match store.put(&key, bytes, Put::ONCE).await {
            // A run writes no two of one key: one that is there is this one.
            Ok(()) | Err(StoreError::AlreadyExists { .. }) => failures = 0,
            Err(error) if error.is_retryable() => {
                let pause = backoff(failures, rand::random());
                failures += 1;
                tracing::debug!(%error, key, "an object beside the segments waits");
                tokio::time::sleep(Duration::from_millis(pause)).await;
                continue;
            }
            Err(error) => tracing::warn!(%error, key, "an object beside the segments is lost"),
        }
        shared.beside().done(&key);
        shared.changed();
    }
}

impl Shared {
    pub(super) fn beside(&self) -> MutexGuard<'_, Beside> {
        self.beside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
