//! Uploads storyboards beside the segments: a convenience, so in memory alone, and the oldest go when
//! there are too many.

use std::collections::VecDeque;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use deskreel_format::SegmentId;
use deskreel_store::{ObjectStore, Put, StoreError};

use super::Shared;
use crate::core::outbox::backoff;
use crate::core::storyboard::Board;

/// So many wait at most: a day's, a few megabytes.
const WAITING: usize = 150;

/// Storyboards that wait.
#[derive(Debug, Default)]
pub(super) struct Boards {
    waiting: VecDeque<(SegmentId, Bytes)>,
}

impl Boards {
    /// One more; the oldest goes when there are too many.
    pub(super) fn add(&mut self, board: Board) {
        if self.waiting.len() == WAITING {
            self.waiting.pop_front();
        }
        self.waiting.push_back((board.id, board.bytes.into()));
    }

    /// Whether none waits.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    fn done(&mut self, id: SegmentId) {
        self.waiting.retain(|(waiting, _)| *waiting != id);
    }
}

/// Uploads for ever.
pub(super) async fn run(shared: &Shared, store: Arc<dyn ObjectStore>) {
    let mut changes = shared.changes.subscribe();
    let mut failures = 0;
    loop {
        let next = shared.boards().waiting.front().cloned();
        let Some((id, bytes)) = next else {
            // The sender lives as long as `shared`.
            let _ = changes.changed().await;
            continue;
        };
        match store.put(&shared.stream.storyboard_key(id), bytes, Put::ONCE).await {
            // A run writes no two of one id: one that is there is this one.
            Ok(()) | Err(StoreError::AlreadyExists { .. }) => failures = 0,
            Err(error) if error.is_retryable() => {
                let pause = backoff(failures, rand::random());
                failures += 1;
                tracing::debug!(%error, "a storyboard waits");
                tokio::time::sleep(Duration::from_millis(pause)).await;
                continue;
            }
            Err(error) => tracing::warn!(%error, "a storyboard is lost"),
        }
        shared.boards().done(id);
        shared.changed();
    }
}

impl Shared {
    pub(super) fn boards(&self) -> MutexGuard<'_, Boards> {
        self.boards.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
